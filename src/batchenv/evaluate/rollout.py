"""Rollouts into a file, one for each row of a sweep over gait or commands, ground, body and muscles."""

import math
from collections.abc import Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.build import Walking
from batchenv.env import BatchEnv
from batchenv.errors import InputError
from batchenv.evaluate.conditions import set_conditions
from batchenv.evaluate.formats import WRITERS, check_format, check_samples, save_recording
from batchenv.evaluate.hdf5_file import h5py_module
from batchenv.evaluate.numbers import MOST_STRIDES, check_count, check_threads
from batchenv.evaluate.record import Policy, RecordingBuilder, Sampler, Sink, record_walks
from batchenv.evaluate.rollout_file import HDF5_SUFFIXES, RecordingWriter
from batchenv.evaluate.sweep import CONDITIONS, GAIT, PARAMETERS, Sweep
from batchenv.evaluate.told import SPEED_SHARE, STILL, TURN_ERROR, held, takes_commands, told_columns
from batchenv.evaluate.walker import Walker
from batchenv.files import check_output_file
from batchenv.files.paths import checked_path, is_directory
from batchenv.interrupts import held_back
from batchenv.rng import checked_seed

BATCH = 64  # rows that walk side by side


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
        strides: length of each rollout that does not fall, in cycles of its reference gait as usual.
        sweep: a rollout for each row; by default one rollout as configured.
        seed: of the starts.
        num_threads: as for `BatchEnv`.

    Returns:
        How each rollout ended: "completed", "off speed" where it did not keep the speed that it was asked
        within 10 % (0.1 m/s where that is more, of one that is told) or turned at another rate than it was
        told by more than 5 degrees/s, "fell", or "interrupted" where its physics failed.

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
    told = told_columns(walker.config)
    if takes_commands(walker.config) and (asked := set(GAIT) & set(sweep.names) - set(told)):
        raise InputError(
            f"the sweep asks for the {' and '.join(sorted(asked))} of the reference, and {walker.name} walks "
            f"as it is told; leave them out{' or ask for ' * bool(told)}{', '.join(told)}"
        )
    attributes = {"walker": walker.name, "config": walker.config.to_yaml(), "seed": seed}
    ended = ["interrupted"] * len(sweep)
    own = walker.config.environment.parameters.by_path
    shared = {*GAIT, *told, *own}
    walks = [(rows, *_changes(walker, sweep, rows)) for rows in _batches(sweep, shared)]
    with held_back() as check, ExitStack() as files:
        sink: Sink | None = None
        for rows, changes, period in walks:
            check()
            with walker.worlds(len(rows), strides * period, num_threads, changes) as env:
                env.reset(seed)
                obs = set_conditions(env, **_conditions(sweep, rows, env.body, shared))
                sampler = Sampler(env, loads=True)
                if path.suffix not in HDF5_SUFFIXES:
                    check_samples(path, sampler.names, round(strides * period / sampler.dt))
                sink = sink or files.enter_context(_sink(path, sampler.constants, sweep, attributes))
                given = sweep.values[rows] if sweep.names else None
                watched = _WatchedPolicy(walker.policy, env, _asked(walker, env, sweep, rows))
                endings = record_walks(watched, env, obs, sampler, sink, rows, given, watched.as_asked)
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


@dataclass(frozen=True)
class _Asked:
    """What walks are to do on average: an observation, how much, within what."""

    observation: str
    value: float
    tolerance: float


def _asked(walker: Walker, env: BatchEnv, sweep: Sweep, rows: np.ndarray) -> list[_Asked]:
    """What rows that walk side by side are to do; nothing where commands are drawn anew on the way."""
    if not env.command_layout:
        speed = env.task.usual_speed * _speed_factor(sweep, rows)
        return [_Asked(env.task.speed_column, speed, SPEED_SHARE * abs(speed))]
    told = _first(sweep, rows)
    asked = []
    if "speed" in told:
        asked.append(
            _Asked(env.task.speed_column, told["speed"], max(SPEED_SHARE * abs(told["speed"]), STILL))
        )
    if "yaw_rate" in told:
        asked.append(_Asked("root_angvel/up", told["yaw_rate"], math.radians(TURN_ERROR)))
    return asked


class _WatchedPolicy:
    """A policy, and the means of what it observes in each world since the beginning."""

    def __init__(self, policy: Policy, env: BatchEnv, asked: Sequence[_Asked]):
        names = [column.name for column in env.obs_layout]
        seen = [each for each in asked if each.observation in names]
        self._policy, self._columns = policy, [names.index(each.observation) for each in seen]
        self._asked = np.array([each.value for each in seen])
        self._tolerances = np.array([each.tolerance for each in seen])
        self._sum, self._steps = np.zeros((env.num_envs, len(seen))), 0

    def __call__(self, obs: np.ndarray) -> np.ndarray:
        self._sum += obs[:, self._columns]
        self._steps += 1
        return self._policy(obs)

    def as_asked(self) -> np.ndarray:
        """Whether each world's means are as asked (N,) bool."""
        means = self._sum / max(self._steps, 1)
        return np.asarray((np.abs(means - self._asked) <= self._tolerances).all(axis=1))


def _first(sweep: Sweep, rows: np.ndarray) -> dict[str, float]:
    """Values by column of the first of rows that walk side by side."""
    return dict(zip(sweep.names, sweep.values[rows[0]].tolist(), strict=True))


def _changes(walker: Walker, sweep: Sweep, rows: np.ndarray) -> tuple[dict[str, Any], float]:
    """What rows that walk side by side change in the configuration, and the period of their gait [s]."""
    first, told = _first(sweep, rows), told_columns(walker.config)
    gait: dict[str, Any] = {f"environment.motion.{name}": first[name] for name in GAIT if name in first}
    if asked := {name: first[name] for name in told if name in first}:
        gait = held(walker.config, asked)
    own = walker.config.environment.parameters.by_path
    defaults = {f"{PARAMETERS}{name}.default": value for name, value in first.items() if name in own}
    return gait | defaults, walker.period(gait)


def _speed_factor(sweep: Sweep, rows: np.ndarray) -> float:
    """How much faster rows that walk side by side are asked to walk than as usual, by their gait and size."""
    powers = {"gait.stride": 1.0, "gait.cadence": 1.0, "skeleton.global": 0.5}
    return math.prod(
        float(sweep.column(name)[rows[0]]) ** power for name, power in powers.items() if name in sweep.names
    )


def _batches(sweep: Sweep, shared_names: Collection[str]) -> Iterator[np.ndarray]:
    """Rows that walk side by side, those that have the same in columns of these names, `BATCH` at most."""
    shared = [k for k, name in enumerate(sweep.names) if name in shared_names]
    gaits = sweep.values[:, shared]
    _, group = np.unique(gaits, axis=0, return_inverse=True)
    for members in (np.flatnonzero(group == g) for g in range(group.max() + 1)):
        for start in range(0, len(members), BATCH):
            yield members[start : start + BATCH]


def _conditions(
    sweep: Sweep, rows: np.ndarray, body: Walking, shared: Collection[str]
) -> dict[str, np.ndarray]:
    """Conditions of some rows, for `set_conditions`; factors on one muscle multiply."""
    conditions = {name: sweep.column(name)[rows] for name in CONDITIONS if name in sweep.names}
    muscles, bare = body.muscle_names, body.names.without_side
    weakened = [name for name in sweep.names if name not in (*CONDITIONS, *shared)]
    if weakened:
        overall = conditions.get("muscle_strength", np.ones(len(rows)))
        strength = np.repeat(overall[:, None], len(muscles), axis=1)
        for name in weakened:
            own = [i for i, muscle in enumerate(muscles) if name in (muscle, bare(muscle))]
            strength[:, own] *= sweep.column(name)[rows][:, None]
        conditions["muscle_strength"] = strength
    return conditions
