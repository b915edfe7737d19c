"""The MuJoCo model of a skeleton: one body and one joint for each of its own, in the same order."""

import mujoco
import numpy as np

from batchenv.body.gaitnet.rotations import quat_from_matrix
from batchenv.body.gaitnet.shapes import GEOM_TYPES, geom_size
from batchenv.body.gaitnet.skeleton import Skeleton, inverse

FLOOR = "floor"
# GaitNet's world [m/s^2]; y is up, z forward, x to the left.
GRAVITY = (0.0, -9.8, 0.0)
# GaitNet's bodies and ground have a friction coefficient of 1 and touch without bouncing.
FRICTION = 1.0
# A turn by -90 degrees about x: the normal of a plane, z, points up.
_UP_QUAT = (np.sqrt(0.5), -np.sqrt(0.5), 0.0, 0.0)
# MuJoCo asks for some room between limits [rad]; where the file leaves none, the joint is as good as locked.
_ROOM = 1e-4
# Where a hinge is limited on one side alone, its other limit [rad].
_FAR = 1e3
_VISUAL_GROUP, _CONTACT_GROUP = 1, 0


def skeleton_spec(
    skeleton: Skeleton, *, visual: bool = False, ground_height: float = 0.0, self_collide: bool = False
) -> mujoco.MjSpec:
    """Build the spec of a skeleton above a floor, without muscles.

    The frame of a body is that of its joint, so that the quaternion of a ball joint is the exponential of
    GaitNet's coordinates, and its velocities are GaitNet's. The inertial frame is the frame of GaitNet's
    body. MuJoCo integrates joint damping implicitly, as GaitNet's engine does.

    MuJoCo limits a ball joint by the angle of its rotation alone. The angle here is that of the furthest
    corner of GaitNet's limits, which are for each component: what GaitNet allows is allowed. Worlds limit the
    components (`engine/constraints/rows.py`).

    Args:
        skeleton: what to build.
        visual: add the shapes of the bodies that touch nothing, for the eye.
        ground_height: of the floor along y [m].
        self_collide: let all bodies touch the floor and each other, but for those that a joint connects,
            which MuJoCo leaves out.
    """
    spec = mujoco.MjSpec()
    spec.modelname = "gaitnet"
    spec.compiler.degree = False
    spec.compiler.discardvisual = not visual
    spec.option.gravity[:] = GRAVITY
    spec.option.timestep = 1 / 480
    spec.option.integrator = mujoco.mjtIntegrator.mjINT_EULER
    spec.worldbody.add_geom(
        name=FLOOR,
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 1],
        pos=[0, ground_height, 0],
        quat=_UP_QUAT,
        contype=0,
        conaffinity=1,
        # With equal priorities MuJoCo takes the larger friction of the two geoms: no floor would be slippery.
        priority=1,
        friction=[FRICTION, 0.005, 0.0001],
        rgba=[0.8, 0.82, 0.84, 1],
    )
    joint_frames = skeleton.T_joint
    bodies: list[mujoco.MjsBody] = []
    for i, name in enumerate(skeleton.names):
        parent = int(skeleton.parent[i])
        above = np.eye(4) if parent < 0 else joint_frames[parent]
        holder = spec.worldbody if parent < 0 else bodies[parent]
        place = inverse(above) @ joint_frames[i]
        body = holder.add_body(name=name, pos=place[:3, 3], quat=quat_from_matrix(place[:3, :3]).tolist())
        bodies.append(body)
        _add_joint(body, skeleton, i)
        _add_solid(body, skeleton, i, visual=visual, self_collide=self_collide)
    return spec


def com_frames(skeleton: Skeleton) -> tuple[np.ndarray, np.ndarray]:
    """Return where GaitNet's bodies are in those of MuJoCo: positions (B, 3) [m] and quaternions (B, 4)."""
    in_joint = inverse(skeleton.body_from_joint)
    return in_joint[:, :3, 3].copy(), quat_from_matrix(in_joint[:, :3, :3])


def _add_joint(body: mujoco.MjsBody, skeleton: Skeleton, i: int) -> None:
    kind, start = skeleton.joint_type[i], int(skeleton.dof_start[i])
    limits = np.stack([skeleton.lower, skeleton.upper])[:, start : start + skeleton.num_dofs[i]]
    joint = body.add_joint(name=skeleton.names[i])
    joint.damping[0] = skeleton.damping[start]
    joint.stiffness[0] = skeleton.stiffness[start]
    joint.frictionloss = skeleton.friction[start]
    joint.limited = bool(np.isfinite(limits).all())
    if kind == "free":
        joint.type = mujoco.mjtJoint.mjJNT_FREE
        joint.limited = False
    elif kind == "ball":
        joint.type = mujoco.mjtJoint.mjJNT_BALL
        corner = max(float(np.linalg.norm(np.abs(limits).max(axis=0))), _ROOM)
        joint.limited = joint.limited and corner < np.pi
        joint.range[:] = [0, corner if joint.limited else 0]
    else:
        joint.type = mujoco.mjtJoint.mjJNT_HINGE
        joint.axis = skeleton.axis[i]
        joint.limited = bool(np.isfinite(limits).any())
        lower, upper = np.clip(limits[:, 0], -_FAR, _FAR)
        joint.range[:] = [lower, max(upper, lower + _ROOM)] if joint.limited else [0, 0]


def _add_solid(body: mujoco.MjsBody, skeleton: Skeleton, i: int, *, visual: bool, self_collide: bool) -> None:
    positions, quats = com_frames(skeleton)
    body.explicitinertial = True
    body.mass, body.inertia = skeleton.mass[i], skeleton.inertia[i]
    body.ipos, body.iquat = positions[i], quats[i]
    contact = self_collide or bool(skeleton.contact[i])
    if not (contact or visual):
        return
    body.add_geom(
        name=skeleton.names[i],
        type=GEOM_TYPES[skeleton.shape[i]],
        size=geom_size(skeleton.shape[i], skeleton.size[i]),
        pos=positions[i],
        quat=quats[i],
        contype=int(contact),
        conaffinity=int(self_collide),
        friction=[FRICTION, 0.005, 0.0001],
        group=_CONTACT_GROUP if contact else _VISUAL_GROUP,
        rgba=[0.55, 0.6, 0.7, 1],
    )
