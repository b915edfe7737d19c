"""What worlds of any body share: MuJoCo's batch of them, live views, failures, snapshots."""

import ctypes
import logging
import os
from collections.abc import Callable
from typing import Any

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError
from numpy.typing import NDArray

from batchenv.calls import Process
from batchenv.engine import memory
from batchenv.engine.block import BLOCK_AT, MAGIC_AT, SUBSTEP_AT, WORLD_AT, SharedRecord
from batchenv.engine.control import callbacks, magic
from batchenv.engine.coordinator import NetworkCoordinator
from batchenv.engine.health import FIRST_FATAL, NOBODY, inspect
from batchenv.engine.messages import quiet
from batchenv.engine.snapshot import Snapshot, check_snapshot
from batchenv.errors import EngineError

Array = NDArray[np.float64]

_log = logging.getLogger(__name__)


def available_cpus() -> int:
    """Number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


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
        failed: worlds that diverged, lie at rest, and are not reset yet (N,).
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
        self._process = Process("this batch of worlds")
        self.num_threads = min(num_worlds, num_threads or available_cpus())
        self.coordinator = coordinator
        self._block = block
        self.batch = Batch(model, num_worlds, self.num_threads, persistent=True)
        self.failed = np.zeros(num_worlds, bool)
        self._mild, self._reported = np.zeros(FIRST_FATAL, np.int64), np.zeros(FIRST_FATAL, bool)
        self._everyone = np.arange(num_worlds)
        self._expanded: dict[str, np.ndarray] = {}
        self._user = self.batch.bind("userdata")
        self.qpos, self.qvel, self.time = (self.batch.bind(name) for name in ("qpos", "qvel", "time"))
        self._sign()
        self._at_rest = self.batch.state[0].copy()

    def __del__(self) -> None:
        process = getattr(self, "_process", None)
        if process is not None and not process.here and hasattr(self, "batch"):
            # A fork has none of the threads that the batch would wait for at its end: it is never deleted.
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.batch._b))

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

    def check_snapshot(self, snapshot: Any) -> None:
        """Refuse what `restore` cannot take over whole.

        Raises:
            InputError: it is no snapshot, of another number of worlds or another body, or damaged.
        """
        check_snapshot(snapshot, self.batch.state, self.model)

    def restore(self, snapshot: Snapshot) -> None:
        """Put all worlds back into a snapshot; what follows has the bits it would have had.

        Raises:
            InputError: it is no snapshot, of another number of worlds or another body, or damaged.
        """
        self.check_snapshot(snapshot)
        self.batch.state[:] = snapshot.state
        for name in self._expanded.keys() | snapshot.fields.keys():
            self.expand(name)[:] = snapshot.fields.get(name, getattr(self.model, name))
        if {"body_mass", "body_inertia"} & self._expanded.keys():
            self._run(self.batch.set_const)
        self._sign()
        self.failed[:] = False

    def fail(self, ids: np.ndarray) -> None:
        """Flag worlds (n,) as failed, and put them at rest; their muscle tuples are no numbers."""
        self.failed[ids] = True
        self._lay_down(ids)
        if self.coordinator is not None and self.coordinator.tuples is not None:
            self.coordinator.tuples.torque[ids] = np.nan

    def _put(self, ids: np.ndarray, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """Write a state, all else at rest, into the rows of some worlds."""
        self._lay_down(ids)
        self.qpos[ids], self.qvel[ids] = qpos, qvel
        self.failed[ids] = False

    def _run(self, call: Callable[[], None]) -> None:
        """Call the batch; flag the worlds in which MuJoCo raised."""
        self._process.check()
        callbacks().check()
        with quiet():
            try:
                call()
            except SimulationError as error:
                self.failed[error.ids] = True

    def _inspect(self, ids: np.ndarray | None, substep: int) -> None:
        """Let the worlds fail that diverged.

        Args:
            ids: worlds that were stepped or measured (n,); None for all.
            substep: what the kernel leaves in `SUBSTEP_AT`, once it came to its end each time.

        Raises:
            EngineError: a world moved without its control law.
        """
        ids = self._everyone if ids is None else ids
        given = (ids, self.batch.warning, self._user, float(magic()), substep, self.qpos, self.qvel)
        any_failed, neglected = inspect(*given, self.failed, self._mild)
        if self._mild.any():
            self._report_mild()
        if any_failed:
            self.fail(np.flatnonzero(self.failed))
        if neglected != NOBODY:
            raise EngineError(self._neglect(int(neglected), substep))

    def _neglect(self, world: int, substep: int) -> str:
        if self._user[world, MAGIC_AT] != magic():
            return (
                f"world {world} moved without control: something wrote over its row of userdata, by "
                "`batch.state`, `batch.reset` or another call of MuJoCo's; call env.reset()"
            )
        return (
            f"the control law of world {world} did not come to its end in every substep: its count is "
            f"{self._user[world, SUBSTEP_AT]:g}, expected {substep}. An exception in compiled code has that "
            "effect (Numba prints 'Exception ignored' and goes on), and so has a callback that was replaced "
            "during the step; call env.reset()"
        )

    def _report_mild(self) -> None:
        """Log, once of each kind, warnings of MuJoCo's that end no episode."""
        for kind in np.flatnonzero((self._mild > 0) & ~self._reported):
            _log.warning("MuJoCo warned: %s", mujoco.mju_warningText(int(kind), 0))
        self._reported |= self._mild > 0
        self._mild[:] = 0

    def _lay_down(self, ids: np.ndarray) -> None:
        """Put some worlds (n,) where the model begins, at rest."""
        self.batch.state[ids] = self._at_rest
        self._user[ids, WORLD_AT] = ids

    def _sign(self) -> None:
        """Write what makes the callback take a row for ours."""
        self._user[:, MAGIC_AT] = magic()
        self._user[:, BLOCK_AT] = self._block.address
        self._user[:, WORLD_AT] = np.arange(self.num_worlds)
