"""What worlds of any body share: MuJoCo's batch of them, live views, failures, snapshots."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError
from numpy.typing import NDArray

from batchenv.engine import memory
from batchenv.engine.block import BLOCK_AT, MAGIC_AT, WORLD_AT, SharedRecord
from batchenv.engine.control import magic
from batchenv.engine.coordinator import NetworkCoordinator
from batchenv.engine.health import flag_diverged
from batchenv.errors import InputError

Array = NDArray[np.float64]

# The warnings of a state that is not to be trusted; they stand side by side.
_DIVERGED = slice(int(mujoco.mjtWarning.mjWARN_BADQPOS), int(mujoco.mjtWarning.mjWARN_BADQACC) + 1)


def available_cpus() -> int:
    """Number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@dataclass(frozen=True)
class Snapshot:
    """State of all worlds: MuJoCo's state rows (n, nstate), and per-world model fields by name."""

    state: Array
    fields: dict[str, np.ndarray] = field(default_factory=dict)


class BatchedWorlds:
    """N worlds of one model, whose control callback (`control.install`) finds a shared record by `userdata`.

    The arrays `qpos`, `qvel` and `time` are live `(num_worlds, ...)` views of the state.

    Args:
        model: that all worlds run on.
        block: the record.
        num_worlds: N.
        num_threads: threads that step them; by default the CPUs that this process may use.
        coordinator: the muscle network, or None.

    Attributes:
        failed: worlds that diverged and are not reset yet (N,).
    """

    def __init__(
        self,
        model: mujoco.MjModel,
        block: SharedRecord,
        num_worlds: int,
        num_threads: int | None,
        coordinator: NetworkCoordinator | None,
    ):
        memory.check_layout(model)
        self.num_threads = min(num_worlds, num_threads or available_cpus())
        self.coordinator = coordinator
        self._block = block
        self.batch = Batch(model, num_worlds, self.num_threads, persistent=True)
        self.failed = np.zeros(num_worlds, bool)
        self._warned = np.zeros(num_worlds, np.int64)
        self._expanded: dict[str, np.ndarray] = {}
        self._user = self.batch.bind("userdata")
        self.qpos, self.qvel, self.time = (self.batch.bind(name) for name in ("qpos", "qvel", "time"))
        self._sign()
        self._at_rest = self.batch.state[0].copy()

    @property
    def num_worlds(self) -> int:
        """N."""
        return self.batch.nsim

    @property
    def model(self) -> mujoco.MjModel:
        """The model that every world runs on, but for its own fields (`expand`)."""
        return self.batch.model

    @property
    def timestep(self) -> float:
        """Length of a substep [s]."""
        return float(self.model.opt.timestep)

    def bind(self, name: str) -> np.ndarray:
        """Live (num_worlds, ...) view of an MjData field, by MuJoCo's name."""
        return self.batch.bind(name)

    def expand(self, name: str) -> np.ndarray:
        """Live (num_worlds, ...) array of a model field, for each world its own values (`Batch.expand`)."""
        if name not in self._expanded:
            self._expanded[name] = self.batch.expand(name)
        return self._expanded[name]

    def snapshot(self) -> Snapshot:
        """Copy the state of all worlds, for `restore`."""
        return Snapshot(self.batch.state.copy(), {name: a.copy() for name, a in self._expanded.items()})

    def restore(self, snapshot: Snapshot) -> None:
        """Put all worlds back into a snapshot; what follows has the bits it would have had.

        Raises:
            InputError: the snapshot is of another number of worlds or another body.
        """
        if snapshot.state.shape != self.batch.state.shape:
            raise InputError(
                f"snapshot holds state rows {snapshot.state.shape}, these worlds {self.batch.state.shape}: "
                "restore it into worlds of the same body and number"
            )
        self.batch.state[:] = snapshot.state
        for name in self._expanded.keys() | snapshot.fields.keys():
            self.expand(name)[:] = snapshot.fields.get(name, getattr(self.model, name))
        if {"body_mass", "body_inertia"} & self._expanded.keys():
            self.batch.set_const()
        self._sign()
        self.failed[:] = False

    def _put(self, ids: np.ndarray, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """Write a state, all else at rest, into the rows of some worlds."""
        self.batch.state[ids] = self._at_rest
        self.qpos[ids], self.qvel[ids] = qpos, qvel
        self._user[ids, WORLD_AT] = ids
        self.failed[ids] = False

    def _run(self, call: Callable[[], None]) -> None:
        """Call the batch; flag the worlds in which MuJoCo raised."""
        try:
            call()
        except SimulationError as error:
            self.failed[error.ids] = True

    def _flag_diverged(self) -> None:
        """Flag the worlds whose state became bad; their muscle tuples are no numbers."""
        warnings = self.batch.warning[:, _DIVERGED, 1]
        any_failed = flag_diverged(warnings, self._warned, self.qpos, self.qvel, self.failed)
        if any_failed and self.coordinator is not None and self.coordinator.tuples is not None:
            self.coordinator.tuples.torque[self.failed] = np.nan

    def _sign(self) -> None:
        """Write what makes the callback take a row for ours."""
        self._user[:, MAGIC_AT] = magic()
        self._user[:, BLOCK_AT] = self._block.address
        self._user[:, WORLD_AT] = np.arange(self.num_worlds)
