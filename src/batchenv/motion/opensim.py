"""Motions of OpenSim, .mot and .sto: pelvis and joint angles, read into clips and written from them."""

import logging
import math
from dataclasses import replace
from pathlib import Path

import numpy as np

from batchenv.errors import InputError
from batchenv.motion.clip import Clip
from batchenv.motion.opensim_forces import forces_beside, ground_forces
from batchenv.motion.opensim_frame import (
    PELVIS_ANGLES,
    PELVIS_PLACE,
    from_opensim,
    pelvis_angles,
    pelvis_quat,
    to_opensim,
)
from batchenv.motion.opensim_table import Table, read_table, write_table
from batchenv.motion.registry import ReadOptions

_log = logging.getLogger(__name__)

Array = np.ndarray

KNEES = ("knee_angle_r", "knee_angle_l")
ALIASES = {
    f"{own}_{side}": f"{common}_{side}"
    for side in "rl"
    for own, common in {
        "hip_flex": "hip_flexion",
        "hip_add": "hip_adduction",
        "hip_rot": "hip_rotation",
        "knee_flexion": "knee_angle",
        "knee_flex": "knee_angle",
        "ankle_flex": "ankle_angle",
        "ankle_dorsiflexion": "ankle_angle",
        "subtalar": "subtalar_angle",
        "mtp": "mtp_angle",
        "elbow_flexion": "elbow_flex",
    }.items()
}
"""Names of other models and archives for the joints that the common names call otherwise."""
_BESIDE = ("speed", "activation", "fiber_length")
_NEGATIVE_KNEE = -math.radians(5)
_LARGEST_TURN = 1e4  # of the pelvis, beyond which no direction is told [rad]
_SLACK = 1e-3  # of times that files print [s]


def read_opensim(path: Path, options: ReadOptions) -> Clip:
    """Read a motion, .mot or .sto, and the ground forces beside it where they cover all of it.

    Angles are in degrees where the header of the motion says so.

    Raises:
        InputError: a file is no such table, or lacks the pelvis or any angle of a joint.
    """
    clip, forces = clip_of_table(read_table(path)), forces_beside(path)
    if forces is None:
        return clip
    loads = read_table(forces)
    if clip.times[0] < loads.time[0] - _SLACK or clip.times[-1] > loads.time[-1] + _SLACK:
        _log.warning("%s does not cover all of %s, and is left out", forces, path)
        return clip
    return replace(clip, forces=ground_forces(loads, clip.times))


def clip_of_table(table: Table) -> Clip:
    """Return the clip of a table's coordinates; its pelvis must be there.

    Raises:
        InputError: says which column is missing, or that the header says nothing of degrees.
    """
    said = table.header.get("inDegrees", "no").lower()
    if said not in ("yes", "no"):
        raise InputError(f"{table.file}: its header says inDegrees={said[:20]}; expected yes or no")
    columns = coordinates(table.columns, math.pi / 180 if said == "yes" else 1.0)
    loops = table.header.get("loops", "no").lower() == "yes"
    return clip_of_columns(table.time, columns, str(table.file), loops)


def coordinates(columns: dict[str, Array], factor: float = 1.0) -> dict[str, Array]:
    """Columns by their coordinates' names alone, angles times a factor; places are in metres and stay so."""
    found = {}
    for name, values in columns.items():
        path = name.split("/")
        if len(path) > 1 and path[-1] in _BESIDE:  # of a path such as jointset/hip_r/hip_flexion_r/speed
            continue
        name = path[-2] if path[-1] == "value" and len(path) > 1 else path[-1]
        found[ALIASES.get(name, name)] = values * (1.0 if name in PELVIS_PLACE else factor)
    return found


def clip_of_columns(time: Array, columns: dict[str, Array], source: str, loops: bool = False) -> Clip:
    """Return the clip of coordinates in OpenSim's names, angles in radians.

    Args:
        time: (T,) [s].
        columns: each (T,) [rad], [m].
        source: for messages.
        loops: whether the last sample is the first, a cycle later.

    Raises:
        InputError: columns of the pelvis or of all joints are missing.
    """
    missing = [name for name in (*PELVIS_PLACE, *PELVIS_ANGLES) if name not in columns]
    if missing:
        raise InputError(f"{source}: lacks the columns {', '.join(map(repr, missing))}")
    joints = {name: values for name, values in columns.items() if not name.startswith("pelvis_")}
    if not joints:
        raise InputError(f"{source}: lacks angles of joints, such as hip_flexion_r")
    most = max(float(np.abs(columns[name]).max()) for name in PELVIS_ANGLES)
    if most > _LARGEST_TURN:
        raise InputError(f"{source}: its pelvis turns to {most:g} rad; expected {_LARGEST_TURN:g} at most")
    joints = turn_knees(joints, source)
    place = np.stack([columns[name] for name in PELVIS_PLACE], axis=1)
    return Clip(
        times=time,
        joint_names=tuple(joints),
        joint_pos=np.stack(list(joints.values()), axis=1),
        root_pos=from_opensim(place),
        root_quat=pelvis_quat(np.stack([columns[name] for name in PELVIS_ANGLES], axis=1)),
        loops=loops,
        source=source,
    )


def turn_knees(joints: dict[str, Array], source: str) -> dict[str, Array]:
    """Turn knees that flex towards negative angles, as in gait2392, and say so."""
    knees = [joints[name] for name in KNEES if name in joints]
    if knees and np.mean(knees) < _NEGATIVE_KNEE:
        _log.warning("%s: knees flex towards negative angles, as in gait2392; they are turned", source)
        return joints | {name: -joints[name] for name in KNEES if name in joints}
    return joints


def opensim_columns(clip: Clip) -> dict[str, Array]:
    """Pelvis [rad], [m] and joints [rad] of a clip of common names, by OpenSim's names, each (T,)."""
    return {
        **dict(zip(PELVIS_ANGLES, pelvis_angles(clip.root_quat).T, strict=True)),
        **dict(zip(PELVIS_PLACE, to_opensim(clip.root_pos).T, strict=True)),
        **dict(zip(clip.joint_names, clip.joint_pos.T, strict=True)),
    }


def write_opensim(clip: Clip, path: Path) -> None:
    """Write a clip of common names as a motion of OpenSim, angles in degrees.

    Raises:
        InputError: a joint is called as a column of the pelvis or of time is.
        OutputError: the file cannot be written.
    """
    taken = [name for name in clip.joint_names if name in ("time", *PELVIS_ANGLES, *PELVIS_PLACE)]
    if taken:
        raise InputError(f"{path}: a joint is called {taken[0]}, as another column of OpenSim's files is")
    columns = {
        name: values if name in PELVIS_PLACE else np.rad2deg(values)
        for name, values in opensim_columns(clip).items()
    }
    write_table(path, clip.times, columns, {"loops": "yes"} if clip.loops else {}, in_degrees=True)
