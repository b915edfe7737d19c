"""Compiled measurements of every world after a step, in one pass over the batch."""

# Numba finds the types of a compiled function's parameters when it is called.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

import math
from typing import Any

import numba
import numpy as np

from batchenv.compiled import compiled

N_ROOT = 13  # heading, position, linear velocity, angular velocity, vertical axis


def measured_columns(
    n_joint: int, n_foot: int, table: dict[str, int], sums: dict[str, int]
) -> dict[str, Any]:
    """Where each quantity lies in a row of `measure`: a slice, or the index of a single number.

    Args:
        n_joint, n_foot: J, F.
        table: widths of what the reference's table holds, by name; 0 for a single number.
        sums: widths of what is taken from `userdata`, by name; 0 for a single number.
    """
    widths = {"heading": 0, "root_pos": 3, "root_linvel": 3, "root_angvel": 3, "root_up": 3}
    widths |= {"foot_pos": 3 * n_foot, "joint_pos": n_joint, "joint_vel": n_joint, **table, **sums}
    columns, start = {}, 0
    for name, width in widths.items():
        columns[name] = slice(start, start + width) if width else start
        start += width or 1
    return columns


def interpolate(table: np.ndarray, phase: np.ndarray) -> np.ndarray:
    """Rows of a periodic table at phases, linearly between them.

    Args:
        table: one cycle at K even phases (K, n).
        phase: in cycles; whole ones are taken off (N,).

    Returns:
        (N, n).
    """
    rows = np.empty((len(phase), table.shape[1]))
    _interpolate(table, phase, rows)
    return rows


@compiled(allocates=False, error_model="numpy")
def _interpolate(table, phase, out):
    for i in range(phase.size):
        interpolate_row(table, phase[i], out[i])


@numba.njit(error_model="numpy")
def interpolate_row(table, phase, out):
    """One row of `interpolate`, into `out` (n,)."""
    size = table.shape[0]
    place = (phase - math.floor(phase)) * size
    lower = math.floor(place)
    weight = place - lower
    below, above = int(lower) % size, (int(lower) + 1) % size
    for k in range(table.shape[1]):
        out[k] = table[below, k] + weight * (table[above, k] - table[below, k])


@compiled(allocates=False, error_model="numpy")
def measure(
    # which worlds, and their phases
    ids,
    phase,
    # state
    qpos,
    qvel,
    xpos,
    user,
    # body
    qposadr,
    dofadr,
    root_body,
    foot_body,
    axes,
    # reference and sums
    table,
    sums,
    factors,
    # room and out
    room,
    out,
):
    """Fill rows as `measured_columns` lays them out: all that a step must know of every world, in one pass.

    Vectors are given in the heading frame: forward, left and up of the root, levelled.

    Args:
        ids: worlds to measure (n,).
        phase: of the reference, of all worlds (N,).
        qpos, qvel: (N, nq), a free joint first; (N, nv).
        xpos: of all bodies (N, nbody, 3) [m].
        user: rows of `userdata` (N, k).
        qposadr, dofadr: of the primary joints (J,).
        root_body, foot_body: ids, one and (F,).
        axes: forward, left and up of the walking frame, in the world (3, 3).
        table: one cycle of the reference (K, t).
        sums, factors: columns of `user` to take, and what to multiply each by (s,).
        room: for what lies between (6 + F, 3).
        out: (n, 13 + 3 F + 2 J + t + s).
    """
    n_joint, n_foot, n_table = qposadr.size, foot_body.size, table.shape[1]
    at_joints = N_ROOT + 3 * n_foot
    at_table = at_joints + 2 * n_joint
    at_sums = at_table + n_table
    rotation, vectors = room[:3], room[3:]
    for row in range(ids.size):
        i, values = ids[row], out[row]
        _measure_root(qpos[i], qvel[i], xpos[i], root_body, foot_body, axes, rotation, vectors, values)
        for j in range(n_joint):
            values[at_joints + j] = qpos[i, qposadr[j]]
            values[at_joints + n_joint + j] = qvel[i, dofadr[j]]
        interpolate_row(table, phase[i], values[at_table:at_sums])
        for k in range(sums.size):
            values[at_sums + k] = user[i, sums[k]] * factors[k]


@numba.njit(error_model="numpy")
def _measure_root(qpos, qvel, xpos, root_body, foot_body, axes, rotation, vectors, out):
    """Heading, position, velocities and vertical axis of the root, and the feet relative to it.

    Args:
        rotation, vectors: room for the root's rotation matrix (3, 3) and for vectors in the world (3 + F, 3).
    """
    # One function with plain loops: Numba takes seconds for small arrays, slices of them, and helpers.
    w, x, y, z = qpos[3], qpos[4], qpos[5], qpos[6]
    rotation[0, 0], rotation[0, 1] = w * w + x * x - y * y - z * z, 2 * (x * y - w * z)
    rotation[0, 2], rotation[1, 0] = 2 * (x * z + w * y), 2 * (x * y + w * z)
    rotation[1, 1], rotation[1, 2] = w * w - x * x + y * y - z * z, 2 * (y * z - w * x)
    rotation[2, 0], rotation[2, 1] = 2 * (x * z - w * y), 2 * (y * z + w * x)
    rotation[2, 2] = w * w - x * x - y * y + z * z
    for r in range(3):
        a, b, c = rotation[r, 0], rotation[r, 1], rotation[r, 2]
        vectors[0, r] = qvel[r]
        vectors[1, r] = a * qvel[3] + b * qvel[4] + c * qvel[5]  # a free joint's spin is in its own frame
        vectors[2, r] = a * axes[2, 0] + b * axes[2, 1] + c * axes[2, 2]
        for f in range(foot_body.size):
            vectors[3 + f, r] = xpos[foot_body[f], r] - xpos[root_body, r]
        out[r] = a * axes[0, 0] + b * axes[0, 1] + c * axes[0, 2]
    x, y, z = out[0], out[1], out[2]
    heading = math.atan2(
        axes[1, 0] * x + axes[1, 1] * y + axes[1, 2] * z, axes[0, 0] * x + axes[0, 1] * y + axes[0, 2] * z
    )
    out[0] = heading
    for r in range(3):
        out[1 + r] = axes[r, 0] * qpos[0] + axes[r, 1] * qpos[1] + axes[r, 2] * qpos[2]
    cos, sin = math.cos(heading), math.sin(heading)
    for v in range(vectors.shape[0]):
        at, a, b, c = 4 + 3 * v, vectors[v, 0], vectors[v, 1], vectors[v, 2]
        x = axes[0, 0] * a + axes[0, 1] * b + axes[0, 2] * c
        y = axes[1, 0] * a + axes[1, 1] * b + axes[1, 2] * c
        out[at], out[at + 1] = cos * x + sin * y, cos * y - sin * x
        out[at + 2] = axes[2, 0] * a + axes[2, 1] * b + axes[2, 2] * c
