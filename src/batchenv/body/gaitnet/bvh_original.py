"""Poses of a BVH motion as GaitNet makes them, its changes by hand to files of a walk included."""

import math

import numpy as np

from batchenv.body.gaitnet.bvh import Bvh
from batchenv.body.gaitnet.bvh_poses import put_on_ground
from batchenv.body.gaitnet.rotations import (
    matrix_from_vector,
    quat_from_vector,
    quat_inverse,
    quat_product,
    vector_from_matrix,
    vector_from_quat,
)
from batchenv.body.gaitnet.skeleton import Skeleton

Array = np.ndarray

# A file with this in its name gets the changes.
WALK = "walk"
# Of rotations of trunk and root, of the sideways sway of the root, of elbows.
_DAMPED, _SWAY, _ELBOW = 0.1, 0.1, 0.6
_KNEE, _THIGH, _TOE_OUT = -0.175, 0.4, 0.12
_ARM, _ARM_DOWN = 1.2, 0.42 * math.pi
# A shorter shadow of an axis has no direction.
_UPRIGHT = 1e-9


def original_bvh_poses(bvh: Bvh, skeleton: Skeleton, unit: float, *, walk: bool, symmetry: bool) -> Array:
    """Return poses over a cycle (F + 1, D), the first one a cycle later last.

    Hinges take the whole angle of a rotation, whatever its axis; the root keeps a tenth of its way to the
    sides; all is cut to the joints' limits.

    Args:
        bvh: the motion.
        skeleton: what moves.
        unit: of lengths [m].
        walk: whether to make the changes by hand that GaitNet makes to files of a walk.
        symmetry: whether each pose is the mean with the mirror image of that half a cycle on.

    Raises:
        ConfigError: the file lacks a joint that the skeleton names.
    """
    poses = np.zeros((len(bvh.values), skeleton.num_dof))
    for i, names in enumerate(skeleton.bvh):
        if names:
            _follow(poses, skeleton, i, bvh, names, unit, walk=walk)
    poses = np.clip(poses, skeleton.lower, skeleton.upper)
    last = _a_cycle_on(poses)
    poses = np.concatenate([poses, last[None]])
    if symmetry:
        poses = _symmetric(poses, skeleton)
    poses[:, 3] = _SWAY * (poses[:, 3] - poses[:-1, 3].mean())
    put_on_ground(poses, skeleton)
    return poses


def _follow(
    poses: Array, skeleton: Skeleton, joint: int, bvh: Bvh, names: tuple[str, ...], unit: float, *, walk: bool
) -> None:
    """Set the coordinates of a joint."""
    start, kind, name = int(skeleton.dof_start[joint]), skeleton.joint_type[joint], skeleton.names[joint]
    turn = np.broadcast_to(np.eye(3), (len(poses), 3, 3))
    for each in names:
        turn = turn @ bvh.rotations(each)
    trunk = walk and ("Torso" in name or "Spine" in name)
    if kind == "revolute":
        poses[:, start] = np.linalg.norm(vector_from_matrix(turn), axis=1)
        poses[:, start] *= _ELBOW if "ForeArm" in name else 1.0
        poses[:, start] += _KNEE if walk and "Tibia" in name else 0.0
        return
    damped = trunk or (walk and kind == "free")
    poses[:, start : start + 3] = _damped(turn) if damped else vector_from_matrix(turn)
    if trunk:
        poses[:, start] *= _DAMPED
    if kind == "free":
        place = unit * bvh.positions(names[0])
        poses[:, start + 3 : start + 6] = place - place[0]
    elif walk:
        _change(poses[:, start : start + 3], name)


def _change(angles: Array, name: str) -> None:
    """Make GaitNet's changes to a ball joint of a walk (F, 3), in place."""
    side = -1.0 if name.endswith("L") else 1.0
    if "Femur" in name:
        angles[:, 2] *= _THIGH
    if name.startswith("Talus"):
        angles[:, 1] += side * _TOE_OUT
        angles[:, 2] = 0.0
    if "ArmR" in name or "ArmL" in name:
        angles[:, :2] *= _ARM
        angles[:, 2] = side * _ARM_DOWN


def _damped(turn: Array) -> Array:
    """What GaitNet takes for the rotation vector of a tenth of a rotation matrix (F, 3) [rad].

    Eigen reads the unit quaternion off the trace and the skew part of the matrix, which is not a rotation.
    """
    scaled = _DAMPED * turn
    real = 0.5 * np.sqrt(1.0 + np.trace(scaled, axis1=1, axis2=2))
    skew = scaled - np.swapaxes(scaled, 1, 2)
    imaginary = np.stack([skew[:, 2, 1], skew[:, 0, 2], skew[:, 1, 0]], axis=1) / (4.0 * real[:, None])
    sine = np.linalg.norm(imaginary, axis=1)
    return imaginary * (2.0 * np.arctan2(sine, real) / np.maximum(sine, 1e-300))[:, None]


def _a_cycle_on(poses: Array) -> Array:
    """The first pose a cycle later (D,): where the last one is, turned about the vertical as it is."""
    first, last = matrix_from_vector(poses[0, :3]), matrix_from_vector(poses[-1, :3])
    turned = last @ first.T
    rotation = np.eye(3)
    for row in (0, 2):
        flat = turned[:, row] * (1.0, 0.0, 1.0)
        rotation[row] = flat / max(float(np.linalg.norm(flat)), _UPRIGHT)
    way = (poses[-1, 3:6] - turned @ poses[0, 3:6]) * (1.0, 0.0, 1.0)
    pose = poses[0].copy()
    pose[:3] = vector_from_matrix(rotation @ first)
    pose[3:6] = rotation @ poses[0, 3:6] + way
    return pose


def _symmetric(poses: Array, skeleton: Skeleton) -> Array:
    """Means of poses over a cycle (F + 1, D) and the mirror images of those half a cycle on."""
    count = len(poses) - 1
    index = np.arange(count + 1) + count // 2
    later = poses[index % count].copy()
    later[:, 3:6] += (index // count)[:, None] * (poses[-1] - poses[0])[3:6]
    image = skeleton.mirror_sign * later[:, skeleton.mirror_dof]
    mean = 0.5 * (poses + image)
    turning = skeleton.dof_start[np.array(skeleton.joint_type) != "revolute"][:, None] + np.arange(3)
    start = quat_from_vector(poses[:, turning])
    step = vector_from_quat(quat_product(quat_inverse(start), quat_from_vector(image[:, turning])))
    halfway = vector_from_quat(quat_product(start, quat_from_vector(0.5 * step)))
    mean[:, turning.ravel()] = halfway.reshape(len(poses), -1)
    return mean
