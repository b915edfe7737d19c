"""What a walker withstands: pushes, slippery ground, another mass, weaker muscles; a world for each trial."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from batchenv.engine.world_parameters import has_own_strengths
from batchenv.env import BatchEnv
from batchenv.evaluate.conditions import set_conditions
from batchenv.evaluate.judge import WEAKER
from batchenv.evaluate.numbers import check_count, check_threads
from batchenv.evaluate.walker import Walker
from batchenv.interrupts import held_back
from batchenv.rng import checked_seed

PUSHES = tuple(range(20, 201, 20))  # [N]
PUSH_SECONDS = 0.2
PUSH_AT = 3.0  # [s]; starts lie anywhere in the gait cycle, and so do the pushes
SECONDS = 8.0  # length of a trial [s]
SURVIVORS = 0.9
# In the walking frame: x forward, y to the left.
DIRECTIONS = {"forward": (1, 0, 0), "backward": (-1, 0, 0), "left": (0, 1, 0), "right": (0, -1, 0)}
FRICTION = (0.3, 0.4, 0.5, 0.6, 0.8, 1.0)
MASS = (0.8, 0.9, 1.0, 1.1, 1.2)
STRENGTH = (0.5, 0.6, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Trial:
    """One condition a walker is put under; NaN leaves a thing as it is.

    Attributes:
        condition, setting: for the table.
        push: force on the trunk in the walking frame [N].
        friction: coefficient of the floor.
        mass, strength: factors on the masses and on the muscles' peak forces.
    """

    condition: str
    setting: str
    push: tuple[float, float, float] = (0.0, 0.0, 0.0)
    friction: float = np.nan
    mass: float = np.nan
    strength: float = np.nan


@dataclass(frozen=True)
class Robustness:
    """What was withstood.

    Attributes:
        push_n: largest push that 90 % survived, smaller ones included [N]; 0 where none was.
        survived: share that stayed up, 0 to 1, by condition and setting.
    """

    push_n: float
    survived: dict[str, dict[str, float]]


def trials() -> list[Trial]:
    """All conditions, each once."""
    pushes = [
        Trial("push [N]", str(force), push=(force * x, force * y, force * z))
        for force in PUSHES
        for x, y, z in DIRECTIONS.values()
    ]
    return [
        *pushes,
        *(Trial("ground friction", f"{value:g}", friction=value) for value in FRICTION),
        *(Trial("body mass", f"{value - 1:+.0%}", mass=value) for value in MASS),
        *(Trial(WEAKER, f"{value - 1:+.0%}", strength=value) for value in STRENGTH),
    ]


def robustness(
    walker: Walker, repeats: int = 20, seed: int = 0, num_threads: int | None = None
) -> Robustness:
    """Put a walker through all trials; without those of strength where worlds share the muscles.

    A trial is survived by staying up: a push may turn the walker or shift it off its line.

    Args:
        walker: who walks.
        repeats: walks in each setting; of a push, in its four directions together, at least one in each.
        seed: of the starts.
        num_threads: as for `BatchEnv`.

    Raises:
        InputError: a number is impossible; nothing is simulated.
        Interrupted: SIGINT, SIGTERM or SIGHUP came.
    """
    check_count("repeats", repeats, 1000)
    check_threads("num_threads", num_threads)
    checked_seed(seed)
    strengths = own_strengths(walker)
    chosen = [
        trial
        for trial in trials()
        if strengths or np.isnan(trial.strength)
        for _ in range(max(1, repeats // len(DIRECTIONS)) if any(trial.push) else repeats)
    ]
    with walker.worlds(len(chosen), SECONDS, num_threads, walker.config.lenient()) as env:
        env.reset(seed)
        obs = set_conditions(
            env,
            friction=_column(chosen, "friction"),
            mass=_column(chosen, "mass"),
            muscle_strength=_column(chosen, "strength"),
        )
        up = stay_up(walker, env, obs, Pushes(env, _column(chosen, "push"), PUSH_AT, PUSH_SECONDS))
    survived: dict[str, dict[str, list[bool]]] = {}
    for trial, stayed in zip(chosen, up, strict=True):
        survived.setdefault(trial.condition, {}).setdefault(trial.setting, []).append(bool(stayed))
    shares = {
        condition: {setting: float(np.mean(stayed)) for setting, stayed in settings.items()}
        for condition, settings in survived.items()
    }
    return Robustness(largest_survived(shares["push [N]"]), shares)


def largest_survived(shares: dict[str, float]) -> float:
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


def own_strengths(walker: Walker) -> bool:
    """Whether each world of a walker can have muscles of its own strength."""
    with walker.worlds(1, SECONDS, 1) as env:
        return has_own_strengths(env.worlds)


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


def _column(chosen: list[Trial], name: str) -> Any:
    return np.array([getattr(trial, name) for trial in chosen], float)
