"""Stepping: how legs step where a body walks slowly or not at all.

The slower a body walks, the less its legs swing in `GaitBySpeed`: it would slide over the floor when it turns
on the spot, and stop with one foot ahead of the other. Feet of those who turn on the spot go up and down
below their hips, the higher the faster they turn; feet of those who stop go on for a step, until they stand
side by side.
"""

from dataclasses import dataclass

import numpy as np

from batchenv.body.body import Body
from batchenv.body.foot_geometry import lowest_heights, relative_positions
from batchenv.body.gait_by_speed import GaitBySpeed
from batchenv.body.gait_family import interpolated_rows
from batchenv.body.leg_poses import EVERY, feet_places, feet_slopes, rates, resampled

Array = np.ndarray
_JOINTS = ("hip_flexion", "ankle_angle")
_ROUNDS = 4  # of Newton's method
# Feet go up as high as in the slowest gait where this times the rate of turning is the speed of that gait. In
# small angles, heights are squares of angles.
_RADIUS = 0.5  # [m]
# Who steps on the spot takes two steps in a second. At the cadence of the slowest gait, 1.1 steps, a body has
# to stand on one leg for so long that walkers fall.
_CADENCE = 1.0  # [Hz]
_LAST_STEP = 1.0  # for which feet still go up when a body gets slower than the slowest gait [s]


@dataclass(frozen=True, eq=False)
class Stepping:
    """Steps on the spot.

    Attributes:
        gait: cycles of those who walk.
        added: what such steps add to the pose of standing, as rows of `GaitBySpeed.tables` (1, K, n).
    """

    gait: GaitBySpeed
    added: Array

    @classmethod
    def of(cls, body: Body, gait: GaitBySpeed) -> "Stepping":
        """Take the knees of the slowest gait, and put each foot level below its hip."""
        standing, slowest = gait.tables[:2]
        n_joint, table = len(body.joint_names), slowest.copy()
        moved = np.flatnonzero(np.isin(body.joint_kinds, _JOINTS))
        poses = slowest[::EVERY, :n_joint].copy()
        poses[:, moved] = standing[0, moved]
        _put_feet(body, moved, poses, feet_places(body, standing[:1, :n_joint]))
        table[:, moved] = resampled(poses[:, moved], len(table))
        lowest = lowest_heights(body, table[:, :n_joint])
        table[:, n_joint + moved] = rates(table[:, moved])
        table[:, 2 * n_joint] = -lowest
        table[:, 2 * n_joint + 1] = rates(-lowest)
        feet = relative_positions(body, body.foot_body, table[:, :n_joint])
        table[:, 2 * n_joint + 2 : -2] = feet.reshape(len(table), -1)
        return cls(gait, (table - standing)[None])

    def speed(self, speed: Array, yaw_rate: Array) -> Array:
        """Speed of a gait with steps as speeds (N,) [m/s] and rates of turning [rad/s] take (N,) [m/s]."""
        slowest = self.gait.speeds[1]
        height = np.minimum(_RADIUS / slowest * np.abs(yaw_rate), 1.0)
        return np.maximum(speed, slowest * np.sqrt(height))

    def rested(self, steps: Array, seconds: float) -> Array:
        """What is left of steps on the spot (N,) [m/s], as of `speed`, some seconds later."""
        slowest = self.gait.speeds[1]
        height = np.minimum(steps / slowest, 1.0) ** 2 - seconds / _LAST_STEP
        return slowest * np.sqrt(np.maximum(height, 0.0))

    def stepped(self, rows: Array, phase: Array, speed: Array, steps: Array, cadence: Array) -> Array:
        """Add steps to rows of a gait cycle.

        Args:
            rows: as of `GaitCycle.table` (N, n); changed.
            phase: (N,).
            speed: (N,) [m/s].
            steps: speed of a gait with such steps, at least the speed (N,) [m/s].
            cadence: cycles in a second, as of `cadence` (N,) [Hz].
        """
        some = steps > speed
        if some.any():
            still = np.zeros(some.sum())
            added = interpolated_rows(
                still[:1], self.added, self.gait.rates, phase[some], still, cadence[some]
            )
            rows[some] += self._on_the_spot(speed, steps)[some, None] * added
        return rows

    def cadence(self, speed: Array, steps: Array) -> Array:
        """Cycles in a second (N,) [Hz] of a gait at speeds (N,), with steps as of speeds (N,) [m/s]."""
        more = _CADENCE - self.gait.cadences[1]
        return self.gait.cadence(steps) + more * self._on_the_spot(speed, steps)

    def _on_the_spot(self, speed: Array, steps: Array) -> Array:
        """Share of the steps on the spot that `added` holds in those of such gaits (N,)."""
        return np.maximum(steps - speed, 0.0) / self.gait.speeds[1]


def _put_feet(body: Body, moved: Array, poses: Array, wanted: Array) -> None:
    """Turn joints (m,) of poses (P, J) [rad] until heels are as far forward, and feet tilted, as wanted.

    Args:
        body: whose root is upright.
        moved: hips and ankles.
        poses: changed.
        wanted: as of `feet_places` (1, 2, 4).
    """
    counted = np.tile([True, False, False, True], wanted.shape[1])
    for _ in range(_ROUNDS):
        here, slopes = feet_slopes(body, moved, poses)
        short = (wanted - here).reshape(len(poses), -1)[:, counted]
        poses[:, moved] += (np.linalg.pinv(slopes[..., counted].mT) @ short[..., None])[..., 0]
