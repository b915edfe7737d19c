"""A sweep: a table whose rows say what each rollout is asked, and under what conditions it walks."""

import csv
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.body.names import COMMON_NAMES, BodyNames
from batchenv.errors import InputError, nearest
from batchenv.files.paths import file_to_read

GAIT = ("speed", "period")  # of the reference
CONDITIONS = ("friction", "mass", "muscle_strength")
PARAMETERS = "environment.parameters."
# What a column may hold; those of muscles are factors as muscle_strength is.
RANGES = {
    "speed": (0.01, 20.0),
    "period": (0.1, 10.0),
    "friction": (0.001, 10.0),
    "mass": (0.1, 10.0),
    "muscle_strength": (0.001, 1000.0),
}
# Of walkers that are told how fast to walk [m/s] and to turn [rad/s].
COMMANDED_RANGES = {"speed": (0.0, 20.0), "yaw_rate": (-10.0, 10.0)}
_MOST_ROWS = 100_000


@dataclass(frozen=True)
class Sweep:
    """Rows of parameters: `names` (K,) and `values` (R, K)."""

    names: tuple[str, ...]
    values: np.ndarray

    def __len__(self) -> int:
        return len(self.values)

    def column(self, name: str) -> np.ndarray:
        """Values of a parameter (R,)."""
        return self.values[:, self.names.index(name)]


def read_sweep(
    file: str | Path,
    muscles: tuple[str, ...],
    body_names: BodyNames = COMMON_NAMES,
    parameters: Mapping[str, Any] | None = None,
    told: Sequence[str] = (),
) -> Sweep:
    """Read a sweep from CSV: a header, then one rollout in each row.

    Columns are friction (coefficient of the floor), mass and muscle_strength (factors), speed [m/s] and
    period [s] of the reference gait, or speed [m/s] and yaw_rate [rad/s] that the walker is told, muscles,
    with or without their side (factor on the peak force), and the walker's own parameters, by path with or
    without "environment.parameters.".

    Args:
        file: the CSV file.
        muscles: names of the body's muscles.
        body_names: what marks their sides.
        parameters: ranges of the walker's own parameters, by path in `environment.parameters`.
        told: what the walker can be told, see `told_columns`; it then walks as told, not as its reference.

    Raises:
        InputError: the file is no CSV file in UTF-8, a column is unknown, or a value is no number that
            its column may hold.
    """
    path = file_to_read("file", file)
    rows = _read_rows(path)
    if len(rows) < 2:
        raise InputError(f"{path}: {len(rows)} lines, expected a header and at least one row")
    own = parameters or {}
    names = tuple(name.removeprefix(PARAMETERS) for name in rows[0][1])
    common = (*(told or GAIT), *CONDITIONS, *own)
    known = (*common, *muscles, *map(body_names.without_side, muscles))
    ranges = _ranges(own, told)
    for name in names:
        if name not in known:
            raise InputError(
                f"{path}: unknown column {name!r}.{nearest(name, known)}"
                f" Expected {', '.join(common)}, or muscles"
            )
        if names.count(name) > 1:
            raise InputError(f"{path}: column {name!r} occurs twice")
    return Sweep(names, np.array([_numbers(path, names, line, row, ranges) for line, row in rows[1:]]))


def _ranges(parameters: Mapping[str, Any], told: Sequence[str]) -> dict[str, tuple[float, float]]:
    """Least and greatest value of each column but muscles."""
    own = {name: (float(given.min), float(given.max)) for name, given in parameters.items()}
    commands = {name: COMMANDED_RANGES.get(name, (-1e3, 1e3)) for name in told}
    return RANGES | own | commands


def _read_rows(path: Path) -> list[tuple[int, list[str]]]:
    """Lines of a CSV file that are not empty, with their numbers."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            reader = csv.reader(stream, strict=True)
            rows = [(reader.line_num, [cell.strip() for cell in row]) for row in reader if any(row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path}: not a readable CSV file in UTF-8 ({error})") from error
    if len(rows) > _MOST_ROWS:
        raise InputError(f"{path}: {len(rows):,} lines, expected at most {_MOST_ROWS:,}")
    return rows


def _numbers(
    path: Path, names: tuple[str, ...], line: int, row: list[str], ranges: Mapping[str, tuple[float, float]]
) -> list[float]:
    if len(row) != len(names):
        raise InputError(f"{path}, line {line}: {len(row)} values, expected {len(names)} as in the header")
    numbers = []
    for name, cell in zip(names, row, strict=True):
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        least, most = ranges.get(name, RANGES["muscle_strength"])
        if not (math.isfinite(number) and (number > 0 or least <= 0)):
            kind = "a positive number" if least > 0 else "a number"
            raise InputError(f"{path}, line {line}: {name} is {cell!r}, expected {kind}")
        if not least <= number <= most:
            raise InputError(f"{path}, line {line}: {name} is {cell!r}, expected {least:g} to {most:g}")
        numbers.append(number)
    return numbers
