"""Rewards for doing as a motion does, as GaitNet computes them.

Their names are those of DeepMimic (Peng et al. 2018) and ScaDiver (Won et al. 2020); kernels and weights are
GaitNet's own: each is exp(-k e), e a mean of squared errors.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from batchenv.body.gaitnet import GaitNetBody, Motion, frames, matrix_from_vector
from batchenv.body.gaitnet.kinematics import JointFrames
from batchenv.config.gaitnet import GaitNetReward
from batchenv.mdp.marks import reward_term
from batchenv.tasks.gaitnet.kinematics import Bodies
from batchenv.tasks.gaitnet.rewards import Factor, energy_factors
from batchenv.tasks.gaitnet.starts import pose_difference, unwrapped_pose

Array = np.ndarray

END_EFFECTORS = ("TalusR", "TalusL", "Head", "HandR", "HandL")
# k of each kernel, and its weight in the sum of `deepmimic`.
KERNELS = {"pose": 20.0, "velocity": 10.0, "com": 10.0, "end_effector": 40.0}
WEIGHTS = {"pose": 0.65, "velocity": 0.1, "com": 0.1, "end_effector": 0.45, "energy": 0.2}
# What is left of a factor of `scadiver` at its worst.
_FLOOR = 0.1


class Errors(NamedTuple):
    """Means of squared errors of n worlds against a motion, each (n,).

    Attributes:
        pose: of all coordinates [rad^2], [m^2].
        velocity: of their velocities [rad^2/s^2], [m^2/s^2].
        com: of the place of the centre of mass [m^2].
        end_effector: of the places of hands, feet and head in the frame of the root [m^2].
    """

    pose: Array
    velocity: Array
    com: Array
    end_effector: Array


@dataclass(frozen=True)
class Imitation:
    """A body and the motion it is to follow."""

    body: GaitNetBody
    motion: Motion

    def errors(
        self,
        seen: Bodies,
        qpos: Array,
        qvel: Array,
        phase: Array,
        step: Array,
        dt: float,
        joints: JointFrames | None = None,
    ) -> Errors:
        """Compare worlds with the motion.

        Args:
            seen: bodies of n worlds.
            qpos, qvel: their state.
            phase: of the motion in cycles, whole ones included (n,).
            step: length of a control step in cycles (n,).
            dt: the same [s].
            joints: frames of the joints of bodies that are not the file's.
        """
        skeleton, motion = self.body.skeleton, self.motion
        now, soon = unwrapped_pose(motion, phase), unwrapped_pose(motion, phase + step)
        rate = pose_difference(motion, now, soon) / dt
        # GaitNet's velocity of the root is in its own frame.
        rate[:, 3:6] = np.einsum("nji,nj->ni", matrix_from_vector(now[:, :3]), rate[:, 3:6])
        pose = pose_difference(motion, now, self.body.from_qpos(qpos))
        velocity = self.body.from_qvel(qpos, qvel) - rate
        at = frames(skeleton, now, joints)
        share = seen.mass / seen.mass.sum(axis=-1, keepdims=True)
        com = (share[..., None] * at.body_p).sum(axis=1)
        ends = [skeleton.index(name) for name in END_EFFECTORS if name in skeleton.names]
        reach = [
            np.einsum("nji,nej->nei", rotation[:, 0], place[:, ends] - place[:, :1])
            for rotation, place in ((seen.rotation, seen.position), (at.body_R, at.body_p))
        ]
        return Errors(
            _mean_square(pose),
            _mean_square(velocity),
            _mean_square(seen.com - com),
            _mean_square((reach[0] - reach[1]).reshape(len(pose), -1)),
        )


@reward_term
def pose(pose_error: Array, *, scale: float) -> Array:
    """exp(-scale e): all coordinates, the root's included (n,)."""
    return np.exp(-scale * pose_error)


@reward_term
def velocity(velocity_error: Array, *, scale: float) -> Array:
    """exp(-scale e): velocities of all coordinates (n,)."""
    return np.exp(-scale * velocity_error)


@reward_term
def com(com_error: Array, *, scale: float) -> Array:
    """exp(-scale e): place of the centre of mass (n,)."""
    return np.exp(-scale * com_error)


@reward_term
def end_effector(end_effector_error: Array, *, scale: float) -> Array:
    """exp(-scale e): places of hands, feet and head about the root (n,)."""
    return np.exp(-scale * end_effector_error)


def kernels(section: GaitNetReward) -> dict[str, Factor]:
    """The kernels of both rewards, and the factor of what activations cost, by name."""
    functions = {"pose": pose, "velocity": velocity, "com": com, "end_effector": end_effector}
    found: dict[str, Factor] = {name: (functions[name], {"scale": k}) for name, k in KERNELS.items()}
    return found | {"energy": energy_factors(section)["metabolic"]}


def deepmimic(values: dict[str, Array]) -> Array:
    """The weighted sum of kernels (n,) by name."""
    return np.sum([weight * values[name] for name, weight in WEIGHTS.items()], axis=0)


def scadiver(values: dict[str, Array]) -> Array:
    """The product of kernels (n,) by name, each raised from [0, 1] to [0.1, 1]."""
    return np.prod([_FLOOR + (1.0 - _FLOOR) * values[name] for name in WEIGHTS], axis=0)


def _mean_square(values: Array) -> Array:
    return (values**2).mean(axis=1)
