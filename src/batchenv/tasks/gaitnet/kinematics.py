"""Positions and velocities of all bodies, and their image in the sagittal plane."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from batchenv.body.gaitnet import Skeleton
from batchenv.compiled import compiled

Array = np.ndarray
# x is across the sagittal plane.
_ACROSS = np.array([-1.0, 1.0, 1.0])


class Bodies(NamedTuple):
    """B bodies in n worlds, in the world's frame; y is up, z forward.

    Attributes:
        position: centres of mass (n, B, 3) [m].
        rotation: of GaitNet's body frames (n, B, 3, 3).
        velocity: of the centres of mass (n, B, 3) [m/s].
        spin: angular velocities (n, B, 3) [rad/s].
        com: centre of mass of all (n, 3) [m].
        com_velocity: (n, 3) [m/s].
        mass: of all worlds (B,), or of each (n, B) [kg].
    """

    position: Array
    rotation: Array
    velocity: Array
    spin: Array
    com: Array
    com_velocity: Array
    mass: Array


def bodies(
    xipos: Array, ximat: Array, cvel: Array, subtree_com: Array, body_id: Array, mass: Array
) -> Bodies:
    """Take the bodies out of MuJoCo's fields.

    Args:
        xipos, ximat: inertial frames, which are GaitNet's body frames (n, nbody, 3), (n, nbody, 9).
        cvel: spatial velocities about the centre of mass of the tree (n, nbody, 6).
        subtree_com: (n, nbody, 3) [m].
        body_id: of GaitNet's bodies, the root first (B,).
        mass: of these bodies, in all worlds (B,) or in each (n, B) [kg].
    """
    position = xipos[:, body_id]
    twist, com = cvel[:, body_id], subtree_com[:, body_id[0]]
    spin = twist[..., :3]
    velocity = velocities(twist, position, com)
    if mass.ndim == 1:
        com_velocity = (mass / mass.sum()) @ velocity
    else:
        com_velocity = np.einsum("nb,nbi->ni", mass / mass.sum(axis=1, keepdims=True), velocity)
    rotation = ximat[:, body_id].reshape(*position.shape, 3)
    return Bodies(position, rotation, velocity, spin, com, com_velocity, mass)


@compiled()
def velocities(twist: Array, position: Array, com: Array) -> Array:
    """Velocities of points (n, B, 3) [m/s] that move with bodies.

    Args:
        twist: spatial velocities of the bodies about `com`, angular ones first (n, B, 6).
        position: of the points (n, B, 3) [m].
        com: (n, 3) [m].
    """
    result = np.empty_like(position)
    for i in range(position.shape[0]):
        for b in range(position.shape[1]):
            p, q, r = twist[i, b, 0], twist[i, b, 1], twist[i, b, 2]
            x, y = position[i, b, 0] - com[i, 0], position[i, b, 1] - com[i, 1]
            z = position[i, b, 2] - com[i, 2]
            result[i, b, 0] = twist[i, b, 3] + (q * z - r * y)
            result[i, b, 1] = twist[i, b, 4] + (r * x - p * z)
            result[i, b, 2] = twist[i, b, 5] + (p * y - q * x)
    return result


@dataclass(frozen=True)
class BodyMirror:
    """The image of bodies in the sagittal plane.

    Attributes:
        twin: of each body (B,).
        frame: turns the image of the twin's frame in the zero pose into the body's own (B, 3, 3).
    """

    twin: Array
    frame: Array

    @classmethod
    def of(cls, skeleton: Skeleton) -> "BodyMirror":
        """Of a skeleton in its zero pose; a body without a twin keeps the image of its frame."""
        rotation = skeleton.T_body[:, :3, :3]
        frame = np.swapaxes(_reflected(rotation[skeleton.mirror]), -1, -2) @ rotation
        alone = skeleton.mirror == np.arange(len(skeleton.names))
        frame[alone] = np.eye(3)
        return cls(np.asarray(skeleton.mirror), frame)


def _reflected(rotation: Array) -> Array:
    """Images of rotations (..., 3, 3): S R S with S = diag(-1, 1, 1)."""
    return rotation * _ACROSS[:, None] * _ACROSS
