"""Per-world properties: strength and lengths of muscles, masses, and friction and slope of the floor."""

from typing import Any

import numpy as np

from batchenv.body.floor_pairs import floor_pairs
from batchenv.engine.worlds import Worlds


def has_own_strengths(worlds: Worlds[Any]) -> bool:
    """Whether worlds can have peak forces of their own: where muscles are at work."""
    return _actuators_act(worlds) or worlds.law.has_muscles


def _actuators_act(worlds: Worlds[Any]) -> bool:
    """Whether MuJoCo's actuators are the muscles at work, and not the engine's."""
    return worlds.model.nu > 0 and not worlds.model.opt.disableactuator


def set_muscle_strength(worlds: Worlds[Any], strength: np.ndarray, ids: np.ndarray | None = None) -> None:
    """Scale peak forces: the model's, or those that worlds have where the engine applies the forces.

    Args:
        strength: factor on every muscle's peak force (len(ids), n_muscle) or broadcastable.
        ids: worlds, or None for all.
    """
    rows = (np.arange(worlds.num_worlds) if ids is None else ids)[:, None]
    if not _actuators_act(worlds):
        worlds.own("peak_force")[rows[:, 0]] *= strength
        return
    for name in ("actuator_gainprm", "actuator_biasprm"):
        usual = getattr(worlds.model, name)
        # A negative peak force stands for `scale` over the acceleration at unit force.
        column = np.where(usual[:, 2] < 0, 3, 2)
        muscles = np.arange(len(usual))
        worlds.expand(name)[rows, muscles, column] = usual[muscles, column] * strength


def set_muscle_lengths(
    worlds: Worlds[Any], optimal_length: np.ndarray, tendon_slack: np.ndarray, ids: np.ndarray | None = None
) -> None:
    """Scale the optimal lengths of fibers and the slack lengths of tendons.

    `mju_muscleGain` has L0 = (lengthrange[1] - lengthrange[0]) / (range[1] - range[0]) and LT =
    lengthrange[0] - range[0] L0, which holds for a L0 and b LT with the same lengthrange if either end of
    the range becomes (range + (1 - b) LT / L0) / a.

    Args:
        optimal_length: factor a on each muscle's L0 (len(ids), n_muscle) or broadcastable.
        tendon_slack: factor b on each muscle's LT (len(ids), n_muscle) or broadcastable.
        ids: worlds, or None for all.
    """
    rows = slice(None) if ids is None else ids
    shortest, extent = worlds.model.actuator_lengthrange[:, 0], np.ptp(worlds.model.actuator_lengthrange, 1)
    for name in ("actuator_gainprm", "actuator_biasprm"):
        ends = getattr(worlds.model, name)[:, :2]
        slack = shortest * np.ptp(ends, 1) / extent - ends[:, 0]  # LT / L0
        shift = (1.0 - np.asarray(tendon_slack)) * slack
        for end in range(2):
            worlds.expand(name)[rows, :, end] = (ends[:, end] + shift) / optimal_length


def set_mass(worlds: Worlds[Any], scale: np.ndarray, ids: np.ndarray | None = None) -> None:
    """Scale masses and inertias.

    Args:
        scale: factor for each world (len(ids),), or for each of its bodies (len(ids), nbody).
        ids: worlds, or None for all.
    """
    rows = np.arange(worlds.num_worlds) if ids is None else ids
    scale = np.asarray(scale, float)
    factor = scale if scale.ndim == 2 else np.broadcast_to(scale, len(rows))[:, None]
    worlds.expand("body_mass")[rows] = worlds.model.body_mass * factor
    worlds.expand("body_inertia")[rows] = worlds.model.body_inertia * factor[:, :, None]
    worlds.batch.set_const(rows)


def set_slope(
    worlds: Worlds[Any], forward: np.ndarray, left: np.ndarray, ids: np.ndarray | None = None
) -> None:
    """Let the floor rise ahead of walkers, and to their left: gravity leans against it.

    Seen from the floor, a slope is gravity in another direction. Heights are counted from the floor.

    Args:
        forward, left: rise for each world (len(ids),) [rad].
        ids: worlds, or None for all.
    """
    rows, body, usual = slice(None) if ids is None else ids, worlds.body, worlds.model.opt.gravity
    normal = body.up + np.tan(forward)[:, None] * body.forward + np.tan(left)[:, None] * body.left
    lean = -normal / np.linalg.norm(normal, axis=1, keepdims=True)
    level = ((forward == 0.0) & (left == 0.0))[:, None]
    worlds.expand("opt.gravity")[rows] = np.where(level, usual, np.linalg.norm(usual) * lean)


def set_friction(worlds: Worlds[Any], friction: np.ndarray, ids: np.ndarray | None = None) -> None:
    """Set the sliding friction of the floor, for each world its own (len(ids),)."""
    rows = np.arange(worlds.num_worlds) if ids is None else ids
    worlds.expand("geom_friction")[rows, worlds.body.floor_geom, 0] = friction
    pairs = floor_pairs(worlds.model)
    if pairs.size:
        worlds.expand("pair_friction")[np.ix_(rows, pairs, np.arange(2))] = np.reshape(friction, (-1, 1, 1))
