"""Joint angles of rotations: coordinates about given axes, whatever they are."""

from collections.abc import Sequence

import numpy as np

from batchenv.body.gaitnet.rotations import matrix_from_vector, vector_from_matrix

Array = np.ndarray

_ITERATIONS = 30
_DAMPING = 1e-9
_LONGEST_STEP = 0.5  # [rad]
_PERPENDICULAR = 1e-9
_JUMP = 1.0  # between neighbouring samples, which is another branch of the same rotation [rad]


def rotation_about(axes: Array, angles: Array) -> Array:
    """Return exp(a_1 q_1) ... exp(a_n q_n), rotations (T, 3, 3).

    Args:
        axes: unit vectors (n, 3).
        angles: (T, n) [rad].
    """
    product = np.broadcast_to(np.eye(3), (len(angles), 3, 3))
    for axis, angle in zip(axes, angles.T, strict=True):
        product = product @ matrix_from_vector(angle[:, None] * axis)
    return product


def angles_about(axes: Array | Sequence[Array], rotation: Array) -> tuple[Array, Array]:
    """Return angles (T, n) [rad] about axes whose product is nearest to rotations, and what is left (T,)
    [rad].

    Gauss-Newton on the rotation vector of what is left, damped where axes fall together; samples that jump to
    another branch start again from their predecessor. Of the two branches about perpendicular axes, that with
    the smaller angles is taken.

    Args:
        axes: unit vectors (n, 3), n from 1 to 3.
        rotation: (T, 3, 3).
    """
    axes = np.asarray(axes, float)
    angles = _nearest(axes, rotation, np.zeros((len(rotation), len(axes))))
    jumps = np.flatnonzero(np.abs(np.diff(angles, axis=0)).max(axis=1, initial=0.0) > _JUMP) + 1
    for first in jumps:
        # The samples after a jump are right again once the predecessor's branch is theirs.
        row = first
        while row < len(angles) and np.abs(angles[row] - angles[row - 1]).max() > _JUMP:
            angles[row] = _nearest(axes, rotation[row : row + 1], angles[row - 1 : row])[0]
            row += 1
    angles = _smaller_branch(axes, angles)
    left = np.swapaxes(rotation_about(axes, angles), 1, 2) @ rotation
    return angles, np.linalg.norm(vector_from_matrix(left), axis=1)


def _smaller_branch(axes: Array, angles: Array) -> Array:
    """Angles (T, n), or the smaller ones that make the same rotations about three perpendicular axes.

    As an arm above the head may be raised sideways, or forward and turned by half a turn.
    """
    if len(axes) != 3 or np.abs(axes @ axes.T - np.eye(3)).max() > _PERPENDICULAR:
        return angles
    half = np.copysign(np.pi, angles.mean(axis=0))
    other = (angles - half) * [1.0, -1.0, 1.0]
    return other if np.abs(other).sum() < np.abs(angles).sum() else angles


def _nearest(axes: Array, rotation: Array, angles: Array) -> Array:
    """Angles (T, n) from a first guess."""
    angles = angles.copy()
    for _ in range(_ITERATIONS):
        turned = rotation_about(axes, angles)
        error = vector_from_matrix(np.swapaxes(turned, 1, 2) @ rotation)
        slopes = _slopes(axes, angles)
        normal = np.swapaxes(slopes, 1, 2) @ slopes + _DAMPING * np.eye(len(axes))
        step = np.linalg.solve(normal, np.swapaxes(slopes, 1, 2) @ error[..., None])[..., 0]
        step *= np.minimum(1.0, _LONGEST_STEP / np.maximum(np.abs(step).max(axis=1, keepdims=True), 1e-300))
        angles += step
        if np.abs(step).max() < 1e-12:
            break
    return angles


def _slopes(axes: Array, angles: Array) -> Array:
    """Rotation (T, 3, n) in the frame of the child for each angle: (R_{i+1} ... R_n)^T a_i."""
    columns, after = [], np.broadcast_to(np.eye(3), (len(angles), 3, 3))
    for i in reversed(range(len(axes))):
        columns.append(np.swapaxes(after, 1, 2) @ axes[i])
        after = matrix_from_vector(angles[:, i : i + 1] * axes[i]) @ after
    return np.stack(columns[::-1], axis=2)
