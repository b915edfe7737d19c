"""Rewards for doing as a motion does: those of DeepMimic and of ScaDiver, as their authors published them.

Peng et al. 2018, "DeepMimic", section 5: a weighted sum of kernels of summed squared errors. Won et al. 2020,
"A Scalable Approach to Control Diverse Behaviors for Physically Simulated Characters", with the weights of
the authors' published configuration: a product of kernels of mean squared errors.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from batchenv.body.gaitnet import GaitNetBody, Motion, frames
from batchenv.mdp.marks import reward_term
from batchenv.tasks.gaitnet.kinematics import Bodies
from batchenv.tasks.gaitnet.rewards import Factor
from batchenv.tasks.gaitnet.starts import pose_difference, unwrapped_pose

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


@reward_term
def pose(pose_error: Array, *, weight: float, scale: float) -> Array:
    """weight exp(-scale e): rotations of all joints, the root's included (n,)."""
    return weight * np.exp(-scale * pose_error.sum(axis=1))


@reward_term
def velocity(velocity_error: Array, *, weight: float, scale: float) -> Array:
    """weight exp(-scale e): angular velocities of all joints (n,)."""
    return weight * np.exp(-scale * velocity_error.sum(axis=1))


@reward_term
def end_effector(end_effector_error: Array, *, weight: float, scale: float) -> Array:
    """weight exp(-scale e): places of hands, feet and head (n,)."""
    return weight * np.exp(-scale * end_effector_error.sum(axis=1))


@reward_term
def com(com_error: Array, *, weight: float, scale: float) -> Array:
    """weight exp(-scale e): place of the centre of mass (n,)."""
    return weight * np.exp(-scale * com_error)


@reward_term
def mean_pose(pose_error: Array, *, scale: float) -> Array:
    """exp(-scale e): rotations of the joints, a mean (n,)."""
    return np.exp(-scale * pose_error[:, 1:].mean(axis=1))


@reward_term
def mean_joint_velocity(velocity_error: Array, *, scale: float) -> Array:
    """exp(-scale e): angular velocities of the joints, a mean (n,)."""
    return np.exp(-scale * velocity_error[:, 1:].mean(axis=1))


@reward_term
def mean_end_effector(end_effector_error: Array, *, scale: float) -> Array:
    """exp(-scale e): places of hands, feet and head, a mean (n,)."""
    return np.exp(-scale * end_effector_error.mean(axis=1))


@reward_term
def root(
    root_error: Array, root_velocity_error: Array, pose_error: Array, velocity_error: Array, *, scale: float
) -> Array:
    """exp(-scale e): place, rotation, velocity and spin of the root (n,)."""
    place, rotation, speed, spin = _ROOT
    error = place * root_error + rotation * pose_error[:, 0]
    return np.exp(-scale * (error + speed * root_velocity_error + spin * velocity_error[:, 0]))


@reward_term
def com_about_root(com_local_error: Array, com_velocity_error: Array, *, scale: float) -> Array:
    """exp(-scale e): place relative to the root, and velocity, of the centre of mass (n,)."""
    return np.exp(-scale * (_COM[0] * com_local_error + _COM[1] * com_velocity_error))


def deepmimic() -> dict[str, Factor]:
    """The summands of DeepMimic's reward, by name."""
    functions = {"pose": pose, "velocity": velocity, "end_effector": end_effector, "com": com}
    return {
        name: (functions[name], {"weight": weight, "scale": scale})
        for name, (weight, scale) in DEEPMIMIC.items()
    }


def scadiver() -> dict[str, Factor]:
    """The factors of ScaDiver's reward, by name."""
    functions = {
        "pose": mean_pose,
        "velocity": mean_joint_velocity,
        "end_effector": mean_end_effector,
        "root": root,
        "com": com_about_root,
    }
    return {name: (functions[name], {"scale": scale}) for name, scale in SCADIVER.items()}


def _squared(vectors: Array) -> Array:
    return (vectors**2).sum(axis=-1)
