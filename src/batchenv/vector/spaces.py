"""What observations and actions can be: bounds of every column."""

import math
from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import ArrayLike

from batchenv.arrays import is_real
from batchenv.config.problems import shortened
from batchenv.env import BatchEnv
from batchenv.errors import InputError

# Beyond these, a float32 squared is infinite or zero.
_LEAST_LIMIT, _GREATEST_LIMIT = 1e-12, 1e12


def action_space(env: BatchEnv, limit: Any) -> Box:
    """Actions of one world (action_dim,).

    Args:
        env: whose actions.
        limit: largest size of an action; excitations are from 0 to 1 whatever it is. With `math.inf` the
            space is that of the environment.

    Raises:
        InputError: the limit is no such number.
    """
    size, own = _checked_limit(limit), env.single_action_space
    return Box(np.maximum(own.low, -size), np.minimum(own.high, size), own.shape, np.float32)


def observation_space(env: BatchEnv, actions: Box) -> Box:
    """Observations of one world (obs_dim,): infinite where physics sets no bound.

    Args:
        env: whose observations.
        actions: its action space.
    """
    low, high = np.full(env.obs_dim, -np.inf, np.float32), np.full(env.obs_dim, np.inf, np.float32)
    names = [column.name.partition("/")[0] for column in env.obs_layout]
    for name, (least, most) in _bounds(env, actions).items():
        columns = [i for i, own in enumerate(names) if own == name]
        if columns:
            low[columns], high[columns] = least, most
    return Box(low, high, dtype=np.float32)


def _bounds(env: BatchEnv, actions: Box) -> dict[str, tuple[ArrayLike, ArrayLike]]:
    """Bounds of the quantities that have some; a float32 may round an angle up from pi."""
    bounds: dict[str, tuple[ArrayLike, ArrayLike]] = {
        "root_up": (-1.0, 1.0),
        "phase": (-1.0, 1.0),
        "previous_action": (np.minimum(actions.low, 0.0), np.maximum(actions.high, 0.0)),
        "heading": (-np.float32(math.pi), np.float32(math.pi)),
    }
    if env.task.reference_range is not None:
        least, most = env.task.reference_range
        bounds["reference_pos"] = (
            np.nextafter(least.astype(np.float32), np.float32(-math.inf)),
            np.nextafter(most.astype(np.float32), np.float32(math.inf)),
        )
    return bounds


def _checked_limit(limit: Any) -> np.float32:
    if not is_real(limit) or not (limit == math.inf or _LEAST_LIMIT <= limit <= _GREATEST_LIMIT):
        raise InputError(
            f"action_limit is {shortened(limit)}; expected a number from {_LEAST_LIMIT:g} to "
            f"{_GREATEST_LIMIT:g}, or math.inf for no limit"
        )
    return np.float32(limit)
