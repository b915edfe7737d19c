"""What makes walkers robust: delayed actions, noisy observations, difficulty that follows how they do."""

from collections.abc import Mapping

import numpy as np

from batchenv import rng
from batchenv.config import Curriculum
from batchenv.config.parameters import MOST_DELAY
from batchenv.errors import ConfigError, nearest
from batchenv.mdp.episodes import OBSERVATION_NOISE, Episodes

Array = np.ndarray


def longest_delay(control_dt: float) -> int:
    """Control steps that the longest delay of actions takes."""
    return round(MOST_DELAY / control_dt)


def delayed(action: Array, sent: Array, delay: Array) -> Array:
    """Return the actions in force, and note those sent now.

    Args:
        action: sent now (N, A).
        sent: in the steps before, the last one first (N, D, A); changed.
        delay: control steps from sending to force (N,), up to D.
    """
    if not sent.shape[1]:
        return action
    known = np.concatenate([action[:, None], sent], axis=1)
    sent[:] = known[:, :-1]
    return known[np.arange(len(action)), delay]


def next_difficulty(curriculum: Curriculum, difficulty: Array, lasted: Array) -> Array:
    """Difficulty (n,) of the episodes that follow those of a difficulty (n,), which lasted a share (n,)."""
    rises, falls = lasted >= curriculum.rises_at, lasted < curriculum.falls_below
    return np.clip(difficulty + curriculum.step * rises - curriculum.step_back * falls, 0.0, 1.0)


class ObservationNoise:
    """White noise on some columns of the observations, drawn anew in every step.

    Args:
        deviations: standard deviation by name of an observation term, in the term's unit.
        places: columns of each listed term, by its name.

    Raises:
        ConfigError: a term is not listed.
    """

    def __init__(self, deviations: Mapping[str, float], places: Mapping[str, slice]):
        columns: list[int] = []
        scale: list[float] = []
        for name, deviation in deviations.items():
            if name not in places:
                raise ConfigError(
                    f"environment.observation.noise.{name}: environment.observation.terms has no such term."
                    f"{nearest(name, places)}"
                )
            found = range(places[name].start, places[name].stop)
            columns += found
            scale += [deviation] * len(found)
        self._columns, self._scale = np.array(columns, int), np.array(scale)

    def add(self, out: Array, episodes: Episodes, ids: Array | None, difficulty: Array) -> None:
        """Add noise, times difficulty (n,), to observations (n, O) of some worlds; None for all."""
        steps = episodes.step if ids is None else episodes.step[ids]
        u = episodes.uniform(ids, 2 * self._columns.size, OBSERVATION_NOISE, steps)
        out[:, self._columns] += difficulty[:, None] * self._scale * rng.gaussian(u)
