"""ControlLaw: how targets become forces, and which parts of the engine do it."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import mujoco
import numpy as np
from numpy.typing import NDArray

from batchenv.body.mechanism import Mechanism
from batchenv.engine import devices, disturbances, guests, joints, kernel
from batchenv.engine.constraints import rows, tree_newton
from batchenv.engine.controllers import pd, stable_pd
from batchenv.engine.coordinators import problem, static_optimization
from batchenv.engine.coordinators.shared_network import NetworkCoordinator, NetworkSpec
from batchenv.engine.disturbances import Disturbances
from batchenv.engine.guests import Recorder
from batchenv.engine.kernel import Choice
from batchenv.engine.muscles import crossings, damping, mass
from batchenv.engine.paths import polynomials, tendons, way_points
from batchenv.engine.record import Values
from batchenv.engine.recorders import capacity, effort, foot_loads, joint_loads, joint_torques, logs, muscles
from batchenv.errors import BodyError, ConfigError, UsageError

Array = NDArray[np.float64]
Actuator = Literal["mass", "mass_lower", "pd", "tor", "muscle"]


@dataclass(frozen=True)
class Logs:
    """Choice of what is logged in every substep; ids of MuJoCo.

    Attributes:
        velocity_body: body whose velocity is logged.
        bodies: whose centres of mass are logged.
        geoms: for which it is logged whether they touch anything.
        sides: geoms whose contact forces are summed; none with constraints "mujoco".
    """

    velocity_body: int
    bodies: tuple[int, ...]
    geoms: tuple[int, ...]
    sides: tuple[tuple[int, ...], ...] = ()


@dataclass(frozen=True)
class Records:
    """Choice of recorders: what a step remembers beyond the sums of effort.

    Attributes:
        joint_torques: sums of desired and achieved torques, where muscles are MuJoCo's.
        foot_loads: sums and peaks of the model's force sensors under the feet.
        logs: of every substep; None for none.
        capacity: what muscles could do in the pose at the end, where the engine traces their paths.
        muscles: tension and fibre of each muscle in the last substep.
        loaded: bodies whose joints' loads are logged.
        effort_weight: of each muscle in the sum of effort (M,); None for 1.
        effort_power: of activations in that sum, 1 or 2.
        mean_effort: whether effort is a mean over muscles instead of a sum.
        guests: recorders of a user's own.
    """

    joint_torques: bool = True
    foot_loads: bool = True
    logs: Logs | None = None
    capacity: bool = False
    muscles: bool = False
    loaded: tuple[int, ...] = ()
    effort_weight: Array | None = None
    effort_power: int = 2
    mean_effort: bool = True
    guests: tuple[Recorder, ...] = ()


@dataclass(frozen=True)
class ControlLaw:
    """How targets become forces.

    Attributes:
        actuator: "mass" (joint targets, torques coordinated over muscles), "mass_lower" (the same, but ideal
            torques drive some joints), "pd" (joint targets, ideal torques), "tor" (torques), or "muscle"
            (excitations).
        kp, kv: gains of the PD law (J,) [Nm/rad], [Nms/rad].
        controller: the PD law, plain or stable.
        network: the muscle network, where it coordinates; None for static optimisation or a guest.
        guest: a coordinator of a user's own, see `guests.coordinator`; None for a shipped one.
        inference_per_sim: the coordinator runs in every so many substeps and is held between.
        sweeps: coordinate-descent passes of the static optimisation in each substep.
        regularization: of the squared activations against squared torque errors [Nm^2].
        torque_weight: of each joint's squared torque error (J,) in static optimisation; None for 1.
        activation_dynamics: whether activations follow MuJoCo's muscle dynamics, or the coordinator at once.
        symmetric: whether the coordinator may see worlds in the mirror (slot `mirrored`).
        foresee_passive: whether the PD law foresees passive forces, instead of muscles making up for them.
        muscle_model: curves of muscles: those of MuJoCo's muscles, or those of MASS, which know no activation
            dynamics.
        velocity_force: whether the active force of muscles that the engine applies depends on their velocity.
        first_body_forces: push only the first body of a blended way-point. The forces are then no gradient of
            the muscle's length, and make energy out of nothing.
        constraints: who solves contacts and limits: MuJoCo, or in the callback the active set or Newton's
            method along the kinematic tree.
        ideal_joints: joints that ideal torques drive with "mass_lower" (K,).
        disturbances: what the task disturbs in every substep; None for nothing.
        device_joints: joints that devices worn on the body drive, one for each torque of theirs (K,).
        records: what a step remembers.
    """

    actuator: Actuator
    kp: Array
    kv: Array
    controller: Literal["pd", "stable_pd"] = "pd"
    network: NetworkSpec | None = None
    inference_per_sim: int = 1
    sweeps: int = 2
    regularization: float = 100.0
    torque_weight: Array | None = None
    activation_dynamics: bool = True
    symmetric: bool = False
    foresee_passive: bool = False
    muscle_model: Literal["mujoco", "mass"] = "mujoco"
    velocity_force: bool = False
    first_body_forces: bool = False
    constraints: Literal["mujoco", "active_set", "tree_newton"] = "mujoco"
    ideal_joints: tuple[int, ...] = ()
    guest: Callable[..., object] | None = None
    disturbances: Disturbances | None = None
    device_joints: tuple[int, ...] = ()
    records: Records = field(default_factory=Records)

    @property
    def coordinated(self) -> bool:
        """Whether a coordinator turns torques into activations."""
        return self.actuator in ("mass", "mass_lower")

    @property
    def has_muscles(self) -> bool:
        """Whether muscles make forces."""
        return self.coordinated or self.actuator == "muscle"


def check_law(mechanism: Mechanism, law: ControlLaw) -> None:
    """Refuse a choice of parts that do not go together.

    Raises:
        BodyError: the body has no muscles, and the actuator needs some.
        UsageError: says which parts.
    """
    on_tendons = mechanism.way_points is None
    if law.has_muscles and not mechanism.muscle_names:
        raise BodyError(f"the body has no muscles; expected some for the actuator {law.actuator!r}")
    if law.controller == "stable_pd" and law.constraints != "active_set":
        raise UsageError("controller 'stable_pd' reads constraint forces: give constraints 'active_set'")
    if law.controller == "pd" and mechanism.ball_dofadr.size and law.actuator not in ("tor", "muscle"):
        raise UsageError("controller 'pd' drives hinges: give 'stable_pd' for a body with ball joints")
    if law.constraints != "mujoco" and mechanism.model.opt.cone != mujoco.mjtCone.mjCONE_PYRAMIDAL:
        raise UsageError(
            f"constraints {law.constraints!r} needs pyramidal friction cones: set cone to pyramidal"
        )
    if law.constraints == "tree_newton" and (law.records.loaded or law.records.logs is not None):
        raise UsageError(
            "records.loaded and records.logs need the forces of all rows: give constraints 'mujoco' or "
            "'active_set'"
        )
    if law.foresee_passive and law.controller != "stable_pd":
        raise UsageError("foresee_passive needs controller 'stable_pd'")
    if law.device_joints and law.controller != "pd":
        raise UsageError("device_joints need controller 'pd', which leaves muscles what devices do not do")
    if law.disturbances is not None and law.disturbances.muscles and not forces_are_applied(mechanism, law):
        raise UsageError("disturbances of muscles need muscles whose forces the engine applies")
    if law.symmetric and on_tendons:
        raise UsageError("symmetric needs muscles on way-points")
    if law.records.joint_torques and forces_are_applied(mechanism, law):
        raise UsageError("records.joint_torques needs the forces of MuJoCo's actuators: give False")
    if law.records.loaded and mechanism.polynomials is not None:
        raise UsageError("records.loaded needs the paths of MuJoCo's tendons: give muscle paths 'mujoco'")
    if law.records.capacity and on_tendons:
        raise UsageError("records.capacity needs muscles on way-points")


def network_coordinator(mechanism: Mechanism, law: ControlLaw, num_worlds: int) -> NetworkCoordinator | None:
    """Build the network that coordinates the muscles of N worlds; None where none does."""
    if not law.coordinated or law.network is None:
        return None
    return NetworkCoordinator(
        law.network,
        mechanism.muscle_names,
        mechanism.joint_names,
        mechanism.crossing_ptr,
        mechanism.crossing_joint,
        num_worlds,
    )


def adapt_model(mechanism: Mechanism, law: ControlLaw) -> None:
    """Change a mechanism's model as the law asks for."""
    model, on_tendons = mechanism.model, mechanism.way_points is None
    if on_tendons and (not law.has_muscles or forces_are_applied(mechanism, law)):
        model.actuator_group[:] = 0
        model.opt.disableactuator = 1
    if law.actuator == "pd" and law.controller == "pd":
        # MuJoCo integrates damping implicitly, which keeps light segments stable.
        model.dof_damping[mechanism.joint_dofadr] += law.kv
    if on_tendons and law.coordinated and law.activation_dynamics and law.muscle_model == "mujoco":
        model.actuator_actearly[:] = True  # the force of a substep is that of its own excitation
    if law.constraints == "active_set":
        model.jnt_limited[model.jnt_type == mujoco.mjtJoint.mjJNT_BALL] = False
        if model.opt.integrator == mujoco.mjtIntegrator.mjINT_EULER:
            # It makes damping implicit by factorising M + dt diag(damping) in each step, beside M. Adding
            # dt * damping to the armature gives the same result with one factorisation.
            model.dof_armature += model.opt.timestep * model.dof_damping
            model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_EULERDAMP
        mujoco.mj_setConst(model, mujoco.MjData(model))
    if law.constraints != "mujoco":
        model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND  # one body is one island
        model.opt.jacobian = mujoco.mjtJacobian.mjJAC_SPARSE  # few of its dofs carry the same contact


_SOLVERS = {
    "mujoco": kernel.MUJOCO_SOLVER,
    "active_set": kernel.ACTIVE_SET,
    "tree_newton": kernel.TREE_NEWTON,
}


def choose_parts(mechanism: Mechanism, law: ControlLaw) -> Choice:
    """Return the parts that a law asks for on a body."""
    controllers = {"pd": kernel.PD, "stable_pd": kernel.STABLE_PD}
    controller = {"muscle": kernel.NO_CONTROLLER, "tor": kernel.TORQUE}.get(
        law.actuator, controllers[law.controller]
    )
    coordinator = kernel.NO_COORDINATOR
    if law.actuator == "muscle":
        coordinator = kernel.DIRECT
    elif law.coordinated:
        coordinator = kernel.STATIC_OPTIMIZATION if law.network is None else kernel.NETWORK
        if law.guest is not None:
            coordinator = kernel.GUEST
    records = law.records
    return Choice(
        controller,
        coordinator,
        paths=kernel.TENDONS if mechanism.way_points is None else kernel.WAY_POINTS,
        polynomials=int(mechanism.polynomials is not None),
        own_forces=int(forces_are_applied(mechanism, law)),
        constraints=_SOLVERS[law.constraints],
        ideal=int(ideal_joints(mechanism, law).size > 0),
        mirrored=int(law.symmetric),
        joint_torques=int(records.joint_torques),
        foot_loads=int(records.foot_loads),
        joint_loads=int(len(records.loaded) > 0),
        logs=int(records.logs is not None),
        capacity=int(records.capacity),
        muscles=int(records.muscles and law.has_muscles),
        guests=int(len(records.guests) > 0),
        disturbed=int(law.disturbances is not None),
        damped=int(damps_muscles(mechanism, law)),
    )


def forces_are_applied(mechanism: Mechanism, law: ControlLaw) -> bool:
    """Whether the engine applies the forces of muscles, instead of MuJoCo's actuators."""
    return mechanism.way_points is not None or (law.muscle_model == "mass" and law.has_muscles)


def damps_muscles(mechanism: Mechanism, law: ControlLaw) -> bool:
    """Whether the kernel adds the damping of MuJoCo's muscles to the mass matrix, for Euler's method to solve
    what `implicitfast` would."""
    return (
        mechanism.polynomials is not None
        and law.has_muscles
        and not forces_are_applied(mechanism, law)
        and law.constraints == "tree_newton"
        and damping.is_all_that_is_implicit(mechanism.model)
    )


def ideal_joints(mechanism: Mechanism, law: ControlLaw) -> NDArray[np.int64]:
    """Joints that ideal torques drive (K,)."""
    if law.actuator in ("pd", "tor"):
        return np.arange(len(mechanism.joint_names))
    return np.array(law.ideal_joints if law.actuator == "mass_lower" else (), np.int64)


def describe(
    mechanism: Mechanism,
    law: ControlLaw,
    substeps: int,
    coordinator: NetworkCoordinator | None,
    *,
    measured: bool,
) -> Values:
    """Return what all parts share with the compiled code.

    Args:
        mechanism: its model already adapted.
        law: how targets become forces.
        substeps: S.
        coordinator: the muscle network, or None.
        measured: whether the kernel runs once more after the last substep.
    """
    n_joint, n_muscle, records = len(mechanism.joint_names), len(mechanism.muscle_names), law.records
    ideal = ideal_joints(mechanism, law)
    stable = law.controller == "stable_pd"
    ideal_damping = law.kv[ideal] if law.actuator == "pd" and not stable else np.zeros(ideal.size)
    weight = np.ones(n_muscle) if records.effort_weight is None else records.effort_weight
    n_target = mechanism.model.nv if stable and law.actuator != "tor" else n_joint
    values = joints.values(mechanism, ideal, ideal_damping, n_target)
    values |= crossings.values(mechanism)
    values |= problem.values(mechanism, law.inference_per_sim, law.foresee_passive, substeps)
    values |= effort.values(weight, records.effort_power, max(1, n_muscle) if records.mean_effort else 1)
    values |= stable_pd.values(mechanism, law.kp, law.kv) if stable else pd.values(law.kp, law.kv)
    if law.constraints == "active_set":
        values |= rows.values(mechanism)
    if law.constraints == "tree_newton":
        values |= tree_newton.values(mechanism)
    values |= mass.values(mechanism.fibers, law.velocity_force, mujoco_curves=law.muscle_model == "mujoco")
    if mechanism.way_points is None:
        dynamics = law.activation_dynamics and law.muscle_model == "mujoco"
        values |= tendons.values(mechanism, dynamics, early=law.coordinated)
        if mechanism.polynomials is not None:
            values |= polynomials.values(mechanism)
        if damps_muscles(mechanism, law):
            values |= damping.values(mechanism)
    else:
        values |= way_points.values(mechanism.way_points, first_body_forces=law.first_body_forces)
    if coordinator is not None:
        values |= coordinator.values
    if law.coordinated and law.guest is None:
        own = np.ones(n_joint) if law.torque_weight is None else law.torque_weight
        values |= static_optimization.values(mechanism, law.sweeps, law.regularization, own)
    if law.disturbances is not None:
        values |= disturbances.values(mechanism.model, law.disturbances, substeps, n_muscle)
    values |= devices.values(law.device_joints, substeps)
    values |= _described_records(mechanism, law, substeps, measured)
    values |= guests.values(law.guest, records.guests)
    for guest in records.guests:
        if guest.name in values.slots:
            raise ConfigError(
                f"recorder {guest.name}: the engine keeps something of this name; rename the function"
            )
        values |= Values(slots={guest.name: guest.shape}, cleared=(guest.name,))
    return values


def _described_records(mechanism: Mechanism, law: ControlLaw, substeps: int, measured: bool) -> Values:
    records, model, values = law.records, mechanism.model, Values()
    n_joint = len(mechanism.joint_names)
    if records.joint_torques:
        ideal = law.actuator in ("pd", "tor")
        values |= joint_torques.values(n_joint, all_ideal=ideal, has_desired=law.actuator != "muscle")
    if records.foot_loads:
        values |= foot_loads.values(mechanism)
    if records.logs is not None:
        logged = records.logs
        values |= logs.values(
            model.ngeom, substeps, logged.velocity_body, logged.bodies, logged.geoms, logged.sides
        )
    if records.loaded:
        values |= joint_loads.values(mechanism, records.loaded, substeps, measured=measured)
    if records.capacity:
        values |= capacity.values(n_joint)
    if records.muscles:
        values |= muscles.values(len(mechanism.muscle_names))
    return values
