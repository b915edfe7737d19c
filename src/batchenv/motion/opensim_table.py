"""OpenSim's tables, .mot and .sto: a header of keys and values, then columns of numbers, time first."""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, NamedTuple

import numpy as np

from batchenv.errors import InputError
from batchenv.files import write_atomically
from batchenv.files.paths import file_to_read

OPENSIM_SUFFIXES = (".mot", ".sto")
MOST_BYTES = 2**26
_MOST_HEADER_LINES = 1000
_MOST_COLUMNS = 10_000
_END = "endheader"


class Table(NamedTuple):
    """A table that was read.

    Attributes:
        file: where from, for messages.
        header: values by key.
        time: (T,) [s].
        columns: values by name, each (T,).
    """

    file: Path
    header: dict[str, str]
    time: np.ndarray
    columns: dict[str, np.ndarray]

    def stacked(self, names: Sequence[str]) -> np.ndarray:
        """Some columns side by side (T, n).

        Raises:
            InputError: the table lacks one.
        """
        missing = [name for name in names if name not in self.columns]
        if missing:
            raise InputError(f"{self.file}: lacks the columns {', '.join(map(repr, missing))}")
        return np.stack([self.columns[name] for name in names], axis=1)


def write_table(
    path: Path,
    time: np.ndarray,
    columns: Mapping[str, np.ndarray],
    header: Mapping[str, object] | None = None,
    *,
    in_degrees: bool = False,
) -> None:
    """Write a table, atomically.

    Args:
        path: the file.
        time: (T,) [s].
        columns: values by name, each (T,).
        header: further keys and values.
        in_degrees: whether angles are in degrees, for OpenSim.

    Raises:
        OutputError: the file cannot be written.
    """
    keys: dict[str, object] = {"version": 1, "nRows": len(time), "nColumns": len(columns) + 1}
    keys["inDegrees"] = "yes" if in_degrees else "no"
    lines = [path.stem, *(f"{key}={value}" for key, value in {**keys, **(header or {})}.items()), _END]
    lines.append("\t".join(["time", *columns]))
    values = np.column_stack([time, *columns.values()])

    def write(file: BinaryIO) -> None:
        file.write(("\n".join(lines) + "\n").encode())
        np.savetxt(file, values, fmt="%.10g", delimiter="\t")

    write_atomically(path, write)


def read_table(file: str | Path) -> Table:
    """Read a table; nothing in it is executed.

    Raises:
        InputError: the file is no such table, damaged, or larger than 64 MiB; says what it lacks.
    """
    path = file_to_read("file", file)
    if path.stat().st_size > MOST_BYTES:
        raise InputError(f"{path}: {path.stat().st_size:,} bytes, expected at most {MOST_BYTES:,}")
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: not a readable text in UTF-8 ({error})") from error
    head, found, body = text.partition(f"\n{_END}")
    lines = head.splitlines()
    if not found or len(lines) > _MOST_HEADER_LINES:
        raise InputError(f"{path}: no line {_END!r} after a header, as OpenSim's .mot and .sto files have it")
    header = {key.strip(): value.strip() for key, _, value in (line.partition("=") for line in lines[1:])}
    names, _, rows = body.lstrip().partition("\n")
    columns = names.strip().split("\t") if "\t" in names else names.split()
    _check_columns(path, columns)
    values = _numbers(path, columns, rows)
    for key, count in (("nRows", len(values)), ("nColumns", len(columns))):
        if header.get(key, str(count)) != str(count):
            raise InputError(f"{path}: its header says {key}={header[key][:20]}, and there are {count}")
    return Table(path, header, values[:, 0], dict(zip(columns[1:], values.T[1:], strict=True)))


def _check_columns(path: Path, columns: list[str]) -> None:
    if not 2 <= len(columns) <= _MOST_COLUMNS or columns[0] != "time":
        first = f", the first {columns[0][:40]!r}" if columns else ""
        raise InputError(
            f"{path}: {len(columns)} columns{first}; expected 'time' and 1 to {_MOST_COLUMNS:,} others"
        )
    repeated = [name for name, count in Counter(columns).items() if count > 1]
    if repeated:
        raise InputError(f"{path}: column {repeated[0][:80]!r} occurs twice")


def _numbers(path: Path, columns: list[str], rows: str) -> np.ndarray:
    """Values (T, columns), all finite, in rows of increasing time."""
    if not rows.strip():
        raise InputError(f"{path}: no rows after the names of columns")
    try:
        values = np.loadtxt(io.StringIO(rows), comments=None, ndmin=2)
    except (ValueError, OverflowError, MemoryError) as error:
        reason = str(error).partition(";")[0]  # NumPy goes on with advice to programmers
        raise InputError(f"{path}: its rows are no table of numbers ({reason})") from error
    if values.shape[1] != len(columns):
        raise InputError(f"{path}: rows of {values.shape[1]} numbers for {len(columns)} columns")
    bad = np.argwhere(~np.isfinite(values))
    if bad.size:
        row, column = bad[0]
        raise InputError(f"{path}: column {columns[column][:80]!r} is {values[row, column]} in row {row + 1}")
    if len(values) < 2:
        raise InputError(f"{path}: one row; expected at least two rows of increasing time")
    late = np.flatnonzero(np.diff(values[:, 0]) <= 0)
    if late.size:
        before, after = values[late[0] : late[0] + 2, 0]
        raise InputError(
            f"{path}: time is {after:g} in row {late[0] + 2}, after {before:g}; expected at least two rows of"
            " increasing time"
        )
    return values
