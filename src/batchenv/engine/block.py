"""The numbers that compiled code and NumPy share: one record for all worlds, `userdata` for each.

What one world needs lies in its `userdata` (`UserLayout`), part of its state row; what all worlds share lies
in one `CONTROL_BLOCK` record, whose address the callback finds in `userdata`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numba
import numpy as np

from batchenv.engine import memory

# Actuators: what a target is.
MUSCLE, TORQUE, PD, MASS = 0, 1, 2, 3
ACTUATORS = {"muscle": MUSCLE, "tor": TORQUE, "pd": PD, "mass": MASS}

# Coordinators: what turns joint torques into activations.
STATIC_OPTIMIZATION, NETWORK = 0, 1

# Leading slots of every world's userdata.
MAGIC_AT, BLOCK_AT, SUBSTEP_AT, WORLD_AT, ACTIVATION_SQUARED_AT, N_HEADER = (
    0,
    1,
    2,
    3,
    4,
    5,
)

# Shared arrays the block points to, with their types.
_ARRAYS = {
    "joint_qposadr": np.int32,
    "joint_dofadr": np.int32,
    "kp": np.float64,
    "kv": np.float64,
    "bound_dofadr": np.int32,
    "bound_joint": np.int32,
    "bound_driver_q0": np.float64,
    "bound_coef": np.float64,
    "dof_joint": np.int32,
    "kept_entry": np.uint32,
    "kept_dof": np.int32,
    "kept_number": np.int32,
    "moment_entry": np.uint32,
    "moment_dof": np.uint32,
    "moment_place": np.uint32,
    "turn_muscle": np.uint32,
    "turn_entry": np.uint32,
    "turn_joint": np.uint32,
    "muscle_ptr": np.int32,
    "muscle_joint": np.int32,
    "crossing_muscle": np.uint32,
    "torque_scale": np.float64,
    "foot_sensor_adr": np.int32,
    "network_sizes": np.int32,
    "base_sizes": np.int32,
}
# Arrays with an owner of their own, who goes on writing or reading them: shared, not copied.
NETWORK_BUFFERS = (
    "network_weights",
    "base_weights",
    "tuple_substep",
    "tuple_torque",
    "tuple_jta_reduced",
    "tuple_jta",
)
_SCALARS = (
    ("kernel", np.uint64),  # the control callback looks for the kernel's address here, in the first field
    ("digest", np.int64),
    ("actuator", np.int64),
    ("coordinator", np.int64),
    ("network_bits", np.int64),
    ("base_bits", np.int64),
    ("network_weight", np.float64),
    ("network_sizes_size", np.int64),
    ("base_sizes_size", np.int64),
    ("tuples", np.int64),
    ("activation_dynamics", np.int64),
    ("inference_every", np.int64),
    ("sweeps", np.int64),
    ("regularization", np.float64),
    ("n_joint", np.int64),
    ("n_muscle", np.int64),
    ("n_dof", np.int64),
    ("n_bound", np.int64),
    ("n_foot", np.int64),
    ("n_crossing", np.int64),
    ("n_entry", np.int64),
    ("n_kept", np.int64),
    ("n_qpos", np.int64),
    ("n_moment", np.int64),
    ("n_sensordata", np.int64),
    ("turn_width", np.int64),
    ("at_target", np.int64),
    ("at_target_rate", np.int64),
    ("at_activation", np.int64),
    ("at_desired", np.int64),
    ("at_desired_sum", np.int64),
    ("at_achieved_sum", np.int64),
    ("at_residual_squared_sum", np.int64),
    ("at_foot_load_sum", np.int64),
    ("at_foot_load_peak", np.int64),
)
CONTROL_BLOCK = np.dtype([*_SCALARS, *((name, np.uint64) for name in (*_ARRAYS, *NETWORK_BUFFERS))])

block_pointer = memory.record_pointer(numba.from_dtype(CONTROL_BLOCK))


def consecutive(lengths: Mapping[str, int]) -> tuple[dict[str, tuple[int, int]], int]:
    """Slots (start, length) of `userdata`, one after another behind the leading ones, and where they end."""
    slots, start = {}, N_HEADER
    for name, length in lengths.items():
        slots[name] = (start, length)
        start += length
    return slots, start


@dataclass(frozen=True)
class UserLayout:
    """Slots of `userdata`, (start, length) each; the sums are over the substeps of one step."""

    target: tuple[int, int]
    target_rate: tuple[int, int]
    activation: tuple[int, int]
    desired: tuple[int, int]
    desired_sum: tuple[int, int]
    achieved_sum: tuple[int, int]
    residual_squared_sum: tuple[int, int]
    foot_load_sum: tuple[int, int]
    foot_load_peak: tuple[int, int]
    size: int

    @classmethod
    def of(cls, n_joint: int, n_muscle: int, n_foot: int) -> "UserLayout":
        """Lay out the slots for a body."""
        lengths = {
            "target": max(n_joint, n_muscle),
            "target_rate": n_joint,
            "activation": n_muscle,
            "desired": n_joint,
            "desired_sum": n_joint,
            "achieved_sum": n_joint,
            "residual_squared_sum": n_joint,
            "foot_load_sum": n_foot,
            "foot_load_peak": n_foot,
        }
        slots, size = consecutive(lengths)
        return cls(**slots, size=size)

    @property
    def sums(self) -> tuple[slice, ...]:
        """The slots that a step clears before it begins."""
        return (
            slice(SUBSTEP_AT, SUBSTEP_AT + 1),
            slice(ACTIVATION_SQUARED_AT, N_HEADER),
            slice(self.desired_sum[0], self.size),
        )


class SharedRecord:
    """The numbers all worlds share, at an address that does not move; keep it alive while worlds step.

    Args:
        dtype: of the record.
        kinds: types of the shared arrays by name.
        arrays: the shared arrays by name; copied.
        scalars: the other fields of the record.
        buffers: arrays that are shared where they lie, by name; what is left out is never read.
    """

    def __init__(
        self,
        dtype: np.dtype,
        kinds: Mapping[str, type[np.generic]],
        arrays: Mapping[str, np.ndarray],
        scalars: Mapping[str, float],
        buffers: Mapping[str, np.ndarray],
    ):
        self.record = np.zeros(1, dtype)
        self.arrays = {name: np.array(arrays[name], kind, order="C") for name, kind in kinds.items()}
        self.buffers = dict(buffers)
        addresses = {name: array.ctypes.data for name, array in (self.arrays | self.buffers).items()}
        for name, value in {**scalars, **addresses}.items():
            self.record[name] = value

    @property
    def address(self) -> int:
        """Where the record lies."""
        return self.record.ctypes.data


class ControlBlock(SharedRecord):
    """The record of `Worlds`; arguments as of `SharedRecord`."""

    def __init__(
        self,
        arrays: Mapping[str, np.ndarray],
        scalars: Mapping[str, float],
        buffers: Mapping[str, np.ndarray] = MappingProxyType({}),
    ):
        super().__init__(CONTROL_BLOCK, _ARRAYS, arrays, scalars, buffers)
