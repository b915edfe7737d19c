"""The named quantities that observations, rewards and terminations are made of.

`measure` computes them for all worlds at once from the live views of the engine. A term asks for a quantity by
naming its parameter so; `QUANTITIES` says what there is.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from array_api_compat import array_namespace

Array = Any  # an (N, ...) array of any library of the array-API standard


@dataclass(frozen=True)
class Frame:
    """Indices of a body that quantities need, and its axes.

    Attributes:
        joint_qposadr, joint_dofadr: of the primary joints (J,).
        foot_body: ids of right and left heel (2,).
        forward, left: unit vectors in the root frame (3,); the walking frame is that of the root at identity.
        weight: body weight [N].
    """

    joint_qposadr: np.ndarray
    joint_dofadr: np.ndarray
    foot_body: np.ndarray
    forward: np.ndarray
    left: np.ndarray
    weight: float


@dataclass(frozen=True)
class Quantities:
    """What is known of N worlds after a step. The walking frame has x forward, y left, z up.

    Attributes:
        joint_pos: primary joints (N, J) [rad].
        joint_vel: (N, J) [rad/s].
        reference_pos: pose of the reference at this phase (N, J) [rad].
        reference_vel: (N, J) [rad/s].
        reference_root_height: (N,) [m].
        reference_foot_pos: heels relative to the root, in the heading frame (N, 2, 3) [m].
        target_speed: (N,) [m/s].
        phase: of the gait cycle, 0 at right heel strike (N,), in [0, 1).
        root_pos: in the walking frame (N, 3) [m]; its second column is the lateral drift.
        root_linvel: in the heading frame (N, 3) [m/s].
        root_angvel: in the heading frame (N, 3) [rad/s].
        heading: angle of the root about the vertical, positive to the left (N,) [rad].
        root_up: the root's vertical axis in the heading frame (N, 3); its third column is the cosine of the tilt.
        foot_pos: heels relative to the root, in the heading frame (N, 2, 3) [m].
        foot_load: mean load of the last step on the touch sensors, in body weights (N, 4).
        foot_load_peak: peak load of the last step, in body weights (N, 4).
        activation_squared: mean over muscles and substeps (N,).
        desired_torque: mean of the last step (N, J) [Nm].
        achieved_torque: mean of the last step (N, J) [Nm].
        residual_torque: root mean square error over the last step (N, J) [Nm].
        action: the last action (N, A).
        previous_action: the one before (N, A).
    """

    joint_pos: Array
    joint_vel: Array
    reference_pos: Array
    reference_vel: Array
    reference_root_height: Array
    reference_foot_pos: Array
    target_speed: Array
    phase: Array
    root_pos: Array
    root_linvel: Array
    root_angvel: Array
    heading: Array
    root_up: Array
    foot_pos: Array
    foot_load: Array
    foot_load_peak: Array
    activation_squared: Array
    desired_torque: Array
    achieved_torque: Array
    residual_torque: Array
    action: Array
    previous_action: Array


QUANTITIES = tuple(field.name for field in fields(Quantities))


def rotation_matrix(quat: Array) -> Array:
    """Rotation matrices (..., 3, 3) of unit quaternions (..., 4), w first; `mju_quat2Mat`."""
    xp = array_namespace(quat)
    w, x, y, z = (quat[..., i] for i in range(4))
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return xp.stack([xp.stack(row, axis=-1) for row in rows], axis=-2)


def walking_axes(frame: Frame) -> np.ndarray:
    """Rows: forward, left and up of the walking frame, in the world (3, 3)."""
    return np.stack([frame.forward, frame.left, np.cross(frame.forward, frame.left)])


def heading_of(rotation: Array, axes: np.ndarray) -> Array:
    """Angle of the root about the vertical, positive to the left (N,) [rad].

    Args:
        rotation: of the root (N, 3, 3).
        axes: as from `walking_axes`.
    """
    xp = array_namespace(rotation)
    ahead = rotation @ xp.asarray(axes[0])  # the root's forward axis, in the world
    return xp.atan2(ahead @ xp.asarray(axes[1]), ahead @ xp.asarray(axes[0]))


def heading_frame(heading: Array, axes: np.ndarray) -> Array:
    """Matrices (N, 3, 3) that take world vectors to the heading frame: forward, left, up of the root, levelled."""
    xp = array_namespace(heading)
    forward, left, up = (xp.asarray(axis) for axis in axes)
    cos, sin = xp.cos(heading)[:, None], xp.sin(heading)[:, None]
    rows = [cos * forward + sin * left, cos * left - sin * forward, xp.broadcast_to(up, (heading.shape[0], 3))]
    return xp.stack(rows, axis=-2)


def root_state(qpos: Array, qvel: Array, frame: Frame) -> dict[str, Array]:
    """Quantities of the root, and the matrix to its heading frame under "to_heading".

    Args:
        qpos: (N, nq), a free joint first.
        qvel: (N, nv).
    """
    xp = array_namespace(qpos)
    axes = walking_axes(frame)
    rotation = rotation_matrix(qpos[:, 3:7])
    heading = heading_of(rotation, axes)
    to_heading = heading_frame(heading, axes)
    angvel = (rotation @ qvel[:, 3:6, None])[..., 0]  # MuJoCo keeps a free joint's spin in its own frame
    up = rotation @ xp.asarray(axes[2])
    return {
        "to_heading": to_heading,
        "heading": heading,
        "root_pos": qpos[:, :3] @ xp.asarray(axes.T),
        "root_linvel": (to_heading @ qvel[:, :3, None])[..., 0],
        "root_angvel": (to_heading @ angvel[..., None])[..., 0],
        "root_up": (to_heading @ up[..., None])[..., 0],
    }


def relative_feet(xpos: Array, root_pos: Array, to_heading: Array) -> Array:
    """Feet relative to the root, in the heading frame (N, 2, 3) [m].

    Args:
        xpos: of the feet in the world (N, 2, 3) [m].
        root_pos: of the root in the world (N, 3) [m].
        to_heading: (N, 3, 3).
    """
    return (to_heading[:, None] @ (xpos - root_pos[:, None])[..., None])[..., 0]
