"""Compiled measurements: what every step needs of every world, in one pass over the batch."""

import math

import numba
import numpy as np

N_ROOT = 13  # heading, position, linear velocity, angular velocity, vertical axis


@numba.njit(cache=True)
def interpolate(table, phase):
    """Rows of a periodic table at phases, linearly between them.

    Args:
        table: one cycle at K even phases (K, n).
        phase: in cycles; whole ones are taken off (N,).

    Returns:
        (N, n).
    """
    size, rows = table.shape[0], np.empty((phase.size, table.shape[1]))
    for i in range(phase.size):
        place = (phase[i] - math.floor(phase[i])) * size
        lower = math.floor(place)
        weight = place - lower
        below, above = int(lower) % size, (int(lower) + 1) % size
        for k in range(table.shape[1]):
            rows[i, k] = table[below, k] + weight * (table[above, k] - table[below, k])
    return rows


@numba.njit(cache=True)
def measure_root(ids, qpos, qvel, xpos, root_body, foot_body, axes):
    """Quantities of the root, and of the feet relative to it.

    Vectors are given in the heading frame: forward, left and up of the root, levelled.

    Args:
        ids: worlds to measure (n,).
        qpos: (N, nq), a free joint first.
        qvel: (N, nv).
        xpos: of all bodies (N, nbody, 3) [m].
        root_body, foot_body: ids, one and (F,).
        axes: forward, left and up of the walking frame, in the world (3, 3).

    Returns:
        (n, 13 + 3 F): heading [rad], position in the walking frame [m], linear velocity [m/s], angular
        velocity [rad/s], vertical axis, and the feet [m].
    """
    out = np.empty((ids.size, N_ROOT + 3 * foot_body.size))
    vectors = np.empty((3 + foot_body.size, 3))
    for row in range(ids.size):
        i = ids[row]
        rotation = rotation_matrix(qpos[i, 3:7])
        ahead = in_frame(axes, rotate(rotation, axes[0]))
        heading = math.atan2(ahead[1], ahead[0])
        out[row, 0] = heading
        out[row, 1:4] = in_frame(axes, qpos[i, :3])
        vectors[0] = qvel[i, :3]
        vectors[1] = rotate(rotation, qvel[i, 3:6])  # a free joint's spin is in its own frame
        vectors[2] = rotate(rotation, axes[2])
        for f in range(foot_body.size):
            vectors[3 + f] = xpos[i, foot_body[f]] - xpos[i, root_body]
        cos, sin = math.cos(heading), math.sin(heading)
        for v in range(vectors.shape[0]):
            x, y, z = in_frame(axes, vectors[v])
            start = 4 + 3 * v
            out[row, start], out[row, start + 1], out[row, start + 2] = (
                cos * x + sin * y,
                cos * y - sin * x,
                z,
            )
    return out


@numba.njit
def rotation_matrix(quat):
    """Rows of the rotation matrix of a unit quaternion (4,), w first; `mju_quat2Mat`."""
    w, x, y, z = quat[0], quat[1], quat[2], quat[3]
    return (
        (w * w + x * x - y * y - z * z, 2 * (x * y - w * z), 2 * (x * z + w * y)),
        (2 * (x * y + w * z), w * w - x * x + y * y - z * z, 2 * (y * z - w * x)),
        (2 * (x * z - w * y), 2 * (y * z + w * x), w * w - x * x - y * y + z * z),
    )


@numba.njit
def rotate(rotation, v):
    """Rotated vector (3,)."""
    out = np.empty(3)
    for r, (a, b, c) in enumerate(rotation):
        out[r] = a * v[0] + b * v[1] + c * v[2]
    return out


@numba.njit
def in_frame(axes, v):
    """Vector (3,) along the rows of `axes`."""
    out = np.empty(3)
    for r in range(3):
        out[r] = axes[r, 0] * v[0] + axes[r, 1] * v[1] + axes[r, 2] * v[2]
    return out
