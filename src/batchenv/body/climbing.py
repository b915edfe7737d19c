"""Climbing: what a slope adds to a gait cycle.

On a slope, a foot ahead of the walker stands as much higher as the floor has risen there, one behind as much
lower, and both are tilted as the floor. Hips, knees and ankles take the feet part of the way there, below a
root that stays upright against gravity: in small angles, so that no straight knee bends backwards. Uphill,
hips and knees then flex more where a foot comes down, and ankles bend up, as in humans (Lay, Hass, Gregor,
J Biomech 39:1621, 2006).
"""

from dataclasses import dataclass

import numpy as np

from batchenv.body.body import Body
from batchenv.body.gait_by_speed import GaitBySpeed
from batchenv.body.leg_poses import EVERY, LEVER, feet_slopes, rates, resampled

Array = np.ndarray
_JOINTS = ("hip_flexion", "knee_angle", "ankle_angle")
# What a radian of a joint costs, in metres of a heel's place. With this cost, of some from 0.015 to 0.1, the
# walker `command`, which was not trained on slopes, walks best on them.
_DAMPING = 0.07  # [m]
# Uphill and downhill, the root is lower over the floor, by this times the rise: no leg need become longer.
_BENT = 0.2  # [m]
_STEEPEST = 0.15  # beyond it, a slope adds no more [rad]


@dataclass(frozen=True, eq=False)
class Climbing:
    """What a rise of 1 (45 degrees) adds to the cycles of a `GaitBySpeed`, to first order.

    Attributes:
        gait: cycles on level ground.
        up, down: changes of its tables, for slopes uphill and downhill (S, K, n).
    """

    gait: GaitBySpeed
    up: Array
    down: Array

    @classmethod
    def of(cls, body: Body, gait: GaitBySpeed) -> "Climbing":
        """Compute the changes for a body; none for joints other than those of hip, knee and ankle."""
        n_joint, moved = len(body.joint_names), np.flatnonzero(np.isin(body.joint_kinds, _JOINTS))
        tables = np.zeros((2, *gait.tables.shape))
        for speed, level in enumerate(gait.tables):
            ways = zip(*_changes(body, moved, level[::EVERY, :n_joint]), strict=True)
            for table, parts in zip(tables[:, speed], ways, strict=True):
                angles, places = (resampled(part, len(level)) for part in parts)
                table[:, moved] = angles
                table[:, n_joint + moved] = rates(angles)
                table[:, 2 * n_joint + 2 : -2] = places
        return cls(gait, tables[0], tables[1])

    def climbed(
        self, rows: Array, phase: Array, speed: Array, rise: Array, cadence: Array | None = None
    ) -> Array:
        """Add a slope to rows of a gait cycle.

        Args:
            rows: as of `GaitCycle.table` (N, n); changed.
            phase: (N,).
            speed: (N,) [m/s].
            rise: of the floor ahead of the walker (N,) [rad].
            cadence: cycles in a second (N,) [Hz]; by default those of the speed.
        """
        cadence = self.gait.cadence(speed) if cadence is None else cadence
        for tables, some in ((self.up, rise > 0.0), (self.down, rise < 0.0)):
            if some.any():
                added = self.gait.interpolated(tables, phase[some], speed[some], cadence[some])
                rows[some] += np.tan(np.clip(rise[some], -_STEEPEST, _STEEPEST))[:, None] * added
        return rows

    @property
    def most(self) -> Array:
        """Largest angle that a slope adds to each primary joint (J,) [rad]."""
        n_joint = self.gait.usual.joint_pos_table.shape[1]
        angles = np.abs(np.stack([self.up, self.down])[..., :n_joint])
        return np.tan(_STEEPEST) * angles.max(axis=(0, 1, 2))


def _changes(body: Body, moved: Array, level: Array) -> tuple[Array, Array]:
    """What a rise of 1 adds, uphill and downhill, to joints (2, P, m) [rad] and to heels (2, P, 6) [m].

    Args:
        body: whose root is upright.
        moved: joints that take the feet to a slope, of both legs (m,).
        level: poses on level ground (P, J) [rad].
    """
    here, slopes = feet_slopes(body, moved, level)
    wanted = np.zeros((2, *here.shape))  # along forward, left and up, and the tilt, of each foot
    wanted[..., 2] = here[..., 0] + np.array([_BENT, -_BENT])[:, None, None]
    wanted[..., 3] = LEVER
    counted = np.tile([True, False, True, True], here.shape[1])
    columns, aims = slopes[..., counted], wanted.reshape(2, len(level), -1)[..., counted]
    square = columns.mT @ columns + _DAMPING**2 * np.eye(counted.sum())
    angles = (columns @ np.linalg.solve(square, aims[..., None]))[..., 0]
    places = (angles[..., None, :] @ slopes)[..., 0, :].reshape(2, *here.shape)[..., :3]
    return angles, places.reshape(2, len(level), -1)
