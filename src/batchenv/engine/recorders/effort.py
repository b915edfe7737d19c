"""Recorders of effort, compiled: what activations cost, and the torques that no muscle makes."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numba
import numpy as np

from batchenv.compiled import inner
from batchenv.engine.fields import ACT, f64, shared_f64, shared_i32
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"effort_power": np.int64, "effort_divisor": np.float64},
    arrays={"effort_weight": np.float64},
    slots=("effort_sum", "ideal_torque_sum"),
)


def values(weight: np.ndarray, power: int, divisor: float) -> Values:
    """Describe the cost sum_m weight_m a_m^power / divisor, which is summed over the substeps of a step.

    Args:
        weight: of each muscle (M,).
        power: 1 or 2.
        divisor: of the sum over muscles.
    """
    return Values(
        numbers={"effort_power": power, "effort_divisor": divisor},
        arrays={"effort_weight": weight},
        slots={"effort_sum": (), "ideal_torque_sum": ()},
        cleared=("effort_sum", "ideal_torque_sum"),
    )


@inner
def _effort(block, activation, user):
    weight = shared_f64(block.effort_weight, block.n_muscle)
    cost = 0.0
    for m in range(block.n_muscle):
        a = activation[m]
        cost += weight[m] * (a * a if block.effort_power == 2 else a)
    user[block.at_effort_sum] += cost / block.effort_divisor


@numba.njit(error_model="numpy")
def record_effort(block, user):
    """Add the cost of the activations that the coordinator has chosen."""
    _effort(block, user[block.at_activation : block.at_activation + block.n_muscle], user)


@inner
def record_mujoco_effort(block, data, user):
    """Add the cost of the activations of MuJoCo's muscles."""
    _effort(block, f64(data, ACT, block.n_muscle), user)


@inner
def record_ideal_torques(block, user):
    """Add the magnitudes of the torques that no muscle makes [Nm]."""
    ideal = shared_i32(block.ideal_joint, block.n_ideal)
    for i in range(block.n_ideal):
        user[block.at_ideal_torque_sum] += abs(user[block.at_desired + ideal[i]])
