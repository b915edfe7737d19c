"""Gait cycles: heel strikes and foot offs from the ground reaction, signals cut between heel strikes."""

from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from batchenv.evaluate.recording import Recording, check_recording

RIGHT, LEFT = 0, 1
PERCENT = np.arange(101.0)  # of the gait cycle, 0 and 100 are heel strikes of the same leg


@dataclass(frozen=True)
class ContactRule:
    """When a foot counts as loaded, and what counts as a cycle.

    Attributes:
        on: vertical force above which a foot is loaded [body weights]; the 20 N usual with force plates are
            0.03 of an adult.
        off: vertical force below which it is no longer [body weights]; between the two it stays as it was.
        shortest_gap: a shorter loss of contact is a bounce, not a swing [s].
        shortest_contact: a shorter contact is a scuff, not a stance [s].
        shortest_cycle, longest_cycle: what is shorter or longer is not a stride [s].
        transient: cycles of each leg dropped at the start of an episode.
    """

    on: float = 0.03
    off: float = 0.02
    shortest_gap: float = 0.08
    shortest_contact: float = 0.10
    shortest_cycle: float = 0.5
    longest_cycle: float = 2.5
    transient: int = 2


@dataclass(frozen=True, eq=False)
class GaitCycles:
    """C cycles of either leg; positions are fractional rows of the recording.

    Attributes:
        contact: whether a foot is loaded (T, 2).
        side: leg of the cycle, RIGHT or LEFT (C,).
        episode: the episode it lies in (C,).
        start: heel strike (C,).
        foot_off: end of stance (C,).
        stop: next heel strike of the same leg (C,).
        dt: time of one row [s].
    """

    contact: np.ndarray
    side: np.ndarray
    episode: np.ndarray
    start: np.ndarray
    foot_off: np.ndarray
    stop: np.ndarray
    dt: float

    def __len__(self) -> int:
        return len(self.side)

    @property
    def seconds(self) -> np.ndarray:
        """Duration of each cycle [s] (C,)."""
        return (self.stop - self.start) * self.dt

    @property
    def stance(self) -> np.ndarray:
        """Share of each cycle in which the foot stands, 0 to 1 (C,)."""
        return (self.foot_off - self.start) / (self.stop - self.start)

    def at(self, signal: np.ndarray, rows: np.ndarray) -> np.ndarray:
        """Return `signal` (T, ...) at fractional `rows` (...), interpolated linearly."""
        low = np.clip(np.floor(rows).astype(int), 0, len(signal) - 1)
        high = np.minimum(low + 1, len(signal) - 1)
        weight = (rows - low).reshape(rows.shape + (1,) * (signal.ndim - 1))
        return (1 - weight) * signal[low] + weight * signal[high]

    def resample(self, signal: np.ndarray) -> np.ndarray:
        """Return `signal` (T, ...) over each cycle at 0, 1, ... 100 percent (C, 101, ...)."""
        rows = self.start[:, None] + (self.stop - self.start)[:, None] * PERCENT / 100
        return self.at(signal, rows)

    def resample_own(self, right: np.ndarray, left: np.ndarray) -> np.ndarray:
        """Return the signal of the cycle's own leg (C, 101), `right` (T,) or `left` (T,)."""
        return np.where((self.side == RIGHT)[:, None], self.resample(right), self.resample(left))

    def rows_within(self) -> np.ndarray:
        """Return the rows that lie in some cycle, a mask (T,)."""
        edges = np.zeros(len(self.contact) + 1)
        np.add.at(edges, np.ceil(self.start).astype(int), 1)
        np.add.at(edges, np.ceil(self.stop).astype(int), -1)
        return np.cumsum(edges)[:-1] > 0


def find_contact(
    vertical: np.ndarray, weight: float, dt: float, rule: ContactRule | None = None
) -> np.ndarray:
    """Return whether a foot is loaded, by a force threshold with hysteresis and without bounces.

    Args:
        vertical: vertical ground reaction of one foot in one episode [N] (T,).
        weight: body weight [N].
        dt: time of one row [s].
        rule: thresholds.

    Returns:
        Contact, bool (T,).
    """
    rule = rule or ContactRule()
    decided = np.where(vertical > rule.on * weight, 1, np.where(vertical < rule.off * weight, 0, -1))
    rows = np.where(decided >= 0, np.arange(len(decided)), 0)
    contact = decided[np.maximum.accumulate(rows)] > 0 if len(decided) else decided > 0
    for start, stop in _runs(~contact):
        inside = start > 0 and stop < len(contact)
        if inside and (stop - start) * dt < rule.shortest_gap:
            contact[start:stop] = True
    for start, stop in _runs(contact):
        if (stop - start) * dt < rule.shortest_contact:
            contact[start:stop] = False
    return contact


def find_cycles(recording: Recording, rule: ContactRule | None = None) -> GaitCycles:
    """Cut a recording into the gait cycles of either leg, those of one leg after another within an episode.

    Heel strike and foot off are where the vertical force crosses its threshold, interpolated between rows.

    Raises:
        InputError: it is not a recording.
    """
    check_recording(recording)
    rule = rule or ContactRule()
    contact = np.zeros((len(recording.time), 2), dtype=bool)
    found: list[tuple[int, int, float, float, float]] = []
    for episode, rows in recording.episodes():
        for side in (RIGHT, LEFT):
            force = recording.grf[rows, side, 2].astype(float)
            on = find_contact(force, recording.weight, recording.dt, rule)
            contact[rows, side] = on
            for start, foot_off, stop in _cycles_of(on, force / recording.weight, recording.dt, rule):
                found.append((side, episode, rows.start + start, rows.start + foot_off, rows.start + stop))
    columns = np.array(found, dtype=float).reshape(-1, 5).T
    return GaitCycles(
        contact=contact,
        side=columns[0].astype(int),
        episode=columns[1].astype(int),
        start=columns[2],
        foot_off=columns[3],
        stop=columns[4],
        dt=recording.dt,
    )


def _cycles_of(
    on: np.ndarray, force: np.ndarray, dt: float, rule: ContactRule
) -> list[tuple[float, float, float]]:
    change = np.diff(on.astype(int))
    strikes = np.flatnonzero(change > 0) + 1
    offs = np.flatnonzero(change < 0) + 1
    cycles = []
    for first, last in pairwise(strikes[rule.transient :].tolist()):
        off = int(offs[np.searchsorted(offs, first)])
        start, stop = _crossing(force, first, rule.on), _crossing(force, last, rule.on)
        if rule.shortest_cycle <= (stop - start) * dt <= rule.longest_cycle:
            cycles.append((start, _crossing(force, off, rule.off), stop))
    return cycles


def _crossing(force: np.ndarray, row: int, threshold: float) -> float:
    before, after = force[row - 1], force[row]
    if before == after:
        return float(row)
    return row - 1 + float(np.clip((threshold - before) / (after - before), 0.0, 1.0))


def _runs(mask: np.ndarray) -> list[tuple[int, int]]:
    change = np.diff(mask.astype(int), prepend=0, append=0)
    return list(zip(np.flatnonzero(change > 0).tolist(), np.flatnonzero(change < 0).tolist(), strict=True))
