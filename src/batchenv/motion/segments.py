"""Segments of a human and the joint coordinates between them, with axes as in OpenSim's model of Rajagopal.

The frame of a segment has x forward, y left, z up in the zero pose: upright, arms hanging, palms forward.
"""

from typing import NamedTuple

import numpy as np

Array = np.ndarray

DOWN = np.array([0.0, 0.0, -1.0])
HIP_IN_PELVIS = np.array([-0.0563, 0.0, -0.0785])
"""Middle of the hip joints in the frame of the pelvis (3,) [m], of a body with legs of `LEG_LENGTH`."""
HIP_ASIDE = 0.0773  # of the hip joint from that middle [m]
LEG_LENGTH = 0.804  # from hip joint to ankle, thigh and shank being nearly straight [m]


class Segment(NamedTuple):
    """A segment that turns in its parent.

    Attributes:
        parent: name, "" for the root.
        coordinates: joint coordinates in the order in which they turn; see `axis_of`.
        bone: whether the rest pose of a file is told by the direction of the bone, which hangs down in ours;
            else the segment is as the file draws it.
        toward: segment whose joint is at the other end of the bone.
        zero: of the last coordinate where the drawn pose has none [rad].
    """

    parent: str
    coordinates: tuple[str, ...]
    bone: bool = False
    toward: str = ""
    zero: float = 0.0


# Axes of coordinates without side, or of the right side; about them they are positive.
_AXES = {
    "hip_flexion": (0.0, -1.0, 0.0),
    "hip_adduction": (1.0, 0.0, 0.0),
    "hip_rotation": (0.0, 0.0, 1.0),
    "knee_angle": (0.0, 0.9975, -0.0707),
    "ankle_angle": (-0.10501355, -0.97912632, -0.17402245),
    "subtalar_angle": (0.78717961, 0.12094949, 0.60474746),
    "mtp_angle": (0.5809544, 0.81393611, 0.0),
    "lumbar_extension": (0.0, -1.0, 0.0),
    "lumbar_bending": (1.0, 0.0, 0.0),
    "lumbar_rotation": (0.0, 0.0, 1.0),
    "arm_flex": (0.0, -1.0, 0.0),
    "arm_add": (1.0, 0.0, 0.0),
    "arm_rot": (0.0, 0.0, 1.0),
    "elbow_flex": (0.22604696, -0.97386183, 0.022269),
    "pro_sup": (0.05639803, -0.001952, 0.99840646),
}
_HIP = ("hip_flexion", "hip_adduction", "hip_rotation")
_LUMBAR = ("lumbar_extension", "lumbar_bending", "lumbar_rotation")
_ARM = ("arm_flex", "arm_add", "arm_rot")


def axis_of(coordinate: str) -> Array:
    """Axis (3,) about which a coordinate turns its segment, in the frame of the parent at zero.

    Axes of the left side are the mirror images of those of the right, so that flexion, adduction and internal
    rotation are positive on both.
    """
    bare, side = coordinate, ""
    if coordinate.endswith(("_r", "_l")):
        bare, side = coordinate[:-2], coordinate[-1]
    axis = np.array(_AXES[bare]) / np.linalg.norm(_AXES[bare])
    return axis * (-1.0, 1.0, -1.0) if side == "l" else axis


def _side(side: str) -> dict[str, Segment]:
    def sided(*names: str) -> tuple[str, ...]:
        return tuple(f"{name}_{side}" for name in names)

    femur, tibia, foot, toes, humerus, ulna, hand = sided(
        "femur", "tibia", "foot", "toes", "humerus", "ulna", "hand"
    )
    return {
        femur: Segment("pelvis", sided(*_HIP), True, tibia),
        tibia: Segment(femur, sided("knee_angle"), True, foot),
        foot: Segment(tibia, sided("ankle_angle", "subtalar_angle")),
        toes: Segment(foot, sided("mtp_angle")),
        humerus: Segment("torso", sided(*_ARM), True, ulna),
        # Palms are drawn facing down in a T-pose and inwards beside the body, half a supination from ours.
        ulna: Segment(humerus, sided("elbow_flex", "pro_sup"), True, hand, np.pi / 2),
        hand: Segment(ulna, ()),
    }


SEGMENTS: dict[str, Segment] = {
    "pelvis": Segment("", ()),
    "torso": Segment("pelvis", _LUMBAR),
    **_side("r"),
    **_side("l"),
}
NEEDED = ("pelvis", "femur_r", "tibia_r", "foot_r", "femur_l", "tibia_l", "foot_l")
