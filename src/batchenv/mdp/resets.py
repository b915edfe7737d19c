"""How an episode begins: on the reference cycle at a random phase, moving with it, feet on the ground."""

from dataclasses import dataclass

import numpy as np

from batchenv import random
from batchenv.body import Body, GaitCycle
from batchenv.config import ParameterRange
from batchenv.mdp.measure import interpolate

# Streams of one episode (see batchenv.random).
START, PARAMETERS, TUPLES = range(3)


@dataclass(frozen=True)
class Start:
    """First states of n episodes.

    Attributes:
        phase: of the gait cycle (n,).
        qpos: (n, nq).
        qvel: (n, nv).
    """

    phase: np.ndarray
    qpos: np.ndarray
    qvel: np.ndarray


def start(
    body: Body,
    axes: np.ndarray,
    gait: GaitCycle,
    seed: int,
    world: np.ndarray,
    episode: np.ndarray,
    *,
    joint_noise: float,
    velocity_noise: float,
) -> Start:
    """Draw starts, each from its own world's stream.

    Args:
        body: what moves.
        axes: forward, left and up of the walking frame, in the world (3, 3).
        gait: the reference.
        seed: of the batch.
        world, episode: which streams (n,).
        joint_noise: standard deviation of joint angles [rad].
        velocity_noise: standard deviation of joint velocities [rad/s].
    """
    n, n_joint = len(world), len(body.joint_names)
    u = random.uniform(seed, world, episode, 1 + 4 * n_joint, START)
    phase, noise = u[:, 0], random.gaussian(u[:, 1:])
    reference = gait.split(interpolate(gait.table, phase))
    low, high = body.joint_range.T
    joint_pos = np.clip(reference.joint_pos + joint_noise * noise[:, :n_joint], low, high)
    joint_vel = reference.joint_vel + velocity_noise * noise[:, n_joint:]
    forward, _, up = axes
    qpos, qvel = np.tile(body.model.qpos0, (n, 1)), np.zeros((n, body.model.nv))
    qpos[:, :3], qpos[:, 3:7] = reference.root_height[:, None] * up, (1.0, 0.0, 0.0, 0.0)
    qvel[:, :3] = gait.speed * forward
    qpos[:, body.joint_qposadr], qvel[:, body.joint_dofadr] = joint_pos, joint_vel
    qpos[:, body.bound_qposadr] = body.bound_pos(joint_pos)
    qvel[:, body.bound_dofadr] = body.bound_slope(joint_pos) * joint_vel[:, body.bound_joint]
    return Start(phase, qpos, qvel)


def parameter(draw: ParameterRange, u: np.ndarray) -> np.ndarray:
    """Values (n,) of a model parameter.

    Args:
        draw: how it is drawn; "normal" has its standard deviation a quarter of the range, and is cut to it.
        u: uniform numbers (n, 2).
    """
    if draw.sampling == "fixed":
        return np.full(len(u), draw.default)
    if draw.sampling == "uniform":
        return draw.min + (draw.max - draw.min) * u[:, 0]
    bell = random.gaussian(u)[:, 0]
    return np.clip(draw.default + 0.25 * (draw.max - draw.min) * bell, draw.min, draw.max)
