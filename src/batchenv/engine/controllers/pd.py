"""The PD law around a target that moves through the step, compiled."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numpy as np

from batchenv.compiled import inner
from batchenv.engine.fields import QPOS, QVEL, f64, shared_f64, shared_i32, timestep_of
from batchenv.engine.record import Part, Values

PART = Part(arrays={"kp": np.float64, "kv": np.float64}, slots=("target_rate",))


def values(kp: np.ndarray, kv: np.ndarray) -> Values:
    """Describe the gains (J,) [Nm/rad], [Nms/rad]."""
    return Values(arrays={"kp": kp, "kv": kv}, slots={"target_rate": (len(kp),)})


@inner
def pd_torques(block, model, data, user, substep):
    """Desired torques kp (target - q) + kv (rate - qvel); the target moves at its rate through the step."""
    n = block.n_joint
    elapsed = substep * timestep_of(model)
    qpos, qvel = f64(data, QPOS, block.n_qpos), f64(data, QVEL, block.n_dof)
    qposadr, dofadr = shared_i32(block.joint_qposadr, n), shared_i32(block.joint_dofadr, n)
    kp, kv = shared_f64(block.kp, n), shared_f64(block.kv, n)
    for j in range(n):
        rate = user[block.at_target_rate + j]
        target = user[block.at_target + j] + elapsed * rate
        user[block.at_desired + j] = kp[j] * (target - qpos[qposadr[j]]) + kv[j] * (rate - qvel[dofadr[j]])
