"""What observations and actions can be: bounds of every column."""

import math

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import ArrayLike

from batchenv.env import BatchEnv
from batchenv.errors import InputError
from batchenv.mdp.task import WalkingTask

_LARGEST = float(np.finfo(np.float32).max)


def action_space(env: BatchEnv, limit: float) -> Box:
    """Actions of one world (action_dim,).

    Args:
        env: whose actions.
        limit: largest size of an action; excitations are from 0 to 1 whatever it is. With `math.inf` the
            space is that of the environment.

    Raises:
        InputError: the limit is not positive.
    """
    if not limit > 0:
        raise InputError(f"action_limit is {limit!r}; expected a positive number, or math.inf for no limit")
    own = env.single_action_space
    return Box(np.maximum(own.low, -limit), np.minimum(own.high, limit), own.shape, np.float32)


def observation_space(env: BatchEnv, actions: Box) -> Box:
    """Observations of one world (obs_dim,): what physics does not bound is bounded by the size of a float32.

    Args:
        env: whose observations.
        actions: its action space.
    """
    low, high = np.full(env.obs_dim, -_LARGEST, np.float32), np.full(env.obs_dim, _LARGEST, np.float32)
    names = [column.name.partition("/")[0] for column in env.obs_layout]
    for name, (least, most) in _bounds(env, actions).items():
        columns = [i for i, own in enumerate(names) if own == name]
        low[columns], high[columns] = least, most
    return Box(low, high, dtype=np.float32)


def _bounds(env: BatchEnv, actions: Box) -> dict[str, tuple[ArrayLike, ArrayLike]]:
    """Bounds of the walking task's quantities that have some; a float32 may round an angle up from pi."""
    if not isinstance(env.task, WalkingTask):
        return {}
    reference = env.task.gait.split(env.task.gait.table).joint_pos
    return {
        "root_up": (-1.0, 1.0),
        "phase": (-1.0, 1.0),
        "previous_action": (
            np.minimum(np.maximum(actions.low, -_LARGEST), 0.0),
            np.maximum(np.minimum(actions.high, _LARGEST), 0.0),
        ),
        "reference_pos": (
            np.nextafter(reference.min(axis=0).astype(np.float32), np.float32(-math.inf)),
            np.nextafter(reference.max(axis=0).astype(np.float32), np.float32(math.inf)),
        ),
        "heading": (-np.float32(math.pi), np.float32(math.pi)),
        "foot_load": (0.0, _LARGEST),
    }
