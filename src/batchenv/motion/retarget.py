"""Joint coordinates of a body whose trunk and shoulders turn about other axes than those of clips."""

from typing import NamedTuple

import mujoco
import numpy as np

from batchenv.body.body import Body
from batchenv.body.gaitnet.rotations import vector_from_matrix
from batchenv.motion.clip import Clip
from batchenv.motion.rotations import rotation_about
from batchenv.motion.segments import axis_of

Array = np.ndarray

_ITERATIONS, _STEP, _DAMPING = 30, 1e-5, 1e-6
_LONGEST_STEP = 0.3  # [rad]


class Group(NamedTuple):
    """Joints of a body that together turn one of its parts as coordinates of a clip do.

    Attributes:
        coordinates: of the clip.
        joints: of the body.
        above, below: bodies; "" for the root, and "trunk" for the trunk.
        start: where the search begins, away from axes that fall together [rad].
    """

    coordinates: tuple[str, ...]
    joints: tuple[str, ...]
    above: str
    below: str
    start: tuple[float, ...]


_LUMBAR = Group(
    ("lumbar_extension", "lumbar_bending", "lumbar_rotation"),
    ("flex_extension", "lat_bending", "axial_rotation"),
    "",
    "trunk",
    (0.0, 0.0, 0.0),
)


def _shoulder(side: str) -> Group:
    return Group(
        tuple(f"{name}_{side}" for name in ("arm_flex", "arm_add", "arm_rot")),
        tuple(f"{name}_{side}" for name in ("elv_angle", "shoulder_elv", "shoulder_rot")),
        "trunk",
        f"humerus_{side}",
        (0.0, 0.3, 0.0),
    )


GROUPS = (_LUMBAR, _shoulder("r"), _shoulder("l"))
"""Groups of myo_sim's whole bodies; arms there turn by elevation in a plane."""


def retarget(clip: Clip, body: Body, joint_pos: Array) -> list[str]:
    """Set the joints of groups whose coordinates a clip has, in place; return the clip's coordinates.

    Each part of the body is turned in the part above as in the clip, by Gauss-Newton within the joints'
    limits.

    Args:
        clip: of the common frame.
        body: that is to move.
        joint_pos: of the body (T, J) [rad].
    """
    followed: list[str] = []
    for group in GROUPS:
        has_joints = set(group.joints) <= set(body.joint_names)
        if has_joints and set(group.coordinates) <= set(clip.joint_names):
            angles = np.stack([clip.joint(name) for name in group.coordinates], axis=1)
            target = rotation_about(np.array([axis_of(name) for name in group.coordinates]), angles)
            _follow(body, group, target, joint_pos)
            followed += group.coordinates
    return followed


def _follow(body: Body, group: Group, target: Array, joint_pos: Array) -> None:
    columns = [body.joint_names.index(name) for name in group.joints]
    low, high = body.joint_range[columns].T
    joint_pos[:, columns] = group.start
    for _ in range(_ITERATIONS):
        now = _turns(body, group, joint_pos)
        error = vector_from_matrix(np.swapaxes(now, 1, 2) @ target)
        slopes = np.empty((len(target), 3, len(columns)))
        for k, column in enumerate(columns):
            moved = joint_pos.copy()
            moved[:, column] += _STEP
            step = np.swapaxes(now, 1, 2) @ _turns(body, group, moved)
            slopes[:, :, k] = vector_from_matrix(step) / _STEP
        across = np.swapaxes(slopes, 1, 2)
        change = np.linalg.solve(across @ slopes + _DAMPING * np.eye(len(columns)), across @ error[..., None])
        change = np.clip(change[..., 0], -_LONGEST_STEP, _LONGEST_STEP)
        before = joint_pos[:, columns]
        joint_pos[:, columns] = np.clip(before + change, low, high)
        if np.abs(joint_pos[:, columns] - before).max() < 1e-7:
            break


def _turns(body: Body, group: Group, joint_pos: Array) -> Array:
    """Rotations (T, 3, 3) of the lower part in the upper one, in forward, left, up; the identity at zero."""
    model, data = body.model, mujoco.MjData(body.model)
    above, below = (_body_id(body, name) for name in (group.above, group.below))
    frame = np.stack([body.forward, body.left, body.up])
    poses = np.concatenate([np.zeros((1, joint_pos.shape[1])), joint_pos])
    qpos = body.qpos(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), poses)
    turns = np.empty((len(poses), 2, 3, 3))
    for row, out in zip(qpos, turns, strict=True):
        data.qpos[:] = row
        mujoco.mj_kinematics(model, data)
        out[:] = data.xmat[[above, below]].reshape(2, 3, 3)
    upper, lower = (frame @ turns[:, k] @ np.swapaxes(turns[0, k], 0, 1) @ frame.T for k in range(2))
    return (np.swapaxes(upper, 1, 2) @ lower)[1:]


def _body_id(body: Body, name: str) -> int:
    special = {"": body.root_body, "trunk": body.trunk_body}
    return special[name] if name in special else body.model.body(name).id
