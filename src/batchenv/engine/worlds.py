"""N worlds of one body, stepped together on all cores, with the control law inside every substep."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from batchenv.body import Body
from batchenv.engine.assembly import ControlLaw, control_block, controlled_model
from batchenv.engine.batched import BatchedWorlds
from batchenv.engine.block import ACTIVATION_SQUARED_AT, UserLayout
from batchenv.engine.control import callbacks
from batchenv.engine.coordinator import NetworkCoordinator
from batchenv.engine.health import clear
from batchenv.engine.moment_arms import moment_structure

Array = NDArray[np.float64]


class Worlds(BatchedWorlds):
    """N worlds of one body.

    The arrays `qpos`, `qvel`, `act` and `time` are live `(num_worlds, ...)` views of the state. Those of
    `bind` show derived fields as MuJoCo has them after `mj_step`, one substep behind the state; the sparse
    `actuator_moment` and its structure are packed, without the places that hold zeros in every pose. Bits do
    not depend on the number of threads nor on that of the worlds.

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
        self.layout = UserLayout.of(len(body.joint_names), len(body.muscle_names), len(body.grf_sensor_adr))
        self._cleared = np.concatenate([np.arange(s.start, s.stop) for s in self.layout.sums])
        callbacks().install()
        model = controlled_model(body, law, self.layout.size)
        moments = moment_structure(body, model)
        coordinator = (
            None if law.network is None else NetworkCoordinator(law.network, body, moments, num_worlds)
        )
        block = control_block(body, law, self.layout, model, moments, coordinator)
        super().__init__(model, block, num_worlds, num_threads, coordinator)
        self.act = self.batch.bind("act")

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
        self._run(lambda: self.batch.set_const(rows))

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
        for _ in range(1 if watch is None else self.substeps):
            # No stage is computed after the last substep: with a control callback installed, MuJoCo would
            # compute it again in the next step, at a tenth of that step's cost.
            self._run(lambda: self.batch.step(ids, nstep=self.substeps if watch is None else 1))
            if watch is not None:
                watch()
        self._inspect(ids, self.substeps)

    def reset(self, ids: np.ndarray, qpos: np.ndarray, qvel: np.ndarray) -> None:
        """Put worlds into a state, their muscles at rest; derived fields follow with the next step.

        Args:
            ids: worlds (n,).
            qpos: (n, nq).
            qvel: (n, nv).
        """
        self._put(ids, qpos, qvel)
