"""The task on GaitNet's own files, in worlds that are put into the states its program stored."""

from functools import cache

import numpy as np

from batchenv.body.gaitnet import GaitNetBody
from batchenv.build import build_scene, load_configured_body
from batchenv.config import GaitNetConfig, load_config
from batchenv.mdp.batch import Batch
from batchenv.mdp.episodes import Episodes
from batchenv.tasks.gaitnet.clocks import in_mirror
from batchenv.tasks.gaitnet.state import GaitNetState
from batchenv.tasks.gaitnet.task import GaitNetTask
from tests.gaitnet_files import gaitnet_data, oracle


def real_config(**changes: object) -> GaitNetConfig:
    """A2_sep.yaml, with its quirks unless told otherwise; skip the test without it."""
    data = gaitnet_data()
    config = load_config(data / "A2_sep.yaml", data).replace({"environment.advanced.quirks": True} | changes)
    assert isinstance(config, GaitNetConfig)
    return config


@cache
def real_task(quirks: bool = True) -> GaitNetTask:
    """The task of A2_sep.yaml."""
    config = real_config(**{"environment.advanced.quirks": quirks})
    return GaitNetTask.of(config, load_configured_body(config))


def real_worlds(num_worlds: int) -> tuple[GaitNetTask, Batch[GaitNetBody, GaitNetState]]:
    """Worlds of the task, not reset yet."""
    scene = build_scene(real_config(), num_worlds, 2, 0)
    episodes = Episodes.zeros(num_worlds, len(scene.task.action_layout))
    states = scene.task.new_state(num_worlds), scene.task.commands.new_state(num_worlds)
    return scene.task, Batch(scene.worlds, episodes, *states)


def put(task: GaitNetTask, batch: Batch[GaitNetBody, GaitNetState], prefix: str) -> None:
    """Put worlds into the states stored under a prefix, one for each."""
    stored, worlds, state = oracle(), batch.worlds, batch.state
    n, body = worlds.num_worlds, task.body
    state.stride[:], state.cadence[:] = stored[f"{prefix}_param_state"][:n].T
    qpos = body.to_qpos(stored[f"{prefix}_q"][:n])
    worlds.reset(np.arange(n), qpos, body.to_qvel(qpos, stored[f"{prefix}_dq"][:n]))
    state.global_time[:] = stored[f"{prefix}_global_time"][:n]
    state.local_time[:] = stored[f"{prefix}_local_time"][:n]
    flipped = in_mirror(state.global_time, state.local_time, task.cycle(state), task.clipping)
    worlds.slot("mirrored")[:, -1] = task.symmetric & flipped
    worlds.measure(np.arange(n))
    state.left_stance[:] = stored[f"{prefix}_left_stance"][:n]
    state.current_foot[:] = stored[f"{prefix}_current_foot"][:n]
    state.current_target[:] = stored[f"{prefix}_current_target_foot"][:n]
    state.next_target[:] = stored[f"{prefix}_next_target_foot"][:n]
