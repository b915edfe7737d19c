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
        tracked: 1 for joints that the reference speaks of, 0 for others (J,).
        reference_root_height: (N,) [m].
        reference_foot_pos: heels relative to the root, in the heading frame (N, 2, 3) [m].
        target_speed: (N,) [m/s].
        phase: of the gait cycle, 0 at right heel strike (N,), in [0, 1).
        root_pos: in the walking frame (N, 3) [m]; its second column is the lateral drift.
        root_linvel: in the heading frame (N, 3) [m/s].
        root_angvel: in the heading frame (N, 3) [rad/s].
        heading: angle of the root about the vertical, positive to the left (N,) [rad].
        root_up: the root's vertical axis in the heading frame (N, 3); its third column is the cosine of the tilt.
        foot_pos: heels relative to the root, in the heading frame (N, 2, 3) [m]; of the beginning of the last
            substep, and of the last step before a reset.
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
    tracked: Array
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


def walking_axes(frame: Frame) -> np.ndarray:
    """Rows: forward, left and up of the walking frame, in the world (3, 3)."""
    return np.stack([frame.forward, frame.left, np.cross(frame.forward, frame.left)])


def rotation_matrix(quat: Array) -> Array:
    """Rotation matrices (N, 3, 3) of unit quaternions (N, 4), w first; `mju_quat2Mat`."""
    xp = array_namespace(quat)
    products = quat[:, :, None] * quat[:, None, :]
    ww, wx, wy, wz = (products[:, 0, i] for i in range(4))
    xx, xy, xz = (products[:, 1, i] for i in range(1, 4))
    yy, yz, zz = products[:, 2, 2], products[:, 2, 3], products[:, 3, 3]
    entries = [
        *(ww + xx - yy - zz, 2 * (xy - wz), 2 * (xz + wy)),
        *(2 * (xy + wz), ww - xx + yy - zz, 2 * (yz - wx)),
        *(2 * (xz - wy), 2 * (yz + wx), ww - xx - yy + zz),
    ]
    return xp.reshape(xp.stack(entries, axis=-1), (-1, 3, 3))


def root_state(qpos: Array, qvel: Array, feet: Array, axes: np.ndarray) -> dict[str, Array]:
    """Quantities of the root, and of the feet relative to it.

    Args:
        qpos: (N, nq), a free joint first.
        qvel: (N, nv).
        feet: relative to the root, along the axes of the world (N, F, 3) [m].
        axes: as from `walking_axes`.
    """
    xp = array_namespace(qpos)
    walking, rotation = xp.asarray(axes), rotation_matrix(qpos[:, 3:7])
    ahead = (rotation @ walking[0]) @ walking.T  # the root's forward axis, in the walking frame
    heading = xp.atan2(ahead[:, 1], ahead[:, 0])
    # MuJoCo keeps a free joint's spin in its own frame, its velocity in the world's.
    spin = xp.sum(rotation * qvel[:, None, 3:6], axis=-1)
    vectors = xp.stack([qvel[:, :3], spin, rotation @ walking[2]], axis=1)
    levelled = _turned_to(heading, xp.concat([vectors, feet], axis=1) @ walking.T)
    return {
        "heading": heading,
        "root_pos": qpos[:, :3] @ walking.T,
        "root_linvel": levelled[:, 0],
        "root_angvel": levelled[:, 1],
        "root_up": levelled[:, 2],
        "foot_pos": levelled[:, 3:],
    }


def _turned_to(heading: Array, vectors: Array) -> Array:
    """Vectors (N, k, 3) of the walking frame, in the heading frame."""
    xp = array_namespace(heading)
    cos, sin = xp.cos(heading)[:, None], xp.sin(heading)[:, None]
    x, y = vectors[..., 0], vectors[..., 1]
    return xp.stack([cos * x + sin * y, cos * y - sin * x, vectors[..., 2]], axis=-1)
