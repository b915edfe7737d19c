"""Who stays up when disturbed: each disturbance in fresh starts, a world for each.

One table says what is judged (`DISTURBANCES`), one how much of each is withstood (`SWEEPS`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchenv.engine.world_parameters import has_own_strengths, set_slope
from batchenv.env import BatchEnv
from batchenv.evaluate.conditions import set_conditions
from batchenv.evaluate.intervals import wilson
from batchenv.evaluate.judge import WEAKER
from batchenv.evaluate.numbers import check_count, check_threads
from batchenv.evaluate.walker import Walker
from batchenv.interrupts import held_back
from batchenv.rng import checked_seed

PUSH_SECONDS = 0.2
PUSH_AT = 3.0  # [s]; starts lie anywhere in the gait cycle, and so do the pushes
SECONDS = 8.0  # length of a walk [s]
SURVIVORS = 0.9
CALM_STARTS = 200  # undisturbed, at least: so many that stay up show that 98 % or more do
# In the walking frame: x forward, y to the left.
DIRECTIONS = {"forward": (1, 0, 0), "backward": (-1, 0, 0), "left": (0, 1, 0), "right": (0, -1, 0)}
PUSH = "push [N]"  # a condition that is swept
_MOST_WORLDS = 128  # stepped at a time, if one disturbance does not take more


@dataclass(frozen=True)
class Disturbance:
    """What happens to a walker; NaN leaves a thing as it is.

    Attributes:
        name: for the table; of one of `SWEEPS`, the setting.
        push: force on the trunk for 0.2 s, in the walking frame [N].
        slope: rise of the floor ahead and to the left [deg].
        bumps, steps: height of an uneven floor [m].
        strength, mass: factors on the muscles' peak forces and on the masses.
        delay: of actions [s], in whole control steps.
        friction: coefficient of the floor.
    """

    name: str
    push: tuple[float, float, float] = (0.0, 0.0, 0.0)
    slope: tuple[float, float] = (0.0, 0.0)
    bumps: float = 0.0
    steps: float = 0.0
    strength: float = np.nan
    mass: float = np.nan
    delay: float = 0.0
    friction: float = np.nan


@dataclass(frozen=True)
class Withstood:
    """How many stayed up.

    Attributes:
        name: of the disturbance.
        walks: how many there were.
        survived: share that stayed up.
    """

    name: str
    walks: int
    survived: float

    @property
    def numbers(self) -> dict[str, Any]:
        """As report.json has it."""
        return {
            "name": self.name,
            "walks": self.walks,
            "survived": self.survived,
            "survived_95": list(wilson(self.survived, self.walks)),
            "enough": SURVIVORS,
            "passed": self.survived >= SURVIVORS,
        }


@dataclass(frozen=True)
class Robustness:
    """How much was withstood.

    Attributes:
        push_n: largest push that 90 % survived, smaller ones included [N]; 0 where none was.
        survived: share that stayed up, 0 to 1, by condition and setting.
    """

    push_n: float
    survived: dict[str, dict[str, float]]


def pushed(newtons: float, direction: str, name: str = "") -> Disturbance:
    """Return a push on the trunk [N]."""
    x, y, z = DIRECTIONS[direction]
    return Disturbance(
        name or f"push of {newtons:g} N {direction}", push=(newtons * x, newtons * y, newtons * z)
    )


DISTURBANCES = (
    Disturbance("none"),
    *(pushed(100.0, direction) for direction in DIRECTIONS),
    *(pushed(150.0, direction) for direction in ("forward", "backward")),
    Disturbance("6 deg uphill", slope=(6.0, 0.0)),
    Disturbance("6 deg downhill", slope=(-6.0, 0.0)),
    Disturbance("6 deg up to the left", slope=(0.0, 6.0)),
    Disturbance("6 deg up to the right", slope=(0.0, -6.0)),
    Disturbance("bumps of 3 cm", bumps=0.03),
    Disturbance("steps of 3 cm", steps=0.03),
    Disturbance("muscle strength -30 %", strength=0.7),
    Disturbance("body mass +20 %", mass=1.2),
    Disturbance("actions 33 ms late", delay=0.033),
    Disturbance("actions 66 ms late", delay=0.066),
    Disturbance("ground friction 0.4", friction=0.4),
)

SWEEPS: Mapping[str, tuple[Disturbance, ...]] = {
    PUSH: tuple(
        pushed(force, direction, str(force)) for force in range(20, 201, 20) for direction in DIRECTIONS
    ),
    "ground friction": tuple(
        Disturbance(f"{value:g}", friction=value) for value in (0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
    ),
    "bumps [cm]": tuple(Disturbance(f"{100 * value:g}", bumps=value) for value in (0.01, 0.02, 0.03, 0.04)),
    "body mass": tuple(Disturbance(f"{value - 1:+.0%}", mass=value) for value in (0.8, 0.9, 1.0, 1.1, 1.2)),
    WEAKER: tuple(Disturbance(f"{value - 1:+.0%}", strength=value) for value in (0.5, 0.6, 0.7, 0.8, 0.9)),
}
"""Settings of conditions; those of one name are counted together."""


def withstand(
    walker: Walker,
    walks: int = 20,
    seed: int = 0,
    num_threads: int | None = None,
    chosen: Sequence[Disturbance] = DISTURBANCES,
) -> list[Withstood]:
    """Disturb a walker, each time in so many fresh starts anywhere in the gait cycle.

    It is withstood by staying up for 8 s: a push, 3 s after the start, may turn the walker or shift it off
    its line. Left out is what a walker cannot be put under: weaker muscles where they make no force; late
    actions and uneven floors where the policy observes the parameters, or the task knows none.

    Args:
        walker: that walks.
        walks: under each disturbance.
        seed: of the starts.
        num_threads: as for `BatchEnv`.
        chosen: disturbances.

    Raises:
        InputError: a number is impossible; nothing is simulated.
        Interrupted: SIGINT, SIGTERM or SIGHUP came.
    """
    check_count("walks", walks, 10_000)
    check_threads("num_threads", num_threads)
    checked_seed(seed)
    possible = [each for each in chosen if _can_meet(walker, each)]
    if any(not np.isnan(each.strength) for each in possible) and not _own_strengths(walker):
        possible = [each for each in possible if np.isnan(each.strength)]
    found = []
    at_a_time = max(1, _MOST_WORLDS // walks)
    for first in range(0, len(possible), at_a_time):
        part = possible[first : first + at_a_time]
        changes = walker.config.lenient()
        for name, each in _PARAMETERS.items():
            if any(getattr(disturbance, name) for disturbance in part):
                changes |= each.changes
        with walker.worlds(len(part) * walks, SECONDS, num_threads, changes) as env:
            up = _disturbed(walker, env, [each for each in part for _ in range(walks)], seed)
        shares = up.reshape(len(part), walks).mean(axis=1)
        found += [Withstood(each.name, walks, float(share)) for each, share in zip(part, shares, strict=True)]
    return found


def robustness(
    walker: Walker, repeats: int = 20, seed: int = 0, num_threads: int | None = None
) -> Robustness:
    """Find out how much of each condition a walker withstands; see `withstand`.

    Args:
        walker: that walks.
        repeats: walks in each setting; of a push, in its four directions together, at least one in each.
        seed: of the starts.
        num_threads: as for `BatchEnv`.

    Raises:
        InputError: a number is impossible; nothing is simulated.
        Interrupted: SIGINT, SIGTERM or SIGHUP came.
    """
    check_count("repeats", repeats, 1000)
    survived: dict[str, dict[str, float]] = {}
    for condition, settings in SWEEPS.items():
        alike = sum(each.name == settings[0].name for each in settings)
        found = withstand(walker, max(1, repeats // alike), seed, num_threads, settings)
        shares: dict[str, list[float]] = {}
        for each in found:
            shares.setdefault(each.name, []).append(each.survived)
        if shares:
            survived[condition] = {name: float(np.mean(each)) for name, each in shares.items()}
    return Robustness(largest_survived(survived[PUSH]), survived)


def largest_survived(shares: Mapping[str, float]) -> float:
    """Largest push [N] that enough survived, as all smaller ones; `shares` by force, ascending."""
    largest = 0.0
    for force, share in shares.items():
        if share < SURVIVORS:
            break
        largest = float(force)
    return largest


class Pushes:
    """A push on the trunk of each world, at the same time in all.

    Args:
        env: whose worlds.
        force: in the walking frame (N, 3) [N].
        at: when it begins [s].
        seconds: how long it lasts [s].
    """

    def __init__(self, env: BatchEnv, force: np.ndarray, at: float, seconds: float):
        self._force = force @ env.task.axes
        self._applied = env.worlds.bind("xfrc_applied")[:, env.body.trunk_body, :3]
        self._start = round(at / env.control_dt)
        self._stop = self._start + round(seconds / env.control_dt)

    def before_step(self, step: int) -> None:
        """Begin or end the push, if it is time before this step of the episode."""
        if step in (self._start, self._stop):
            self._applied[:] = self._force if step == self._start else 0.0


def stay_up(walker: Walker, env: BatchEnv, obs: np.ndarray, pushes: Pushes) -> np.ndarray:
    """Let worlds that were just reset walk, and return whose first episode was not terminated (N,)."""
    up = np.ones(env.num_envs, bool)
    with held_back() as check:
        for step in range(env.max_episode_steps):
            check()
            pushes.before_step(step)
            obs, _, _ = env.step(walker.policy(obs))
            up &= ~env.terminated
            if not up.any():
                break
    return up


def _disturbed(walker: Walker, env: BatchEnv, each: Sequence[Disturbance], seed: int) -> np.ndarray:
    """Whether each world stayed up (N,)."""

    def of(name: str) -> np.ndarray:
        return np.array([getattr(disturbance, name) for disturbance in each], float)

    env.reset(seed)
    values = env.parameters.copy()
    for name, parameter in _PARAMETERS.items():
        if (own := of(name)).any():
            column = env.parameter_names.index(parameter.path)
            values[:, column] = np.where(own, own, values[:, column])
    if (values != env.parameters).any():
        env.set_parameters(np.arange(env.num_envs), values)
    rise = np.radians(of("slope"))
    ids = np.flatnonzero(rise.any(axis=1))
    if ids.size:
        set_slope(env.worlds, rise[ids, 0], rise[ids, 1], ids)
    obs = set_conditions(env, of("friction"), of("mass"), of("strength"))
    return stay_up(walker, env, obs, Pushes(env, of("push"), PUSH_AT, PUSH_SECONDS))


@dataclass(frozen=True)
class _Parameter:
    """A parameter of worlds that stands for a disturbance.

    Attributes:
        section: of `environment.parameters`.
        path: its name among the parameters.
        changes: of the configuration, that let each world have a value of its own; all begin with none.
    """

    section: str
    path: str
    changes: dict[str, Any]


def _own_values(section: str, most: Mapping[str, float]) -> dict[str, Any]:
    ranges = {name: {"max": value, "default": 0.0, "sampling": "fixed"} for name, value in most.items()}
    return {f"environment.parameters.{section}": ranges}


_DELAY, _RELIEF = _own_values("action", {"delay": 0.1}), _own_values("relief", {"bumps": 0.04, "steps": 0.04})
_PARAMETERS = {
    "delay": _Parameter("action", "action.delay", _DELAY),
    "bumps": _Parameter("relief", "relief.bumps", _RELIEF),
    "steps": _Parameter("relief", "relief.steps", _RELIEF),
}


def _can_meet(walker: Walker, disturbance: Disturbance) -> bool:
    """Whether the parameters exist that a disturbance takes, and the policy does not observe that they do."""
    environment = walker.config.environment
    observed = "parameters" in getattr(getattr(environment, "observation", None), "terms", {})
    return not any(
        getattr(disturbance, name) and (observed or not hasattr(environment.parameters, each.section))
        for name, each in _PARAMETERS.items()
    )


def _own_strengths(walker: Walker) -> bool:
    """Whether the muscles of a walker make forces."""
    with walker.worlds(1, SECONDS, 1) as env:
        return has_own_strengths(env.worlds)
