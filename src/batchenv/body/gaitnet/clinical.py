"""Joint angles of a skeleton's legs in the terms of gait analysis.

GaitNet's zero pose stands upright, x to the left, y up, z forward. The rotation of a joint from that pose is
taken apart as R = R_x(p) R_z(a) R_y(r), the order of a hip in OpenSim's models (Grood and Suntay 1983). A
left joint is looked at in the mirror, so that signs are alike on both sides.
"""

from dataclasses import dataclass

import numpy as np

from batchenv.body.gaitnet.rotations import matrix_from_vector
from batchenv.body.gaitnet.skeleton import Skeleton
from batchenv.errors import BodyError

Array = np.ndarray

_SIDES = {"r": "R", "l": "L"}
_PITCH, _ROLL, _YAW = range(3)
# Of each joint, by the body that it carries: its angles, which of the three parts they are, and their signs.
_ANGLES = {
    "Femur": (("hip_flexion", _PITCH, -1.0), ("hip_adduction", _ROLL, 1.0), ("hip_rotation", _YAW, 1.0)),
    "Tibia": (("knee_angle", _PITCH, 1.0),),
    "Talus": (("ankle_angle", _PITCH, -1.0), ("ankle_inversion", _ROLL, 1.0), ("ankle_rotation", _YAW, 1.0)),
}
# Images in the sagittal plane: of vectors, and of what turns, such as torques.
_ACROSS, _TURNING = np.array([-1.0, 1.0, 1.0]), np.array([1.0, -1.0, -1.0])


@dataclass(frozen=True)
class _Angle:
    """One angle: its name, the joint that has it, whether that is a left one, which part, and its sign."""

    name: str
    joint: int
    left: bool
    part: int
    sign: float


class ClinicalAngles:
    """Flexion, adduction, rotation and the like of the hips, knees and ankles.

    Flexion, adduction, internal rotation, dorsiflexion and inversion are positive; the zero pose has 0.

    Args:
        skeleton: with bodies called FemurR, TibiaR, TalusR, and the same with L.

    Raises:
        BodyError: the skeleton lacks one of them.

    Attributes:
        names: of the angles, such as knee_angle_r (J,).
    """

    def __init__(self, skeleton: Skeleton):
        self._skeleton = skeleton
        self._angles: list[_Angle] = []
        for side, mark in _SIDES.items():
            for body, angles in _ANGLES.items():
                joint = _joint(skeleton, body + mark)
                possible = angles if skeleton.joint_type[joint] == "ball" else angles[:1]
                self._angles += [
                    _Angle(f"{name}_{side}", joint, side == "l", part, sign) for name, part, sign in possible
                ]
        self.names = tuple(angle.name for angle in self._angles)

    def angles(self, q: Array) -> Array:
        """Return the angles (N, J) [rad] in poses (N, D)."""
        parts = {joint: _parts(self._turn(q, joint, left)[0]) for joint, left in self._joints}
        return self._gathered(parts)

    def torques(self, q: Array, torque: Array) -> Array:
        """Return the torques (N, J) [Nm] that do work on the angles.

        Args:
            q: poses (N, D).
            torque: of the joints, in their own frames on the side of the child (N, D) [Nm].
        """
        parts = {}
        for joint, left in self._joints:
            turn, frame = self._turn(q, joint, left)
            vector = self._vectors(torque, joint)
            vector = np.einsum("nij,nj->ni", turn @ frame, vector * (_TURNING if left else 1.0))
            pitch = _parts(turn)[:, _PITCH]
            roll_axis = np.stack([np.zeros_like(pitch), -np.sin(pitch), np.cos(pitch)], axis=1)
            about = (vector[:, 0], (vector * roll_axis).sum(axis=1), (vector * turn[:, :, 1]).sum(axis=1))
            parts[joint] = np.stack(about, axis=1)
        return self._gathered(parts)

    @property
    def _joints(self) -> list[tuple[int, bool]]:
        return list(dict.fromkeys((angle.joint, angle.left) for angle in self._angles))

    def _gathered(self, parts: dict[int, Array]) -> Array:
        """Columns (N, J) out of the three parts (N, 3) of each joint."""
        return np.stack([angle.sign * parts[angle.joint][:, angle.part] for angle in self._angles], axis=1)

    def _vectors(self, values: Array, joint: int) -> Array:
        """Values (N, D) of a joint as vectors (N, 3) in its frame."""
        start = int(self._skeleton.dof_start[joint])
        if self._skeleton.joint_type[joint] == "revolute":
            return values[:, start : start + 1] * self._skeleton.axis[joint]
        return values[:, start : start + 3]

    def _turn(self, q: Array, joint: int, left: bool) -> tuple[Array, Array]:
        """Rotations of a joint from the zero pose (N, 3, 3) and its frame there (3, 3), of a right leg.

        Both are in the axes of the world in the zero pose.
        """
        frame = self._skeleton.T_joint[joint, :3, :3]
        turn = frame @ matrix_from_vector(self._vectors(q, joint)) @ frame.T
        if left:
            # The image of a frame times the image of a vector in it is the image of their product.
            turn, frame = _reflected(turn), _reflected(frame)
        return turn, frame


def _reflected(matrix: Array) -> Array:
    return _ACROSS[:, None] * matrix * _ACROSS


def _parts(turn: Array) -> Array:
    """Angles about x, z and y (N, 3) of rotations R_x R_z R_y (N, 3, 3)."""
    pitch = np.arctan2(turn[:, 2, 1], turn[:, 1, 1])
    roll = -np.arcsin(np.clip(turn[:, 0, 1], -1.0, 1.0))
    yaw = np.arctan2(turn[:, 0, 2], turn[:, 0, 0])
    return np.stack([pitch, roll, yaw], axis=1)


def _joint(skeleton: Skeleton, name: str) -> int:
    if name not in skeleton.names:
        raise BodyError(
            f"no body {name!r} in the skeleton, whose joint gait analysis asks for; its bodies are"
            f" {', '.join(skeleton.names)}"
        )
    return skeleton.index(name)
