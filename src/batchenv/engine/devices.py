"""Devices worn on the body, compiled: torques on joints beside those of muscles.

They stand in a slot that the task writes before a step, for every substep. A controller's desired torque is
that of muscle and device together: what the device makes of it, muscles need not make.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from collections.abc import Sequence

import numpy as np

from batchenv.compiled import inner
from batchenv.engine.fields import QFRC_APPLIED, f64, shared_i32
from batchenv.engine.record import Part, Values

PART = Part(numbers={"n_device": np.int64}, arrays={"device_joint": np.int32}, slots=("device_torque",))


def values(driven: Sequence[int], substeps: int) -> Values:
    """Describe the torques of devices; the slot `device_torque` (S, K) holds them [Nm].

    Args:
        driven: joint coordinate of each torque (K,); a joint may have several.
        substeps: S.
    """
    return Values(
        numbers={"n_device": len(driven)},
        arrays={"device_joint": driven},
        slots={"device_torque": (substeps, len(driven))},
    )


@inner
def apply_devices(block, data, user, substep):
    """Add the torques of devices to the applied ones."""
    applied, start = f64(data, QFRC_APPLIED, block.n_dof), block.at_device_torque + substep * block.n_device
    dofadr = shared_i32(block.joint_dofadr, block.n_joint)
    driven = shared_i32(block.device_joint, block.n_device)
    for k in range(block.n_device):
        applied[dofadr[driven[k]]] += user[start + k]


@inner
def relieve(block, user, substep, desired):
    """Take what devices make off the desired torques (J,)."""
    driven, start = (
        shared_i32(block.device_joint, block.n_device),
        block.at_device_torque + substep * block.n_device,
    )
    for k in range(block.n_device):
        desired[driven[k]] -= user[start + k]
