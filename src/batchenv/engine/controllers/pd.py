"""The PD law around a target that moves through the step, compiled."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numpy as np

from batchenv.compiled import inner
from batchenv.engine.fields import QPOS, QVEL, f64, shared_f64, shared_i32, timestep_of
from batchenv.engine.record import Part, Values

PART = Part(
    arrays={"kp": np.float64, "kv": np.float64},
    slots=("target_rate", "target_acceleration", "target_ramp"),
)


def values(kp: np.ndarray, kv: np.ndarray) -> Values:
    """Describe the gains (J,) [Nm/rad], [Nms/rad]."""
    return Values(arrays={"kp": kp, "kv": kv}, slots={name: (len(kp),) for name in PART.slots})


@inner
def pd_torques(block, model, data, user, substep):
    """Desired torques kp (target - q) + kv (rate - qvel) around a target that moves through the step.

    It moves at its rate, which changes with its acceleration, and at the velocity of its ramp, which damping
    does not follow.
    """
    n = block.n_joint
    elapsed = substep * timestep_of(model)
    qpos, qvel = f64(data, QPOS, block.n_qpos), f64(data, QVEL, block.n_dof)
    qposadr, dofadr = shared_i32(block.joint_qposadr, n), shared_i32(block.joint_dofadr, n)
    kp, kv = shared_f64(block.kp, n), shared_f64(block.kv, n)
    for j in range(n):
        change = elapsed * user[block.at_target_acceleration + j]
        mean_rate = user[block.at_target_rate + j] + 0.5 * change
        target = user[block.at_target + j] + elapsed * (mean_rate + user[block.at_target_ramp + j])
        rate = user[block.at_target_rate + j] + change
        user[block.at_desired + j] = kp[j] * (target - qpos[qposadr[j]]) + kv[j] * (rate - qvel[dofadr[j]])
