"""From a configuration to a body, its task and its worlds."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from batchenv.body.names import BodyNames
from batchenv.config import Config
from batchenv.cpus import one_blas_thread
from batchenv.engine import ControlLaw, Worlds
from batchenv.engine.callback import callbacks
from batchenv.engine.worlds import Moving
from batchenv.errors import BatchEnvError, ConfigError, UsageError
from batchenv.extras import import_extra
from batchenv.mdp.task import Task
from batchenv.mdp.terms import code_run_once
from batchenv.tasks.human_law import network_law
from batchenv.tasks.registry import task_named


class Walking(Moving, Protocol):
    """What every body says of itself, whatever its task."""

    @property
    def names(self) -> BodyNames:
        """What it calls its parts."""
        ...

    @property
    def muscle_names(self) -> tuple[str, ...]:
        """Muscles (M,)."""
        ...

    @property
    def mass(self) -> float:
        """Of the whole body [kg]."""
        ...

    @property
    def trunk_body(self) -> int:
        """MuJoCo's id of the trunk."""
        ...


@dataclass(frozen=True)
class Scene:
    """A body, its task, and N worlds of it."""

    body: Walking
    task: Task[Any, Any]
    worlds: Worlds[Any]


@contextmanager
def blaming(task: type[Task[Any, Any]]) -> Iterator[None]:
    """Name a task of a user's own in the errors that its methods raise.

    Raises:
        ConfigError: the block raised an error that is none of batchenv's.
    """
    try:
        yield
    except BatchEnvError:
        raise
    except Exception as error:
        if task.__module__.startswith("batchenv."):
            raise
        raise ConfigError(f"task {task.__name__} raised {type(error).__name__}: {error}") from error


def task_of(config: Config) -> type[Task[Any, Any]]:
    """The class of the task that a configuration names.

    Raises:
        ConfigError: there is no such task.
    """
    return task_named(config.environment.task)


def build_scene(
    config: Config,
    num_envs: int,
    num_threads: int | None,
    seed: int,
    device: str | None = None,
    *,
    tensors: bool = False,
) -> Scene:
    """Build the body, the task and the worlds of a configuration.

    Args:
        config: the whole configuration.
        num_envs: N.
        num_threads: threads that step the worlds; by default the CPUs that this process may use.
        seed: of a muscle network without a file.
        device: of the engine warp; by default a GPU if there is one.
        tensors: whether the state of the engine warp stays on its device, as Torch tensors.

    Raises:
        ConfigError: a file or a term that the configuration names cannot be used.
        BodyError: the body lacks what the task needs.
        UsageError: another library's callbacks are installed in MuJoCo, or the engine cannot do what the
            configuration asks for.
    """
    if device not in (None, "cpu") and not on_warp(config):
        raise UsageError(f"device {device!r} needs environment.simulation.engine warp; numba is for 'cpu'")
    warp_worlds = _warp_worlds(config, tensors) if on_warp(config) else None
    callbacks().install()  # first of all, for MuJoCo calls them while it compiles a body, too
    kind, simulation = task_of(config), config.environment.simulation
    with blaming(kind), code_run_once(), one_blas_thread():
        body = kind.load_body(config)
        task = kind.of(config, body)
        law = kind.control_law(config, body, seed)
    substeps = simulation.sim_hz // simulation.control_hz
    measured = kind.measured_worlds
    if warp_worlds is not None:
        return Scene(body, task, warp_worlds(body, law, num_envs, substeps, device, measured=measured))
    return Scene(body, task, Worlds(body, law, num_envs, substeps, num_threads, measured=measured))


def on_warp(config: Config) -> bool:
    """Whether MuJoCo Warp steps the worlds of a configuration; those of GaitNet have no choice."""
    return getattr(config.environment.simulation, "engine", "numba") == "warp"


def _warp_worlds(config: Config, tensors: bool) -> Any:
    """The class of worlds on a Warp device, which stands in for `Worlds`.

    Raises:
        ConfigError: the configuration has what none of them can do.
        UsageError: MuJoCo Warp is not installed.
    """
    if parameters := config.environment.parameters.by_name:
        raise ConfigError(
            f"environment.parameters.{min(parameters)}: engine 'warp' does not support parameters of worlds; "
            "give environment.simulation.engine 'numba'"
        )
    import_extra("mujoco_warp", "environment.simulation.engine warp")
    if tensors:
        from batchenv.engine.warp.tensor_worlds import TensorWorlds

        return TensorWorlds
    from batchenv.engine.warp.worlds import WarpWorlds

    return WarpWorlds


def load_configured_body(config: Config, *, visual: bool = False) -> Any:
    """Load the body that a configuration names; `visual` keeps what only the eye needs."""
    return task_of(config).load_body(config, visual=visual)


def control_law(config: Config, body: Any, seed: int = 0) -> ControlLaw:
    """The control law of a configuration; `seed` is that of a muscle network without a file."""
    return task_of(config).control_law(config, body, seed)


def check_scene(config: Config) -> None:
    """Find and read everything that a configuration names, whether or not its worlds would use it.

    That is body, motion, terms, weights of networks, and parts of a user's own.

    Raises:
        ConfigError, BodyError: something is missing or does not fit, or mirror images of unlike sides are to
            be learned from.
    """
    callbacks().install()
    with blaming(kind := task_of(config)), code_run_once(), one_blas_thread():
        body = kind.load_body(config)
        config.training.check_symmetry(kind.of(config, body).asymmetry)
        law = kind.control_law(config, body)
        network_law(config, seed=0)
    if law.guest is not None or law.records.guests:  # compiled with a world alone
        Worlds(body, law, 1, 1, 1)
