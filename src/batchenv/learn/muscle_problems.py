"""Problems for a muscle network to learn from ahead of any policy: all kinds of poses and torques."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from batchenv.body import GaitCycle
from batchenv.engine.problems import Problems

DrawStates = Callable[[int, np.random.Generator], tuple[NDArray[np.float64], NDArray[np.float64]]]

_GAIT_SHARE = 0.3
"""Of the states, near the reference gait; the others are anywhere in the joints' ranges."""
_ANY_TORQUE = 0.3
"""Largest standard deviation of torques drawn freely, over what all muscles of a joint could make."""
_RANGE_VELOCITY, _GAIT_VELOCITY, _GAIT_ANGLE = 3.0, 1.0, 0.15  # standard deviations [rad/s], [rad/s], [rad]


def draw_states(
    problems: Problems, gait: GaitCycle, number: int, rng: np.random.Generator
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Draw joint angles and velocities, as qpos (n, nq) and qvel (n, nv); the root is at rest in the air."""
    body = problems.body
    shape = (number, len(body.joint_names))
    low, high = np.clip(body.joint_range, -np.pi, np.pi).T
    near = rng.random((number, 1)) < _GAIT_SHARE
    reference = gait.sample(rng.random(number))
    pos = np.where(
        near, reference.joint_pos + _GAIT_ANGLE * rng.standard_normal(shape), rng.uniform(low, high, shape)
    )
    vel = rng.standard_normal(shape) * np.where(near, _GAIT_VELOCITY, _RANGE_VELOCITY)
    pos, vel = np.clip(pos, low, high), vel + np.where(near, reference.joint_vel, 0.0)
    still, lifted = np.zeros((number, 3)), np.tile([0.0, 0.0, 2.0], (number, 1))
    root_quat = np.tile([1.0, 0.0, 0.0, 0.0], (number, 1))
    return body.qpos(lifted, root_quat, pos), body.qvel(still, still, pos, vel)


def draw_activations(
    jta: torch.Tensor, crossing: torch.Tensor, joint: torch.Tensor, random: torch.Generator
) -> torch.Tensor:
    """Draw activations (n, M) that make the torques to be asked for.

    Half are a random few muscles, each at random; half are the agonists of a random direction of torques, the
    more active the more they help, so that large torques are asked for too.

    Args:
        jta: JtA_reduced (n, nnz) [Nm].
        crossing, joint: of its columns (nnz,).
        random: generator of all draws.
    """
    n, n_muscle, n_joint = len(jta), int(crossing.max()) + 1, int(joint.max()) + 1

    def uniform(*shape: int) -> torch.Tensor:
        return torch.rand(*shape, generator=random)

    few = (uniform(n, n_muscle) < 0.5 * uniform(n, 1)) * uniform(n, n_muscle) * uniform(n, 1).sqrt()
    direction = torch.randn(n, n_joint, generator=random) * (uniform(n, n_joint) < uniform(n, 1))
    help_ = torch.zeros(n, n_muscle).index_add(1, crossing, jta * direction.index_select(1, joint))
    help_ = help_.clamp(min=0.0)
    agonists = help_ / help_.amax(1, keepdim=True).clamp(min=1e-6) * uniform(n, 1)
    return torch.where(uniform(n, 1) < 0.5, few, agonists)


def draw_torques(
    jta: torch.Tensor, joint: torch.Tensor, random: torch.Generator, n_joint: int | None = None
) -> torch.Tensor:
    """Draw torques (n, J) [Nm] that muscles may or may not be able to make, as a PD law asks for.

    Args:
        jta: JtA_reduced (n, nnz) [Nm].
        joint: of its columns (nnz,).
        random: generator of all draws.
        n_joint: J; None: no joint is behind the last that a muscle crosses.
    """
    n_joint = int(joint.max()) + 1 if n_joint is None else n_joint
    strength = 0.5 * torch.zeros(len(jta), n_joint).index_add(1, joint, jta.abs())
    spread = _ANY_TORQUE * torch.rand(len(jta), 1, generator=random) * strength
    return spread * torch.randn(len(jta), n_joint, generator=random)


class Pool:
    """States with what muscles can do in them, replaced little by little.

    Args:
        problems: computes them.
        draw: draws a number of states, qpos (n, nq) and qvel (n, nv).
        size: number of states.
        rng: of all draws.
    """

    def __init__(self, problems: Problems, draw: DrawStates, size: int, rng: np.random.Generator):
        self.draw = draw
        self._problems, self._rng, self._next = problems, rng, 0
        self.jta = torch.zeros(size, problems.joint.size)
        self.drawn = 0
        self.replace(size)

    def replace(self, number: int) -> None:
        """Replace the oldest states by new ones."""
        states = self.draw(number, self._rng)
        jta, _ = self._problems.solve(*states)
        self.jta[(self._next + torch.arange(number)) % len(self.jta)] = torch.from_numpy(jta)
        self._next = (self._next + number) % len(self.jta)
        self.drawn += number
