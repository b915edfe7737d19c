"""A small GaitNet body written as text: pelvis, thighs on balls, shanks on hinges, feet; six muscles.

The zero pose stands with its feet on the ground; x is to the left, y up, z forward.
"""

from pathlib import Path

from batchenv.body.gaitnet import GaitNetBody, load_gaitnet_body

_SIDE = """
  <Node name="Femur{s}" parent="Pelvis">
    <Body type="Box" mass="7.5" size="0.12 0.4 0.14" contact="Off">
      <Transformation linear="{tilt}" translation="{x} 0.7 0.01"/>
    </Body>
    <Joint type="Ball" bvh="{b}Hip" lower="-1 -0.5 -0.4" upper="1.2 0.5 0.6" kp="250 50 200" kv="10 15 15">
      <Transformation linear="1 0 0 0 1 0 0 0 1" translation="{x} 0.9 0.0"/>
    </Joint>
  </Node>
  <Node name="Tibia{s}" parent="Femur{s}">
    <Body type="Capsule" mass="4" radius="0.05" height="0.3" contact="Off">
      <Transformation linear="1 0 0 0 0 -1 0 1 0" translation="{x} 0.3 0.0"/>
    </Body>
    <Joint type="Revolute" axis="1 0 0" bvh="{b}Knee" lower="-0.1" upper="2.3" kp="250">
      <Transformation linear="1 0 0 0 1 0 0 0 1" translation="{x} 0.5 0.0"/>
    </Joint>
  </Node>
  <Node name="Talus{s}" parent="Tibia{s}" endeffector="True">
    <Body type="Box" mass="1" size="0.08 0.06 0.2" contact="On">
      <Transformation linear="1 0 0 0 1 0 0 0 1" translation="{x} 0.03 0.05"/>
    </Body>
    <Joint type="Revolute" axis="1 0 0" bvh="{b}Ankle" lower="-0.8" upper="0.8">
      <Transformation linear="1 0 0 0 1 0 0 0 1" translation="{x} 0.08 0.0"/>
    </Joint>
  </Node>
"""
_TILT = {"R": "1 0 0 0 0.8 0.6 0 -0.6 0.8", "L": "1 0 0 0 0.8 0.6 0 -0.6 0.8"}
SKELETON = (
    """<Skeleton name="Small">
  <Node name="Pelvis" parent="None">
    <Body type="Box" mass="10" size="0.26 0.15 0.13" contact="Off">
      <Transformation linear="1 0 0 0 1 0 0 0 1" translation="0 1.0 0"/>
    </Body>
    <Joint type="Free" bvh="Hips">
      <Transformation linear="1 0 0 0 1 0 0 0 1" translation="0 1.0 0"/>
    </Joint>
  </Node>"""
    + _SIDE.format(s="R", b="Right", x="-0.1", tilt=_TILT["R"])
    + _SIDE.format(s="L", b="Left", x="0.1", tilt=_TILT["L"])
    + "</Skeleton>\n"
)

# Way-points without a side: x is that of the left, and the other way round on the right. The second one of
# Rectus is 4 cm from the knee and blended over thigh and shank.
_MUSCLES = {
    "Psoas": (500, [("Pelvis", 0.05, 1.05, -0.02), ("Femur{s}", 0.11, 0.85, 0.04)]),
    "Rectus": (
        900,
        [("Pelvis", 0.1, 0.98, 0.05), ("Femur{s}", 0.1, 0.52, 0.04), ("Tibia{s}", 0.1, 0.4, 0.04)],
    ),
    "Gastroc": (1200, [("Femur{s}", 0.11, 0.7, -0.04), ("Talus{s}", 0.1, 0.05, -0.05)]),
}


def _unit(name: str, side: str) -> str:
    f0, points = _MUSCLES[name]
    across = 1 if side == "L" else -1
    lines = [
        f'    <Waypoint body="{body.format(s=side)}" p="{across * x} {y} {z}"/>' for body, x, y, z in points
    ]
    head = f'  <Unit name="{side}_{name}" f0="{f0}" lm="0.9" lt="0.2" pen_angle="0">'
    return "\n".join([head, *lines, "  </Unit>"])


MUSCLES = "\n".join(["<Muscle>", *(_unit(name, side) for name in _MUSCLES for side in "LR"), "</Muscle>", ""])


def write_files(folder: Path, skeleton: str = SKELETON, muscles: str = MUSCLES) -> tuple[Path, Path]:
    """Write skeleton.xml and muscles.xml into a folder."""
    files = folder / "skeleton.xml", folder / "muscles.xml"
    for file, text in zip(files, (skeleton, muscles), strict=True):
        file.write_text(text, encoding="utf-8")
    return files


def small_body(folder: Path, skeleton: str = SKELETON, muscles: str = MUSCLES) -> GaitNetBody:
    """Load the small body."""
    return load_gaitnet_body(*write_files(folder, skeleton, muscles))
