"""GaitFamily: a gait cycle with longer or shorter, faster or slower steps, for each world its own."""

from dataclasses import dataclass, replace

import numpy as np

from batchenv.body.body import Body
from batchenv.body.foot_geometry import lowest_heights, relative_positions
from batchenv.body.gait_cycle import TABLE_SIZE, GaitCycle
from batchenv.compiled import compiled

# Joints whose excursion makes a step long; the others move as usual.
_STRIDING = ("hip_flexion", "ankle_angle")
# Strides for which cycles are tabulated, from the least to the greatest.
_MEMBERS = 5


def with_stride(gait: GaitCycle, body: Body, stride: float) -> GaitCycle:
    """Return a cycle whose steps are `stride` times as long.

    Hips and ankles swing `stride` times as far about their means; heights of the root and places of the feet
    are those of the new poses. Steps are so `stride` times as long in speed and, to first order in the hip's
    excursion, between the feet.
    """
    factor = np.array([stride if kind in _STRIDING else 1.0 for kind in body.joint_kinds])
    mean = gait.joint_pos_table.mean(axis=0)
    joint_pos = mean + factor * (gait.joint_pos_table - mean)
    lowest = lowest_heights(body, joint_pos)
    return replace(
        gait,
        speed=gait.speed * stride,
        joint_pos_table=joint_pos,
        joint_vel_table=gait.joint_vel_table * factor,
        root_height_table=-lowest,
        root_height_rate_table=(np.roll(lowest, 1) - np.roll(lowest, -1)) * TABLE_SIZE / (2 * gait.period),
        foot_pos_table=relative_positions(body, body.foot_body, joint_pos),
    )


@dataclass(frozen=True, eq=False)
class GaitFamily:
    """Cycles of several strides, interpolated linearly between them.

    Attributes:
        strides: ascending (S,).
        tables: `GaitCycle.table` of each stride (S, K, n).
        rates: columns of the tables that are velocities, and so grow with cadence (n,) bool.
    """

    strides: np.ndarray
    tables: np.ndarray
    rates: np.ndarray

    @classmethod
    def of(cls, gait: GaitCycle, body: Body, shortest: float, longest: float) -> "GaitFamily":
        """Tabulate a cycle for strides from the shortest to the longest."""
        usual = [1.0] if shortest <= 1.0 <= longest else []  # there, worlds follow the cycle itself
        strides = np.unique([*np.linspace(shortest, longest, _MEMBERS), *usual])
        tables = np.stack([with_stride(gait, body, stride).table for stride in strides])
        joints = len(body.joint_names)
        rates = np.zeros(tables.shape[2], bool)
        rates[joints : 2 * joints] = rates[2 * joints + 1] = True
        return cls(strides, tables, rates)

    def rows(self, phase: np.ndarray, stride: np.ndarray, cadence: np.ndarray) -> np.ndarray:
        """Return rows as of `GaitCycle.table` (N, n) at phases, strides and cadences (N,)."""
        return interpolated_rows(self.strides, self.tables, self.rates, phase, stride, cadence)


@compiled()
def interpolated_rows(strides, tables, rates, phase, stride, cadence):
    """Rows (N, n) of tables (S, K, n), linear in phase (N,) and in what tells the tables apart (N,).

    Args:
        strides: of the tables, ascending (S,).
        tables: even phases of a cycle (S, K, n).
        rates: columns that are velocities (n,) bool.
        phase, stride: where to look (N,).
        cadence: factor on velocities (N,).
    """
    last, size = strides.size - 1, tables.shape[1]
    rows = np.empty((phase.size, tables.shape[2]))
    for i in range(phase.size):
        shorter = max(min(np.searchsorted(strides, stride[i], side="right") - 1, last - 1), 0)
        longer = min(shorter + 1, last)
        span = strides[longer] - strides[shorter]
        share = (stride[i] - strides[shorter]) / span if span > 0.0 else 0.0
        place = (phase[i] - np.floor(phase[i])) * size
        below = int(place) % size
        above, weight = (below + 1) % size, place - np.floor(place)
        for k in range(rows.shape[1]):
            near = tables[shorter, below, k] + weight * (
                tables[shorter, above, k] - tables[shorter, below, k]
            )
            far = tables[longer, below, k] + weight * (tables[longer, above, k] - tables[longer, below, k])
            value = near + share * (far - near)
            rows[i, k] = value * cadence[i] if rates[k] else value
    return rows
