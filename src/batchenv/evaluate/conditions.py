"""Conditions that worlds walk under: friction of the floor, mass of the body, strength of its muscles."""

import numpy as np

from batchenv.engine.world_parameters import (
    has_own_strengths,
    set_friction,
    set_mass,
    set_muscle_strength,
)
from batchenv.env import BatchEnv
from batchenv.errors import InputError


def set_conditions(
    env: BatchEnv,
    friction: np.ndarray | None = None,
    mass: np.ndarray | None = None,
    muscle_strength: np.ndarray | None = None,
) -> np.ndarray:
    """Put worlds that were just reset under conditions of their own; NaN leaves a world as it is.

    Args:
        env: freshly reset; the conditions last until its worlds' parameters are drawn again.
        friction: coefficient of the floor (N,).
        mass: factor on the masses of all bodies (N,).
        muscle_strength: factor on peak forces (N,) or (N, M).

    Returns:
        The observations (N, O), which are those of the reset.

    Raises:
        InputError: muscles make no force; nothing is changed.
    """
    worlds = env.worlds
    if muscle_strength is not None and np.isfinite(muscle_strength).any() and not has_own_strengths(worlds):
        raise InputError("muscle_strength: the muscles of these worlds make no force")
    for values, write in (
        (friction, set_friction),
        (mass, set_mass),
        (muscle_strength, set_muscle_strength),
    ):
        if values is None:
            continue
        ids = np.flatnonzero(np.isfinite(values).reshape(env.num_envs, -1).all(axis=1))
        if ids.size:
            own = values[ids]
            write(worlds, own[:, None] if values is muscle_strength and own.ndim == 1 else own, ids)
    return env.restore(env.snapshot())  # computes what follows from other masses
