"""N worlds of one body, stepped together on all cores, with the control law inside every substep."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field

import mujoco
import numpy as np
from mujoco.batch import Batch, SimulationError
from numpy.typing import NDArray

from batchenv.body import Body
from batchenv.body.sources import compile_spec
from batchenv.engine import memory
from batchenv.engine.block import (
    ACTIVATION_SQUARED_AT,
    ACTUATORS,
    BLOCK_AT,
    MAGIC_AT,
    WORLD_AT,
    ControlBlock,
    UserLayout,
)
from batchenv.engine.control import install, magic
from batchenv.engine.moment_arms import dof_joints, moment_structure
from batchenv.engine.static_optimization import turns
from batchenv.errors import BodyError, InputError

Array = NDArray[np.float64]

_DIVERGED = [
    int(mujoco.mjtWarning.mjWARN_BADQPOS),
    int(mujoco.mjtWarning.mjWARN_BADQVEL),
    int(mujoco.mjtWarning.mjWARN_BADQACC),
]


def available_cpus() -> int:
    """Number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else (os.cpu_count() or 1)


@dataclass(frozen=True)
class ControlLaw:
    """How targets become forces.

    Attributes:
        actuator: "mass" (joint targets, torques coordinated over muscles), "pd" (joint targets, ideal torques),
            "tor" (torques), or "muscle" (excitations).
        kp: stiffness of the PD law (n_joint,) [Nm/rad].
        kv: damping of the PD law (n_joint,) [Nms/rad].
        activation_dynamics: whether activations follow MuJoCo's muscle dynamics, or the coordinator at once.
        sweeps: coordinate-descent passes of the static optimisation in each substep.
        torque_weight: of each joint's squared torque error (n_joint,); None for 1.
        regularization: of the squared activations against squared torque errors [Nm^2].
        inference_per_sim: the coordinator runs in every so many substeps and is held between.
    """

    actuator: str
    kp: Array
    kv: Array
    activation_dynamics: bool = True
    sweeps: int = 4
    regularization: float = 100.0
    inference_per_sim: int = 1
    torque_weight: Array | None = None


@dataclass(frozen=True)
class Snapshot:
    """State of all worlds: MuJoCo's state rows (n, nstate), and per-world model fields by name."""

    state: Array
    fields: dict[str, np.ndarray] = field(default_factory=dict)


class Worlds:
    """N worlds of one body.

    The arrays `qpos`, `qvel`, `act` and `time` are live `(num_worlds, ...)` views of the state. Those of `bind`
    show derived fields as MuJoCo has them after `mj_step`, one substep behind the state. Bits do not depend on the number of threads nor on that of the worlds.

    Args:
        body: what moves.
        law: how targets become forces.
        num_worlds: N.
        substeps: physics steps in one `step`, at least 2.
        num_threads: threads that step them; by default the CPUs that this process may use.
    """

    def __init__(
        self, body: Body, law: ControlLaw, num_worlds: int, substeps: int, num_threads: int | None = None
    ):
        self.body, self.law, self.substeps = body, law, substeps
        self.num_threads = min(num_worlds, num_threads or available_cpus())
        self.layout = UserLayout.of(len(body.joint_names), len(body.muscle_names), len(body.foot_sensor_adr))
        install()
        model = _controlled_model(body, law, self.layout.size)
        memory.check_layout(model)
        self._block = _control_block(body, law, self.layout, model)
        self.batch = Batch(model, num_worlds, self.num_threads, persistent=True)
        self.failed = np.zeros(num_worlds, bool)
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
        rows = slice(None) if ids is None else ids
        for name in ("actuator_gainprm", "actuator_biasprm"):
            self.expand(name)[rows, :, 2] = getattr(self.model, name)[:, 2] * strength

    def set_mass(self, scale: np.ndarray, ids: np.ndarray | None = None) -> None:
        """Scale the masses and inertias of all bodies by a factor for each world (len(ids),)."""
        rows = np.arange(self.num_worlds) if ids is None else ids
        factor = np.broadcast_to(np.asarray(scale, float), len(rows))
        self.expand("body_mass")[rows] = self.model.body_mass * factor[:, None]
        self.expand("body_inertia")[rows] = self.model.body_inertia * factor[:, None, None]
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
        """A sum of the last step as a mean over the substeps it holds: all but the last (see `UserLayout`)."""
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

    def step(self, watch: Callable[[], None] | None = None) -> None:
        """Advance every world by `substeps`; derived fields are then those of the last substep's beginning.

        Worlds in which MuJoCo raised, or whose state became bad, are flagged in `failed` until they are reset.

        Args:
            watch: called after every substep; `qpos`, `qvel` and `act` are then those of its end, derived fields
                (`xpos`, `actuator_length`, `actuator_force`, sensors) those of its beginning that led there. The
                results are the same to the last bit; the worlds then take their substeps one at a time.
        """
        for cleared in self.layout.sums:
            self._user[:, cleared] = 0.0
        before = self.batch.warning[:, _DIVERGED, 1].sum(axis=1)
        for _ in range(1 if watch is None else self.substeps):
            try:
                # No stage is computed after the last substep: with a control callback installed, MuJoCo would
                # compute it again in the next step, at a tenth of that step's cost.
                self.batch.step(nstep=self.substeps if watch is None else 1)
            except SimulationError as error:
                self.failed[error.ids] = True
            if watch is not None:
                watch()
        self.failed |= self.batch.warning[:, _DIVERGED, 1].sum(axis=1) != before
        self.failed |= ~(np.isfinite(self.qpos).all(axis=1) & np.isfinite(self.qvel).all(axis=1))

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
        for name, values in snapshot.fields.items():
            self.expand(name)[:] = values
        if {"body_mass", "body_inertia"} & snapshot.fields.keys():
            self.batch.set_const()
        self._sign()
        self.failed[:] = False

    def _sign(self) -> None:
        """Write what makes the callback take a row for ours."""
        self._user[:, MAGIC_AT] = magic()
        self._user[:, BLOCK_AT] = self._block.address
        self._user[:, WORLD_AT] = np.arange(self.num_worlds)


def _controlled_model(body: Body, law: ControlLaw, nuserdata: int) -> mujoco.MjModel:
    """Compile the body with room for `userdata` and with its muscles as the actuator wants them."""
    body.spec.nuserdata = nuserdata
    model = compile_spec(body.spec)
    if len(body.muscle_names) != model.nu:
        others = sorted({model.actuator(i).name for i in range(model.nu)} - set(body.muscle_names))
        raise BodyError(f"actuators {', '.join(others)} are not muscles; remove them from the body")
    if law.actuator in ("pd", "tor"):  # ideal torques: the muscles make no force at all
        model.actuator_group[:] = 0
        model.opt.disableactuator = 1
    if law.actuator == "pd":  # MuJoCo integrates damping implicitly, which keeps light segments stable
        model.dof_damping[body.joint_dofadr] += law.kv
    if (
        law.actuator == "mass" and law.activation_dynamics
    ):  # the force of a substep is that of its own excitation
        model.actuator_actearly[:] = True
    return model


def _control_block(body: Body, law: ControlLaw, layout: UserLayout, model: mujoco.MjModel) -> ControlBlock:
    """The shared numbers of a body under a control law."""
    moments = moment_structure(body, model)
    arrays = {
        "joint_qposadr": body.joint_qposadr,
        "joint_dofadr": body.joint_dofadr,
        "kp": law.kp,
        "kv": law.kv,
        "bound_dofadr": body.bound_dofadr,
        "bound_joint": body.bound_joint,
        "bound_driver_q0": body.bound_driver_q0,
        "bound_coef": body.bound_coef,
        "dof_joint": dof_joints(body, model),
        "moment_entry": moments.entry,
        "moment_dof": moments.dof,
        "moment_place": moments.place,
        "muscle_order": turns(moments.ptr, moments.joint),
        "muscle_ptr": moments.ptr,
        "muscle_joint": moments.joint,
        "torque_scale": np.sqrt(
            np.ones(len(body.joint_names)) if law.torque_weight is None else law.torque_weight
        ),
        "foot_sensor_adr": body.foot_sensor_adr,
    }
    scalars = {
        "actuator": ACTUATORS[law.actuator],
        "activation_dynamics": law.activation_dynamics,
        "inference_every": law.inference_per_sim,
        "sweeps": law.sweeps,
        "regularization": law.regularization,
        "n_joint": len(body.joint_names),
        "n_muscle": model.nu,
        "n_dof": model.nv,
        "n_bound": len(body.bound_joint),
        "n_foot": len(body.foot_sensor_adr),
        "n_crossing": moments.joint.size,
        "n_entry": moments.entry.size,
    }
    scalars |= {
        f"at_{name}": getattr(layout, name)[0] for name in layout.__dataclass_fields__ if name != "size"
    }
    return ControlBlock(arrays, scalars)
