"""Recordings as C3D: joints as points, the forces of the ground as two force plates.

Axes are those of recordings, x forward, y left, z up. Each foot has a plate of its own, as large as the walk.
Plates are of type 2: the force on the foot and its moment about the middle of the plate, in axes x forward, y
right, z down.
"""

import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.errors import InputError
from batchenv.evaluate.opensim_output import by_episode, need
from batchenv.evaluate.recording import Recording
from batchenv.extras import import_extra
from batchenv.files import write_atomically

Array = np.ndarray

MOST_FRAMES = 65_535  # a header counts no more
_PLATE = np.array([1.0, -1.0, -1.0])  # a plate's axes in those of a recording
_MARGIN = 1000.0  # of the plates around what is walked on [mm]
_CHANNELS = ("Fx", "Fy", "Fz", "Mx", "My", "Mz")


def c3d_module() -> Any:
    """Return ezc3d.

    Raises:
        UsageError: it is not installed.
    """
    return import_extra("ezc3d", "a C3D file")


def save_c3d(recording: Recording, path: Path) -> list[Path]:
    """Write the points and the ground forces of each episode.

    Args:
        recording: with `cop` and `free_moment`.
        path: the file; several episodes go to WALK_000.c3d and so on.

    Returns:
        The files.

    Raises:
        InputError: the recording lacks an array, or an episode is longer than a file can be.
        OutputError: a file cannot be written.
        UsageError: ezc3d is not installed.
    """
    need(recording, path, "cop", "free_moment")
    episodes = list(by_episode(recording, path))
    for file, _, rows in episodes:
        if rows.stop - rows.start > MOST_FRAMES:
            raise InputError(f"{file}: {rows.stop - rows.start:,} samples, C3D holds {MOST_FRAMES:,} at most")
    for file, _, rows in episodes:
        contents = _contents(recording, rows)
        write_atomically(file, lambda stream, contents=contents: stream.write(contents))
    return [file for file, _, _ in episodes]


def _contents(recording: Recording, rows: slice) -> bytes:
    c3d = c3d_module().c3d()
    points, rate = _points(recording, rows), 1.0 / recording.dt
    corners = _corners(points)
    parameters = c3d["parameters"]
    parameters["POINT"]["RATE"]["value"] = [rate]
    parameters["POINT"]["UNITS"]["value"] = ["mm"]
    parameters["POINT"]["LABELS"]["value"] = tuple(points)
    parameters["ANALOG"]["RATE"]["value"] = [rate]
    parameters["ANALOG"]["LABELS"]["value"] = tuple(f"{name}{foot}" for foot in (1, 2) for name in _CHANNELS)
    parameters["ANALOG"]["UNITS"]["value"] = ("N", "N", "N", "Nmm", "Nmm", "Nmm") * 2
    plates = {
        "USED": [2],
        "TYPE": [2, 2],
        "ZERO": [1, 0],
        "CHANNEL": np.arange(1, 13).reshape(2, 6).T,
        "CORNERS": np.stack([corners, corners], axis=2),
        "ORIGIN": np.zeros((3, 2)),
    }
    for name, value in plates.items():
        parameters["FORCE_PLATFORM"][name]["value"] = value
    places = np.stack(list(points.values()), axis=1).transpose(2, 1, 0)  # (3, points, T)
    c3d["data"]["points"] = np.concatenate([places, np.ones_like(places[:1])])
    c3d["data"]["analogs"] = _plates(recording, rows, corners.mean(axis=1))[None]
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "walk.c3d"
        c3d.write(str(file))
        return file.read_bytes()


def _points(recording: Recording, rows: slice) -> dict[str, Array]:
    """Places by name, each (T, 3) [mm]."""
    points = {"pelvis": recording.root_pos[rows]}
    if recording.measured("joint_center"):
        centers = recording.joint_center[rows]
        points |= {name: centers[:, i] for i, name in enumerate(recording.joint_center_names)}
    points |= {f"heel_{side}": recording.foot_pos[rows, foot] for foot, side in enumerate("rl")}
    return {name: 1000.0 * place.astype(float) for name, place in points.items()}


def _corners(points: dict[str, Array]) -> Array:
    """Corners of the floor that is walked on, in the order of a plate's (3, 4) [mm]."""
    places = np.concatenate(list(points.values()))
    (back, right, _), (front, left, _) = places.min(axis=0) - _MARGIN, places.max(axis=0) + _MARGIN
    return np.array([[front, back, back, front], [right, right, left, left], [0.0, 0.0, 0.0, 0.0]])


def _plates(recording: Recording, rows: slice, middle: Array) -> Array:
    """Channels of both plates (12, T) [N], [Nmm]."""
    channels = []
    for foot in range(2):
        force = recording.grf[rows, foot].astype(float)
        moment = np.cross(1000.0 * recording.cop[rows, foot] - middle, force)
        moment[:, 2] += 1000.0 * recording.free_moment[rows, foot]
        channels += [*(force * _PLATE).T, *(moment * _PLATE).T]
    return np.array(channels)
