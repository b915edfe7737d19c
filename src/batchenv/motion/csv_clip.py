"""Clips as CSV: the columns of recordings, or coordinates in OpenSim's names over time."""

import csv
import io
import math
from pathlib import Path

import numpy as np

from batchenv.body.files import MEGABYTE, read_file
from batchenv.errors import InputError, nearest
from batchenv.files import write_atomically
from batchenv.motion.clip import Clip
from batchenv.motion.opensim import clip_of_columns, coordinates
from batchenv.motion.opensim_frame import PELVIS_PLACE
from batchenv.motion.registry import LARGEST_ANGLE, ReadOptions

Array = np.ndarray

_MOST_BYTES = 64 * MEGABYTE
_TIMES = ("time", "time_s")
_JOINT = "joint_pos/"
_PLACE = tuple(f"root_pos/{axis}" for axis in ("forward", "left", "up"))
_QUAT = tuple(f"root_quat/{axis}" for axis in "wxyz")
_DEGREES, _RADIANS = "_deg", "_rad"


def read_csv(path: Path, options: ReadOptions) -> Clip:
    """Read a CSV file with a row of names and a column `time` or `time_s` [s].

    Its columns are those of recordings (joint_pos/knee_angle_r, root_pos/forward, root_quat/w), or OpenSim's
    coordinates (pelvis_tx, knee_angle_r) in radians and metres; names that end with _deg are in degrees. Of a
    recording of several walks, `options.episode` says which is read.

    Raises:
        InputError: says the line or the column that is missing or wrong.
    """
    columns = _columns(path)
    time = next((columns.pop(name) for name in _TIMES if name in columns), None)
    if time is None:
        raise InputError(
            f"{path}: lacks a column 'time' [s].{nearest('time', columns)} It has"
            f" {', '.join(list(columns)[:20])}"
        )
    if any(name.startswith(_JOINT) for name in columns):
        return _recorded(path, time, columns, options.episode)
    if options.episode:
        raise InputError(
            f"{path}: episode {options.episode}; it holds one motion, as it has no columns of a recording,"
            f" such as {_JOINT}knee_angle_r"
        )
    angles = _in_radians(columns)
    for name, values in angles.items():
        if name not in PELVIS_PLACE and np.abs(values).max() > LARGEST_ANGLE:
            raise InputError(
                f"{path}: column {name!r} reaches {np.abs(values).max():g}; expected radians. Names of"
                f" columns in degrees end with {_DEGREES}"
            )
    return clip_of_columns(time, angles, str(path))


def write_csv(clip: Clip, path: Path) -> None:
    """Write a clip with the columns of recordings.

    Raises:
        OutputError: the file cannot be written.
    """
    header = io.StringIO()
    joints = [f"{_JOINT}{name}" for name in clip.joint_names]
    csv.writer(header, lineterminator="\n").writerow(["time", *joints, *_PLACE, *_QUAT])
    values = np.column_stack([clip.times, clip.joint_pos, clip.root_pos, clip.root_quat])

    def write(file: io.BufferedWriter) -> None:
        file.write(header.getvalue().encode())
        np.savetxt(file, values, fmt="%.12g", delimiter=",")

    write_atomically(path, write)  # pyright: ignore[reportArgumentType]


def _columns(path: Path) -> dict[str, Array]:
    """Columns (T,) by name."""
    try:
        text = read_file(path, _MOST_BYTES).decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError(f"{path}: it is not text in UTF-8") from None
    names = [name.strip() for name in next(csv.reader(text.splitlines()[:1]), [])]
    repeated = [name for name in names if names.count(name) > 1]
    if repeated:
        raise InputError(f"{path}: column {repeated[0][:80]!r} occurs twice")
    rows = [(number, line) for number, line in enumerate(text.splitlines()[1:], 2) if line.strip()]
    if len(names) < 2 or len(rows) < 2:
        raise InputError(
            f"{path}: expected a row of names of columns and at least two rows of numbers,"
            " separated by commas"
        )
    values = np.array([_row(path, number, line, len(names)) for number, line in rows])
    return dict(zip(names, values.T, strict=True))


def _row(path: Path, number: int, line: str, count: int) -> list[float]:
    cells = line.split(",")
    if len(cells) != count:
        raise InputError(f"{path}:{number}: {len(cells)} values for {count} columns")
    try:
        row = [float(cell) for cell in cells]
    except ValueError as error:
        raise InputError(f"{path}:{number}: {str(error)[:80]}") from None
    if not np.isfinite(row).all():
        raise InputError(f"{path}:{number}: a value is not finite")
    return row


def _in_radians(columns: dict[str, Array]) -> dict[str, Array]:
    found = {}
    for name, values in columns.items():
        factor = math.pi / 180 if name.endswith(_DEGREES) else 1.0
        found[name.removesuffix(_DEGREES).removesuffix(_RADIANS)] = factor * values
    return coordinates(found)


def _recorded(path: Path, time: Array, columns: dict[str, Array], episode: int) -> Clip:
    missing = [name for name in (*_PLACE, *_QUAT) if name not in columns]
    if missing:
        raise InputError(f"{path}: lacks the columns {', '.join(map(repr, missing))}")
    episodes = columns.get("episode", np.zeros(len(time)))
    rows = episodes == episode
    if rows.sum() < 2:
        raise InputError(
            f"{path}: episode {episode} has {rows.sum()} samples; it holds the episodes"
            f" {', '.join(f'{each:g}' for each in np.unique(episodes)[:20])}"
        )
    joints = [name for name in columns if name.startswith(_JOINT)]
    return Clip(
        times=time[rows],
        joint_names=tuple(name.removeprefix(_JOINT) for name in joints),
        joint_pos=np.stack([columns[name][rows] for name in joints], axis=1),
        root_pos=np.stack([columns[name][rows] for name in _PLACE], axis=1),
        root_quat=np.stack([columns[name][rows] for name in _QUAT], axis=1),
        source=str(path),
    )
