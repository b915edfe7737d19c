"""Where the bodies are in a pose, array in and array out; N poses, B bodies, D coordinates."""

from typing import NamedTuple

import numpy as np

from batchenv.body.gaitnet.rotations import matrix_from_vector
from batchenv.body.gaitnet.shapes import reach
from batchenv.body.gaitnet.skeleton import Skeleton

Array = np.ndarray


class Frames(NamedTuple):
    """Frames of bodies and joints in the world.

    Attributes:
        body_R: rotations of the bodies (N, B, 3, 3).
        body_p: their centres of mass (N, B, 3) [m].
        joint_R: rotations of the joints, on the side of the child (N, B, 3, 3).
        joint_p: their centres (N, B, 3) [m].
    """

    body_R: Array
    body_p: Array
    joint_R: Array
    joint_p: Array


class JointFrames(NamedTuple):
    """Frames of the joints of N bodies, where they differ from the skeleton's.

    Attributes:
        parent_from_joint: in the parents' bodies (N, B, 4, 4).
        body_from_joint: in their own bodies (N, B, 4, 4).
    """

    parent_from_joint: Array
    body_from_joint: Array


def frames(skeleton: Skeleton, q: Array, joints: JointFrames | None = None) -> Frames:
    """Return the frames of all bodies and joints in poses (N, D); of bodies of their own with `joints`.

    A joint's frame is that of its parent's body, `Skeleton.parent_from_joint` and the joint's own motion: the
    exponential of a rotation vector, and for the root a translation in the frame of its zero pose.
    """
    q = np.asarray(q, float)
    n, bodies = len(q), len(skeleton.names)
    at_joint = Frames(*(np.empty((n, bodies, *shape)) for shape in ((3, 3), (3,), (3, 3), (3,))))
    fixed_in = skeleton.parent_from_joint if joints is None else joints.parent_from_joint
    from_joint = np.linalg.inv(skeleton.body_from_joint if joints is None else joints.body_from_joint)
    for i in range(bodies):
        parent, fixed, back = skeleton.parent[i], fixed_in[..., i, :, :], from_joint[..., i, :, :]
        above_R = np.eye(3) if parent < 0 else at_joint.body_R[:, parent]
        above_p = np.zeros(3) if parent < 0 else at_joint.body_p[:, parent]
        turn, shift = _motion(skeleton, i, q)
        joint_R = above_R @ fixed[..., :3, :3]
        at_joint.joint_p[:, i] = (
            above_p + _turned(above_R, fixed[..., :3, 3]) + (joint_R @ shift[..., None])[..., 0]
        )
        at_joint.joint_R[:, i] = joint_R @ turn
        at_joint.body_R[:, i] = at_joint.joint_R[:, i] @ back[..., :3, :3]
        at_joint.body_p[:, i] = at_joint.joint_p[:, i] + _turned(at_joint.joint_R[:, i], back[..., :3, 3])
    return at_joint


def _turned(rotation: Array, vector: Array) -> Array:
    """Vectors (3,) of all, or (N, 3), turned by rotations (3, 3) or (N, 3, 3)."""
    return rotation @ vector if vector.ndim == 1 else (rotation @ vector[..., None])[..., 0]


def _motion(skeleton: Skeleton, joint: int, q: Array) -> tuple[Array, Array]:
    """Return rotations (N, 3, 3) and translations (N, 3) of a joint from its zero pose."""
    start = skeleton.dof_start[joint]
    if skeleton.joint_type[joint] == "revolute":
        return matrix_from_vector(q[:, start : start + 1] * skeleton.axis[joint]), np.zeros((len(q), 3))
    shift = q[:, start + 3 : start + 6] if skeleton.joint_type[joint] == "free" else np.zeros((len(q), 3))
    return matrix_from_vector(q[:, start : start + 3]), shift


def axes(skeleton: Skeleton, at: Frames) -> Array:
    """Return the axis in the world about which each coordinate turns, or along which it shifts (N, D, 3)."""
    found = np.empty((len(at.joint_R), skeleton.num_dof, 3))
    for i, (start, kind) in enumerate(zip(skeleton.dof_start, skeleton.joint_type, strict=True)):
        rotation = at.joint_R[:, i]
        if kind == "revolute":
            found[:, start] = rotation @ skeleton.axis[i]
            continue
        columns = np.swapaxes(rotation, -1, -2)
        found[:, start : start + 3] = columns
        if kind == "free":
            found[:, start + 3 : start + 6] = columns
    return found


def lowest_heights(skeleton: Skeleton, at: Frames) -> Array:
    """Return the height of the lowest point of each body that touches the ground (N, C) [m]."""
    touching = np.flatnonzero(skeleton.contact)
    found = np.empty((len(at.body_p), len(touching)))
    for k, i in enumerate(touching):
        down = reach(skeleton.shape[i], skeleton.size[i], at.body_R[:, i, 1])
        found[:, k] = at.body_p[:, i, 1] - down
    return found
