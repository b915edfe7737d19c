"""How an episode begins: in a pose of the motion, moving with it, the feet just above the ground."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np

from batchenv.body.gaitnet import (
    GaitNetBody,
    Motion,
    matrix_from_vector,
    quat_from_vector,
    quat_inverse,
    quat_product,
    vector_from_quat,
)
from batchenv.body.gaitnet.mechanism import ROOT_DOFS, leg_joints
from batchenv.body.gaitnet.shapes import Shape, bounding_box
from batchenv.config.gaitnet import GaitNetRange, usual_value
from batchenv.engine import Worlds
from batchenv.mdp.adaptive import AdaptiveRanges
from batchenv.rng import gaussian

Array = np.ndarray

# The start is in one of the halves of the cycle, about this far into it, give or take.
FIRST_PHASE, SPREAD = 0.07, 0.05
# Height of the lowest point of the first pose above the ground [m].
CLEARANCE = 0.001
# Random states: the share near the motion, how near [rad], rates there and elsewhere [rad/s], height [m].
_NEAR_SHARE, _NEAR_ANGLE, _NEAR_RATE, _ANY_RATE, _IN_THE_AIR = 0.3, 0.15, 1.0, 3.0, 1.0
# Standard deviation about the places of a grid.
GRID_NOISE = 0.025
# Feet within this height of each other are as low [m]; in GaitNet the right one then stands up to this phase.
_LEVEL, RIGHT_UNTIL = 0.005, 0.4


class Start(NamedTuple):
    """First states of n episodes, at the height of the motion: qpos (n, nq), qvel (n, nv)."""

    qpos: Array
    qvel: Array


def draw_phase(kind: str, u: Array) -> Array:
    """Phases of starts (n,) from uniform numbers (n, 2).

    Args:
        kind: of the reward: anywhere for deepmimic, the motion's beginning for scadiver, as in GaitNet.
        u: uniform numbers (n, 2).
    """
    if kind == "deepmimic":
        return u[:, 1]
    if kind == "scadiver":
        return np.zeros(len(u))
    return np.where(u[:, 0] < 0.5, 0.0, 0.5) + FIRST_PHASE + SPREAD * (2.0 * u[:, 1] - 1.0)


def draw_parameters(
    ranges: Mapping[str, GaitNetRange], u: Array, adaptive: AdaptiveRanges, missed: Array
) -> dict[str, Array]:
    """Parameters (n,) by name, from uniform numbers (n, 4 P).

    The third and fourth number of each parameter stand behind the first two of all.

    Args:
        ranges: of the parameters.
        u: uniform numbers (n, 4 P).
        adaptive: the ranges that are drawn more often where episodes ended early.
        missed: their failures (n, A, BINS).
    """
    count, names = 2 * max(1, len(ranges)), tuple(ranges)
    drawn = {
        name: _drawn(name, r, u[:, 2 * k : 2 * k + 2], u[:, count + 2 * k : count + 2 * k + 2])
        for k, (name, r) in enumerate(ranges.items())
    }
    columns = adaptive.columns
    chosen = adaptive.drawn(missed, u.reshape(len(u), -1, 2)[:, columns])
    return drawn | {names[k]: column for k, column in zip(columns.tolist(), chosen.T, strict=True)}


def _drawn(name: str, r: GaitNetRange, u: Array, more: Array) -> Array:
    extent = r.max - r.min
    if r.sampling == "fixed":
        return np.full(len(u), usual_value(name, r))
    if r.sampling in ("uniform", "adaptive"):
        return r.min + extent * u[:, 0]
    if r.sampling == "normal":
        return np.clip(usual_value(name, r) + 0.25 * extent * gaussian(u)[:, 0], r.min, r.max)
    places = np.array([0.0, 1.0] if r.sampling == "ends" else [0.0, 1.0, 0.25, 0.5, 0.75])
    if r.sampling == "grid" and name.startswith("torsion."):
        places = np.append(places, 0.5)  # GaitNet draws no twist twice as often
    place = places[np.minimum((u[:, 0] * len(places)).astype(int), len(places) - 1)]
    return np.clip(r.min + extent * place + GRID_NOISE * gaussian(more)[:, 0], r.min, r.max)


def start(
    body: GaitNetBody,
    motion: Motion,
    strided: Array,
    phase: Array,
    step: Array,
    dt: float,
    stride: Array,
) -> Start:
    """Poses of the motion, within the joints' limits, with its velocity.

    Velocities are the difference to the pose one step later, those of the root and the legs times the stride;
    the root goes where the motion goes in the step after that.

    Args:
        body: what moves.
        motion: what it follows.
        strided: coordinates whose velocities are those of the motion times the stride, see
            `strided_dofs`.
        phase: where in the cycle (n,).
        step: length of a control step in cycles (n,).
        dt: the same [s].
        stride: (n,).
    """
    skeleton = body.skeleton
    phases = np.concatenate([phase + k * step for k in range(3)])
    now, soon, later = np.split(unwrapped_pose(motion, phases), 3)
    q = np.clip(now, skeleton.lower, skeleton.upper)
    dq = pose_difference(motion, now, soon) / dt
    dq[:, strided] *= stride[:, None]
    way = (later - soon)[:, 3:6] / dt
    dq[:, 3:6] = np.einsum("nji,nj->ni", matrix_from_vector(q[:, :3]), way)
    qpos = body.to_qpos(q)
    return Start(qpos, body.to_qvel(qpos, dq))


def random_states(
    body: GaitNetBody, motion: Motion, number: int, rng: np.random.Generator
) -> tuple[Array, Array]:
    """Draw states in the joints' ranges, some of them near the motion, the root at rest in the air."""
    skeleton = body.skeleton
    shape = (number, skeleton.num_dof)
    low, high = np.clip([skeleton.lower, skeleton.upper], -np.pi, np.pi)
    near = rng.random((number, 1)) < _NEAR_SHARE
    poses = motion.pose(rng.random(number)) + _NEAR_ANGLE * rng.standard_normal(shape)
    q = np.clip(np.where(near, poses, rng.uniform(low, high, shape)), low, high)
    dq = rng.standard_normal(shape) * np.where(near, _NEAR_RATE, _ANY_RATE)
    q[:, :ROOT_DOFS] = dq[:, :ROOT_DOFS] = 0.0
    q[:, 4] = _IN_THE_AIR
    qpos = body.to_qpos(q)
    return qpos, body.to_qvel(qpos, dq)


def strided_dofs(body: GaitNetBody) -> Array:
    """Coordinates of the root and the legs (n,)."""
    return np.concatenate([np.arange(ROOT_DOFS), ROOT_DOFS + leg_joints(body)])


def foot_corners(position: Array, rotation: Array, edges: Array) -> Array:
    """Corners of the boxes around the shapes that touch the ground (n, C, 8, 3) [m].

    Args:
        position, rotation: of the shapes (n, C, 3) [m], (n, C, 3, 3).
        edges: of the boxes (C, 3) or (n, C, 3) [m].
    """
    signs = np.array([[x, y, z] for x in (-1, 1) for y in (-1, 1) for z in (-1, 1)])
    corners = 0.5 * signs * edges[..., None, :]
    turn = "ncij,ckj->ncki" if edges.ndim == 2 else "ncij,nckj->ncki"
    return position[:, :, None] + np.einsum(turn, rotation, corners)


def feet_on_ground(body: GaitNetBody, worlds: Worlds[GaitNetBody], ids: Array, edges: Array) -> Array:
    """Put the lowest corner of the feet of some worlds (n,) just above the ground.

    Returns:
        The corners (n, C, 8, 3) [m], see `foot_corners`.
    """
    shapes = body.body_id[body.contact_body]
    position, rotation = (worlds.bind(name)[ids][:, shapes] for name in ("xipos", "ximat"))
    corners = foot_corners(position, rotation.reshape(*position.shape, 3), edges)
    rise = CLEARANCE - corners[..., 1].min(axis=(1, 2)) + body.ground_height
    worlds.qpos[ids, 1] += rise
    corners[..., 1] += rise[:, None, None]
    worlds.measure(ids)
    return corners


def box_edges(body: GaitNetBody) -> Array:
    """Edges of the boxes around the shapes that touch the ground (C, 3) [m]."""
    shapes: tuple[Shape, ...] = body.skeleton.shape
    return np.array([bounding_box(shapes[int(i)], body.skeleton.size[i]) for i in body.contact_body])


def lowest_foot(corners: Array, is_left: Array, level_right: Array) -> tuple[Array, Array, Array]:
    """Whether the left foot stands, and whether both do (n,); the lowest corner of that foot (n, 3) [m].

    Args:
        corners: see `foot_corners` (n, C, 8, 3) [m].
        is_left: of each shape (C,).
        level_right: whether the right foot stands where both are as low (n,).
    """
    points = [_lowest(corners[:, side].reshape(len(corners), -1, 3)) for side in (is_left, ~is_left)]
    height = points[0][:, 1] - points[1][:, 1]
    level = np.abs(height) < _LEVEL
    left_stance = np.where(level, ~level_right, height < 0.0)
    return left_stance, level, np.where(left_stance[:, None], points[0], points[1])


def left_shapes(body: GaitNetBody) -> Array:
    """Whether each shape that touches the ground is part of the left foot (C,)."""
    left = body.skeleton.index("TalusL")
    return np.array([left in body.skeleton.chain(int(i)) for i in body.contact_body])


def pose_difference(motion: Motion, start: Array, end: Array) -> Array:
    """How to move from one pose to another, as velocities for one unit of time (n, D)."""
    moved, turning = end - start, motion.turning
    turns = quat_product(quat_inverse(quat_from_vector(start[:, turning])), quat_from_vector(end[:, turning]))
    moved[:, turning.ravel()] = vector_from_quat(turns).reshape(len(start), -1)
    return moved


def composed(motion: Motion, pose: Array, residual: Array) -> Array:
    """Poses (n, D) turned further by residuals (n, D): R(pose) R(residual) of balls, sums of angles."""
    result, turning = pose + residual, motion.turning
    turns = quat_product(quat_from_vector(pose[:, turning]), quat_from_vector(residual[:, turning]))
    result[:, turning.ravel()] = vector_from_quat(turns).reshape(len(pose), -1)
    return result


def unwrapped_pose(motion: Motion, phase: Array) -> Array:
    """Poses (n, D) at phases in cycles, whole ones included: the root's translation goes on."""
    pose = motion.pose(phase)
    pose[:, 3:6] += np.floor(phase)[:, None] * (motion.poses[-1] - motion.poses[0])[3:6]
    return pose


def _lowest(points: Array) -> Array:
    return points[np.arange(len(points)), points[..., 1].argmin(axis=1)]
