"""N worlds of one body, stepped together on all cores, with the control law inside every substep."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, Protocol, TypeVar

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError
from numpy.typing import NDArray

from batchenv.body.mechanism import Mechanism
from batchenv.engine import memory
from batchenv.engine.callback import install, magic
from batchenv.engine.coordinators.shared_network import NetworkCoordinator
from batchenv.engine.health import clear, flag_diverged
from batchenv.engine.kernel import compile_kernel, kernel_digest
from batchenv.engine.law import ControlLaw, adapt_model, check_law, choose_parts, describe
from batchenv.engine.parts import PARTS, RECORD
from batchenv.engine.record import MAGIC_AT, RECORD_AT, SUBSTEP_AT, WORLD_AT, Layout, SharedRecord
from batchenv.errors import InputError

Array = NDArray[np.float64]

# The warnings of a state that is not to be trusted; they stand side by side.
_DIVERGED = slice(int(mujoco.mjtWarning.mjWARN_BADQPOS), int(mujoco.mjtWarning.mjWARN_BADQACC) + 1)
_ALL_STAGES = int(mujoco.mjtStage.mjSTAGE_ACC)
# In place of a substep's number: the world was reset and is only to be measured.
_FRESH = -1


def available_cpus() -> int:
    """Number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@dataclass(frozen=True)
class Snapshot:
    """State of all worlds: MuJoCo's state rows (n, nstate), and per-world model fields by name."""

    state: Array
    fields: dict[str, np.ndarray] = field(default_factory=dict)


class Moving(Protocol):
    """A body that the engine can move."""

    floor_geom: int

    def mechanism(self, nuserdata: int = 0) -> Mechanism:
        """Compile it, with room for `userdata`."""
        ...


BodyType = TypeVar("BodyType", bound=Moving)


class Worlds(Generic[BodyType]):
    """N worlds of one body.

    The arrays `qpos`, `qvel`, `act` and `time` are live `(num_worlds, ...)` views of the state. Those of
    `bind` show derived fields as MuJoCo has them after `mj_step`, one substep behind the state, unless
    `measured`; the sparse `actuator_moment` and its structure are packed, without the places that hold zeros
    in every pose. Bits do not depend on the number of threads nor on that of the worlds.

    Args:
        body: what moves.
        law: how targets become forces.
        num_worlds: N.
        substeps: physics steps in one `step`, at least 2.
        num_threads: threads that step them; by default the CPUs that this process may use.
        measured: whether derived fields are brought up to the state after each `step`, as `measure` does.

    Attributes:
        failed: worlds that diverged and are not reset yet (N,).
        coordinator: the muscle network, or None where none coordinates.
        layout: where the slots of `userdata` lie.

    Raises:
        BodyError: the body cannot be steered.
        UsageError: the law asks for parts that do not go together.
    """

    def __init__(
        self,
        body: BodyType,
        law: ControlLaw,
        num_worlds: int,
        substeps: int,
        num_threads: int | None = None,
        *,
        measured: bool = False,
    ):
        self.body, self.law, self.substeps, self.measured = body, law, substeps, measured
        install()
        mechanism = body.mechanism()
        check_law(mechanism, law)
        adapt_model(mechanism, law)
        self.coordinator = None
        if law.coordinated and law.network is not None:
            self.coordinator = NetworkCoordinator(
                law.network,
                mechanism.muscle_names,
                mechanism.joint_names,
                mechanism.crossing_ptr,
                mechanism.crossing_joint,
                num_worlds,
            )
        values = describe(mechanism, law, substeps, self.coordinator, measured=measured)
        self.layout = Layout.of(values.slots)
        self._cleared = np.concatenate(
            [[SUBSTEP_AT], *(np.r_[self.layout.columns(name)] for name in values.cleared)]
        ).astype(np.intp)
        mechanism = body.mechanism(self.layout.size)
        adapt_model(mechanism, law)
        memory.check_layout(mechanism.model)
        header = {
            "kernel": compile_kernel(choose_parts(mechanism, law)).address,
            "digest": kernel_digest(),
            "n_user": self.layout.size,
            "substeps": substeps,
        }
        self._record = SharedRecord(RECORD, PARTS, values, self.layout, header)
        self.num_threads = min(num_worlds, num_threads or available_cpus())
        self.batch = Batch(mechanism.model, num_worlds, self.num_threads, persistent=True)
        self.failed = np.zeros(num_worlds, bool)
        self._warned = np.zeros(num_worlds, np.int64)
        self._expanded: dict[str, np.ndarray] = {}
        self._slots: dict[str, Array] = {}
        self._user = self.batch.bind("userdata")
        self.qpos, self.qvel, self.act, self.time = (
            self.batch.bind(name) for name in ("qpos", "qvel", "act", "time")
        )
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

    def slot(self, name: str) -> Array:
        """Live view of a slot of `userdata` (num_worlds, ...), by the name that its part declares."""
        if name not in self._slots:
            rows = self._user[:, self.layout.columns(name)]
            self._slots[name] = rows.reshape((self.num_worlds, *self.layout.shapes[name]))
        return self._slots[name]

    def mean_of(self, name: str) -> Array:
        """A sum that is known one substep late as a mean over the last step's substeps, all but the last."""
        return self.slot(name) / (self.substeps - 1)

    def set_targets(self, target: np.ndarray, rate: np.ndarray | None = None) -> None:
        """Hand every world what its actuators are to reach in the next step.

        Args:
            target: angles [rad] or torques [Nm] by driven joint (num_worlds, J); angles for stable PD by dof
                (num_worlds, nv), those of the root ignored; excitations (num_worlds, M) for "muscle".
            rate: velocity at which joint targets move through the step (num_worlds, J) [rad/s].
        """
        self.slot("excitation" if self.law.actuator == "muscle" else "target")[:] = target
        if rate is not None:
            self.slot("target_rate")[:] = rate

    def choose_tuples(self, draws: np.ndarray) -> None:
        """Choose which substep of the next step each world keeps for its muscle network to learn from.

        Args:
            draws: uniform numbers in [0, 1) (num_worlds,).
        """
        if self.coordinator is not None:
            self.coordinator.choose(draws, self.substeps, self.law.inference_per_sim)

    def step(self, watch: Callable[[], None] | None = None, ids: np.ndarray | None = None) -> None:
        """Advance worlds by `substeps`.

        Worlds in which MuJoCo raised, or whose state became bad, are flagged in `failed` until they are
        reset.

        Args:
            watch: called after every substep; `qpos`, `qvel` and `act` are then those of its end, derived
                fields (`xpos`, `actuator_length`, `actuator_force`, sensors) those of its beginning that led
                there. The results are the same to the last bit; the worlds then take their substeps one at a
                time.
            ids: which worlds (n,); None for all.
        """
        clear(self._user, self._cleared)
        # Unless asked for, no stage is computed after the last substep: with a control callback installed,
        # MuJoCo would compute it again in the next step, at a tenth of that step's cost.
        last = _ALL_STAGES if self.measured else 0
        if watch is None:
            self._run(lambda: self.batch.step(ids, nstep=self.substeps, stage=last))
        else:
            for k in range(self.substeps):
                stage = last if k == self.substeps - 1 else 0
                self._run(lambda stage=stage: self.batch.step(ids, nstep=1, stage=stage))
                watch()
        self._flag_diverged()

    def reset(self, ids: np.ndarray, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """Put worlds into a state, their muscles at rest; derived fields follow with `measure` or a step.

        Args:
            ids: worlds (n,).
            qpos: (n, nq).
            qvel: (n, nv).
        """
        self.batch.state[ids] = self._at_rest
        self.qpos[ids], self.qvel[ids] = qpos, qvel
        self._user[ids, WORLD_AT] = ids
        self.failed[ids] = False

    def measure(self, ids: np.ndarray) -> None:
        """Bring derived fields and records of some worlds (n,) up to a state that was written."""
        if len(ids):
            self._user[ids, SUBSTEP_AT] = _FRESH
            self._run(lambda: self.batch.forward(ids, stage=_ALL_STAGES))

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
        self._user[:, RECORD_AT] = self._record.address
        self._user[:, WORLD_AT] = np.arange(self.num_worlds)
