"""ClipParts: parts of clips, and how often an episode begins in each: more often where a world failed."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from batchenv.mdp.adaptive import chosen, updated

Array = np.ndarray

_SECONDS = 0.5  # of a part, unless there would be too many
_MOST = 200


@dataclass(frozen=True, eq=False)
class ClipParts:
    """P parts of clips.

    Each world keeps failures of its own, so that its episodes do not depend on how many worlds there are.

    Attributes:
        clip: of each part (P,).
        begin, end: in its clip (P,) [s].
    """

    clip: Array
    begin: Array
    end: Array

    @classmethod
    def of(cls, duration: Array) -> Self:
        """Cut clips of some durations (C,) [s] into parts."""
        length = max(_SECONDS, float(duration.sum()) / _MOST)
        counts = np.maximum(np.rint(duration / length).astype(int), 1)
        clip = np.repeat(np.arange(len(duration)), counts)
        number = np.arange(len(clip)) - np.repeat(np.cumsum(counts) - counts, counts)
        share = duration[clip] / counts[clip]
        return cls(clip, number * share, (number + 1) * share)

    @property
    def count(self) -> int:
        """Number of parts, P."""
        return len(self.clip)

    def chosen(self, failures: Array, draws: Array) -> tuple[Array, Array]:
        """Choose clips (n,) and times in them (n,) [s].

        Args:
            failures: of each world in each part (n, P).
            draws: uniform numbers (n, 2).
        """
        part = chosen(failures, draws[:, 0], self.end - self.begin)
        length = self.end[part] - self.begin[part]
        return self.clip[part], self.begin[part] + draws[:, 1] * length

    def learned(self, failures: Array, clip: Array, begun: Array, ended: Array, failed: Array) -> Array:
        """Failures (n, P) after episodes: nearer to 1 where one failed, to 0 in other parts that it crossed.

        Args:
            failures: before (n, P).
            clip: of the episodes (n,).
            begun, ended: times of the clip, beyond its end where it repeats (n,) [s].
            failed: whether they failed (n,) bool.
        """
        own = self.clip == clip[:, None]
        duration = np.where(own, self.end, 0.0).max(axis=1)
        cycle = np.floor(ended / duration) - np.floor(begun / duration)
        first, last = begun % duration, ended % duration
        after, before = self.end > first[:, None], self.begin <= last[:, None]
        once, twice = cycle[:, None] > 0, cycle[:, None] > 1
        crossed: Array = twice | (after & before) | (once & (after | before))
        here = own & before & (self.end > last[:, None]) & failed[:, None]
        return np.where(own & (crossed | here), updated(failures, here), failures)
