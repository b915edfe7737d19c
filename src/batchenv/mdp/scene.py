"""Construction of a body, its task and its worlds from a configuration."""

from dataclasses import dataclass
from typing import Any

from batchenv.config import Config, GaitNetConfig
from batchenv.engine import Worlds
from batchenv.engine.callback import callbacks
from batchenv.engine.configured import control_law, load_configured_body, load_configured_gait
from batchenv.mdp.gaitnet.configured import gaitnet_task, gaitnet_worlds, load_gaitnet_configured_body
from batchenv.mdp.protocol import Task
from batchenv.mdp.task import WalkingTask


@dataclass(frozen=True)
class Scene:
    """A body, its task, and N worlds.

    Attributes:
        body: `Body` or `GaitNetBody`.
        task: of that body.
        worlds: of that body.
    """

    body: Any
    task: Task
    worlds: Worlds[Any]


def build_scene(config: Config, num_envs: int, num_threads: int | None, seed: int) -> Scene:
    """Build the body, the task and the worlds of a configuration.

    Args:
        config: the whole configuration.
        num_envs: N.
        num_threads: threads that step the worlds; by default the CPUs that this process may use.
        seed: of a muscle network without a file.

    Raises:
        ConfigError: a file that the configuration names cannot be used.
        BodyError: the body lacks what the task needs.
        UsageError: another library's callbacks are installed in MuJoCo.
    """
    callbacks().install()  # first of all, for MuJoCo calls them while it compiles a body, too
    if isinstance(config, GaitNetConfig):
        body = load_gaitnet_configured_body(config)
        return Scene(
            body, gaitnet_task(config, body), gaitnet_worlds(config, body, num_envs, num_threads, seed)
        )
    body, simulation = load_configured_body(config), config.environment.simulation
    task = WalkingTask(config, body, load_configured_gait(config, body))
    substeps = simulation.sim_hz // simulation.control_hz
    worlds = Worlds(body, control_law(config, body, seed), num_envs, substeps, num_threads)
    return Scene(body, task, worlds)
