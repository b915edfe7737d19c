"""From the policy's actions to the targets that actuators are handed."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from batchenv.arrays import array_namespace
from batchenv.mdp.observations import Column, Mirror, permutation, stacked

Array = Any

JOINT_TARGETS = ("mass", "pd")
_EXCITATION = "excitation/"


def action_layout(
    actuator: str, joint_names: Sequence[str], muscle_names: Sequence[str], time_warping: float
) -> tuple[Column, ...]:
    """Name every action column (A,).

    Args:
        actuator: "mass" and "pd" take joint targets, "tor" torques, "muscle" excitations.
        joint_names: primary joints.
        muscle_names: all muscles.
        time_warping: above 0, a last column drives the clock of the reference.
    """
    if actuator == "muscle":
        columns = [Column(f"{_EXCITATION}{name}", "1") for name in muscle_names]
    else:
        unit = "action.scale rad" if actuator in JOINT_TARGETS else "action.scale Nm"
        kind = "joint_target" if actuator in JOINT_TARGETS else "joint_torque"
        columns = [Column(f"{kind}/{name}", unit) for name in joint_names]
    if time_warping > 0:
        columns.append(Column("time_warping", "action.time_warping of the phase speed"))
    return tuple(columns)


def action_bounds(layout: Sequence[Column], scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest actions (A,): excitations end at 0 and 1, other columns nowhere.

    Args:
        layout: columns as in `action_layout`.
        scale: excitation that an action of 1 means; where it is less than 1, greater actions go on up to it.
    """
    bounded = np.array([column.name.startswith(_EXCITATION) for column in layout])
    return np.where(bounded, 0.0, -np.inf), np.where(bounded, max(1.0, 1.0 / scale), np.inf)


def action_mirror(
    actuator: str, joint_mirror: Mirror, muscle_mirror: np.ndarray, time_warping: float
) -> Mirror:
    """Mirror of the actions, columns as in `action_layout`."""
    main = permutation(muscle_mirror) if actuator == "muscle" else joint_mirror
    return stacked([main, permutation([0])]) if time_warping > 0 else main


def targets(action: Array, reference_pos: Array, *, actuator: str, scale: float, residual: bool) -> Array:
    """Targets of the next step: joint angles [rad], torques [Nm] or excitations (N, n).

    Args:
        action: columns as in `action_layout` (N, A).
        reference_pos: pose of the reference now (N, J) [rad].
        actuator: as in `action_layout`.
        scale: what an action of 1 means [rad], [Nm] or excitation.
        residual: whether joint targets are counted from the reference.
    """
    xp = array_namespace(action)
    if actuator == "muscle":
        return xp.clip(scale * action, 0.0, 1.0)
    scaled = scale * action[:, : reference_pos.shape[1]]
    return reference_pos + scaled if residual and actuator in JOINT_TARGETS else scaled
