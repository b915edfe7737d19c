"""Marker sets: where markers sit on a body, from YAML."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from batchenv.arrays import is_real, shown
from batchenv.body.body import Body
from batchenv.body.yaml_file import read_yaml_file
from batchenv.config.paths import PACKAGE_DATA
from batchenv.errors import InputError, nearest

Array = np.ndarray

GAIT_MARKERS = PACKAGE_DATA / "markers_gait.yaml"
_KEYS = ("names", "body", "at", "twin")
_FARTHEST = 2.0  # of a marker from the origin of its body [m]


@dataclass(frozen=True, eq=False)
class MarkerSet:
    """Places of M markers on a body, and its segments that are scaled.

    Attributes:
        file: for messages.
        names: of each, any of which a file may use (M,).
        bodies: ids (M,).
        places: in the frames of the bodies (M, 3) [m].
        segments: ids of the bodies of each segment.
    """

    file: str
    names: tuple[tuple[str, ...], ...]
    bodies: Array
    places: Array
    segments: Mapping[str, Array]

    def found_in(self, markers: Sequence[str]) -> dict[int, str]:
        """Return the marker of a file for each of the set that it has."""
        exact = {name.lower(): name for name in markers}
        found = {}
        for i, names in enumerate(self.names):
            name = next((exact[each.lower()] for each in names if each.lower() in exact), None)
            if name is not None:
                found[i] = name
        return found


def load_marker_set(file: str | Path, body: Body) -> MarkerSet:
    """Read a marker set for a body.

    Args:
        file: YAML with `markers`, a list of {names, body, at, twin}, and `segments`, lists of bodies by name;
            as data/markers_gait.yaml of the package.
        body: that wears them; markers of bodies that it lacks are left out.

    Raises:
        InputError: says which entry is wrong, or that the body has none of the bodies.
    """
    content, path = read_yaml_file(file), Path(file)
    content = content if isinstance(content, dict) else {}
    entries, segments = content.get("markers"), content.get("segments", {})
    if not isinstance(entries, list) or not entries or not isinstance(segments, dict):
        raise InputError(f"{path}: expected 'markers', a list of {{names, body, at}}, and 'segments'")
    rows = [row for i, entry in enumerate(entries) for row in _rows(path, i, entry, body)]
    names, bodies, places = zip(*rows, strict=True)
    ids = np.array([_body_id(body, name) for name in bodies])
    worn = ids >= 0
    if not worn.any():
        raise InputError(f"{path}: the body {body.file} has none of {', '.join(dict.fromkeys(bodies))}")
    return MarkerSet(
        str(path),
        tuple(each for each, is_worn in zip(names, worn, strict=True) if is_worn),
        ids[worn],
        _in_bodies(body, ids[worn], np.array(places)[worn]),
        {str(name): _segment(path, body, str(name), value) for name, value in segments.items()},
    )


def _rows(path: Path, index: int, entry: Any, body: Body) -> list[tuple[tuple[str, ...], str, list[float]]]:
    """Names, body and place of a marker, and of its twin on the left."""
    where = f"{path}: markers[{index}]"
    if not isinstance(entry, dict) or not {"names", "body", "at"} <= set(entry):
        raise InputError(f"{where} is {shown(entry)}; expected {{names: [...], body: ..., at: [...]}}")
    unknown = [key for key in entry if key not in _KEYS]
    if unknown:
        raise InputError(f"{where}: key {shown(unknown[0])}.{nearest(str(unknown[0]), _KEYS)}")
    names, at = entry["names"], entry["at"]
    named = isinstance(names, list) and names and all(isinstance(name, str) for name in names)
    placed = isinstance(at, list) and len(at) == 3 and all(is_real(x) and abs(x) < _FARTHEST for x in at)
    if not named or not placed or not isinstance(entry["body"], str):
        raise InputError(f"{where}: expected names as text, a body, and a place of three numbers in metres")
    row = (tuple(names), entry["body"], [float(x) for x in at])
    if not entry.get("twin", False):
        return [row]
    twins = tuple(f"L{name[1:]}" for name in names)
    return [row, (twins, body.names.twin(entry["body"]), [row[2][0], -row[2][1], row[2][2]])]


def _segment(path: Path, body: Body, name: str, value: Any) -> Array:
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise InputError(f"{path}: segments.{name} is {shown(value)}; expected a list of bodies")
    ids = [_body_id(body, each) for each in value]
    return np.array([each for each in ids if each >= 0], int)


def _body_id(body: Body, name: str) -> int:
    return mujoco.mj_name2id(body.model, mujoco.mjtObj.mjOBJ_BODY, name)


def _in_bodies(body: Body, bodies: Array, places: Array) -> Array:
    """Places (M, 3) from forward, left, up to the frames of the bodies, as they are standing upright."""
    model, data = body.model, mujoco.MjData(body.model)
    data.qpos[:] = body.qpos(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), np.zeros(len(body.joint_names)))
    mujoco.mj_kinematics(model, data)
    frame = np.stack([body.forward, body.left, body.up], axis=1)
    turns = data.xmat[bodies].reshape(-1, 3, 3)
    return np.einsum("mji,mj->mi", turns, places @ frame.T)
