"""Adaptive sampling: what episodes begin with, more often that with which a world failed.

Each world keeps failures of its own, so that its episodes do not depend on how many worlds there are.
Generative GaitNet (Park et al. 2022) prefers harder bodies, too, by a network that learns their values.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np

Array = np.ndarray

BINS = 5
"""Of the range of a parameter."""
# Change of failures by an episode; least weight of a choice that never fails.
_RATE, _LEAST = 0.2, 0.1


def chosen(failures: Array, draws: Array, size: Array | float = 1.0) -> Array:
    """Choose one of K (...,), the more often the more failures it has.

    Args:
        failures: of each choice, from 0 to 1 (..., K).
        draws: uniform numbers (...,).
        size: how often each is chosen where failures are equal (K,), or 1.
    """
    weight = np.cumsum((_LEAST + failures) * size, axis=-1)
    index: Array = (weight < draws[..., None] * weight[..., -1:]).sum(axis=-1)
    return index


def updated(failures: Array, outcome: Array) -> Array:
    """Failures after an episode, nearer to its outcome, which is 1 where it failed."""
    return failures + _RATE * (outcome - failures)


@dataclass(frozen=True, eq=False)
class AdaptiveRanges:
    """Ranges of parameters that are drawn adaptively, cut into `BINS` bins each.

    Attributes:
        columns: place of each among all parameters (A,).
        low, extent: least value of each, and greatest less least (A,).
    """

    columns: Array
    low: Array
    extent: Array

    @classmethod
    def of(cls, ranges: Sequence[Any]) -> Self:
        """Find them among ranges with `sampling`, `min` and `max` (P,)."""
        columns = np.array([k for k, r in enumerate(ranges) if r.sampling == "adaptive"], int)
        low, high = (np.array([getattr(ranges[k], end) for k in columns]) for end in ("min", "max"))
        return cls(columns, low, high - low)

    def unknown(self, num_worlds: int) -> Array:
        """Failures of N worlds that have not failed yet (N, A, BINS): all bins are as likely."""
        return np.ones((num_worlds, len(self.columns), BINS))

    def drawn(self, failures: Array, draws: Array) -> Array:
        """Draw values (n, A) from failures (n, A, BINS) and uniform numbers (n, A, 2)."""
        share = (chosen(failures, draws[..., 0]) + draws[..., 1]) / BINS
        return self.low + self.extent * share

    def learned(self, failures: Array, values: Array, missed: Array) -> Array:
        """Failures (n, A, BINS) after episodes.

        Args:
            failures: before (n, A, BINS).
            values: of the parameters in the episodes (n, A).
            missed: share of its time limit that each episode missed (n,).
        """
        share = (values - self.low) / np.where(self.extent > 0.0, self.extent, 1.0)
        here = np.clip((share * BINS).astype(int), 0, BINS - 1)[..., None] == np.arange(BINS)
        return np.where(here, updated(failures, missed[:, None, None]), failures)

    def follow(self, failures: Array, ids: Array, first: Array, values: Array, missed: Array) -> None:
        """Learn from the episodes of worlds (n,) that begin anew.

        Args:
            failures: of all worlds (N, A, BINS), changed.
            ids: worlds (n,).
            first: whether the episode that begins is the first after a seed (n,) bool.
            values: of all parameters in the last episode (n, P).
            missed: share of its time limit that it missed (n,); 1 where it did not begin.
        """
        failures[ids[first]] = 1.0
        old = ~first & (missed < 1.0)
        own = values[old][:, self.columns]
        failures[ids[old]] = self.learned(failures[ids[old]], own, missed[old])
