"""From a BVH motion to poses of a skeleton, joint by joint."""

import numpy as np

from batchenv.body.gaitnet.bvh import Bvh
from batchenv.body.gaitnet.kinematics import frames, lowest_heights
from batchenv.body.gaitnet.rotations import (
    matrix_from_vector,
    quat_from_matrix,
    quat_from_vector,
    quat_inverse,
    quat_product,
    vector_from_matrix,
    vector_from_quat,
)
from batchenv.body.gaitnet.skeleton import Skeleton
from batchenv.body.planar import wrapped

Array = np.ndarray

# A shorter way [m] is not a heading.
_STANDING = 0.3


def bvh_poses(bvh: Bvh, skeleton: Skeleton, unit: float) -> tuple[Array, Array]:
    """Return poses (F, D) and the rotations that joints could not follow (F, B) [rad].

    A joint turns by the product of the BVH joints it names; where it has one axis, by the part of that about
    the axis, and what is left over is the residual. A joint that names none keeps its zero pose. The motion
    is turned so that it travels along +z, or faces it where it stands, and begins at the place of the zero
    pose. Its height is such that the lowest point of the feet is on the ground: in the median frame, for
    feet that roll over stiff toes reach deeper in some.

    Args:
        bvh: the motion; its rest pose is taken to be the skeleton's zero pose.
        skeleton: what moves.
        unit: of lengths [m].

    Raises:
        ConfigError: the file lacks a joint that the skeleton names.
    """
    count = len(bvh.values)
    poses = np.zeros((count, skeleton.num_dof))
    residual = np.zeros((count, len(skeleton.names)))
    for i, (names, kind) in enumerate(zip(skeleton.bvh, skeleton.joint_type, strict=True)):
        if not names:
            continue
        turn = np.broadcast_to(np.eye(3), (count, 3, 3))
        for name in names:
            turn = turn @ bvh.rotations(name)
        start = int(skeleton.dof_start[i])
        if kind == "revolute":
            poses[:, start], residual[:, i] = about_axis(turn, skeleton.axis[i])
        elif kind == "ball":
            poses[:, start : start + 3] = vector_from_matrix(turn)
        else:
            _place_root(poses, turn, unit * bvh.positions(names[0]), skeleton.T_joint[i, :3, :3])
    put_on_ground(poses, skeleton)
    return poses, residual


def about_axis(turn: Array, axis: Array) -> tuple[Array, Array]:
    """Split rotations (N, 3, 3) into an angle about an axis (3,) and what is left: angles, each (N,) [rad].

    The angle is that of the rotation about the axis nearest to the whole one: its twist.
    """
    quat = quat_from_matrix(turn)
    angle = wrapped(2 * np.arctan2(quat[:, 1:] @ axis, quat[:, 0]))
    left = quat_product(quat_inverse(quat_from_vector(angle[:, None] * axis)), quat)
    return angle, np.linalg.norm(vector_from_quat(left), axis=-1)


def _place_root(poses: Array, turn: Array, place: Array, zero: Array) -> None:
    """Set the root's coordinates from rotations and places in the world, turned towards +z."""
    way = place - place[0]
    travel = way[-1].copy()
    forward = travel if np.hypot(travel[0], travel[2]) > _STANDING else turn[0, :, 2]
    back = matrix_from_vector(np.array([0.0, -np.arctan2(forward[0], forward[2]), 0.0]))
    poses[:, :3] = vector_from_matrix(zero.T @ back @ turn @ zero)
    poses[:, 3:6] = way @ back.T @ zero


def put_on_ground(poses: Array, skeleton: Skeleton) -> None:
    """Shift poses (F, D) up, in place: the lowest point of the feet is on the ground in the median frame."""
    lowest = lowest_heights(skeleton, frames(skeleton, poses))
    if lowest.shape[1]:
        poses[:, 3:6] -= np.median(lowest.min(axis=1)) * skeleton.T_joint[0, 1, :3]
