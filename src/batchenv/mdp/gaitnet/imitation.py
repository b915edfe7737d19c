"""Rewards for doing as a motion does: those of DeepMimic and of ScaDiver, as their authors published them.

Peng et al. 2018, "DeepMimic", section 5: a weighted sum of kernels of summed squared errors. Won et al. 2020,
"A Scalable Approach to Control Diverse Behaviors for Physically Simulated Characters", with the weights of
the authors' published configuration: a product of kernels of mean squared errors.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from batchenv.body.gaitnet import GaitNetBody, Motion, frames
from batchenv.mdp.gaitnet.kinematics import Bodies
from batchenv.mdp.gaitnet.starts import pose_difference, unwrapped_pose

Array = np.ndarray

END_EFFECTORS = ("TalusL", "TalusR", "HandL", "HandR", "Head")
DEEPMIMIC = {"pose": (0.65, 2.0), "velocity": (0.1, 0.1), "end_effector": (0.15, 40.0), "com": (0.1, 10.0)}
SCADIVER = {"pose": 40.0, "velocity": 1.0, "end_effector": 5.0, "root": 2.5, "com": 2.5}
# Of position, rotation, velocity and spin of the root; of position and velocity of the centre of mass.
_ROOT, _COM = (1.0, 0.1, 0.01, 0.001), (1.0, 0.1)


class Errors(NamedTuple):
    """Squared errors of n worlds against a motion, each (n, ...).

    Attributes:
        pose: of the joints' rotations (n, B) [rad^2], the root first.
        velocity: of the joints' angular velocities (n, B) [rad^2/s^2].
        end_effector: of places relative to the root (n, E) [m^2].
        root: of the root's place (n,) [m^2].
        root_velocity: (n,) [m^2/s^2].
        com, com_velocity: of the centre of mass (n,) [m^2], [m^2/s^2].
        com_local: of the centre of mass relative to the root (n,) [m^2].
    """

    pose: Array
    velocity: Array
    end_effector: Array
    root: Array
    root_velocity: Array
    com: Array
    com_velocity: Array
    com_local: Array


@dataclass(frozen=True)
class Imitation:
    """A body and the motion it is to follow."""

    body: GaitNetBody
    motion: Motion

    def errors(self, seen: Bodies, qpos: Array, qvel: Array, phase: Array, step: Array, dt: float) -> Errors:
        """Compare worlds with the motion.

        Args:
            seen: bodies of n worlds.
            qpos, qvel: their state.
            phase: of the motion in cycles, whole ones included (n,).
            step: length of a control step in cycles (n,).
            dt: the same [s].
        """
        skeleton, motion = self.body.skeleton, self.motion
        now, soon = unwrapped_pose(motion, phase), unwrapped_pose(motion, phase + step)
        rate = pose_difference(motion, now, soon) / dt
        pose = pose_difference(motion, now, self.body.from_qpos(qpos))
        velocity = self.body.from_qvel(qpos, qvel) - rate
        at, later = frames(skeleton, now), frames(skeleton, soon)
        share = skeleton.mass / skeleton.mass.sum()
        com, com_velocity = share @ at.body_p, (share @ later.body_p - share @ at.body_p) / dt
        root_velocity = (later.body_p[:, 0] - at.body_p[:, 0]) / dt
        ends = [skeleton.index(name) for name in END_EFFECTORS if name in skeleton.names]
        reach = seen.position[:, ends] - seen.position[:, :1] - at.body_p[:, ends] + at.body_p[:, :1]
        com_local = seen.com - seen.position[:, 0] - com + at.body_p[:, 0]
        return Errors(
            self._by_joint(pose),
            self._by_joint(velocity),
            _squared(reach),
            _squared(seen.position[:, 0] - at.body_p[:, 0]),
            _squared(seen.velocity[:, 0] - root_velocity),
            _squared(seen.com - com),
            _squared(seen.com_velocity - com_velocity),
            _squared(com_local),
        )

    def _by_joint(self, values: Array) -> Array:
        """Sums of squares over each joint's angles, the root's translation left out (n, B)."""
        squares = values**2
        squares[:, 3:6] = 0.0
        return np.add.reduceat(squares, self.body.skeleton.dof_start, axis=1)


def deepmimic(errors: Errors) -> dict[str, Array]:
    """Weighted kernels (n,) by name; the reward is their sum."""
    summed = {
        "pose": errors.pose.sum(axis=1),
        "velocity": errors.velocity.sum(axis=1),
        "end_effector": errors.end_effector.sum(axis=1),
        "com": errors.com,
    }
    return {name: weight * np.exp(-scale * summed[name]) for name, (weight, scale) in DEEPMIMIC.items()}


def scadiver(errors: Errors) -> dict[str, Array]:
    """Kernels (n,) by name; the reward is their product."""
    position, rotation, velocity, spin = _ROOT
    mean = {
        "pose": errors.pose[:, 1:].mean(axis=1),
        "velocity": errors.velocity[:, 1:].mean(axis=1),
        "end_effector": errors.end_effector.mean(axis=1),
        "root": position * errors.root
        + rotation * errors.pose[:, 0]
        + velocity * errors.root_velocity
        + spin * errors.velocity[:, 0],
        "com": _COM[0] * errors.com_local + _COM[1] * errors.com_velocity,
    }
    return {name: np.exp(-scale * mean[name]) for name, scale in SCADIVER.items()}


def _squared(vectors: Array) -> Array:
    return (vectors**2).sum(axis=-1)
