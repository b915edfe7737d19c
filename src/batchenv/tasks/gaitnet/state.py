"""Per-world state of GaitNet's task."""

# Numba finds the types of a compiled function's parameters when it is called.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from batchenv.compiled import compiled
from batchenv.mdp.state import TaskState

# Substeps back to which the head's velocity is compared.
HEAD_LAG = 15


@dataclass
class GaitNetState(TaskState):
    """State of N worlds.

    Attributes:
        phase: of the local clock, in [0, 1) (N,).
        stride, cadence: of the gait, 1 as usual (N,).
        shape: parameters of the body and its muscles (N, Q).
        ratio: factor on the length of the whole body (N,).
        global_time, local_time: of the two clocks (N,) [s].
        half_cycles: see `clocks.run_clocks` (N,).
        reference_time: of the local clock at the pose that the last targets were around (N,) [s].
        local_log: of the local clock after each substep of the last step (N, S) [s].
        left_stance: whether the left foot stands (N,).
        contact_phase: of the gait by contact, see `gait.follow_contacts` (N,).
        smoothed_contact: of the left and the right foot (N, 2); NaN before the first substep.
        strike_z: where each foot last struck the ground (N, 2) [m].
        current_foot: where the standing foot is (N, 3) [m].
        current_target, next_target: where it and the next foot are to be (N, 3) [m].
        stance_clock, stride_time: see `gait.follow_phase` (N, 2) [s].
        knee_load, knee_peak, cycled: see `knees.follow_knees` (N,).
        total_steps: control steps of all episodes, where noise needs them (N,).
        missed: failures of the parameters that are drawn adaptively (N, A, BINS), see `AdaptiveRanges`.
        start_x: of the centre of mass when the episode began (N,) [m].
        logged: substeps of this episode (N,).
        com_log: centre of mass in the last W substeps (N, W, 3) [m]; substep k lies in column k % W.
        head_log: velocity of the head in the same way (N, H, 3) [m/s].
    """

    UNKNOWN: ClassVar[frozenset[str]] = frozenset({"stance_clock", "stride_time", "smoothed_contact"})

    phase: np.ndarray
    stride: np.ndarray
    cadence: np.ndarray
    shape: np.ndarray
    ratio: np.ndarray
    global_time: np.ndarray
    local_time: np.ndarray
    half_cycles: np.ndarray
    reference_time: np.ndarray
    local_log: np.ndarray
    left_stance: np.ndarray
    contact_phase: np.ndarray
    smoothed_contact: np.ndarray
    strike_z: np.ndarray
    current_foot: np.ndarray
    current_target: np.ndarray
    next_target: np.ndarray
    stance_clock: np.ndarray
    stride_time: np.ndarray
    knee_load: np.ndarray
    knee_peak: np.ndarray
    cycled: np.ndarray
    total_steps: np.ndarray
    missed: np.ndarray
    start_x: np.ndarray
    logged: np.ndarray
    com_log: np.ndarray
    head_log: np.ndarray

    @classmethod
    def of(
        cls, num_worlds: int, window: int, substeps: int, shapes: int, missed: np.ndarray
    ) -> "GaitNetState":
        """The state before the first reset.

        Args:
            num_worlds: N.
            window: substeps over which speed is a mean, at most.
            substeps: of a step.
            shapes: parameters of the body and its muscles, Q.
            missed: failures of the parameters that are drawn adaptively (N, A, BINS).
        """
        n = num_worlds
        return cls(
            phase=np.zeros(n),
            stride=np.ones(n),
            cadence=np.ones(n),
            shape=np.zeros((n, shapes)),
            ratio=np.ones(n),
            global_time=np.zeros(n),
            local_time=np.zeros(n),
            half_cycles=np.zeros(n, np.int64),
            reference_time=np.zeros(n),
            local_log=np.zeros((n, substeps)),
            left_stance=np.zeros(n, bool),
            contact_phase=np.zeros(n, np.int64),
            smoothed_contact=np.zeros((n, 2)),
            strike_z=np.zeros((n, 2)),
            current_foot=np.zeros((n, 3)),
            current_target=np.zeros((n, 3)),
            next_target=np.zeros((n, 3)),
            stance_clock=np.full((n, 2), np.nan),
            stride_time=np.full((n, 2), np.nan),
            knee_load=np.zeros(n),
            knee_peak=np.zeros(n),
            cycled=np.zeros(n, bool),
            total_steps=np.zeros(n, np.int64),
            missed=missed,
            start_x=np.zeros(n),
            logged=np.zeros(n, np.int64),
            com_log=np.zeros((n, window + substeps, 3)),
            head_log=np.zeros((n, HEAD_LAG + 1 + substeps, 3)),
        )

    def log(self, com: np.ndarray, head_velocity: np.ndarray) -> None:
        """Append the substeps of a step (N, S, 3)."""
        for ring, values in ((self.com_log, com), (self.head_log, head_velocity)):
            _append(ring, self.logged, values)
        self.logged += com.shape[1]

    def looked_up(self, ring: np.ndarray, back: np.ndarray | int, ids: np.ndarray) -> np.ndarray:
        """What was logged `back` substeps before the last one, of some worlds (n, 3)."""
        return ring[ids, (self.logged[ids] - 1 - back) % ring.shape[1]]


@compiled()
def _append(ring, logged, values):
    """Write values (N, S, 3) behind those that were logged (N,), into a ring (N, W, 3)."""
    for world in range(values.shape[0]):
        for k in range(values.shape[1]):
            column = (logged[world] + k) % ring.shape[1]
            for i in range(3):
                ring[world, column, i] = values[world, k, i]
