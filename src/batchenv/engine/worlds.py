"""N worlds of one body, stepped together on all cores, with the control law inside every substep."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError
from numpy.typing import NDArray

from batchenv.body import Body
from batchenv.engine import memory
from batchenv.engine.assembly import ControlLaw, control_block, controlled_model
from batchenv.engine.block import ACTIVATION_SQUARED_AT, BLOCK_AT, MAGIC_AT, WORLD_AT, UserLayout
from batchenv.engine.control import install, magic
from batchenv.engine.coordinator import NetworkCoordinator
from batchenv.engine.health import clear, flag_diverged
from batchenv.engine.moment_arms import moment_structure
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


class Worlds:
    """N worlds of one body.

    The arrays `qpos`, `qvel`, `act` and `time` are live `(num_worlds, ...)` views of the state. Those of
    `bind` show derived fields as MuJoCo has them after `mj_step`, one substep behind the state. Bits do not
    depend on the number of threads nor on that of the worlds.

    Args:
        body: what moves.
        law: how targets become forces.
        num_worlds: N.
        substeps: physics steps in one `step`, at least 2.
        num_threads: threads that step them; by default the CPUs that this process may use.

    Attributes:
        failed: worlds that diverged and are not reset yet (N,).
        coordinator: the muscle network, or None where static optimisation coordinates.
    """

    def __init__(
        self, body: Body, law: ControlLaw, num_worlds: int, substeps: int, num_threads: int | None = None
    ):
        self.body, self.law, self.substeps = body, law, substeps
        self.num_threads = min(num_worlds, num_threads or available_cpus())
        self.layout = UserLayout.of(len(body.joint_names), len(body.muscle_names), len(body.grf_sensor_adr))
        install()
        model = controlled_model(body, law, self.layout.size)
        memory.check_layout(model)
        moments = moment_structure(body, model)
        self.coordinator = (
            None if law.network is None else NetworkCoordinator(law.network, body, moments, num_worlds)
        )
        self._block = control_block(body, law, self.layout, model, moments, self.coordinator)
        self.batch = Batch(model, num_worlds, self.num_threads, persistent=True)
        self.failed = np.zeros(num_worlds, bool)
        self._warned = np.zeros(num_worlds, np.int64)
        self._cleared = np.concatenate([np.arange(s.start, s.stop) for s in self.layout.sums])
        self._expanded: dict[str, np.ndarray] = {}
        self._user = self.batch.bind("userdata")
        self.qpos, self.qvel = self.batch.bind("qpos"), self.batch.bind("qvel")
        self.act, self.time = self.batch.bind("act"), self.batch.bind("time")
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

    def set_muscle_strength(self, strength: np.ndarray, ids: np.ndarray | None = None) -> None:
        """Scale peak forces.

        Args:
            strength: factor on every muscle's peak force (len(ids), n_muscle) or broadcastable.
            ids: worlds, or None for all.
        """
        rows = (np.arange(self.num_worlds) if ids is None else ids)[:, None]
        for name in ("actuator_gainprm", "actuator_biasprm"):
            usual = getattr(self.model, name)
            # A negative peak force stands for `scale` over the acceleration at unit force.
            column = np.where(usual[:, 2] < 0, 3, 2)
            muscles = np.arange(len(usual))
            self.expand(name)[rows, muscles, column] = usual[muscles, column] * strength

    def set_muscle_lengths(
        self, optimal_length: np.ndarray, tendon_slack: np.ndarray, ids: np.ndarray | None = None
    ) -> None:
        """Scale the optimal lengths of fibers and the slack lengths of tendons.

        `mju_muscleGain` has L0 = (lengthrange[1] - lengthrange[0]) / (range[1] - range[0]) and LT =
        lengthrange[0] - range[0] L0, which holds for a L0 and b LT with the same lengthrange if either end of
        the range becomes (range + (1 - b) LT / L0) / a.

        Args:
            optimal_length: factor a on each muscle's L0 (len(ids), n_muscle) or broadcastable.
            tendon_slack: factor b on each muscle's LT (len(ids), n_muscle) or broadcastable.
            ids: worlds, or None for all.
        """
        rows = slice(None) if ids is None else ids
        shortest, extent = self.model.actuator_lengthrange[:, 0], np.ptp(self.model.actuator_lengthrange, 1)
        for name in ("actuator_gainprm", "actuator_biasprm"):
            ends = getattr(self.model, name)[:, :2]
            slack = shortest * np.ptp(ends, 1) / extent - ends[:, 0]  # LT / L0
            shift = (1.0 - np.asarray(tendon_slack)) * slack
            for end in range(2):
                self.expand(name)[rows, :, end] = (ends[:, end] + shift) / optimal_length

    def set_mass(self, scale: np.ndarray, ids: np.ndarray | None = None) -> None:
        """Scale masses and inertias.

        Args:
            scale: factor for each world (len(ids),), or for each of its bodies (len(ids), nbody).
            ids: worlds, or None for all.
        """
        rows = np.arange(self.num_worlds) if ids is None else ids
        scale = np.asarray(scale, float)
        factor = scale if scale.ndim == 2 else np.broadcast_to(scale, len(rows))[:, None]
        self.expand("body_mass")[rows] = self.model.body_mass * factor
        self.expand("body_inertia")[rows] = self.model.body_inertia * factor[:, :, None]
        self.batch.set_const(rows)

    def set_friction(self, friction: np.ndarray, ids: np.ndarray | None = None) -> None:
        """Set the sliding friction of the floor, for each world its own (len(ids),)."""
        rows = slice(None) if ids is None else ids
        self.expand("geom_friction")[rows, self.body.floor_geom, 0] = friction

    def slot(self, name: str) -> Array:
        """Live (num_worlds, ...) view of a slot of `userdata`, by its name in `UserLayout`."""
        start, length = getattr(self.layout, name)
        return self._user[:, start : start + length]

    @property
    def mean_squared_activation(self) -> Array:
        """Mean over muscles and substeps of squared activation in the last step (num_worlds,)."""
        return self._user[:, ACTIVATION_SQUARED_AT] / self.substeps

    def mean_of(self, name: str) -> Array:
        """A sum of the last step as a mean over its substeps, all but the last (see `UserLayout`)."""
        return self.slot(name) / (self.substeps - 1)

    def set_targets(self, target: np.ndarray, rate: np.ndarray | None = None) -> None:
        """Hand every world what its actuators are to reach in the next step.

        Args:
            target: joint angles [rad], torques [Nm] or excitations, as the actuator says (num_worlds, n).
            rate: velocity at which joint targets move through the step (num_worlds, n_joint) [rad/s].
        """
        self.slot("target")[:, : target.shape[1]] = target
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
        """Advance worlds by `substeps`; derived fields are then those of the last substep's beginning.

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
        for _ in range(1 if watch is None else self.substeps):
            try:
                # No stage is computed after the last substep: with a control callback installed, MuJoCo would
                # compute it again in the next step, at a tenth of that step's cost.
                self.batch.step(ids, nstep=self.substeps if watch is None else 1)
            except SimulationError as error:
                self.failed[error.ids] = True
            if watch is not None:
                watch()
        warnings = self.batch.warning[:, _DIVERGED, 1]
        any_failed = flag_diverged(warnings, self._warned, self.qpos, self.qvel, self.failed)
        if any_failed and self.coordinator is not None and self.coordinator.tuples is not None:
            self.coordinator.tuples.torque[self.failed] = np.nan

    def reset(self, ids: np.ndarray, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """Put worlds into a state, their muscles at rest; derived fields follow with the next step.

        Args:
            ids: worlds (n,).
            qpos: (n, nq).
            qvel: (n, nv).
        """
        self.batch.state[ids] = self._at_rest
        self.qpos[ids], self.qvel[ids] = qpos, qvel
        self._user[ids, WORLD_AT] = ids
        self.failed[ids] = False

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

    def _sign(self) -> None:
        """Write what makes the callback take a row for ours."""
        self._user[:, MAGIC_AT] = magic()
        self._user[:, BLOCK_AT] = self._block.address
        self._user[:, WORLD_AT] = np.arange(self.num_worlds)
