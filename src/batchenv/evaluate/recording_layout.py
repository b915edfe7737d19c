"""Names, shapes, units and ranges of the arrays of a recording.

>>> print(describe_layout().splitlines()[0])
dt                    ()           [s]      time between two samples
"""

from typing import NamedTuple

import numpy as np

ENDINGS = ("completed", "off speed", "fell", "interrupted")


class ArrayLayout(NamedTuple):
    """Shape (letters are lengths), unit, meaning of one array, and whether a recording can do without it.

    Values lie from `low` to `high`: far beyond what bodies do, and yet such that no arithmetic overflows.
    """

    shape: tuple[str | int, ...]
    unit: str
    meaning: str
    optional: bool = False
    low: float = -np.inf
    high: float = np.inf


MOST_NAMES, MOST_EPISODES = 10_000, 1_000_000
_TOLERANCE = 1e-3  # of activations, which single precision and filters put beyond 0 and 1


def _optional(shape: tuple[str | int, ...], unit: str, meaning: str, low: float, high: float) -> ArrayLayout:
    return ArrayLayout(shape, unit, meaning, True, low, high)


LAYOUT: dict[str, ArrayLayout] = {
    "dt": ArrayLayout((), "s", "time between two samples", False, 1e-6, 0.1),
    "mass": ArrayLayout((), "kg", "mass of the body", False, 1e-3, 1e6),
    "gravity": _optional((), "m/s^2", "acceleration of gravity, 9.81 where not given", 1e-3, 1e3),
    "leg_length": _optional((), "m", "height of the hips over the soles standing upright", 1e-2, 1e2),
    "pelvis_tilt": _optional(
        (),
        "rad",
        "forward tilt of the pelvis along its iliac spines standing upright, 0 where not given",
        -1,
        1,
    ),
    "joint_names": ArrayLayout(
        ("J",), "", "hip_flexion_r, knee_angle_r, ankle_angle_r, the same with _l, any others"
    ),
    "ended": ArrayLayout(
        ("E",), "", "how each episode ended: 'completed', 'off speed', 'fell' or 'interrupted'"
    ),
    "episode": ArrayLayout(
        ("T",), "", "index into `ended` of the episode a sample belongs to, not decreasing"
    ),
    "time": ArrayLayout(("T",), "s", "time since the start of the episode", False, -1.0, 1e7),
    "joint_pos": ArrayLayout(
        ("T", "J"), "rad", "joint angle; flexion and dorsiflexion positive, 0 standing upright"
    ),
    "joint_vel": _optional(
        ("T", "J"), "rad/s", "joint velocity; the difference of `joint_pos` if absent", -1e5, 1e5
    ),
    "joint_torque": _optional(
        ("T", "J"), "Nm", "net torque of the actuators, in the sense of `joint_pos`", -1e6, 1e6
    ),
    "grf": ArrayLayout(
        ("T", 2, 3), "N", "ground reaction on the right and left foot (forward, left, up)", False, -1e7, 1e7
    ),
    "foot_pos": ArrayLayout(
        ("T", 2, 3), "m", "heel or calcaneus of the right and left foot", False, -1e6, 1e6
    ),
    "toe_pos": _optional(
        ("T", 2, 3), "m", "ball of the right and left foot, ahead of `foot_pos` along it", -1e6, 1e6
    ),
    "root_pos": ArrayLayout(("T", 3), "m", "pelvis", False, -1e6, 1e6),
    "root_vel": ArrayLayout(
        ("T", 3), "m/s", "velocity of the pelvis; the difference of `root_pos` if absent", True, -1e5, 1e5
    ),
    "root_quat": _optional(
        ("T", 4),
        "1",
        "orientation of the pelvis, w first; (1, 0, 0, 0) standing upright and facing forward",
        -1 - _TOLERANCE,
        1 + _TOLERANCE,
    ),
    "angular_momentum": _optional(
        ("T", 3), "kg m^2/s", "of the whole body about its centre of mass, about the three axes", -1e6, 1e6
    ),
    "cop": _optional(
        ("T", 2, 3),
        "m",
        "centre of pressure of the right and left foot; 0 where it bears nothing",
        -1e6,
        1e6,
    ),
    "free_moment": _optional(
        ("T", 2),
        "Nm",
        "moment of the ground on each foot about the vertical through `cop`, to the left positive",
        -1e6,
        1e6,
    ),
    "joint_center_names": ArrayLayout(("L",), "", "hip_r, knee_r, ankle_r, the same with _l", True),
    "joint_center": _optional(("T", "L", 3), "m", "centres of these joints", -1e6, 1e6),
    "joint_load": _optional(
        ("T", "L", 3),
        "N",
        "force of the bone above on the bone below, where they touch: the pull of muscles is no part of it",
        -1e7,
        1e7,
    ),
    "muscle_names": ArrayLayout(
        ("M",), "", "names of myolegs with _r or _l, such as soleus_r; may be empty", True
    ),
    "activation": _optional(("T", "M"), "1", "muscle activation, 0 to 1", -_TOLERANCE, 1 + _TOLERANCE),
    "excitation": _optional(
        ("T", "M"),
        "1",
        "muscle excitation, 0 to 1; the activation if absent",
        -_TOLERANCE,
        1 + _TOLERANCE,
    ),
    "muscle_force": _optional(
        ("T", "M"), "N", "force of the contractile element, tension positive", -1e7, 1e7
    ),
    "fiber_velocity": _optional(
        ("T", "M"), "1/s", "optimal fiber lengths per second, lengthening positive", -1e5, 1e5
    ),
    "fiber_length": _optional(("T", "M"), "1", "fiber length over optimal fiber length", -1e3, 1e3),
    "muscle_peak_force": _optional(("M",), "N", "peak isometric force", 1e-3, 1e7),
    "optimal_fiber_length": _optional(("M",), "m", "optimal fiber length", 1e-6, 1e3),
}


def describe_layout() -> str:
    """Return the layout as text, one array a line: name, shape, [unit], meaning."""
    lines = []
    for name, layout in LAYOUT.items():
        shape = "(" + ", ".join(map(str, layout.shape)) + ")"
        optional = " (optional)" if layout.optional else ""
        lines.append(f"{name:<22}{shape:<13}{f'[{layout.unit}]':<9}{layout.meaning}{optional}")
    return "\n".join(lines)


TEXTS = tuple(name for name, layout in LAYOUT.items() if name == "ended" or name.endswith("_names"))
PER_SAMPLE = tuple(name for name, layout in LAYOUT.items() if layout.shape[:1] == ("T",))
