"""The numbers that the GaitNet kernel and NumPy share: one record for all worlds, `userdata` for each."""

from collections.abc import Mapping
from dataclasses import dataclass, fields

import numba
import numpy as np

from batchenv.engine import memory
from batchenv.engine.block import NETWORK_BUFFERS, SharedRecord, consecutive

# Actuators: what a target is, and who makes the force.
MUSCLE, TORQUE, PD, MASS, MASS_LOWER = 0, 1, 2, 3, 4
ACTUATORS = {"muscle": MUSCLE, "tor": TORQUE, "pd": PD, "mass": MASS, "mass_lower": MASS_LOWER}

# How a world's local time is kept with the global one.
NO_CLIPPING, HARD_CLIPPING = 0, 1
CLIPPING = {"none": NO_CLIPPING, "hard": HARD_CLIPPING}

# In place of a substep's number: the world was reset and is only to be measured.
FRESH = -1
# The same, once it was measured after a step or a reset.
MEASURED = -2

_SCALARS = (
    ("kernel", np.uint64),  # the control callback looks for the kernel's address here, in the first field
    ("digest", np.int64),
    ("actuator", np.int64),
    ("substeps", np.int64),
    ("inference_every", np.int64),
    ("clipping", np.int64),
    ("mirrored", np.int64),
    ("mujoco_muscles", np.int64),
    ("velocity_force", np.int64),
    ("first_body_forces", np.int64),
    ("passive_in_pd", np.int64),
    ("network_bits", np.int64),
    ("base_bits", np.int64),
    ("network_weight", np.float64),
    ("network_sizes_size", np.int64),
    ("base_sizes_size", np.int64),
    ("tuples", np.int64),
    ("activation_power", np.float64),
    ("head_body", np.int64),
    ("n_dof", np.int64),
    ("n_joint", np.int64),
    ("n_body", np.int64),
    ("n_muscle", np.int64),
    ("n_crossing", np.int64),
    ("n_moment", np.int64),
    ("n_entry", np.int64),
    ("n_anchor", np.int64),
    ("n_run", np.int64),
    ("n_pair", np.int64),
    ("n_path_body", np.int64),
    ("n_ball", np.int64),
    ("n_hinge", np.int64),
    ("n_torque", np.int64),
    ("n_foot", np.int64),
    ("n_contact", np.int64),
    ("n_load", np.int64),
    ("n_carried", np.int64),
    ("n_pull", np.int64),
    ("n_nonzero", np.int64),
    ("row_width", np.int64),
)
_ARRAYS = {
    # muscle paths, see `PathStructure`
    "path_body": np.uint32,
    "path_body_ptr": np.uint32,
    "entry_pos": np.float64,
    "entry_weight": np.float64,
    "entry_push": np.float64,
    "entry_anchor": np.uint32,
    "joined": np.float64,
    "anchor_ptr": np.uint32,
    "run_ptr": np.uint32,
    "run_pair": np.uint32,
    "pair_body": np.uint32,
    "pair_above": np.uint32,
    "pair_ptr": np.uint32,
    "pair_moment": np.uint32,
    "pair_axis": np.float64,
    "moment_muscle": np.uint32,
    "moment_dof": np.uint32,
    # muscles
    "peak_force": np.float64,
    "optimal_length": np.float64,
    "tendon_length": np.float64,
    "reference_length": np.float64,
    "muscle_curves": np.float64,
    "metabolic_weight": np.float64,
    "muscle_ptr": np.int32,
    "muscle_joint": np.int32,
    # mirror images
    "mirror_muscle": np.uint32,
    "mirror_joint": np.uint32,
    "mirror_sign": np.float64,
    "mirror_crossing": np.uint32,
    "mirror_crossing_sign": np.float64,
    # joints
    "kp": np.float64,
    "kv": np.float64,
    "diagonal": np.float64,
    "ball_qposadr": np.uint32,
    "ball_dofadr": np.uint32,
    "hinge_qposadr": np.uint32,
    "hinge_dofadr": np.uint32,
    "torque_dof": np.uint32,
    # limits of ball joints, see `limit_rows`
    "ball_lower": np.float64,
    "ball_upper": np.float64,
    "ball_weight": np.float64,
    "limit_softness": np.float64,
    # loads of joints, see `loads.py`
    "carried_body": np.uint32,
    "carried_joint": np.uint32,
    "geom_joint": np.int32,
    "pull_pair": np.uint32,
    "pull_muscle": np.uint32,
    "pull_joint": np.uint32,
    # bodies that are logged
    "foot_body": np.uint32,
    "contact_column": np.int32,
    # network
    "network_sizes": np.int32,
    "base_sizes": np.int32,
}


@dataclass(frozen=True)
class GaitNetLayout:
    """Slots of `userdata`, (start, length) each, for J joint coordinates, M muscles and S substeps of a
    step and L loaded joints.

    Attributes:
        target: GaitNet's coordinates, or torques [Nm], that the actuators are to reach (J + 6,).
        excitation: activations, where the actuator is "muscle" (M,).
        phase_action: by how much the local clock runs faster than the global one, as a fraction.
        cycle: of the gait [s].
        target_quat: targets of ball joints (4 B,).
        global_time, local_time: the two clocks [s].
        activation: of the last substep (M,).
        constraint_force: of contacts and limits in the last substep (J + 6,).
        mirror: 1 where the world is seen in the mirror, else 0.
        negative_torque, positive_torque: half the sum of the muscles' torques at full activation of either
            sign, in the mirror where that is so (J,) [Nm].
        passive_torque: of all muscles, in the mirror where that is so (J,) [Nm].
        metabolic_sum: over substeps and muscles, see `GaitNetLaw.metabolic`.
        torque_sum: over substeps, of the magnitudes of the torques that no muscle makes [Nm].
        com_log, head_velocity_log: centre of mass, and velocity of the head's, at the start of each substep
            (S, 3) [m], [m/s].
        mirror_log: of each substep (S,).
        foot_log: centre of mass of the feet at the end of each substep (S, 2, 3) [m].
        local_time_log: at the end of each substep (S,) [s].
        contact_log: whether each contact geom touches the ground at the end of each substep (S, C).
        load_momentum: of what the loaded joints carry (L, 3) [kg m/s].
        load_external: forces of muscles and of the ground on that (L, 3) [N].
        load_log: force that each loaded joint hands on in each substep (S, L) [N].
    """

    target: tuple[int, int]
    excitation: tuple[int, int]
    phase_action: tuple[int, int]
    cycle: tuple[int, int]
    target_quat: tuple[int, int]
    global_time: tuple[int, int]
    local_time: tuple[int, int]
    activation: tuple[int, int]
    constraint_force: tuple[int, int]
    mirror: tuple[int, int]
    negative_torque: tuple[int, int]
    positive_torque: tuple[int, int]
    passive_torque: tuple[int, int]
    metabolic_sum: tuple[int, int]
    torque_sum: tuple[int, int]
    com_log: tuple[int, int]
    head_velocity_log: tuple[int, int]
    mirror_log: tuple[int, int]
    foot_log: tuple[int, int]
    local_time_log: tuple[int, int]
    contact_log: tuple[int, int]
    load_momentum: tuple[int, int]
    load_external: tuple[int, int]
    load_log: tuple[int, int]
    size: int

    @classmethod
    def of(
        cls, n_joint: int, n_muscle: int, n_ball: int, n_contact: int, n_load: int, substeps: int
    ) -> "GaitNetLayout":
        """Lay out the slots for a body."""
        lengths = {
            "target": n_joint + 6,
            "excitation": n_muscle,
            "phase_action": 1,
            "cycle": 1,
            "target_quat": 4 * n_ball,
            "global_time": 1,
            "local_time": 1,
            "activation": n_muscle,
            "constraint_force": n_joint + 6,
            "mirror": 1,
            "negative_torque": n_joint,
            "positive_torque": n_joint,
            "passive_torque": n_joint,
            "metabolic_sum": 1,
            "torque_sum": 1,
            "com_log": 3 * substeps,
            "head_velocity_log": 3 * substeps,
            "mirror_log": substeps,
            "foot_log": 6 * substeps,
            "local_time_log": substeps,
            "contact_log": n_contact * substeps,
            "load_momentum": 3 * n_load,
            "load_external": 3 * n_load,
            "load_log": n_load * substeps,
        }
        slots, size = consecutive(lengths)
        return cls(**slots, size=size)

    @property
    def slots(self) -> dict[str, tuple[int, int]]:
        """All slots by name."""
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name != "size"}


_PLACES = tuple((f"at_{f.name}", np.int64) for f in fields(GaitNetLayout) if f.name != "size")
GAITNET_BLOCK = np.dtype(
    [*_SCALARS, *_PLACES, ("n_user", np.int64), *((name, np.uint64) for name in (*_ARRAYS, *NETWORK_BUFFERS))]
)

block_pointer = memory.record_pointer(numba.from_dtype(GAITNET_BLOCK))


class GaitNetBlock(SharedRecord):
    """The record of `GaitNetWorlds`; arguments as of `SharedRecord`, and the layout of `userdata`."""

    def __init__(
        self,
        layout: GaitNetLayout,
        arrays: Mapping[str, np.ndarray],
        scalars: Mapping[str, float],
        buffers: Mapping[str, np.ndarray],
    ):
        places = {f"at_{name}": start for name, (start, _) in layout.slots.items()}
        everything = {**scalars, **places, "n_user": layout.size}
        super().__init__(GAITNET_BLOCK, _ARRAYS, arrays, everything, buffers)
