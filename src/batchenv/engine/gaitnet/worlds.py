"""N worlds of one GaitNet body, stepped together on all cores, with muscles and control inside every
substep."""

from collections.abc import Callable

import mujoco
import numpy as np
from numpy.typing import NDArray

from batchenv.body.gaitnet import GaitNetBody
from batchenv.engine.batched import BatchedWorlds
from batchenv.engine.block import SUBSTEP_AT
from batchenv.engine.control import callbacks
from batchenv.engine.coordinator import NetworkCoordinator
from batchenv.engine.gaitnet.block import FRESH, MEASURED, GaitNetLayout
from batchenv.engine.gaitnet.law import Crossings, GaitNetLaw, check_joints, control_block, controlled_model
from batchenv.errors import UsageError

Array = NDArray[np.float64]

_MEASURE = int(mujoco.mjtStage.mjSTAGE_ACC)


class GaitNetWorlds(BatchedWorlds):
    """N worlds of one GaitNet body.

    The arrays `qpos`, `qvel` and `time` are live `(num_worlds, ...)` views of the state, and so are the
    slots of `GaitNetLayout`. After `step` and `reset`, what `bind` shows of positions and velocities
    (`xpos`, `cvel`, `subtree_com`) is current, and so are the slots of muscle torques. Bits do not depend on
    the number of threads nor on that of the worlds.

    Args:
        body: what moves.
        law: how targets become forces.
        num_worlds: N.
        substeps: physics steps in one `step`.
        num_threads: threads that step them; by default the CPUs that this process may use.
        timestep: of the physics [s].

    Attributes:
        failed: worlds that diverged and are not reset yet (N,).
        coordinator: the muscle network, or None where none coordinates.

    Raises:
        BodyError: the body has no free root, head or feet.
        UsageError: the law needs a muscle network and has none.
    """

    def __init__(
        self,
        body: GaitNetBody,
        law: GaitNetLaw,
        num_worlds: int,
        substeps: int = 16,
        num_threads: int | None = None,
        timestep: float = 1 / 480,
    ):
        check_joints(body)
        if law.coordinated and law.network is None:
            raise UsageError(f"actuator {law.actuator!r} needs a muscle network: give GaitNetLaw.network")
        self.body, self.law, self.substeps = body, law, substeps
        crossings = Crossings.of(body)
        n_ball, n_contact = body.skeleton.joint_type.count("ball"), body.contact_geom.size
        n_joint, n_muscle = len(crossings.joint_names), len(crossings.muscle_names)
        n_load = len(law.loaded)
        self.layout = GaitNetLayout.of(n_joint, n_muscle, n_ball, n_contact, n_load, substeps)
        self._shapes = {
            "com_log": (substeps, 3),
            "head_velocity_log": (substeps, 3),
            "foot_log": (substeps, 2, 3),
            "contact_log": (substeps, n_contact),
            "load_momentum": (n_load, 3),
            "load_external": (n_load, 3),
            "load_log": (substeps, n_load),
        }
        self._slots: dict[str, Array] = {}
        callbacks().install()
        model = controlled_model(body, timestep, self.layout.size)
        coordinator = (
            NetworkCoordinator(law.network, crossings, crossings, num_worlds)
            if law.coordinated and law.network is not None
            else None
        )
        block = control_block(body, law, self.layout, model, substeps, coordinator)
        super().__init__(model, block, num_worlds, num_threads, coordinator)
        self.slot("cycle")[:] = 1.0
        self._at_rest = self.batch.state[0].copy()

    def slot(self, name: str) -> Array:
        """Live view of a slot of `userdata`, by its name in `GaitNetLayout`.

        Returns:
            (num_worlds,) of single numbers, else (num_worlds, ...).
        """
        if name not in self._slots:
            start, length = getattr(self.layout, name)
            rows = self._user[:, start : start + length]
            shape = (self.num_worlds, *self._shapes.get(name, (length,)))
            self._slots[name] = rows[:, 0] if length == 1 else rows.reshape(shape)
        return self._slots[name]

    @property
    def mean_metabolic(self) -> Array:
        """Cost of activations of the last step, a mean over its substeps (num_worlds,)."""
        return self.slot("metabolic_sum") / self.substeps

    @property
    def mean_torque(self) -> Array:
        """Sum of the magnitudes of torques that no muscle makes, a mean over substeps (num_worlds,) [Nm]."""
        return self.slot("torque_sum") / self.substeps

    def set_targets(self, target: np.ndarray, phase_action: np.ndarray | float = 0.0) -> None:
        """Hand every world what its actuators are to reach in the next step.

        Args:
            target: GaitNet's coordinates (num_worlds, D), of which the root's count for nothing; torques
                (num_worlds, D) [Nm] for "tor", activations (num_worlds, M) for "muscle".
            phase_action: by how much local clocks run faster than global ones, as a fraction (num_worlds,).
        """
        self.slot("excitation" if self.law.actuator == "muscle" else "target")[:] = target
        self.slot("phase_action")[:] = phase_action

    def choose_tuples(self, draws: np.ndarray) -> None:
        """Choose which substep of the next step each world keeps for its muscle network to learn from.

        Args:
            draws: uniform numbers in [0, 1) (num_worlds,).
        """
        if self.coordinator is not None:
            self.coordinator.choose(draws, self.substeps, self.law.inference_per_sim)

    def step(self, watch: Callable[[], None] | None = None, ids: np.ndarray | None = None) -> None:
        """Advance worlds by `substeps`, and measure what they have come to.

        Worlds in which MuJoCo raised, or whose state became bad, are flagged in `failed` and lie at rest
        until they are reset.

        Args:
            watch: called after every substep, when derived fields are those of the substep's beginning. The
                results are the same to the last bit; the worlds then take their substeps one at a time.
            ids: which worlds (n,); None for all.

        Raises:
            EngineError: a world moved without its control law.
            UsageError: the control callback is not installed any more.
        """
        self._user[:, SUBSTEP_AT] = 0.0
        self.slot("metabolic_sum")[:] = self.slot("torque_sum")[:] = 0.0
        if watch is None:
            self._run(lambda: self.batch.step(ids, nstep=self.substeps, stage=_MEASURE))
        else:
            for k in range(self.substeps):
                stage = _MEASURE if k == self.substeps - 1 else 0
                self._run(lambda stage=stage: self.batch.step(ids, nstep=1, stage=stage))
                watch()
        self._inspect(ids, MEASURED)

    def reset(
        self,
        ids: np.ndarray,
        qpos: np.ndarray,
        qvel: np.ndarray,
        *,
        global_time: np.ndarray | float = 0.0,
        local_time: np.ndarray | float = 0.0,
        cycle: np.ndarray | float = 1.0,
    ) -> None:
        """Put worlds into a state, their muscles at rest, and measure it.

        Args:
            ids: worlds (n,).
            qpos: (n, nq), see `GaitNetBody.to_qpos`.
            qvel: (n, nv), see `GaitNetBody.to_qvel`.
            global_time, local_time: of the clocks (n,) [s].
            cycle: length of a gait cycle (n,) [s].
        """
        self._put(ids, qpos, qvel)
        self.slot("global_time")[ids] = global_time
        self.slot("local_time")[ids] = local_time
        self.slot("cycle")[ids] = cycle
        self.measure(ids)

    def measure(self, ids: np.ndarray) -> None:
        """Bring derived fields and slots of some worlds (n,) up to a state that was written."""
        if not len(ids):
            return
        self._user[ids, SUBSTEP_AT] = FRESH
        self._run(lambda: self.batch.forward(ids, stage=_MEASURE))
        self._inspect(ids, MEASURED)
