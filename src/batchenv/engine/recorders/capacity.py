"""Recorder of the muscles' capacity in the pose at the end of a step, compiled."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from batchenv.compiled import inner
from batchenv.engine.coordinators.problem import mirror_crossings, mirror_joints
from batchenv.engine.fields import shared_i32
from batchenv.engine.memory import carray, stack_f64
from batchenv.engine.record import Part, Values

PART = Part(slots=("negative_torque", "positive_torque", "passive_torque"))


def values(n_joint: int) -> Values:
    """Describe the slots (J,) [Nm]: half the sums of torques of either sign, and passive torques."""
    return Values(slots=dict.fromkeys(PART.slots, (n_joint,)))


@inner
def record_capacity(block, user, mirrored, jta, jtp):
    """Keep the torques that muscles could make, and passive ones, in the mirror where that is so [Nm].

    Args:
        jta: torque of each muscle at full activation on each joint it crosses (nnz,) [Nm].
        jtp: torque of all passive forces (J,) [Nm].
    """
    nj, nnz = block.n_joint, block.n_crossing
    seen = carray(stack_f64(nnz), (nnz,))
    below = user[block.at_negative_torque : block.at_negative_torque + nj]
    above = user[block.at_positive_torque : block.at_positive_torque + nj]
    resting = user[block.at_passive_torque : block.at_passive_torque + nj]
    for j in range(nj):
        below[j] = above[j] = 0.0
    if mirrored:
        mirror_crossings(block, jta, seen)
        mirror_joints(block, jtp, resting)
    else:
        for k in range(nnz):
            seen[k] = jta[k]
        for j in range(nj):
            resting[j] = jtp[j]
    joint = shared_i32(block.muscle_joint, nnz)
    for k in range(nnz):
        below[joint[k]] += 0.5 * min(seen[k], 0.0)
        above[joint[k]] += 0.5 * max(seen[k], 0.0)
