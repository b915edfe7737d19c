"""Small files of other programs: an actor in T-pose, as BVH and as ASF with AMC, written word by word."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

# Joints, each with its parent and offset in T-pose [cm]: x to the left, y up, z forward.
ACTOR = {
    "Hips": ("", (3.0, 98.0, 5.0)),
    "Spine": ("Hips", (0.0, 10.0, 0.0)),
    "Spine1": ("Spine", (0.0, 15.0, 0.0)),
    "LeftArm": ("Spine1", (18.0, 22.0, 0.0)),
    "LeftForeArm": ("LeftArm", (28.0, 0.0, 0.0)),
    "LeftHand": ("LeftForeArm", (25.0, 0.0, 0.0)),
    "RightArm": ("Spine1", (-18.0, 22.0, 0.0)),
    "RightForeArm": ("RightArm", (-28.0, 0.0, 0.0)),
    "RightHand": ("RightForeArm", (-25.0, 0.0, 0.0)),
    "LeftUpLeg": ("Hips", (9.0, -6.0, 0.0)),
    "LeftLeg": ("LeftUpLeg", (0.0, -42.0, 0.0)),
    "LeftFoot": ("LeftLeg", (0.0, -41.0, 0.0)),
    "LeftToeBase": ("LeftFoot", (0.0, -7.0, 13.0)),
    "RightUpLeg": ("Hips", (-9.0, -6.0, 0.0)),
    "RightLeg": ("RightUpLeg", (0.0, -42.0, 0.0)),
    "RightFoot": ("RightLeg", (0.0, -41.0, 0.0)),
    "RightToeBase": ("RightFoot", (0.0, -7.0, 13.0)),
}
# Arms that hang, from the T-pose [degrees].
HANGING = {"LeftArm": {"Z": -90.0}, "RightArm": {"Z": 90.0}}


def write_actor(
    path: Path,
    turns: Mapping[str, Mapping[str, float]],
    *,
    order: str = "ZXY",
    scale: float = 1.0,
    prefix: str = "",
    ends: bool = True,
    names: Mapping[str, str] | None = None,
    z_up: bool = False,
    frames: int = 3,
) -> Path:
    """Write a BVH file in which joints are turned about axes of the file, in all frames alike.

    Args:
        path: the file.
        turns: angle by axis by joint [degrees].
        order: of the channels of rotation.
        scale: of lengths.
        prefix: before each name.
        ends: whether joints without children have an End Site.
        names: of joints that are called otherwise.
        z_up: whether the file has x forward, y left, z up instead.
        frames: number of frames.
    """
    called = {name: prefix + (names or {}).get(name, name) for name in ACTOR}
    axes = {"X": "Y", "Y": "Z", "Z": "X"} if z_up else {axis: axis for axis in "XYZ"}
    values: list[float] = []
    lines = ["HIERARCHY"]

    def shown(offset: tuple[float, float, float]) -> str:
        x, y, z = (scale * value for value in offset)
        return f"{z} {x} {y}" if z_up else f"{x} {y} {z}"

    def add(name: str, indent: str) -> None:
        parent, offset = ACTOR[name]
        lines.extend([f"{indent}{'JOINT' if parent else 'ROOT'} {called[name]}", indent + "{"])
        lines.append(f"{indent}  OFFSET {shown(offset)}")
        channels = [f"{axes[axis]}rotation" for axis in order]
        angles = [turns.get(name, {}).get(axis, 0.0) for axis in order]
        if not parent:
            channels, angles = ["Xposition", "Yposition", "Zposition", *channels], [0.0, 0.0, 0.0, *angles]
            angles[:3] = [float(word) for word in shown(offset).split()]
        lines.append(f"{indent}  CHANNELS {len(channels)} {' '.join(channels)}")
        values.extend(angles)
        below = [child for child, (above, _) in ACTOR.items() if above == name]
        for child in below:
            add(child, indent + "  ")
        if ends and not below:
            lines.extend([f"{indent}  End Site", f"{indent}  {{ OFFSET {shown((0.0, 0.0, 5.0))} }}"])
        lines.append(indent + "}")

    add("Hips", "")
    row = " ".join(map(str, values))
    lines += ["MOTION", f"Frames: {frames}", "Frame Time: 0.01", *[row] * frames]
    path.write_text("\n".join(lines) + "\n")
    return path


ASF = """\
# an actor in T-pose; lengths in inches over 0.45, as CMU has them
:version 1.10
:name actor
:units
  mass 1.0
  length 0.45
  angle deg
:root
   order TX TY TZ RX RY RZ
   axis XYZ
   position 0 0 0
   orientation 0 0 0
:bonedata
  begin
     id 1
     name lhipjoint
     direction 0.83 -0.55 0
     length 2.0
     axis 0 0 0 XYZ
  end
  begin
     name rhipjoint
     direction -0.83 -0.55 0
     length 2.0
     axis 0 0 0 XYZ
  end
  begin
     name lfemur
     direction 0.34 -0.94 0
     length 7.2
     axis 0 0 20 XYZ
     dof rx ry rz
     limits (-160.0 20.0)
            (-70.0 70.0)
            (-60.0 70.0)
  end
  begin
     name rfemur
     direction -0.34 -0.94 0
     length 7.2
     axis 0 0 -20 XYZ
     dof rx ry rz
  end
  begin
     name ltibia
     direction 0.34 -0.94 0
     length 7.3
     axis 0 0 20 XYZ
     dof rx
  end
  begin
     name rtibia
     direction -0.34 -0.94 0
     length 7.3
     axis 0 0 -20 XYZ
     dof rx
  end
  begin
     name lfoot
     direction 0 -0.3 0.95
     length 2.2
     axis 0 0 0 XYZ
     dof rx rz
  end
  begin
     name rfoot
     direction 0 -0.3 0.95
     length 2.2
     axis 0 0 0 XYZ
     dof rx rz
  end
:hierarchy
  begin
    root lhipjoint rhipjoint
    lhipjoint lfemur
    lfemur ltibia
    ltibia lfoot
    rhipjoint rfemur
    rfemur rtibia
    rtibia rfoot
  end
"""


def write_amc(folder: Path, knee: float, hip: float, frames: int = 3) -> Path:
    """Write actor.asf, and actor.amc in which the right leg is bent [degrees]."""
    (folder / "actor.asf").write_text(ASF)
    frame = f"root 0 17 0 0 0 0\nrfemur {-hip} 0 0\nrtibia {knee}\nlfoot 0 0\n"
    text = "".join(f"{number}\n{frame}" for number in range(1, frames + 1))
    path = folder / "actor.amc"
    path.write_text(f"#!OML:ASF\n:FULLY-SPECIFIED\n:DEGREES\n{text}")
    return path


def trajectory(**changes: np.ndarray) -> dict[str, np.ndarray]:
    """Arrays of LocoMuJoCo: two walks along y of a pelvis whose own y is up, 4 and 6 samples at 100 Hz."""
    qpos = np.zeros((10, 9))
    qpos[:, 1] = 0.012 * np.arange(10)
    qpos[:, 1] *= 10.0
    qpos[:, 2] = 0.9
    # First onto its back, so that y is up; then to the left, so that x is along y.
    qpos[:, 3:7] = [0.5, 0.5, 0.5, 0.5]
    qpos[:, 7], qpos[:, 8] = 0.3, -0.5
    arrays = {
        "qpos": qpos,
        "joint_names": np.array(["root", "hip_flexion_r", "knee_angle_r"]),
        "jnt_type": np.array([0, 3, 3]),
        "frequency": np.array(100.0),
        "split_points": np.array([0, 4, 10]),
        "metadata": np.array(None, dtype=object),
    }
    return arrays | changes
