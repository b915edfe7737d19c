"""Which joint of a file moves which segment: tables of the names that motion archives use."""

import re
from collections.abc import Sequence
from pathlib import Path

from batchenv.body.yaml_file import read_yaml_file
from batchenv.errors import InputError, nearest
from batchenv.motion.segments import NEEDED, SEGMENTS

_SIDED = ("femur", "tibia", "foot", "toes", "humerus", "ulna", "hand")


def _table(
    pelvis: str, torso: Sequence[str], right: Sequence[str], left: Sequence[str]
) -> dict[str, list[str]]:
    """Names by segment; those of a side in the order of `_SIDED`."""
    table = {"pelvis": [pelvis], "torso": list(torso)}
    for side, names in (("r", right), ("l", left)):
        table |= {
            f"{segment}_{side}": names_.split("|") for segment, names_ in zip(_SIDED, names, strict=True)
        }
    return table


def _mixamo(side: str) -> list[str]:
    words = ("UpLeg", "Leg", "Foot", "ToeBase|{0}Toe", "Arm", "ForeArm", "Hand")
    return [f"{side}{word}".replace("{0}", side) for word in words]


def _before(letter: str, *words: str) -> list[str]:
    return [f"{letter}{word}" for word in words]


def _after(end: str, *words: str) -> list[str]:
    return [f"{word}{end}" for word in words]


_BANDAI = ("UpperLeg", "LowerLeg", "Foot", "Toes", "UpperArm", "LowerArm", "Hand")
_CMU = ("femur", "tibia", "foot", "toes", "humerus", "radius", "hand")
_GAITNET = ("Femur", "Tibia", "Talus", "FootThumb", "Arm", "ForeArm", "Hand")

TABLES: dict[str, dict[str, list[str]]] = {
    "BVH of CMU, LAFAN1 or Mixamo": _table(
        "Hips", ("Spine2", "Spine1", "Chest", "Spine"), _mixamo("Right"), _mixamo("Left")
    ),
    "BVH of Bandai-Namco": _table("Hips", ("Chest", "Spine"), _after("_R", *_BANDAI), _after("_L", *_BANDAI)),
    "AMC of CMU": _table(
        "root", ("thorax", "upperback", "lowerback"), _before("r", *_CMU), _before("l", *_CMU)
    ),
    "GaitNet": _table("Pelvis", ("Torso", "Spine"), _after("R", *_GAITNET), _after("L", *_GAITNET)),
}


def joints_of_segments(names: Sequence[str], file: str, own: dict[str, str] | None = None) -> dict[str, str]:
    """Return the joint of a file for each segment that it has.

    Args:
        names: of the file's joints, with or without a prefix, as in mixamorig:Hips or Character1_Hips.
        file: for messages.
        own: joints by segment that a caller gives; they go before those of the tables.

    Raises:
        InputError: a name in `own` is none of the file's, or a segment that every walker has is missing.
    """
    own = own or {}
    for segment, joint in own.items():
        if segment not in SEGMENTS:
            raise InputError(
                f"joints: {segment!r} is no segment.{nearest(segment, SEGMENTS)} Expected some of"
                f" {', '.join(SEGMENTS)}."
            )
        if joint not in names:
            raise InputError(
                f"{file} has no joint {joint!r}, given for {segment}.{nearest(joint, names)} It has"
                f" {', '.join(names)}."
            )
    bare = _without_prefix(names)
    found = [_matched(table, bare) for table in TABLES.values()]
    best = max(found, key=len) | own
    missing = [segment for segment in NEEDED if segment not in best]
    if missing:
        raise InputError(
            f"{file}: no joint is known for {', '.join(missing)}. It has {', '.join(names)}. Give their names"
            f" with --joints, in Python with joints=; tables are there for {', '.join(TABLES)}."
        )
    return best


def _matched(table: dict[str, list[str]], bare: dict[str, str]) -> dict[str, str]:
    found = {}
    for segment, candidates in table.items():
        name = next((bare[c.lower()] for c in candidates if c.lower() in bare), None)
        if name is not None:
            found[segment] = name
    return found


def _without_prefix(names: Sequence[str]) -> dict[str, str]:
    """Names of a file by what they are without a prefix that joints share, in lower case."""
    bare = {}
    for name in names:
        for short in (name, re.sub(r"^[^:]*:", "", name), re.sub(r"^(Character|Skeleton)\d*_", "", name)):
            bare.setdefault(short.lower(), name)
    return bare


def load_joint_table(file: Path) -> dict[str, str]:
    """Read a table of joints by segment, YAML, as the option `joints` of `read_motion` takes it.

    Raises:
        InputError: the file cannot be read, or is no such table.
    """
    table = read_yaml_file(file)
    if not isinstance(table, dict) or not all(isinstance(x, str) for pair in table.items() for x in pair):
        raise InputError(f"{file}: expected a line for each segment, such as femur_r: thigh.right")
    return table
