"""N worlds of one body, stepped together on all cores, with the control law inside every substep."""

import logging
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

import mujoco
import numpy as np
from mujoco.batch import SimulationError
from numpy.typing import NDArray

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import notice
from batchenv.cpus import available_cpus
from batchenv.engine import memory
from batchenv.engine.callback import callbacks, magic
from batchenv.engine.floor_contacts import install_contacts
from batchenv.engine.guests import FAULT, blame, compile_coordinator, compile_recorders
from batchenv.engine.health import FIRST_FATAL, NOBODY, clear, inspect
from batchenv.engine.kernel import compile_kernel, kernel_digest
from batchenv.engine.law import (
    ControlLaw,
    adapt_model,
    check_law,
    choose_parts,
    describe,
    network_coordinator,
)
from batchenv.engine.owned_batch import OwnedBatch
from batchenv.engine.parts import PARTS, RECORD
from batchenv.engine.record import (
    FRESH,
    MAGIC_AT,
    MEASURED,
    RECORD_AT,
    SUBSTEP_AT,
    WORLD_AT,
    Layout,
    SharedRecord,
)
from batchenv.engine.snapshot import Snapshot, check_snapshot, usual_field
from batchenv.errors import EngineError
from batchenv.messages import quiet

Array = NDArray[np.float64]

_log = logging.getLogger(__name__)

_ALL_STAGES = int(mujoco.mjtStage.mjSTAGE_ACC)


class Moving(Protocol):
    """A body that the engine can move."""

    @property
    def floor_geom(self) -> int:
        """Id of the floor."""
        ...

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
        failed: worlds that diverged, lie at rest, and are not reset yet (N,).
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
        self.num_worlds = num_worlds
        callbacks().install()
        mechanism = body.mechanism()
        check_law(mechanism, law)
        adapt_model(mechanism, law)
        if mechanism.model.nhfield:
            install_contacts()
        self.coordinator = network_coordinator(mechanism, law, num_worlds)
        values = describe(mechanism, law, substeps, self.coordinator, measured=measured)
        self.layout = Layout.of(values.slots)
        self._cleared = self.layout.cleared(values.cleared)
        mechanism = body.mechanism(self.layout.size)
        adapt_model(mechanism, law)
        memory.check_layout(mechanism.model)
        with notice("compiling the control kernel, once per machine: about 20 s"):
            choice = choose_parts(mechanism, law)
            kernel = compile_kernel(choice)
        if choice.damped:
            mechanism.model.opt.integrator = mujoco.mjtIntegrator.mjINT_EULER
        header = {
            "kernel": kernel.address,
            "digest": kernel_digest(),
            "n_user": self.layout.size,
            "substeps": substeps,
        }
        self._muscle_names = mechanism.muscle_names
        # Kept here for as long as the record names their addresses.
        self._guests = self._compile_guests(mechanism)
        header |= {name: guest.address for name, guest in self._guests.items()}
        self._record = SharedRecord(RECORD, PARTS, values, self.layout, header)
        self.num_threads = min(num_worlds, num_threads or available_cpus())
        self.batch = OwnedBatch(mechanism.model, num_worlds, self.num_threads)
        self.failed = np.zeros(num_worlds, bool)
        self._mild, self._reported = np.zeros(FIRST_FATAL, np.int64), np.zeros(FIRST_FATAL, bool)
        self._everyone = np.arange(num_worlds)
        self._expanded: dict[str, np.ndarray] = {}
        self._slots: dict[str, Array] = {}
        self._bound: dict[str, np.ndarray] = {}
        self._user = self.batch.bind("userdata")
        self.qpos, self.qvel, self.act, self.time = (
            self.batch.bind(name) for name in ("qpos", "qvel", "act", "time")
        )
        self._sign()
        self._at_rest = self.batch.state[0].copy()

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
        if name not in self._bound:
            self._bound[name] = self.batch.bind(name)
        return self._bound[name]

    def expand(self, name: str) -> np.ndarray:
        """Live (num_worlds, ...) array of a model field, for each world its own values (`Batch.expand`)."""
        if name not in self._expanded:
            self._expanded[name] = self.batch.expand(name)
        return self._expanded[name]

    def is_expanded(self, name: str) -> bool:
        """Whether worlds have their own values of a model field."""
        return name in self._expanded

    def own(self, name: str) -> np.ndarray:
        """Live (num_worlds, ...) array of what the engine's parts share, for each world its own values."""
        known = name in self._record.owned
        own = self._record.own(name, self.num_worlds)
        if not known:
            self._sign()
        return own

    def usual(self, name: str) -> np.ndarray:
        """What `own` begins with, and worlds share that have nothing of their own."""
        return self._record.arrays[name]

    def own_model(self, world: int) -> mujoco.MjModel:
        """Return the model of one world: a copy where worlds have fields of their own, or `model`."""
        return self.batch.get_model(world) if self._expanded else self.model

    def slot(self, name: str) -> Array:
        """Live view of a slot of `userdata` (num_worlds, ...), by the name that its part declares."""
        if name not in self._slots:
            rows = self._user[:, self.layout.columns(name)]
            self._slots[name] = rows.reshape((self.num_worlds, *self.layout.shapes[name]))
        return self._slots[name]

    def mean_of(self, name: str) -> Array:
        """Return a sum that is known one substep late as a mean over the step's substeps but the last."""
        return self.slot(name) / (self.substeps - 1)

    def set_targets(
        self,
        target: np.ndarray,
        rate: np.ndarray | None = None,
        acceleration: np.ndarray | None = None,
        ramp: np.ndarray | None = None,
    ) -> None:
        """Set the targets of all actuators for the next step.

        Args:
            target: angles [rad] or torques [Nm] by driven joint (num_worlds, J); angles for stable PD by dof
                (num_worlds, nv), those of the root ignored; excitations (num_worlds, M) for "muscle".
            rate: velocity at which joint targets move through the step (num_worlds, J) [rad/s].
            acceleration: by which this velocity changes through the step (num_worlds, J) [rad/s^2].
            ramp: velocity at which joint targets move besides, and which damping does not follow
                (num_worlds, J) [rad/s].
        """
        self.slot("excitation" if self.law.actuator == "muscle" else "target")[:] = target
        given = {"target_rate": rate, "target_acceleration": acceleration, "target_ramp": ramp}
        for name, values in given.items():
            if values is not None:
                self.slot(name)[:] = values

    def choose_samples(self, draws: np.ndarray) -> None:
        """Choose which substep of the next step each world keeps for its muscle network to learn from.

        Args:
            draws: uniform numbers in [0, 1) (num_worlds,).
        """
        if self.coordinator is not None:
            self.coordinator.choose(draws, self.substeps, self.law.inference_per_sim)

    def step(self, watch: Callable[[], None] | None = None, ids: np.ndarray | None = None) -> None:
        """Advance worlds by `substeps`.

        Worlds in which MuJoCo raised, or whose state became bad, are flagged in `failed` and lie at rest
        until they are reset.

        Args:
            watch: called after every substep; `qpos`, `qvel` and `act` are then those of its end, derived
                fields (`xpos`, `actuator_length`, `actuator_force`, sensors) those of its beginning that led
                there. The results are the same to the last bit; the worlds then take their substeps one at a
                time.
            ids: which worlds (n,); None for all.

        Raises:
            EngineError: a world moved without its control law.
            UsageError: the control callback is not installed any more.
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
        self._inspect(ids, MEASURED if self.measured else self.substeps)

    def reset(self, ids: np.ndarray, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """Put worlds into a state, their muscles at rest; derived fields follow with `measure` or a step.

        Args:
            ids: worlds (n,).
            qpos: (n, nq).
            qvel: (n, nv).
        """
        self._lay_down(ids)
        self.qpos[ids], self.qvel[ids] = qpos, qvel
        self.failed[ids] = False

    def measure(self, ids: np.ndarray) -> None:
        """Bring derived fields and records of some worlds (n,) up to a state that was written."""
        if len(ids):
            self._user[ids, SUBSTEP_AT] = FRESH
            self._run(lambda: self.batch.forward(ids, stage=_ALL_STAGES))
            self._inspect(ids, MEASURED)

    def snapshot(self) -> Snapshot:
        """Copy the state of all worlds, for `restore`."""
        fields, owned = (
            {name: array.copy() for name, array in arrays.items()}
            for arrays in (self._expanded, self._record.owned)
        )
        return Snapshot(self.batch.state.copy(), fields, owned)

    def check_snapshot(self, snapshot: Any) -> None:
        """Refuse a snapshot that `restore` cannot take over completely.

        Raises:
            InputError: it is no snapshot, of another number of worlds or another body, or damaged.
        """
        check_snapshot(snapshot, self.batch.state, self.model, self._record.arrays)

    def restore(self, snapshot: Snapshot) -> None:
        """Restore all worlds from a snapshot; the steps that follow have the same bits.

        Raises:
            InputError: it is no snapshot, of another number of worlds or another body, or damaged.
        """
        self.check_snapshot(snapshot)
        self.batch.state[:] = snapshot.state
        for name in self._expanded.keys() | snapshot.fields.keys():
            own = snapshot.fields.get(name)
            self.expand(name)[:] = usual_field(self.model, name) if own is None else own
        for name in self._record.owned.keys() | snapshot.owned.keys():
            self.own(name)[:] = snapshot.owned.get(name, self._record.arrays[name])
        if {"body_mass", "body_inertia"} & self._expanded.keys():
            self._run(self.batch.set_const)
        self._sign()
        self.failed[:] = False

    def fail(self, ids: np.ndarray) -> None:
        """Flag worlds (n,) as failed, and put them at rest; their muscle samples become NaN."""
        self.failed[ids] = True
        self._lay_down(ids)
        if self.coordinator is not None and self.coordinator.samples is not None:
            self.coordinator.samples.torque[ids] = np.nan

    def _run(self, call: Callable[[], None]) -> None:
        """Call the batch; flag the worlds in which MuJoCo raised."""
        callbacks().check()
        with quiet():
            try:
                call()
            except SimulationError as error:
                self.failed[error.ids] = True

    def _inspect(self, ids: np.ndarray | None, substep: int) -> None:
        """Fail the worlds that diverged.

        Args:
            ids: worlds that were stepped or measured (n,); None for all.
            substep: what the kernel leaves in `SUBSTEP_AT`, once it came to its end each time.

        Raises:
            EngineError: a world moved without its control law.
        """
        ids = self._everyone if ids is None else ids
        given = (ids, self.batch.warning, self._user, float(magic()), substep, self.qpos, self.qvel)
        any_failed, any_mild, neglected = inspect(*given, self.failed, self._mild)
        if any_mild:
            self._report_mild()
        if any_failed:
            self.fail(np.flatnonzero(self.failed))
        if neglected != NOBODY:
            raise EngineError(self._neglect(int(neglected), substep))

    def _compile_guests(self, mechanism: Mechanism) -> dict[str, Any]:
        """Parts of a user's own, compiled, by their field in the record."""
        law, guests = self.law, {}
        if law.guest is not None:
            guests["guest_coordinator"] = compile_coordinator(law.guest, mechanism, self.layout)
        if law.records.guests:
            guests["guest_recorder"] = compile_recorders(law.records.guests, mechanism.model, self.layout)
        return guests

    def _neglect(self, world: int, substep: int) -> str:
        if self._user[world, MAGIC_AT] != magic():
            return (
                f"world {world} moved without control: something wrote over its row of userdata, by "
                "`batch.state`, `batch.reset` or another call of MuJoCo's; call env.reset()"
            )
        fault = int(self.slot(FAULT)[world]) if FAULT in self.layout.starts else 0
        if fault:
            what = blame(fault, self.law.guest, self.law.records.guests, self._muscle_names)
            return f"{what} world {world}; call env.reset()"
        return (
            f"the control law of world {world} did not finish in every substep: its count is "
            f"{self._user[world, SUBSTEP_AT]:g}, expected {substep}. The cause is an exception in "
            "compiled code (Numba prints 'Exception ignored' and goes on) or a callback that was replaced "
            "during the step; call env.reset()"
        )

    def _report_mild(self) -> None:
        """Log MuJoCo's warnings that end no episode, each kind once."""
        for kind in np.flatnonzero((self._mild > 0) & ~self._reported):
            _log.warning("MuJoCo warned: %s", mujoco.mju_warningText(int(kind), 0))
        self._reported |= self._mild > 0
        self._mild[:] = 0

    def _lay_down(self, ids: np.ndarray) -> None:
        """Put some worlds (n,) where the model begins, at rest."""
        self.batch.state[ids] = self._at_rest
        self._user[ids, WORLD_AT] = ids
        self._user[ids, RECORD_AT] = self._addresses[ids]

    def _sign(self) -> None:
        """Write the header by which the callback recognises our rows."""
        self._user[:, MAGIC_AT] = magic()
        self._addresses = np.broadcast_to(self._record.addresses, self.num_worlds).astype(float)
        self._user[:, RECORD_AT] = self._addresses
        self._user[:, WORLD_AT] = np.arange(self.num_worlds)
