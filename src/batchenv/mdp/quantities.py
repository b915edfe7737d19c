"""The named quantities that observations, rewards and terminations are made of.

`measure` computes them for all worlds at once from the live views of the engine. A term asks for a quantity
by naming its parameter so; `QUANTITIES` says what there is.
"""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

Array = Any  # an (N, ...) array of any library of the array-API standard


@dataclass(frozen=True)
class Frame:
    """Indices and axes of a body that quantities need.

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
    """Quantities of N worlds after a step. The walking frame has x forward, y left, z up.

    Attributes:
        joint_pos: primary joints (N, J) [rad].
        joint_vel: (N, J) [rad/s].
        reference_pos: pose of the reference at this phase (N, J) [rad].
        reference_vel: (N, J) [rad/s].
        tracked: 1 for joints that the reference speaks of, 0 for others (J,).
        reference_root_height: (N,) [m].
        reference_root_height_rate: its rate (N,) [m/s].
        reference_foot_pos: heels relative to the root, in the heading frame (N, 2, 3) [m].
        reference_foot_load: vertical force on humans' right and left foot at this phase, in body
            weights (N, 2).
        target_speed: (N,) [m/s].
        phase: of the gait cycle, 0 at right heel strike (N,), in [0, 1).
        root_pos: in the walking frame (N, 3) [m]; its second column is the lateral drift.
        root_linvel: in the heading frame (N, 3) [m/s].
        root_angvel: in the heading frame (N, 3) [rad/s].
        heading: angle of the root about the vertical, positive to the left (N,) [rad].
        root_up: the root's vertical axis in the heading frame (N, 3); its third column is the cosine of the
            tilt.
        foot_pos: heels relative to the root, in the heading frame (N, 2, 3) [m]; of the beginning of the last
            substep, and of the last step before a reset.
        foot_load: mean vertical force of the floor on right and left foot in the last step, in body weights
            (N, 2).
        foot_load_peak: its peak in the last step, in body weights (N, 2).
        activation_squared: mean over muscles and substeps (N,).
        desired_torque: mean of the last step (N, J) [Nm]; None, as the next two, where no term asks for it.
        achieved_torque: mean of the last step (N, J) [Nm].
        residual_torque: root mean square error over the last step (N, J) [Nm].
        action: the last action (N, A).
        previous_action: the one before (N, A).
        parameters: of the worlds, in the order of `BatchEnv.parameter_names` (N, P).
    """

    joint_pos: Array
    joint_vel: Array
    reference_pos: Array
    reference_vel: Array
    tracked: Array
    reference_root_height: Array
    reference_root_height_rate: Array
    reference_foot_pos: Array
    reference_foot_load: Array
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
    parameters: Array


QUANTITIES = tuple(field.name for field in fields(Quantities))


def walking_axes(frame: Frame) -> np.ndarray:
    """Rows: forward, left and up of the walking frame, in the world (3, 3)."""
    return np.stack([frame.forward, frame.left, np.cross(frame.forward, frame.left)])
