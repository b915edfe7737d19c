"""Recorder of the vertical force of the floor on each foot, compiled, from the model's force sensors.

The forces of a substep are known when the next one begins, so the sums are over all substeps but the last.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numpy as np

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import inner
from batchenv.engine.fields import SENSORDATA, f64, shared_i32
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"n_foot_sensor": np.int64, "n_sensordata": np.int64},
    arrays={"foot_sensor_adr": np.int32},
    slots=("foot_load_sum", "foot_load_peak"),
)


def values(mechanism: Mechanism) -> Values:
    """Describe the sensors of a body."""
    n_foot = mechanism.foot_sensor_adr.size
    return Values(
        numbers={"n_foot_sensor": n_foot, "n_sensordata": mechanism.model.nsensordata},
        arrays={"foot_sensor_adr": mechanism.foot_sensor_adr},
        slots=dict.fromkeys(PART.slots, (n_foot,)),
        cleared=PART.slots,
    )


@inner
def record_foot_loads(block, data, user, substep):
    """Add the loads of the substep before this one [N], and keep the largest."""
    if substep == 0:
        return
    sensordata = f64(data, SENSORDATA, block.n_sensordata)
    adr = shared_i32(block.foot_sensor_adr, block.n_foot_sensor)
    for f in range(block.n_foot_sensor):
        load = sensordata[adr[f]]
        user[block.at_foot_load_sum + f] += load
        user[block.at_foot_load_peak + f] = max(user[block.at_foot_load_peak + f], load)
