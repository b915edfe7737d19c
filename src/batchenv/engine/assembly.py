"""What worlds are assembled from: the control law, the model it acts on, and the block it reads."""

from dataclasses import dataclass

import mujoco
import numpy as np
from numpy.typing import NDArray

from batchenv.body import Body
from batchenv.body.sources import compile_spec
from batchenv.engine.block import (
    ACTUATORS,
    NETWORK,
    STATIC_OPTIMIZATION,
    ControlBlock,
    UserLayout,
)
from batchenv.engine.coordinator import NetworkCoordinator, NetworkLaw
from batchenv.engine.kernel import compile_kernel, kernel_digest
from batchenv.engine.moment_arms import MomentStructure, dof_joints
from batchenv.engine.static_optimization import turns
from batchenv.errors import BodyError

Array = NDArray[np.float64]


@dataclass(frozen=True)
class ControlLaw:
    """How targets become forces.

    Attributes:
        actuator: "mass" (joint targets, torques coordinated over muscles), "pd" (joint targets, ideal
            torques), "tor" (torques), or "muscle" (excitations).
        kp: stiffness of the PD law (n_joint,) [Nm/rad].
        kv: damping of the PD law (n_joint,) [Nms/rad].
        activation_dynamics: whether activations follow MuJoCo's muscle dynamics, or the coordinator at once.
        sweeps: coordinate-descent passes of the static optimisation in each substep.
        torque_weight: of each joint's squared torque error (n_joint,); None for 1.
        regularization: of the squared activations against squared torque errors [Nm^2].
        inference_per_sim: the coordinator runs in every so many substeps and is held between.
        network: the muscle network, where it coordinates; None for static optimisation.
    """

    actuator: str
    kp: Array
    kv: Array
    activation_dynamics: bool = True
    sweeps: int = 2
    regularization: float = 100.0
    inference_per_sim: int = 1
    torque_weight: Array | None = None
    network: NetworkLaw | None = None


def controlled_model(body: Body, law: ControlLaw, nuserdata: int) -> mujoco.MjModel:
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


def control_block(
    body: Body,
    law: ControlLaw,
    layout: UserLayout,
    model: mujoco.MjModel,
    moments: MomentStructure,
    coordinator: NetworkCoordinator | None,
) -> ControlBlock:
    """The shared numbers of a body under a control law."""
    # A network is given torques as they are: what it weighs them with, it has learned.
    weight = np.ones(len(body.joint_names))
    if law.torque_weight is not None and coordinator is None:
        weight = law.torque_weight
    order = turns(moments.ptr, moments.joint, len(body.joint_names))
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
        "kept_entry": moments.kept,
        "kept_dof": moments.kept_dof,
        "kept_number": moments.kept_number,
        "moment_entry": np.searchsorted(moments.kept, moments.entry),  # once they are packed
        "moment_dof": moments.dof,
        "moment_place": moments.place,
        "turn_muscle": order.muscle,
        "turn_entry": order.entry,
        "turn_joint": order.joint,
        "muscle_ptr": moments.ptr,
        "muscle_joint": moments.joint,
        "crossing_muscle": np.repeat(np.arange(model.nu), np.diff(moments.ptr)),
        "torque_scale": np.sqrt(weight),
        "foot_sensor_adr": body.grf_sensor_adr + 2,  # the vertical component
        "network_sizes": np.zeros(0),
        "base_sizes": np.zeros(0),
    }
    scalars = {
        "kernel": compile_kernel().address,
        "digest": kernel_digest(),
        "actuator": ACTUATORS[law.actuator],
        "coordinator": STATIC_OPTIMIZATION if coordinator is None else NETWORK,
        "activation_dynamics": law.activation_dynamics,
        "inference_every": law.inference_per_sim,
        "sweeps": law.sweeps,
        "regularization": law.regularization,
        "n_joint": len(body.joint_names),
        "n_muscle": model.nu,
        "n_dof": model.nv,
        "n_bound": len(body.bound_joint),
        "n_foot": len(body.grf_sensor_adr),
        "n_crossing": moments.joint.size,
        "n_entry": moments.entry.size,
        "n_kept": moments.kept.size,
        "n_qpos": model.nq,
        "n_moment": model.nJmom,
        "n_sensordata": model.nsensordata,
        "turn_width": order.entry.shape[1],
    }
    scalars |= {
        f"at_{name}": getattr(layout, name)[0] for name in layout.__dataclass_fields__ if name != "size"
    }
    if coordinator is None:
        return ControlBlock(arrays, scalars)
    return ControlBlock(arrays | coordinator.arrays, scalars | coordinator.scalars, coordinator.buffers)
