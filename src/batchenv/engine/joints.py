"""The joints that are driven, compiled: their targets, and the torques that no muscle makes.

Every compiled function takes the shared record (`block`), the addresses of the mjModel and mjData that MuJoCo
hands to the callback, and the world's `userdata`.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numpy as np

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import inner
from batchenv.engine.fields import QFRC_APPLIED, QVEL, f64, shared_f64, shared_i32
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"n_dof": np.int64, "n_qpos": np.int64, "n_body": np.int64, "n_joint": np.int64}
    | {"n_ideal": np.int64},
    arrays={
        "joint_qposadr": np.int32,
        "joint_dofadr": np.int32,
        "ideal_joint": np.int32,
        "ideal_damping": np.float64,
    },
    slots=("target", "desired"),
)


def values(mechanism: Mechanism, ideal: np.ndarray, damping: np.ndarray, n_target: int) -> Values:
    """Describe the joints of a body.

    Args:
        mechanism: the body.
        ideal: joints that ideal torques drive (K,).
        damping: of their PD law that the model integrates itself (K,) [Nms/rad].
        n_target: numbers in a target.
    """
    model, n_joint = mechanism.model, len(mechanism.joint_names)
    return Values(
        numbers={
            "n_dof": model.nv,
            "n_qpos": model.nq,
            "n_body": model.nbody,
            "n_joint": n_joint,
            "n_ideal": ideal.size,
        },
        arrays={
            "joint_qposadr": mechanism.joint_qposadr,
            "joint_dofadr": mechanism.joint_dofadr,
            "ideal_joint": ideal,
            "ideal_damping": damping,
        },
        slots={"target": (n_target,), "desired": (n_joint,)},
    )


@inner
def take_torques(block, user):
    """Desired torques are the targets themselves."""
    for j in range(block.n_joint):
        user[block.at_desired + j] = user[block.at_target + j]


@inner
def clear_applied(block, data):
    """Begin a substep without applied forces."""
    applied = f64(data, QFRC_APPLIED, block.n_dof)
    for d in range(block.n_dof):
        applied[d] = 0.0


@inner
def apply_ideal_torques(block, data, user):
    """Add desired torques at the joints that no muscle moves, less the damping that the model integrates."""
    applied, qvel = f64(data, QFRC_APPLIED, block.n_dof), f64(data, QVEL, block.n_dof)
    dofadr = shared_i32(block.joint_dofadr, block.n_joint)
    ideal = shared_i32(block.ideal_joint, block.n_ideal)
    damping = shared_f64(block.ideal_damping, block.n_ideal)
    for i in range(block.n_ideal):
        j = ideal[i]
        d = dofadr[j]
        applied[d] += user[block.at_desired + j] + damping[i] * qvel[d]
