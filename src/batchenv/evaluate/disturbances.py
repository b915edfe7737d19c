"""Who stays up when disturbed: each disturbance in fresh starts, with a confidence interval."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import radians
from typing import Any

import numpy as np

from batchenv.engine.world_parameters import set_slope
from batchenv.env import BatchEnv
from batchenv.evaluate.conditions import set_conditions
from batchenv.evaluate.intervals import wilson
from batchenv.evaluate.numbers import check_count, check_threads
from batchenv.evaluate.robustness import (
    DIRECTIONS,
    PUSH_AT,
    PUSH_SECONDS,
    SECONDS,
    SURVIVORS,
    Pushes,
    own_strengths,
    stay_up,
)
from batchenv.evaluate.walker import Walker
from batchenv.rng import checked_seed

_DELAY = "action.delay"
_LONGEST_DELAY = 0.1  # [s]
_MOST_WORLDS = 128  # stepped at a time, if one disturbance does not take more


@dataclass(frozen=True)
class Disturbance:
    """What happens to a walker; NaN leaves a thing as it is.

    Attributes:
        name: for the table.
        push: force on the trunk for 0.2 s, in the walking frame [N].
        slope: rise of the floor ahead and to the left [deg].
        strength, mass: factors on the muscles' peak forces and on the masses.
        delay: of actions [s], in whole control steps.
        friction: coefficient of the floor.
    """

    name: str
    push: tuple[float, float, float] = (0.0, 0.0, 0.0)
    slope: tuple[float, float] = (0.0, 0.0)
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


def _push(newtons: float, direction: str) -> Disturbance:
    x, y, z = DIRECTIONS[direction]
    return Disturbance(f"push of {newtons:g} N {direction}", push=(newtons * x, newtons * y, newtons * z))


DISTURBANCES = (
    Disturbance("none"),
    *(_push(100.0, direction) for direction in DIRECTIONS),
    *(_push(150.0, direction) for direction in ("forward", "backward")),
    Disturbance("6 deg uphill", slope=(6.0, 0.0)),
    Disturbance("6 deg downhill", slope=(-6.0, 0.0)),
    Disturbance("6 deg up to the left", slope=(0.0, 6.0)),
    Disturbance("6 deg up to the right", slope=(0.0, -6.0)),
    Disturbance("muscle strength -30 %", strength=0.7),
    Disturbance("body mass +20 %", mass=1.2),
    Disturbance("actions 33 ms late", delay=0.033),
    Disturbance("actions 66 ms late", delay=0.066),
    Disturbance("ground friction 0.4", friction=0.4),
)


def withstand(
    walker: Walker,
    walks: int = 20,
    seed: int = 0,
    num_threads: int | None = None,
    chosen: Sequence[Disturbance] = DISTURBANCES,
) -> list[Withstood]:
    """Disturb a walker, each time in so many fresh starts anywhere in the gait cycle.

    It is withstood by staying up for 8 s: a push, 3 s after the start, may turn the walker or shift it off
    its line. Left out is what a walker cannot be put under: weaker muscles where worlds share them; late
    actions where the policy observes the parameters, or the task knows no such delay.

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
    delays = _can_delay(walker)
    strengths = own_strengths(walker)
    possible = [
        each for each in chosen if (strengths or np.isnan(each.strength)) and (delays or not each.delay)
    ]
    found = []
    at_a_time = max(1, _MOST_WORLDS // walks)
    for first in range(0, len(possible), at_a_time):
        part = possible[first : first + at_a_time]
        changes = walker.config.lenient() | (_WITH_DELAY if any(each.delay for each in part) else {})
        with walker.worlds(len(part) * walks, SECONDS, num_threads, changes) as env:
            up = _disturbed(walker, env, [each for each in part for _ in range(walks)], seed)
        shares = up.reshape(len(part), walks).mean(axis=1)
        found += [Withstood(each.name, walks, float(share)) for each, share in zip(part, shares, strict=True)]
    return found


def _disturbed(walker: Walker, env: BatchEnv, each: Sequence[Disturbance], seed: int) -> np.ndarray:
    """Whether each world stayed up (N,)."""
    env.reset(seed)
    if any(disturbance.delay for disturbance in each):
        values = env.parameters.copy()
        values[:, env.parameter_names.index(_DELAY)] = [disturbance.delay for disturbance in each]
        env.set_parameters(np.arange(env.num_envs), values)
    rise = np.array([[radians(angle) for angle in disturbance.slope] for disturbance in each])
    ids = np.flatnonzero(rise.any(axis=1))
    if ids.size:
        set_slope(env.worlds, rise[ids, 0], rise[ids, 1], ids)

    def of(name: str) -> np.ndarray:
        return np.array([getattr(disturbance, name) for disturbance in each], float)

    obs = set_conditions(env, of("friction"), of("mass"), of("strength"))
    return stay_up(walker, env, obs, Pushes(env, of("push"), PUSH_AT, PUSH_SECONDS))


def _can_delay(walker: Walker) -> bool:
    """Whether actions can be delayed without the policy observing that they can."""
    environment = walker.config.environment
    observed = "parameters" in getattr(getattr(environment, "observation", None), "terms", {})
    return hasattr(environment.parameters, "action") and not observed


_WITH_DELAY = {
    "environment.parameters.action": {"delay": {"max": _LONGEST_DELAY, "default": 0.0, "sampling": "fixed"}}
}
"""Changes that let each world have a delay of its own; nobody has one before it is set."""
