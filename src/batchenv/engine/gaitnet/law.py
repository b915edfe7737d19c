"""How targets become forces in GaitNet worlds, and the record that tells the kernel."""

from dataclasses import dataclass
from typing import Literal

import mujoco
import numpy as np
from numpy.typing import NDArray

from batchenv.body.gaitnet import GaitNetBody
from batchenv.body.gaitnet.mjcf import LMAX, LMIN, passive_peak
from batchenv.engine.coordinator import NetworkCoordinator, NetworkLaw
from batchenv.engine.gaitnet.block import ACTUATORS, CLIPPING, GaitNetBlock, GaitNetLayout
from batchenv.engine.gaitnet.kernel import compile_kernel, kernel_digest
from batchenv.engine.gaitnet.paths import PathStructure, path_structure
from batchenv.engine.gaitnet.stable_pd import LANES
from batchenv.errors import BodyError

Array = NDArray[np.float64]
ROOT_DOFS = 6
# MuJoCo's defaults: velocity of shortening at which a muscle has no force [optimal lengths/s], and the force
# of one that is stretched fast, as a fraction of its peak force.
_VMAX, _FVMAX = 1.5, 1.2


@dataclass(frozen=True)
class GaitNetLaw:
    """How targets become forces.

    Attributes:
        actuator: "mass_lower" (a muscle network moves the legs, torques all above), "mass" (muscles alone),
            "pd" (torques of stable PD alone), "tor" (the targets are torques) or "muscle" (excitations are
            given).
        network: the muscle network; needed by "mass_lower" and "mass".
        inference_per_sim: the network runs in every so many substeps and its activations are held between.
        symmetric: whether the world is given to the network in the mirror in the second half of a cycle.
        clipping: whether a world's local clock may leave the cycle of its global one, "hard" or "none".
        muscle_model: "mass" for the curves of MASS and GaitNet, "mujoco" for those of MuJoCo's muscles with
            the parameters of `import-gaitnet`; there are no activation dynamics in either.
        velocity_force: whether active force depends on the muscle's velocity.
        passive_in_pd: whether the PD law foresees passive forces instead of the network making up for them.
        metabolic: cost of activations a summed over muscles: "A" a, "A2" a^2, "MA" mass a, "MA2" mass a^2.
        first_body_forces: push only the first body of a blended anchor, as the original does. The forces are
            then no gradient of the muscle's length, and make energy out of nothing.
        kp, kv: gains (D,) [Nm/rad], [Nms/rad]; None for the skeleton's own.
        loaded: joints whose loads are measured, by name.
    """

    actuator: Literal["mass_lower", "mass", "pd", "tor", "muscle"] = "mass_lower"
    network: NetworkLaw | None = None
    inference_per_sim: int = 1
    symmetric: bool = True
    clipping: Literal["hard", "none"] = "hard"
    muscle_model: Literal["mass", "mujoco"] = "mass"
    velocity_force: bool = False
    passive_in_pd: bool = False
    metabolic: Literal["A", "A2", "MA", "MA2"] = "A2"
    first_body_forces: bool = False
    kp: Array | None = None
    kv: Array | None = None
    loaded: tuple[str, ...] = ()

    @property
    def coordinated(self) -> bool:
        """Whether a network turns torques into activations."""
        return self.actuator in ("mass", "mass_lower")


def leg_dofs(body: GaitNetBody) -> NDArray[np.int64]:
    """Coordinates of the joints between the root and the bodies that touch the ground (n,)."""
    skeleton = body.skeleton
    legs = {joint for foot in body.contact_body for joint in skeleton.chain(int(foot)) if joint > 0}
    return np.flatnonzero(np.isin(skeleton.dof_joint, sorted(legs)))


def torque_dofs(body: GaitNetBody, actuator: str) -> NDArray[np.int64]:
    """Coordinates that are driven by torques and not by muscles (n,)."""
    every = np.arange(ROOT_DOFS, body.skeleton.num_dof)
    if actuator == "mass_lower":
        return np.setdiff1d(every, leg_dofs(body))
    return every if actuator in ("pd", "tor") else every[:0]


def check_joints(body: GaitNetBody) -> None:
    """Refuse what the kernel cannot move: it takes a free root, and no other free joint.

    Raises:
        BodyError: names the joint.
    """
    kinds = body.skeleton.joint_type
    for i, (name, kind) in enumerate(zip(body.skeleton.names, kinds, strict=True)):
        if (kind == "free") != (i == 0):
            expected = "the first joint free" if i == 0 else "no free joint but the first"
            raise BodyError(f"joint {name!r} is {kind}: worlds of this kind take {expected}")


def controlled_model(body: GaitNetBody, timestep: float, nuserdata: int) -> mujoco.MjModel:
    """Compile the body for stepping.

    MuJoCo's Euler integrator makes damping implicit by factorising M + dt diag(damping) in each step, beside
    M. The same is had from one factorisation by counting dt damping among the inertia (`dof_armature`).
    """
    model = body.model(timestep, nuserdata)
    model.jnt_limited[model.jnt_type == mujoco.mjtJoint.mjJNT_BALL] = False
    model.dof_armature += timestep * model.dof_damping
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_EULERDAMP
    model.opt.disableflags |= mujoco.mjtDisableBit.mjDSBL_ISLAND  # one body is one island
    model.opt.jacobian = mujoco.mjtJacobian.mjJAC_SPARSE  # few of its dofs bear on the same contact
    mujoco.mj_setConst(model, mujoco.MjData(model))
    return model


@dataclass(frozen=True)
class Crossings:
    """Which muscle crosses which joint coordinate, as `MuscleNetLayout` has it."""

    muscle_names: tuple[str, ...]
    joint_names: tuple[str, ...]
    ptr: NDArray[np.int32]
    joint: NDArray[np.int32]

    @classmethod
    def of(cls, body: GaitNetBody) -> "Crossings":
        """Of the coordinates that a body's muscles are related to."""
        paths = body.paths
        return cls(
            tuple(paths.names),
            body.skeleton.dof_names[ROOT_DOFS:],
            np.asarray(paths.related_ptr, np.int32),
            np.asarray(paths.related_dof, np.int32) - ROOT_DOFS,
        )


def control_block(
    body: GaitNetBody,
    law: GaitNetLaw,
    layout: GaitNetLayout,
    model: mujoco.MjModel,
    substeps: int,
    coordinator: NetworkCoordinator | None,
) -> GaitNetBlock:
    """The shared numbers of a body under a control law."""
    loaded = loaded_joints(body, law)
    structure, crossings = path_structure(body.paths, body.skeleton, body.body_id, loaded), Crossings.of(body)
    torque = torque_dofs(body, law.actuator)
    arrays = _path_arrays(structure) | _muscle_arrays(body, law) | _mirror_arrays(body, crossings)
    arrays |= _joint_arrays(body, law, model) | _limit_arrays(body, model)
    arrays |= _load_arrays(body, model, loaded) | {
        "muscle_ptr": crossings.ptr,
        "muscle_joint": crossings.joint,
        "torque_dof": torque,
        "foot_body": body.body_id[list(foot_bodies(body))],
        "contact_column": _contact_columns(body, model),
    }
    scalars = {
        "kernel": compile_kernel().address,
        "digest": kernel_digest(),
        "actuator": ACTUATORS[law.actuator],
        "substeps": substeps,
        "inference_every": law.inference_per_sim,
        "clipping": CLIPPING[law.clipping],
        "mirrored": law.symmetric,
        "mujoco_muscles": law.muscle_model == "mujoco",
        "velocity_force": law.velocity_force,
        "first_body_forces": law.first_body_forces,
        "passive_in_pd": law.passive_in_pd,
        "activation_power": 2.0 if law.metabolic.endswith("2") else 1.0,
        "head_body": body.body_id[head_body(body)],
        "n_dof": model.nv,
        "n_joint": len(crossings.joint_names),
        "n_body": model.nbody,
        "n_muscle": len(crossings.muscle_names),
        "n_crossing": structure.n_crossing,
        "n_moment": structure.muscle.size,
        "n_entry": structure.entry_weight.size,
        "n_anchor": structure.joined.size,
        "n_run": structure.run_pair.size,
        "n_pair": structure.pair_body.size,
        "n_path_body": structure.body.size,
        "n_ball": arrays["ball_dofadr"].size,
        "n_hinge": arrays["hinge_dofadr"].size,
        "n_torque": torque.size,
        "n_foot": arrays["foot_body"].size,
        "n_contact": body.contact_geom.size,
        "n_load": len(loaded),
        "n_carried": arrays["carried_body"].size,
        "n_pull": structure.pull_pair.size,
        "n_nonzero": model.nC,
        "row_width": -(-int(model.M_rownnz.max()) // LANES) * LANES,
    }
    if coordinator is None:
        nothing = np.zeros(0)
        return GaitNetBlock(layout, arrays | {"network_sizes": nothing, "base_sizes": nothing}, scalars, {})
    return GaitNetBlock(
        layout, arrays | coordinator.arrays, scalars | coordinator.scalars, coordinator.buffers
    )


def head_body(body: GaitNetBody) -> int:
    """The body whose velocity is logged: the head.

    Raises:
        BodyError: the skeleton has none.
    """
    if "Head" not in body.skeleton.names:
        raise BodyError(f"no body 'Head' in the skeleton; its bodies are {', '.join(body.skeleton.names)}")
    return body.skeleton.index("Head")


def loaded_joints(body: GaitNetBody, law: GaitNetLaw) -> list[int]:
    """The joints whose loads are measured.

    Raises:
        BodyError: the skeleton lacks one, or one carries another.
    """
    names = body.skeleton.names
    for name in law.loaded:
        if name not in names:
            raise BodyError(f"no joint {name!r} in the skeleton; its joints are {', '.join(names)}")
    joints = [body.skeleton.index(name) for name in law.loaded]
    for joint in joints:
        for other in joints:
            if joint != other and joint in body.skeleton.chain(other):
                raise BodyError(f"joint {names[joint]!r} carries {names[other]!r}: measure the load of one")
    return joints


def foot_bodies(body: GaitNetBody) -> tuple[int, int]:
    """The feet, left and right.

    Raises:
        BodyError: the skeleton has none.
    """
    for name in ("TalusL", "TalusR"):
        if name not in body.skeleton.names:
            raise BodyError(
                f"no body {name!r} in the skeleton; its bodies are {', '.join(body.skeleton.names)}"
            )
    return body.skeleton.index("TalusL"), body.skeleton.index("TalusR")


def _path_arrays(structure: PathStructure) -> dict[str, np.ndarray]:
    names = {"body": "path_body", "body_ptr": "path_body_ptr", "muscle": "moment_muscle", "dof": "moment_dof"}
    arrays = {names.get(name, name): value for name, value in vars(structure).items()}
    return {name: value for name, value in arrays.items() if name != "n_crossing"}


def _muscle_arrays(body: GaitNetBody, law: GaitNetLaw) -> dict[str, np.ndarray]:
    paths = body.paths
    return {
        "peak_force": paths.f0 * np.cos(paths.pen),
        "optimal_length": paths.lm,
        "tendon_length": paths.lt,
        "reference_length": paths.lmt_ref,
        "metabolic_weight": paths.mass if law.metabolic.startswith("M") else np.ones(len(paths.names)),
        "muscle_curves": np.array([0.0, 1.0, 1.0, 1.0, LMIN, LMAX, _VMAX, passive_peak(), _FVMAX]),
        "mirror_muscle": paths.mirror,
    }


def _mirror_arrays(body: GaitNetBody, crossings: Crossings) -> dict[str, np.ndarray]:
    """The mirror image of torques and of JtA_reduced: where each entry comes from, and its sign."""
    joint = np.asarray(body.skeleton.mirror_dof)[ROOT_DOFS:] - ROOT_DOFS
    sign = np.asarray(body.skeleton.mirror_sign)[ROOT_DOFS:]
    muscle = np.repeat(np.arange(len(crossings.muscle_names)), np.diff(crossings.ptr))
    place = {pair: k for k, pair in enumerate(zip(muscle.tolist(), crossings.joint.tolist(), strict=True))}
    twins = zip(body.paths.mirror[muscle].tolist(), joint[crossings.joint].tolist(), strict=True)
    found = np.array([place.get(twin, -1) for twin in twins])
    return {
        "mirror_joint": joint,
        "mirror_sign": sign,
        "mirror_crossing": np.maximum(found, 0),
        "mirror_crossing_sign": np.where(found < 0, 0.0, sign[crossings.joint]),
    }


def _joint_arrays(body: GaitNetBody, law: GaitNetLaw, model: mujoco.MjModel) -> dict[str, np.ndarray]:
    kind = np.array(body.skeleton.joint_type)
    kp = np.array(body.skeleton.kp if law.kp is None else law.kp, float)
    kv = np.array(body.skeleton.kv if law.kv is None else law.kv, float)
    kp[:ROOT_DOFS] = kv[:ROOT_DOFS] = 0.0
    return {
        "kp": kp,
        "kv": kv,
        "diagonal": model.opt.timestep * kv - model.dof_armature,
        "ball_qposadr": body.qposadr[kind == "ball"],
        "ball_dofadr": body.dofadr[kind == "ball"],
        "hinge_qposadr": body.qposadr[kind == "revolute"],
        "hinge_dofadr": body.dofadr[kind == "revolute"],
    }


def _limit_arrays(body: GaitNetBody, model: mujoco.MjModel) -> dict[str, np.ndarray]:
    """Limits of ball joints, as soft as MuJoCo's own limits are."""
    skeleton = body.skeleton
    ball = np.array(skeleton.joint_type) == "ball"
    coordinates = (skeleton.dof_start[ball][:, None] + np.arange(3)).ravel()
    time, damping = model.jnt_solref[0]
    least, most, width = model.jnt_solimp[0, :3]
    time = max(time, 2.0 * model.opt.timestep)
    return {
        "ball_lower": skeleton.lower[coordinates].reshape(-1, 3),
        "ball_upper": skeleton.upper[coordinates].reshape(-1, 3),
        "ball_weight": model.dof_invweight0[body.dofadr[ball]],
        "limit_softness": np.array(
            [1.0 / (most * time * damping) ** 2, 2.0 / (most * time), least, most, width]
        ),
    }


def _load_arrays(body: GaitNetBody, model: mujoco.MjModel, loaded: list[int]) -> dict[str, np.ndarray]:
    """Bodies that each loaded joint carries, and the geoms on them."""
    skeleton = body.skeleton
    carried = [
        (body.body_id[i], k)
        for i in range(len(skeleton.names))
        for k, joint in enumerate(loaded)
        if joint in skeleton.chain(i)
    ]
    joint_of = np.full(model.nbody, -1)
    for body_id, k in carried:
        joint_of[body_id] = k
    ids, joints = np.array(carried, np.int64).reshape(-1, 2).T
    return {"carried_body": ids, "carried_joint": joints, "geom_joint": joint_of[model.geom_bodyid]}


def _contact_columns(body: GaitNetBody, model: mujoco.MjModel) -> NDArray[np.int32]:
    """Column in the log of contacts of each geom, or -1 (ngeom,)."""
    columns = np.full(model.ngeom, -1, np.int32)
    columns[body.contact_geom] = np.arange(body.contact_geom.size)
    return columns
