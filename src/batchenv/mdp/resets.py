"""How an episode begins: on the reference cycle at a random phase, moving with it, feet on the ground."""

from dataclasses import dataclass

import numba
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
    couplings = (body.bound_joint, body.bound_q0, body.bound_driver_q0, body.bound_coef)
    bound_pos, bound_vel = bound_state(joint_pos, joint_vel, *couplings)
    qpos[:, body.bound_qposadr], qvel[:, body.bound_dofadr] = bound_pos, bound_vel
    return Start(phase, qpos, qvel)


@numba.njit(cache=True)
def bound_state(joint_pos, joint_vel, bound_joint, bound_q0, bound_driver_q0, bound_coef):
    """Positions and velocities of bound joints, (n, B) each, as `Body.bound_pos` and `bound_slope` say."""
    pos = np.empty((joint_pos.shape[0], bound_joint.size))
    vel = np.empty_like(pos)
    for i in range(pos.shape[0]):
        for b in range(bound_joint.size):
            x, coef = joint_pos[i, bound_joint[b]] - bound_driver_q0[b], bound_coef[b]
            polynomial = coef[0] + x * (coef[1] + x * (coef[2] + x * (coef[3] + x * coef[4])))
            slope = coef[1] + x * (2 * coef[2] + x * (3 * coef[3] + x * 4 * coef[4]))
            pos[i, b] = bound_q0[b] + polynomial
            vel[i, b] = slope * joint_vel[i, bound_joint[b]]
    return pos, vel


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
