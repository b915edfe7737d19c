"""Shipped actions of a human: from the policy's columns to the targets of actuators."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from batchenv.arrays import array_namespace
from batchenv.mdp.columns import Column, joints, muscles
from batchenv.mdp.marks import action_term

Array = Any

BY_ACTUATOR = {
    "mass": "joint_targets",
    "pd": "joint_targets",
    "tor": "joint_torques",
    "muscle": "excitations",
}
_EXCITATION = "excitation/"


@action_term(joints, "action.scale rad", prefix="joint_target")
def joint_targets(action: Array, reference_pos: Array, *, scale: float, residual: bool) -> Array:
    """Joint angles [rad] (N, J), counted from the reference pose if `residual`."""
    return reference_pos + scale * action if residual else scale * action


@action_term(joints, "action.scale Nm", prefix="joint_torque")
def joint_torques(action: Array, *, scale: float, residual: bool) -> Array:
    """Joint torques [Nm] (N, J)."""
    return scale * action


@action_term(muscles, prefix="excitation")
def excitations(action: Array, *, scale: float, residual: bool) -> Array:
    """Muscle excitations (N, M), clipped to [0, 1]."""
    return array_namespace(action).clip(scale * action, 0.0, 1.0)


def time_warping(time_warping: float) -> tuple[Column, ...]:
    """The column that drives the clock of the reference; none at 0."""
    column = Column("time_warping", "action.time_warping of the phase speed")
    return (column,) if time_warping > 0 else ()


def action_bounds(layout: Sequence[Column], scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Return least and greatest actions (A,): excitations have bounds, other columns have none.

    Args:
        layout: name and unit of every column.
        scale: excitation at an action of 1; below 1, greater actions reach an excitation of 1.
    """
    bounded = np.array([column.name.startswith(_EXCITATION) for column in layout])
    return np.where(bounded, 0.0, -np.inf), np.where(bounded, max(1.0, 1.0 / scale), np.inf)
