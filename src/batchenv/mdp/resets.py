"""How an episode begins: on the reference cycle at a random phase, moving with it, feet on the ground."""

from dataclasses import dataclass

import numpy as np

from batchenv import random
from batchenv.body import Body, GaitCycle
from batchenv.config import ParameterRange
from batchenv.mdp.quantities import Frame, walking_axes

# Streams of one episode (see batchenv.random).
START, PARAMETERS = range(2)


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
    frame: Frame,
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
        frame: axes of the body.
        gait: the reference.
        seed: of the batch.
        world, episode: which streams (n,).
        joint_noise: standard deviation of joint angles [rad].
        velocity_noise: standard deviation of joint velocities [rad/s].
    """
    n, n_joint = len(world), len(body.joint_names)
    u = random.uniform(seed, world, episode, 1 + 4 * n_joint, START)
    phase, noise = u[:, 0], random.gaussian(u[:, 1:])
    reference = gait.sample(phase)
    joint_pos = np.clip(reference.joint_pos + joint_noise * noise[:, :n_joint], *body.joint_range.T)
    joint_vel = reference.joint_vel + velocity_noise * noise[:, n_joint:]
    axes = walking_axes(frame)
    root_pos = reference.root_height[:, None] * axes[2]
    root_vel = gait.speed * axes[0] + reference.root_height_rate[:, None] * axes[2]
    identity = np.tile([1.0, 0.0, 0.0, 0.0], (n, 1))
    return Start(
        phase,
        body.qpos(root_pos, identity, joint_pos),
        body.qvel(root_vel, np.zeros((n, 3)), joint_pos, joint_vel),
    )


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
