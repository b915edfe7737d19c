"""Long rollouts into a file, one for each row of a sweep over gait, ground, body and muscles."""

import csv
import math
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batchenv.body.indices import without_side
from batchenv.errors import InputError, nearest
from batchenv.evaluate.conditions import set_conditions
from batchenv.evaluate.record import Sampler, record_walks
from batchenv.evaluate.rollout_file import HDF5_SUFFIXES, RecordingWriter
from batchenv.evaluate.walker import Walker

GAIT = ("speed", "period")  # of the reference: rows that share them walk in one batch
CONDITIONS = ("friction", "mass", "muscle_strength")
BATCH = 64  # rows that walk side by side


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


def read_sweep(file: str | Path, muscles: tuple[str, ...]) -> Sweep:
    """Read a sweep from CSV: a header, then one rollout in each row.

    Columns are friction (coefficient of the floor), mass and muscle_strength (factors), speed [m/s] and
    period [s] of the reference gait, and muscles, with or without their side (factor on the peak force).

    Args:
        file: the CSV file.
        muscles: names of the body's muscles.

    Raises:
        InputError: a column is unknown, or a value is no positive number.
    """
    path = Path(file)
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = [[cell.strip() for cell in row] for row in csv.reader(stream) if any(row)]
    if len(rows) < 2:
        raise InputError(f"{path}: {len(rows)} lines, expected a header and at least one row")
    names = tuple(rows[0])
    known = (*GAIT, *CONDITIONS, *muscles, *(without_side(muscle) for muscle in muscles))
    for name in names:
        if name not in known:
            raise InputError(
                f"{path}: unknown column {name!r}.{nearest(name, known)}"
                f" Expected {', '.join((*GAIT, *CONDITIONS))}, or muscles"
            )
        if names.count(name) > 1:
            raise InputError(f"{path}: column {name!r} occurs twice")
    return Sweep(names, np.array([_numbers(path, names, line, row) for line, row in enumerate(rows[1:], 2)]))


def roll_out(
    walker: Walker,
    file: str | Path,
    strides: int = 100,
    sweep: Sweep | None = None,
    seed: int = 0,
    num_threads: int | None = None,
) -> list[str]:
    """Record rollouts into an HDF5 file, as they go: memory does not grow with their length.

    Args:
        walker: who walks.
        file: the HDF5 file, see `RecordingWriter`; replaced if it exists.
        strides: length of each rollout, in cycles of its reference gait; one that falls is shorter.
        sweep: a rollout for each row; by default one rollout as configured.
        seed: of the starts.
        num_threads: as for `BatchEnv`.

    Returns:
        How each rollout ended: "completed" or "fell".

    Raises:
        InputError: no HDF5 file can have that name, or there is no stride to record.
    """
    path = Path(file)
    if path.suffix not in HDF5_SUFFIXES or not path.parent.is_dir():
        raise InputError(f"{path}: expected the name of an {' or '.join(HDF5_SUFFIXES)} file in a directory")
    if strides < 1:
        raise InputError(f"strides is {strides}, expected at least 1")
    sweep = sweep or Sweep((), np.zeros((1, 0)))
    attributes = {"walker": walker.name, "config": walker.config.to_yaml(), "seed": seed}
    ended = ["interrupted"] * len(sweep)
    with ExitStack() as files:
        writer: RecordingWriter | None = None
        for rows in _batches(sweep):
            gait = {name: sweep.column(name)[rows[0]] for name in GAIT if name in sweep.names}
            changes = {f"environment.motion.{name}": float(value) for name, value in gait.items()}
            period = walker.config.replace(changes).environment.motion.period
            with walker.worlds(len(rows), strides * period, num_threads, changes) as env:
                env.reset(seed)
                sampler = Sampler(env)
                writer = writer or files.enter_context(
                    RecordingWriter(
                        path, **sampler.constants, parameter_names=sweep.names, attributes=attributes
                    )
                )
                obs = set_conditions(env, **_conditions(sweep, rows, env.body.muscle_names))
                own = sweep.values[rows] if sweep.names else None
                endings = record_walks(walker.policy, env, obs, sampler, writer, rows, own)
            for row, ending in zip(rows, endings, strict=True):
                ended[row] = ending
    return ended


def _batches(sweep: Sweep) -> Iterator[np.ndarray]:
    """Rows that walk side by side, those with the same gait, `BATCH` at most."""
    gaits = sweep.values[:, [sweep.names.index(name) for name in GAIT if name in sweep.names]]
    _, group = np.unique(gaits, axis=0, return_inverse=True)
    for members in (np.flatnonzero(group == g) for g in range(group.max() + 1)):
        for start in range(0, len(members), BATCH):
            yield members[start : start + BATCH]


def _conditions(sweep: Sweep, rows: np.ndarray, muscles: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Conditions of some rows, for `set_conditions`; factors on one muscle multiply."""
    conditions = {name: sweep.column(name)[rows] for name in CONDITIONS if name in sweep.names}
    weakened = [name for name in sweep.names if name not in (*GAIT, *CONDITIONS)]
    if weakened:
        overall = conditions.get("muscle_strength", np.ones(len(rows)))
        strength = np.repeat(overall[:, None], len(muscles), axis=1)
        for name in weakened:
            own = [i for i, muscle in enumerate(muscles) if name in (muscle, without_side(muscle))]
            strength[:, own] *= sweep.column(name)[rows][:, None]
        conditions["muscle_strength"] = strength
    return conditions


def _numbers(path: Path, names: tuple[str, ...], line: int, row: list[str]) -> list[float]:
    if len(row) != len(names):
        raise InputError(f"{path}, line {line}: {len(row)} values, expected {len(names)} as in the header")
    numbers = []
    for name, cell in zip(names, row, strict=True):
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and number > 0):
            raise InputError(f"{path}, line {line}: {name} is {cell!r}, expected a positive number")
        numbers.append(number)
    return numbers
