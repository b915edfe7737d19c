"""Recorder of joint torques, compiled: those desired, those that MuJoCo's actuators made, and the difference.

The torques of a substep are known when the next one begins, so the sums are over all substeps but the last.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numpy as np

from batchenv.compiled import inner
from batchenv.engine.fields import QFRC_ACTUATOR, f64, shared_i32
from batchenv.engine.memory import carray, stack_f64
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"all_ideal": np.int64, "has_desired": np.int64},
    slots=("desired_sum", "achieved_sum", "residual_squared_sum"),
)


def values(n_joint: int, *, all_ideal: bool, has_desired: bool) -> Values:
    """Describe what is compared.

    Args:
        n_joint: J.
        all_ideal: whether ideal torques drive all joints, which make what is desired.
        has_desired: whether a controller desires torques.
    """
    names = PART.slots
    return Values(
        numbers={"all_ideal": all_ideal, "has_desired": has_desired},
        slots=dict.fromkeys(names, (n_joint,)),
        cleared=names,
    )


@inner
def record_joint_torques(block, data, user, substep, slope):
    """Add the torques of the substep before this one.

    Args:
        slope: dq_dof / dq_joint (nv,), see `coupling_slopes`.
    """
    if substep == 0:
        return
    force = f64(data, QFRC_ACTUATOR, block.n_dof)
    dof_joint = shared_i32(block.dof_joint, block.n_dof)
    achieved = carray(stack_f64(block.n_joint), (block.n_joint,))
    for j in range(block.n_joint):
        achieved[j] = 0.0
    for d in range(block.n_dof):
        if dof_joint[d] >= 0:
            achieved[dof_joint[d]] += force[d] * slope[d]
    for j in range(block.n_joint):
        desired = user[block.at_desired + j]
        made = desired if block.all_ideal else achieved[j]
        user[block.at_achieved_sum + j] += made
        if block.has_desired:
            user[block.at_desired_sum + j] += desired
            user[block.at_residual_squared_sum + j] += (made - desired) * (made - desired)
