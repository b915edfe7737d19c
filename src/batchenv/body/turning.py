"""Turning: what walking a curve adds to a gait cycle.

A foot stays where it stands while the pelvis turns above it, so the hip of the standing leg rotates as far
as the pelvis turns; the swinging leg goes back. Humans turn by small angles in this way, too (Hase and
Stein, J. Neurophysiol. 81:2914, 1999, call larger ones step and spin turns).
"""

from dataclasses import dataclass

import mujoco
import numpy as np

from batchenv.body.body import Body
from batchenv.body.planar import turned

Array = np.ndarray
# Share of a cycle in which a foot stands (Schwartz et al. 2008: 0.57 to 0.67, less at higher speeds).
_STANCE = 0.62
# Slow steps would turn hips further than they can [rad].
_MOST = 0.35
_JOINTS = ("hip_flexion", "hip_adduction", "hip_rotation")


@dataclass(frozen=True, eq=False)
class Turning:
    """How the legs of a body turn it.

    Attributes:
        joints: places of hip_flexion, hip_adduction and hip_rotation among the primary joints (3, 2), those
            of the right leg first; no column where the body lacks one.
        signs: 1 or -1, whether positive angles swing the leg forward, its foot to the left, and turn it to
            the left (3, 2).
        hips: of both legs relative to the root, along forward and left (2, 2) [m].
        n_joint: number of primary joints.
    """

    joints: Array
    signs: Array
    hips: Array
    n_joint: int

    @classmethod
    def of(cls, body: Body) -> "Turning":
        """Find the hips of a body; one without all three joints at each does not turn by them."""
        n_joint, kinds = len(body.joint_names), np.array(body.joint_kinds)
        places = [np.flatnonzero(kinds == kind) for kind in _JOINTS]
        if any(len(each) != 2 for each in places):
            return cls(np.zeros((3, 0), int), np.zeros((3, 0)), np.zeros((0, 2)), n_joint)
        data = mujoco.MjData(body.model)
        data.qpos[3:7] = 1.0, 0.0, 0.0, 0.0
        mujoco.mj_kinematics(body.model, data)
        ids = np.array([[body.model.joint(body.joint_names[place]).id for place in each] for each in places])
        anchors = data.xanchor[ids] - data.xpos[body.root_body]
        side = np.argsort(anchors @ body.left, axis=1)  # the right one first
        joints, ids = (np.take_along_axis(each, side, axis=1) for each in (np.array(places), ids))
        axes = np.stack([-body.left, body.forward, body.up])
        signs = np.sign((data.xaxis[ids] * axes[:, None]).sum(axis=-1))
        hips = data.xanchor[ids[2]] - data.xpos[body.root_body]
        return cls(joints, signs, hips @ np.stack([body.forward, body.left], axis=1), n_joint)

    @property
    def most(self) -> Array:
        """Largest angle that turning adds to each primary joint (J,) [rad]."""
        angles = np.zeros(self.n_joint)
        angles[self.joints[1:].ravel()] = _MOST
        return angles

    def turned(self, rows: Array, phase: Array, yaw_rate: Array, cadence: Array) -> Array:
        """Add turning to rows of a gait cycle.

        Each leg turns about the vertical through its hip. Of a thigh that has swung forward by f, this takes
        sin(f) of the angle at adduction and cos(f) at rotation, to first order.

        Args:
            rows: as of `GaitCycle.table` (N, n); changed.
            phase: (N,).
            yaw_rate: to the left (N,) [rad/s].
            cadence: cycles in a second (N,) [Hz]; legs do not turn where it is 0.
        """
        stance = np.divide(_STANCE, cadence, out=np.zeros_like(cadence), where=cadence > 0.0)
        angle = np.clip(yaw_rate * stance, -2.0 * _MOST, 2.0 * _MOST)  # of the pelvis over the foot in all
        position, velocity = rows[:, : self.n_joint], rows[:, self.n_joint : 2 * self.n_joint]
        for leg, (flexion, adduction, rotation) in enumerate(self.joints.T):
            share, rate = _swing((phase + 0.5 * leg) % 1.0)
            turn, turn_rate = -angle * share, -angle * rate * cadence  # of the leg under the pelvis
            forward, to_left, inward = self.signs[:, leg]
            swing, swing_rate = forward * position[:, flexion], forward * velocity[:, flexion]
            sin, cos = np.sin(swing), np.cos(swing)
            position[:, adduction] += to_left * turn * sin
            velocity[:, adduction] += to_left * (turn_rate * sin + turn * cos * swing_rate)
            position[:, rotation] += inward * turn * cos
            velocity[:, rotation] += inward * (turn_rate * cos - turn * sin * swing_rate)
            foot = rows[:, 2 * self.n_joint + 2 + 3 * leg :][:, :2]
            foot[:] = self.hips[leg] + turned(foot - self.hips[leg], turn)
        return rows


def _swing(phase: Array) -> tuple[Array, Array]:
    """From -0.5 to 0.5 while a foot stands, and back (N,); and its rate over one cycle (N,)."""
    standing = phase < _STANCE
    share = np.where(standing, phase / _STANCE - 0.5, 0.5 - (phase - _STANCE) / (1.0 - _STANCE))
    return share, np.where(standing, 1.0 / _STANCE, -1.0 / (1.0 - _STANCE))
