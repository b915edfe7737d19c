"""Lengths of muscle paths and their gradients in NumPy: N poses, A anchors, M muscles, D coordinates.

An anchor lies at P = sum_k w_k (R_k p_k + x_k) over the bodies k it is blended over (linear blend skinning).
The gradient of a polyline's length with respect to P_a is g_a = u_(a-1) - u_a, where u_a is the unit vector
from P_a to P_(a+1).
"""

import numpy as np

from batchenv.body.gaitnet.kinematics import Array, Frames, axes
from batchenv.body.gaitnet.muscle_paths import MusclePaths
from batchenv.body.gaitnet.skeleton import Skeleton


def entry_positions(paths: MusclePaths, at: Frames, place: Array | None = None) -> Array:
    """Return where each body of an anchor has it in the world (N, E, 3) [m]; see `anchor_positions`."""
    body = paths.entry_body
    if place is None:
        turned = np.einsum("neij,ej->nei", at.body_R[:, body], paths.entry_pos)
    else:
        turned = np.einsum("neij,nej->nei", at.body_R[:, body], place)
    return turned + at.body_p[:, body]


def anchor_positions(paths: MusclePaths, at: Frames, place: Array | None = None) -> Array:
    """Return the anchors in the world (N, A, 3) [m].

    Args:
        paths: whose anchors.
        at: where the bodies are.
        place: of each anchor in each of its bodies (N, E, 3) [m]; None for that of the paths.
    """
    weighted = paths.entry_weight[:, None] * entry_positions(paths, at, place)
    return np.add.reduceat(weighted, paths.entry_ptr[:-1], axis=1)


def path_lengths(paths: MusclePaths, anchors: Array) -> Array:
    """Return the lengths of the muscles (N, M) [m] with their anchors at (N, A, 3)."""
    steps = np.linalg.norm(np.diff(anchors, axis=1), axis=-1)
    steps[:, paths.anchor_ptr[1:-1] - 1] = 0.0
    return np.add.reduceat(steps, paths.anchor_ptr[:-1], axis=1)


def anchor_gradients(paths: MusclePaths, anchors: Array) -> Array:
    """Return the gradients of the lengths with respect to the anchors (N, A, 3)."""
    steps = np.diff(anchors, axis=1)
    unit = steps / np.linalg.norm(steps, axis=-1, keepdims=True)
    unit[:, paths.anchor_ptr[1:-1] - 1] = 0.0
    gradient = np.zeros_like(anchors)
    gradient[:, :-1] -= unit
    gradient[:, 1:] += unit
    return gradient


def length_gradients(skeleton: Skeleton, paths: MusclePaths, at: Frames, first_body: bool = False) -> Array:
    """Return the gradients of the lengths per unit of GaitNet's velocities (N, M, D) [m/rad].

    Args:
        skeleton: whose coordinates.
        paths: whose lengths.
        at: where the bodies are.
        first_body: as in GaitNet: an anchor moves with its first body alone, which is not the gradient of
            blended anchors.
    """
    anchors = anchor_positions(paths, at)
    gradient = anchor_gradients(paths, anchors)
    if first_body:
        place, push = anchors, gradient
        rows, muscle = paths.entry_body[paths.entry_ptr[:-1]], paths.anchor_muscle
    else:
        place = entry_positions(paths, at)
        push = paths.entry_weight[:, None] * gradient[:, paths.entry_anchor]
        rows, muscle = paths.entry_body, paths.anchor_muscle[paths.entry_anchor]
    force, moment = _wrenches(skeleton, len(paths.names), muscle, rows, place, push)
    joint = skeleton.dof_joint
    about = moment - np.cross(at.joint_p[:, None], force)
    turning = np.einsum("ndi,nmdi->nmd", axes(skeleton, at), about[:, :, joint])
    shifting = np.einsum("ndi,nmdi->nmd", axes(skeleton, at), force[:, :, joint])
    return np.where(_shifts(skeleton), shifting, turning)


def _wrenches(
    skeleton: Skeleton, muscles: int, muscle: Array, body: Array, place: Array, push: Array
) -> tuple[Array, Array]:
    """Return forces on all that each joint carries, and moments about the origin, each (N, M, B, 3)."""
    bodies = len(skeleton.names)
    total = np.zeros((2, muscles * bodies, len(place), 3))
    row = muscle * bodies + body
    np.add.at(total[0], row, np.swapaxes(push, 0, 1))
    np.add.at(total[1], row, np.swapaxes(np.cross(place, push), 0, 1))
    total = np.moveaxis(total.reshape(2, muscles, bodies, len(place), 3), 3, 1)
    for i in range(bodies - 1, 0, -1):
        total[..., skeleton.parent[i], :] += total[..., i, :]
    return total[0], total[1]


def _shifts(skeleton: Skeleton) -> Array:
    """Which coordinates are translations (D,)."""
    index = np.arange(skeleton.num_dof) - skeleton.dof_start[skeleton.dof_joint]
    return index >= 3
