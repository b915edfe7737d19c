"""Does a walker go where it is told: speeds, turns, a stop and a start, and commands drawn as in training."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np

from batchenv.env import BatchEnv
from batchenv.errors import InputError
from batchenv.evaluate.intervals import wilson
from batchenv.evaluate.numbers import check_count, check_threads
from batchenv.evaluate.record import Tape
from batchenv.evaluate.recording import Recording
from batchenv.evaluate.targets import SPEED_ERROR
from batchenv.evaluate.told import COMMAND, SPEED_SHARE, STILL, TURN_ERROR, beyond, command_range, held
from batchenv.evaluate.walker import Walker
from batchenv.interrupts import held_back
from batchenv.rng import checked_seed

STRAIGHT = (0.5, 0.9, 1.3, 1.7, 2.0)  # [m/s]
USUAL_SPEED = 1.3  # one of these, at which walkers are disturbed [m/s]
TURNS = (-45, -30, -15, 15, 30, 45)  # [deg/s]
TURNING_SPEED, SECONDS = 1.2, 20.0
STOP_AT, START_AT, STOP_SECONDS = 5.0, 27.0, 32.0  # [s]
TAKEN_UP = 2.0  # by when a new command is to be followed [s]
COURSE_SECONDS = 60.0
SETTLED = 1.0  # what is measured begins so long after the start [s]
# Share of the walks of a trial that are to stay up and do as told.
ENOUGH, ENOUGH_ON_COURSE = 0.95, 0.90


@dataclass(frozen=True)
class Trial:
    """A walk under commands.

    One command is kept if the means of the walk are as told, see `speed_error` and `TURN_ERROR`. Each of
    several is judged likewise, from 2 s after it was told; a walker that is told to stand must stand still.

    Attributes:
        name: for the table.
        seconds: its length [s].
        commands: from when on [s], the speed [m/s] and the rate of turning [deg/s]; None: as in training.

    Raises:
        InputError: the first command does not come at 0 s, or one of several lasts no longer than the 2 s.
    """

    name: str
    seconds: float
    commands: tuple[tuple[float, float, float], ...] | None

    def __post_init__(self) -> None:
        if self.commands is None:
            return
        times = [at for at, _, _ in self.commands]
        least = TAKEN_UP if len(times) > 1 else 0.0
        if times[:1] != [0.0] or not all(b - a > least for a, b in pairwise([*times, self.seconds])):
            raise InputError(
                f"trial {self.name!r}: its commands come at {times} s of {self.seconds:g} s; expected the "
                f"first at 0, and that each of several lasts longer than {TAKEN_UP:g} s"
            )

    @property
    def straight(self) -> float | None:
        """The speed of a trial that goes straight on at one speed [m/s]."""
        (_, speed, turning), *later = self.commands or ((0.0, 0.0, math.nan),)
        return speed if turning == 0.0 and not later else None

    @property
    def speed_error(self) -> float:
        """How far the mean speed of a walk may be from the one asked [m/s]."""
        (_, speed, _), *_ = self.commands or ((0.0, 0.0, 0.0),)
        return SPEED_ERROR if self.commands is None or self.straight is not None else _near(speed)

    @property
    def enough(self) -> float:
        """Share of the walks that are to stay up and do as told."""
        return ENOUGH_ON_COURSE if self.commands is None else ENOUGH


@dataclass(frozen=True)
class Followed:
    """How walks of a trial went.

    Attributes:
        trial: that was walked.
        walks: how many.
        completed: share that stayed up to the end.
        low, high: 95 % confidence interval of that share (Wilson 1927).
        speed, turning: means over the walks that lasted, [m/s] and [deg/s]; None where none did, and where
            they were told one thing after another.
        kept: share of the walks that stayed up and kept what they were told.
        untrained: what they were told that the walker was not trained for; "" where there is nothing.
        recording: of the first walks of a straight trial, where it was asked for.
    """

    trial: Trial
    walks: int
    completed: float
    low: float
    high: float
    speed: float | None
    turning: float | None
    kept: float
    untrained: str = ""
    recording: Recording | None = None

    @property
    def passed(self) -> bool:
        """Whether enough walks stayed up; straight on, with the right mean speed; else, each as told."""
        asked = self.trial.straight
        if self.completed < self.trial.enough:
            return False
        if asked is not None:
            return self.speed is not None and abs(self.speed - asked) <= SPEED_ERROR
        return self.trial.commands is None or self.kept >= self.trial.enough

    @property
    def line(self) -> str:
        """A line about it."""
        speed = "" if self.speed is None else f", {self.speed:.2f} m/s"
        turning = "" if self.turning is None else f", {self.turning:+.1f} deg/s"
        untrained = f" ({self.untrained})" if self.untrained else ""
        found = f"{self.completed:>4.0%} up, {self.kept:>4.0%} as told{speed}{turning}"
        return f"{self.trial.name:<24} {found}{untrained}"

    @property
    def numbers(self) -> dict[str, Any]:
        """As report.json has it."""
        asked = self.trial.commands or ()
        speed, turning = asked[0][1:] if len(asked) == 1 else (None, None)
        return {
            "name": self.trial.name,
            "seconds": self.trial.seconds,
            "asked_speed_m_s": speed,
            "asked_turning_deg_s": turning,
            "walks": self.walks,
            "completed": self.completed,
            "completed_95": [self.low, self.high],
            "speed_m_s": self.speed,
            "turning_deg_s": self.turning,
            "kept": self.kept,
            "enough": self.trial.enough,
            "passed": self.passed,
            "untrained": self.untrained,
        }


def trials(seconds: float = SECONDS) -> tuple[Trial, ...]:
    """All trials, in the order of the table; those of one command last some seconds."""
    straight = (Trial(f"{speed:g} m/s", seconds, ((0.0, speed, 0.0),)) for speed in STRAIGHT)
    turning = (
        Trial(f"{TURNING_SPEED:g} m/s, {turn:+d} deg/s", seconds, ((0.0, TURNING_SPEED, turn),))
        for turn in TURNS
    )
    stop = ((0.0, TURNING_SPEED, 0.0), (STOP_AT, 0.0, 0.0), (START_AT, TURNING_SPEED, 0.0))
    return (
        *straight,
        *turning,
        Trial("stop, stand 20 s, start", STOP_SECONDS, stop),
        Trial("course of 60 s", COURSE_SECONDS, None),
    )


def is_commanded(walker: Walker) -> bool:
    """Whether a walker is told how fast to walk and to turn."""
    return COMMAND in getattr(walker.config.environment, "commands", {})


def held_command(walker: Walker, speed: float, turning: float = 0.0) -> dict[str, Any]:
    """Changes of a configuration that ask for one speed [m/s] and rate of turning [deg/s] all the time."""
    return held(walker.config, {"speed": speed, "yaw_rate": math.radians(turning)})


def follow_commands(
    walker: Walker,
    walks: int = 20,
    seed: int = 0,
    num_threads: int | None = None,
    chosen: Sequence[Trial] | None = None,
    progress: Callable[[Followed], None] | None = None,
    *,
    recorded: int = 0,
) -> list[Followed]:
    """Let a walker follow commands.

    Args:
        walker: that is told where to go, see `is_commanded`.
        walks: of each trial.
        seed: of the starts.
        num_threads: as for `BatchEnv`.
        chosen: trials; by default all of `trials`.
        progress: called after each trial.
        recorded: walks of each straight trial to record, at most as many as are walked.

    Raises:
        InputError: a number is impossible, or the walker takes no commands or does not observe how it
            walks; nothing is simulated.
        Interrupted: SIGINT, SIGTERM or SIGHUP came.
    """
    check_count("walks", walks, 10_000)
    check_threads("num_threads", num_threads)
    checked_seed(seed)
    if not is_commanded(walker):
        raise InputError(f"{walker.name} takes no command {COMMAND}: it walks as its reference does")
    found = []
    with held_back() as check:
        for trial in chosen or trials():
            taped = 0 if trial.straight is None else min(recorded, walks)
            found.append(_followed(walker, trial, walks, seed, num_threads, check, taped))
            if progress is not None:
                progress(found[-1])
    return found


def _followed(
    walker: Walker,
    trial: Trial,
    walks: int,
    seed: int,
    threads: int | None,
    check: Callable[[], None],
    taped: int,
) -> Followed:
    first = None if trial.commands is None else trial.commands[0]
    changes = {} if first is None else held_command(walker, first[1], first[2])
    with walker.worlds(walks, trial.seconds, threads, walker.config.lenient() | changes) as env:
        walk = _Walk(env, walker, trial, seed, check, taped)
        up, speed, turning = walk.up, walk.mean(walk.speed), walk.mean(walk.turning)
    kept, steady = up & walk.keeps(), walk.known.any() and len(trial.commands or ()) < 2
    low, high = wilson(float(up.mean()), walks)
    return Followed(
        trial,
        walks,
        float(up.mean()),
        low,
        high,
        float(speed[walk.known].mean()) if steady else None,
        float(turning[walk.known].mean()) if steady else None,
        float(kept.mean()),
        _untrained(walker, trial),
        walk.recording,
    )


def _untrained(walker: Walker, trial: Trial) -> str:
    """What a trial tells that a walker was not trained for; "" where there is nothing."""
    config = walker.trained_under or walker.config
    _, speeds, turns = zip(*(trial.commands or ((0.0, 0.0, 0.0),)), strict=True)
    told = {"speed": speeds, "yaw_rate": [math.radians(turn) for turn in turns]}
    said = (beyond(column, command_range(config, column), *values) for column, values in told.items())
    return next(filter(None, said), "")


class _Walk:
    """Walks of one trial, side by side (N,), and what was seen of them in each step (T, N).

    Attributes:
        up: whether each stayed up to the end.
        walking: whether each was up after each step.
        speed, turning: of each after each step [m/s], [deg/s].
        asked: speed and rate of turning asked in each step (T, 2, N) [m/s], [deg/s].
        recording: of the first walks, if there are to be any.
    """

    def __init__(
        self,
        env: BatchEnv,
        walker: Walker,
        trial: Trial,
        seed: int,
        check: Callable[[], None],
        recorded: int,
    ):
        columns = [_observed(env, walker, name) for name in (env.task.speed_column, "root_angvel/up")]
        commanded = [column.name for column in env.command_layout]
        asked = commanded.index("speed"), commanded.index("yaw_rate")
        self._trial, self._dt, everyone = trial, env.control_dt, np.arange(env.num_envs)
        obs, up = env.reset(seed), np.ones(env.num_envs, bool)
        seen, walking, told = [], [], []
        tape = Tape(env, recorded) if recorded else None
        later = {round(at / env.control_dt): (v, w) for at, v, w in (trial.commands or ())[1:]}
        for step in range(env.max_episode_steps):
            check()
            if step in later:
                speed, turning = later[step]
                obs = env.set_command(everyone, {"speed": speed, "yaw_rate": math.radians(turning)})
            told.append(env.commands[:, asked].T * [[1.0], [math.degrees(1.0)]])
            obs, _, dones = env.step(walker.policy(obs), tape and tape.sampler)
            if tape is not None:
                tape.keep(dones)
            up = up & ~env.terminated
            last = np.where(dones[:, None], env.final_obs, obs)
            seen.append(last[:, columns].T * [[1.0], [math.degrees(1.0)]])
            walking.append(up)
            if not up.any():
                break
        values = np.array(seen)
        self.up, self.walking, self.asked = up, np.array(walking), np.array(told)
        self.speed, self.turning = values[:, 0], values[:, 1]
        self.recording = None if tape is None else tape.recording()

    @property
    def known(self) -> np.ndarray:
        """Which walks lasted until the gait had settled (N,)."""
        return np.asarray(self._settled().any(axis=0))

    def mean(self, values: np.ndarray) -> np.ndarray:
        """Mean of each walk over its steps up, once settled (N,); NaN where there is none."""
        settled = self._settled()
        count = settled.sum(axis=0)
        return np.divide(
            (values * settled).sum(axis=0), count, out=np.full(len(count), np.nan), where=count > 0
        )

    def keeps(self) -> np.ndarray:
        """Whether each walk kept what it was told (N,)."""
        commands = self._trial.commands or ()
        if len(commands) > 1:
            ends = [*(at for at, _, _ in commands[1:]), self._trial.seconds]
            parts = [self._keeps_part(*told, end) for told, end in zip(commands, ends, strict=True)]
            return np.all(parts, axis=0)
        with np.errstate(invalid="ignore"):
            speed = np.abs(self.mean(self.speed - self.asked[:, 0])) <= self._trial.speed_error
            turning = np.abs(self.mean(self.turning - self.asked[:, 1])) <= TURN_ERROR
        return np.asarray(speed & turning)

    def _keeps_part(self, begin: float, speed: float, turning: float, end: float) -> np.ndarray:
        """Whether each walk kept one of several commands, from a time to another [s] (N,)."""
        part = slice(round((begin + TAKEN_UP) / self._dt), round(end / self._dt))
        walked, turned = self.speed[part], self.turning[part]
        if not len(walked):  # everybody fell
            return self.up
        if speed == turning == 0.0:
            window = round(1.0 / self._dt)  # sway is no walking
            return np.asarray((np.abs(_running_mean(walked, window)) < STILL).all(axis=0))
        fast = np.abs(walked.mean(axis=0) - speed) <= _near(speed)
        return np.asarray(fast & (np.abs(turned.mean(axis=0) - turning) <= TURN_ERROR))

    def _settled(self) -> np.ndarray:
        settled = self.walking.copy()
        settled[: round(SETTLED / self._dt)] = False
        return settled


def _observed(env: BatchEnv, walker: Walker, name: str) -> int:
    """Index of an observation.

    Raises:
        InputError: the walker does not observe it.
    """
    names = [column.name for column in env.obs_layout]
    if name not in names:
        raise InputError(
            f"{walker.name} does not observe {name}, by which it is seen whether it does as told: keep "
            f"{name.partition('/')[0]} in environment.observation.terms when you train it"
        )
    return names.index(name)


def _near(speed: float) -> float:
    """How far a mean speed may be from the one told, in curves and where commands change [m/s]."""
    return max(SPEED_SHARE * abs(speed), STILL)


def _running_mean(values: np.ndarray, window: int) -> np.ndarray:
    """Means over windows (T - window + 1, N); of all there is where it is shorter."""
    window = max(1, min(window, len(values)))
    sums = np.cumsum(np.concatenate([np.zeros((1, values.shape[1])), values]), axis=0)
    return (sums[window:] - sums[:-window]) / window
