"""Reading of gait cycles from CSV: joint angles of the right leg, or of both, over phase."""

import csv
import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from batchenv.body.body import Body
from batchenv.body.files import MEGABYTE, read_file
from batchenv.body.names import LEFT, SIDES
from batchenv.errors import ConfigError, nearest

_MOST_BYTES = 4 * MEGABYTE
_LEAST_ROWS = 4
_PHASE_COLUMN = "phase_pct"
_ANGLE_SUFFIX = "_rad"
# Two degrees: more is not the noise of a recording but another motion.
_CLOSURE_TOLERANCE = 0.035
# 30 degrees: further outside its range no joint is taken, but by a file in degrees or of another convention.
_BEYOND = 0.5
# The range of joints without one.
_TURN = 2 * math.pi


def read_gait_table(path: Path, body: Body) -> tuple[list[str], np.ndarray]:
    """Return the C joints of the body that a file names, and their table (n, C) of one cycle.

    Joints have no side, or are those of the left leg alone, such as knee_angle_l.

    Args:
        path: of the file.
        body: whose joints it names, or declares absent.

    Raises:
        ConfigError: names the file and what is wrong with it.
    """
    header, *rows = _read_rows(path) or [(1, [])]
    columns = [column.strip() for column in header[1]]
    if columns[:1] != [_PHASE_COLUMN]:
        raise _error(path, f"the first column must be {_PHASE_COLUMN!r}, not {_shortened(columns[:1])}.")
    if len(columns) == 1:
        raise _error(path, f"expected columns of joints after {_PHASE_COLUMN!r}.")
    names = [_joint_of_column(path, column, body) for column in columns[1:]]
    for name in names:
        if names.count(name) > 1:
            raise _error(path, f"there is a second column {name + _ANGLE_SUFFIX!r}; expected one.")
    table = _numbers(path, rows, columns)
    if not np.allclose(table[:, 0], np.linspace(0, 100, len(table)), atol=1e-3):
        raise _error(path, f"{_PHASE_COLUMN} must be evenly spaced from 0 to 100.")
    known = [_kind(name, body) not in body.names.absent for name in names]
    names, table = [name for name, has in zip(names, known, strict=True) if has], table[:, [True, *known]]
    if not names:
        raise _error(path, "the body has none of its joints; expected one at least.")
    for name, angles in zip(names, table[:, 1:].T, strict=True):
        kind = _kind(name, body)
        beyond = angle_beyond_range(body, kind, body.names.sign(kind) * angles)
        if beyond is not None:
            raise _error(
                path,
                f"column {name + _ANGLE_SUFFIX!r} reaches {beyond:g} rad, far outside the range of the joint,"
                f" {_range_text(body, kind)}. Are the angles in degrees, or their signs the other way round?",
            )
    gap = np.abs(table[-1, 1:] - table[0, 1:]).max()
    if gap > _CLOSURE_TOLERANCE:
        raise ConfigError(
            f"motion file {str(path)!r} is not cyclic: its last row is {gap:.3f} rad from its first;"
            f" expected at most {_CLOSURE_TOLERANCE} rad."
        )
    return names, table[:-1, 1:]


def angle_beyond_range(body: Body, kind: str, angles: np.ndarray) -> float | None:
    """Return the angle [rad] that is furthest outside the range of a joint, by far, or None.

    Args:
        body: with the joint.
        kind: name of the joint without its side.
        angles: (n,) [rad].
    """
    lower, upper = _range(body, kind)
    lowest, highest = float(angles.min()), float(angles.max())
    beyond, angle = max((lower - lowest, lowest), (highest - upper, highest))
    return None if beyond <= _BEYOND else angle


def _range(body: Body, kind: str) -> tuple[float, float]:
    """Return the range [rad] of a joint named without its side, that of the right one."""
    joints = [j for j, name in enumerate(body.joint_kinds) if name == kind]
    right = next((j for j in joints if not body.names.is_left(body.joint_names[j])), joints[0])
    lower, upper = np.clip(body.joint_range[right], -_TURN, _TURN)
    return float(lower), float(upper)


def _range_text(body: Body, kind: str) -> str:
    return "{:.3g} to {:.3g} rad".format(*_range(body, kind))


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Return the rows of a file that are not empty, each with the number of its line."""
    try:
        data = read_file(path, _MOST_BYTES)
    except FileNotFoundError:
        siblings = [entry.name for entry in path.parent.glob("*.csv")] if path.parent.is_dir() else []
        raise ConfigError(
            f"motion file {str(path)!r} does not exist; expected a CSV file with one gait cycle."
            f"{nearest(path.name, siblings)}"
        ) from None
    except OSError as error:
        raise _error(path, f"{error.strerror}; expected a CSV file with one gait cycle.") from None
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _error(path, f"line {line} is not UTF-8 text.") from None
    if "\0" in text:
        raise _error(path, "it holds NUL characters; expected text.")
    # Lines end as they do for people: csv itself leaves the carriage returns of old Macs in the fields.
    reader = csv.reader(text.splitlines())
    try:
        return [(reader.line_num, row) for row in reader if any(cell.strip() for cell in row)]
    except csv.Error as error:
        raise _error(path, f"line {reader.line_num} is not CSV: {error}.") from None


def _joint_of_column(path: Path, column: str, body: Body) -> str:
    joint = column.removesuffix(_ANGLE_SUFFIX)
    kinds = list(dict.fromkeys(body.joint_kinds))
    left = [body.names.common_joint(name) for name in body.joint_names if body.names.is_left(name)]
    if column == joint or not (joint in (*kinds, *left) or _kind(joint, body) in body.names.absent):
        known = [kind + _ANGLE_SUFFIX for kind in kinds]
        raise _error(
            path,
            f"column {_shortened(column)} is not a joint of the body.{nearest(column[:60], known)}"
            f" Expected some of {', '.join(known)}, or such as knee_angle_l_rad, of the left leg alone."
            f" In skeleton.names.joints, give the body's name for {_shortened(joint)}, or null if it has no"
            " such joint.",
        )
    return joint


def _kind(name: str, body: Body) -> str:
    """The joint without its side that a column is of."""
    return name if name in body.joint_kinds else name.removesuffix(SIDES[LEFT])


def _numbers(path: Path, rows: Sequence[tuple[int, list[str]]], columns: Sequence[str]) -> np.ndarray:
    """Return the rows as numbers (n, 1 + C)."""
    if len(rows) < _LEAST_ROWS:
        raise _error(
            path, f"it has {len(rows)} rows; expected at least {_LEAST_ROWS} rows of finite numbers."
        )
    table = np.empty((len(rows), len(columns)))
    for out, (line, cells) in zip(table, rows, strict=True):
        if len(cells) != len(columns):
            raise _error(path, f"line {line} has {len(cells)} values; expected {len(columns)}.")
        out[:] = [_number(cell) for cell in cells]
        bad = np.flatnonzero(~np.isfinite(out))
        if bad.size:
            column, cell = columns[bad[0]], _shortened(cells[bad[0]])
            raise _error(path, f"line {line}, column {column!r} is {cell}; expected a finite number.")
    return table


def _number(cell: str) -> float:
    try:
        return float(cell)
    except ValueError:
        return math.nan


def _error(path: Path, message: str) -> ConfigError:
    return ConfigError(f"motion file {str(path)!r}: {message}")


def _shortened(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:77]}..."
