"""Rollouts into a file, one for each row of a sweep over gait, ground, body and muscles."""

import csv
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.body.names import COMMON_NAMES, BodyNames
from batchenv.build import Walking
from batchenv.env import BatchEnv
from batchenv.errors import InputError, nearest
from batchenv.evaluate.conditions import set_conditions
from batchenv.evaluate.formats import WRITERS, check_format, check_samples, save_recording
from batchenv.evaluate.hdf5_file import h5py_module
from batchenv.evaluate.numbers import MOST_STRIDES, check_count, check_threads
from batchenv.evaluate.record import Policy, RecordingBuilder, Sampler, Sink, record_walks
from batchenv.evaluate.rollout_file import HDF5_SUFFIXES, RecordingWriter
from batchenv.evaluate.told import takes_commands
from batchenv.evaluate.walker import Walker
from batchenv.files import check_output_file
from batchenv.files.paths import checked_path, file_to_read, is_directory
from batchenv.interrupts import held_back
from batchenv.rng import checked_seed

GAIT = ("speed", "period")  # of the reference: rows that share them walk in one batch
CONDITIONS = ("friction", "mass", "muscle_strength")
BATCH = 64  # rows that walk side by side
PARAMETERS = "environment.parameters."
SPEED_SHARE = 0.1  # of the speed asked, by which one that counts as kept may differ
# What a column may hold; those of muscles are factors as muscle_strength is.
RANGES = {
    "speed": (0.01, 20.0),
    "period": (0.1, 10.0),
    "friction": (0.001, 10.0),
    "mass": (0.1, 10.0),
    "muscle_strength": (0.001, 1000.0),
}
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
) -> Sweep:
    """Read a sweep from CSV: a header, then one rollout in each row.

    Columns are friction (coefficient of the floor), mass and muscle_strength (factors), speed [m/s] and
    period [s] of the reference gait, muscles, with or without their side (factor on the peak force), and the
    walker's own parameters, by path with or without "environment.parameters.".

    Args:
        file: the CSV file.
        muscles: names of the body's muscles.
        body_names: what marks their sides.
        parameters: ranges of the walker's own parameters, by path in `environment.parameters`.

    Raises:
        InputError: the file is no CSV file in UTF-8, a column is unknown, or a value is no positive number or
            out of the range of its column.
    """
    path = file_to_read("file", file)
    rows = _read_rows(path)
    if len(rows) < 2:
        raise InputError(f"{path}: {len(rows)} lines, expected a header and at least one row")
    own = parameters or {}
    names = tuple(name.removeprefix(PARAMETERS) for name in rows[0][1])
    known = (*GAIT, *CONDITIONS, *own, *muscles, *map(body_names.without_side, muscles))
    for name in names:
        if name not in known:
            raise InputError(
                f"{path}: unknown column {name!r}.{nearest(name, known)}"
                f" Expected {', '.join((*GAIT, *CONDITIONS, *own))}, or muscles"
            )
        if names.count(name) > 1:
            raise InputError(f"{path}: column {name!r} occurs twice")
    return Sweep(names, np.array([_numbers(path, names, line, row, own) for line, row in rows[1:]]))


def roll_out(
    walker: Walker,
    file: str | Path,
    strides: int = 100,
    sweep: Sweep | None = None,
    seed: int = 0,
    num_threads: int | None = None,
) -> list[str]:
    """Record rollouts into a file.

    An HDF5 file is written as they go, and memory does not grow with their length; the other formats are kept
    in memory until the last rollout ends.

    Args:
        walker: who walks.
        file: .h5 or .hdf5, see `RecordingWriter`, or a file of `save_recording`; replaced if it exists.
        strides: length of each rollout, in cycles of its reference gait; one that falls is shorter.
        sweep: a rollout for each row; by default one rollout as configured.
        seed: of the starts.
        num_threads: as for `BatchEnv`.

    Returns:
        How each rollout ended: "completed", "off speed" where it did not keep the speed that it was asked
        within 10 %, "fell", or "interrupted" where its physics failed.

    Raises:
        InputError: no such file has that name, a number is impossible, or worlds cannot have what the sweep
            asks for; nothing is written.
        OutputError: the file cannot be written, now or when the disk is full; it holds what was walked until
            then.
        Interrupted: SIGINT, SIGTERM or SIGHUP came; likewise.
    """
    path = checked_path("file", file)
    if path.suffix not in (*HDF5_SUFFIXES, *WRITERS) or not is_directory(path.parent):
        expected = " or ".join((*HDF5_SUFFIXES, *WRITERS))
        raise InputError(f"{path}: expected the name of an {expected} file in a directory")
    check_output_file(path) if path.suffix in HDF5_SUFFIXES else check_format(path)
    check_count("strides", strides, MOST_STRIDES)
    check_threads("num_threads", num_threads)
    seed = checked_seed(seed)
    if path.suffix in HDF5_SUFFIXES:
        h5py_module()
    sweep = sweep or Sweep((), np.zeros((1, 0)))
    if takes_commands(walker.config) and (asked := set(GAIT) & set(sweep.names)):
        raise InputError(
            f"the sweep asks for {' and '.join(sorted(asked))} of the reference, and {walker.name} walks as "
            "it is commanded; leave them out, and say what it is told: --set 'environment.commands"
            ".walking_velocity={speed: [1.3, 1.3], yaw_rate: [0, 0], standing: 0}'"
        )
    attributes = {"walker": walker.name, "config": walker.config.to_yaml(), "seed": seed}
    ended = ["interrupted"] * len(sweep)
    own = walker.config.environment.parameters.by_path
    walks = [(rows, *_gait(walker, sweep, rows)) for rows in _batches(sweep, own)]
    with held_back() as check, ExitStack() as files:
        sink: Sink | None = None
        for rows, changes, period in walks:
            check()
            with walker.worlds(len(rows), strides * period, num_threads, changes) as env:
                env.reset(seed)
                obs = set_conditions(env, **_conditions(sweep, rows, env.body, own))
                sampler = Sampler(env, loads=True)
                if path.suffix not in HDF5_SUFFIXES:
                    check_samples(path, sampler.names, round(strides * period / sampler.dt))
                sink = sink or files.enter_context(_sink(path, sampler.constants, sweep, attributes))
                given = sweep.values[rows] if sweep.names else None
                watched = _WatchedPolicy(walker.policy, env, _speed_factor(sweep, rows))
                endings = record_walks(watched, env, obs, sampler, sink, rows, given, watched.on_speed)
            for row, ending in zip(rows, endings, strict=True):
                ended[row] = ending
    return ended


@contextmanager
def _sink(
    path: Path, constants: dict[str, Any], sweep: Sweep, attributes: dict[str, str | float]
) -> Iterator[Sink]:
    """What takes the samples of all rows, and has them in the file in the end, however that comes."""
    if path.suffix in HDF5_SUFFIXES:
        with RecordingWriter(path, **constants, parameter_names=sweep.names, attributes=attributes) as writer:
            yield writer
        return
    builder = RecordingBuilder(constants, len(sweep))
    try:
        yield builder
    finally:
        if not builder.empty:
            save_recording(builder.recording(), path)


class _WatchedPolicy:
    """A policy, and the mean speed of the worlds that it walks in since the beginning."""

    def __init__(self, policy: Policy, env: BatchEnv, factor: float):
        self._policy, self._asked = policy, env.task.usual_speed * factor
        names = [column.name for column in env.obs_layout]
        speed = env.task.speed_column
        # Who is commanded is asked other speeds all the time.
        self._column = names.index(speed) if speed in names and not env.command_layout else None
        self._sum, self._steps = np.zeros(env.num_envs), 0

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        if self._column is not None:
            self._sum += obs[:, self._column]
            self._steps += 1
        return self._policy(obs)

    def on_speed(self) -> np.ndarray:
        """Whether the mean speed is the one asked, within `SPEED_SHARE` (N,)."""
        if self._column is None:
            return np.ones(len(self._sum), bool)
        return np.abs(self._sum / self._steps - self._asked) <= SPEED_SHARE * abs(self._asked)


def _gait(walker: Walker, sweep: Sweep, rows: np.ndarray) -> tuple[dict[str, float], float]:
    """What rows that walk side by side change in the configuration, and the period of their gait [s]."""
    first = dict(zip(sweep.names, sweep.values[rows[0]].tolist(), strict=True))
    gait = {f"environment.motion.{name}": first[name] for name in GAIT if name in first}
    own = walker.config.environment.parameters.by_path
    defaults = {f"{PARAMETERS}{name}.default": value for name, value in first.items() if name in own}
    return gait | defaults, walker.period(gait)


def _speed_factor(sweep: Sweep, rows: np.ndarray) -> float:
    """How much faster rows that walk side by side are asked to walk than as usual, by their gait and size."""
    powers = {"gait.stride": 1.0, "gait.cadence": 1.0, "skeleton.global": 0.5}
    return math.prod(
        float(sweep.column(name)[rows[0]]) ** power for name, power in powers.items() if name in sweep.names
    )


def _batches(sweep: Sweep, parameters: Mapping[str, Any]) -> Iterator[np.ndarray]:
    """Rows that walk side by side, those with the same gait and parameters, `BATCH` at most."""
    shared = [k for k, name in enumerate(sweep.names) if name in GAIT or name in parameters]
    gaits = sweep.values[:, shared]
    _, group = np.unique(gaits, axis=0, return_inverse=True)
    for members in (np.flatnonzero(group == g) for g in range(group.max() + 1)):
        for start in range(0, len(members), BATCH):
            yield members[start : start + BATCH]


def _conditions(
    sweep: Sweep, rows: np.ndarray, body: Walking, parameters: Mapping[str, Any]
) -> dict[str, np.ndarray]:
    """Conditions of some rows, for `set_conditions`; factors on one muscle multiply."""
    conditions = {name: sweep.column(name)[rows] for name in CONDITIONS if name in sweep.names}
    muscles, bare = body.muscle_names, body.names.without_side
    weakened = [name for name in sweep.names if name not in (*GAIT, *CONDITIONS, *parameters)]
    if weakened:
        overall = conditions.get("muscle_strength", np.ones(len(rows)))
        strength = np.repeat(overall[:, None], len(muscles), axis=1)
        for name in weakened:
            own = [i for i, muscle in enumerate(muscles) if name in (muscle, bare(muscle))]
            strength[:, own] *= sweep.column(name)[rows][:, None]
        conditions["muscle_strength"] = strength
    return conditions


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
    path: Path, names: tuple[str, ...], line: int, row: list[str], parameters: Mapping[str, Any]
) -> list[float]:
    if len(row) != len(names):
        raise InputError(f"{path}, line {line}: {len(row)} values, expected {len(names)} as in the header")
    numbers = []
    for name, cell in zip(names, row, strict=True):
        try:
            number = float(cell)
        except ValueError:
            number = math.nan
        if not (math.isfinite(number) and (number > 0 or name in parameters)):
            raise InputError(f"{path}, line {line}: {name} is {cell!r}, expected a positive number")
        least, most = RANGES.get(name, RANGES["muscle_strength"])
        if name in parameters:
            least, most = parameters[name].min, parameters[name].max
        if not least <= number <= most:
            raise InputError(f"{path}, line {line}: {name} is {cell!r}, expected {least:g} to {most:g}")
        numbers.append(number)
    return numbers
