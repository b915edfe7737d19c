"""Climbing: what a slope adds to a gait cycle.

On a slope, a foot ahead of the walker stands as much higher as the floor has risen there, one behind as much
lower, and both are tilted as the floor. Hips, knees and ankles take the feet part of the way there, below a
root that stays upright against gravity: in small angles, so that no straight knee bends backwards. Uphill,
hips and knees then flex more where a foot comes down, and ankles bend up, as in humans (Lay, Hass, Gregor,
J Biomech 39:1621, 2006).
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from batchenv.body.body import Body
from batchenv.body.gait_by_speed import GaitBySpeed

Array = np.ndarray
_JOINTS = ("hip_flexion", "knee_angle", "ankle_angle")
_EVERY = 16  # rows of the tables from one in which legs are computed to the next
_STEP = 1e-4  # of a joint, for derivatives [rad]
# What a radian of a joint costs, and one of the foot's tilt weighs, in metres of a heel's place. With this
# cost, of some from 0.015 to 0.1, the walker `command`, which was not trained on slopes, walks best on them.
_DAMPING, _LEVER = 0.07, 0.2  # [m]
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
        n_joint, legs = len(body.joint_names), _Legs(body)
        tables = np.zeros((2, *gait.tables.shape))
        for speed, level in enumerate(gait.tables):
            ahead = level[:, 2 * n_joint + 2 : -2].reshape(len(level), -1, 3)[..., 0]
            rough = [legs.changes(level[k, :n_joint], ahead[k]) for k in range(0, len(level), _EVERY)]
            angles, places = (_resampled(np.array(each), len(level)) for each in zip(*rough, strict=True))
            for way, table in enumerate(tables[:, speed]):
                change = angles[:, way]
                table[:, legs.moved] = change
                rates = 0.5 * len(level) * (np.roll(change, -1, axis=0) - np.roll(change, 1, axis=0))
                table[:, n_joint + legs.moved] = rates
                table[:, 2 * n_joint + 2 : -2] = places[:, way]
        return cls(gait, tables[0], tables[1])

    def climbed(self, rows: Array, phase: Array, speed: Array, rise: Array) -> Array:
        """Add a slope to rows of a gait cycle.

        Args:
            rows: as of `GaitCycle.table` (N, n); changed.
            phase: (N,).
            speed: (N,) [m/s].
            rise: of the floor ahead of the walker (N,) [rad].
        """
        for tables, some in ((self.up, rise > 0.0), (self.down, rise < 0.0)):
            if some.any():
                added = self.gait.interpolated(tables, phase[some], speed[some])
                rows[some] += np.tan(np.clip(rise[some], -_STEEPEST, _STEEPEST))[:, None] * added
        return rows

    @property
    def most(self) -> Array:
        """Largest angle that a slope adds to each primary joint (J,) [rad]."""
        n_joint = self.gait.usual.joint_pos_table.shape[1]
        angles = np.abs(np.stack([self.up, self.down])[..., :n_joint])
        return np.tan(_STEEPEST) * angles.max(axis=(0, 1, 2))


class _Legs:
    """Heels and feet of a body as its joints move them.

    Args:
        body: whose root is upright.

    Attributes:
        moved: joints that take the feet to a slope, of both legs (m,).
    """

    def __init__(self, body: Body):
        self._body, self._data = body, mujoco.MjData(body.model)
        self.moved = np.flatnonzero(np.isin(body.joint_kinds, _JOINTS))

    def changes(self, joint_pos: Array, ahead: Array) -> tuple[Array, Array]:
        """What a rise of 1 adds, uphill and downhill, to moved joints (2, m) [rad] and heels (2, 6) [m].

        Args:
            joint_pos: on level ground (J,) [rad].
            ahead: where the heels are ahead of the root (2,) [m].
        """
        here, slopes = self._seen(joint_pos), []
        for joint in self.moved:
            there = joint_pos.copy()
            there[joint] += _STEP
            slopes.append((self._seen(there) - here).ravel() / _STEP)
        jacobian = np.reshape(slopes, (-1, here.size)).T
        wanted = np.zeros((2, *here.shape))  # along forward, left and up, and the tilt, of each foot
        wanted[..., 2] = ahead + np.array([[_BENT], [-_BENT]])
        wanted[..., 3] = _LEVER
        counted = np.tile([True, False, True, True], len(here))
        rows, aims = jacobian[counted], wanted.reshape(2, -1)[:, counted]
        square = rows @ rows.T + _DAMPING**2 * np.eye(len(rows))
        angles = np.linalg.solve(square, aims.T).T @ rows
        return angles, (angles @ jacobian.T).reshape(2, *here.shape)[..., :3].reshape(2, -1)

    def _seen(self, joint_pos: Array) -> Array:
        """Of each foot, place of the heel along forward, left and up, and tilt times `_LEVER` (2, 4) [m]."""
        body, data = self._body, self._data
        data.qpos[:] = body.qpos(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), joint_pos)
        mujoco.mj_kinematics(body.model, data)
        axes = np.stack([body.forward, body.left, body.up])
        heels = (data.xpos[body.foot_body] - data.xpos[body.root_body]) @ axes.T
        toes = data.xpos[body.toe_body] - data.xpos[body.foot_body]
        tilt = np.arctan2(toes @ body.up, np.linalg.norm(toes - np.outer(toes @ body.up, body.up), axis=1))
        return np.concatenate([heels, _LEVER * tilt[:, None]], axis=1)


def _resampled(values: Array, size: int) -> Array:
    """A smooth periodic curve (n, m) at more even phases (size, m)."""
    return np.fft.irfft(np.fft.rfft(values, axis=0), size, axis=0) * (size / len(values))
