"""A runner: worlds of its own, and fixed-length rollouts of them with the policy it is sent."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from batchenv.config import Config
from batchenv.env import BatchEnv
from batchenv.errors import InputError
from batchenv.learn.learnable_env import LearnableEnv, stagger
from batchenv.learn.policy import Policy
from batchenv.overlap import ThreadedEnv

Array = NDArray[np.float32]

MakeEnv = Callable[[int, int, int], LearnableEnv]
"""Builds an environment, given the number of its first world, how many worlds it has, and threads."""


@dataclass(frozen=True)
class MakeBatchEnv:
    """Builds `BatchEnv`s of one configuration, on any machine whose files it names.

    Args:
        config: whose body, task and seed they have.
    """

    config: Config

    def __call__(self, first_world: int, num_envs: int, num_threads: int) -> BatchEnv:
        """Build the worlds `first_world`, `first_world` + 1, ... of a batch that others build the rest of."""
        seed = self.config.training.seed
        return BatchEnv(self.config, num_envs, num_threads, seed, first_world=first_world)


@dataclass(frozen=True)
class RolloutRequest:
    """The rollout that a runner is asked to collect.

    Attributes:
        policy: policy that gives the mean action.
        std: standard deviation of the noise around it (A,) [actions].
        horizon: T, control steps of each world.
        seed, steps: seed and steps so far of the run; with the runner's number, they key the noise.
    """

    policy: Policy
    std: Array
    horizon: int
    seed: int
    steps: int


@dataclass(frozen=True)
class Rollout:
    """T steps of the n worlds of one runner; O observations, A actions.

    Attributes:
        obs: before each step (T, n, O), and last_obs: after the last (n, O).
        actions: taken (T, n, A), drawn with the deviation `std` (A,) around `means` (T, n, A).
        rewards: (T, n) float32.
        dones: where an episode ended (T, n), and time_outs: where it was cut off rather than over.
        final_obs: what each cut-off episode saw last, in the order of `np.nonzero(time_outs)` (k, O).
        returns, lengths: of the episodes that ended (e,).
        reward_terms: mean of each term, before its weight.
        seconds: wall time of the collection [s].
        steps: steps of the run when it was requested.
    """

    obs: Array
    last_obs: Array
    actions: Array
    means: Array
    std: Array
    rewards: Array
    dones: NDArray[np.bool_]
    time_outs: NDArray[np.bool_]
    final_obs: Array
    returns: np.ndarray
    lengths: np.ndarray
    reward_terms: dict[str, float]
    seconds: float
    steps: int


class Runner:
    """The worlds number * n, number * n + 1, ... of a batch, and the noise of their actions.

    Args:
        make_env: builds the worlds.
        number: of this runner.
        num_envs: n.
        num_threads: that step them.
        seed: they begin with.
        overlap: step them in two halves, each while the policy thinks about the other. Actions then differ
            in their last bits, since matrix products of fewer rows round in another order.
        staggered: cut the first episodes off at different times, see `stagger`.
    """

    def __init__(
        self,
        make_env: MakeEnv,
        number: int,
        num_envs: int,
        num_threads: int,
        seed: int,
        overlap: bool = False,
        staggered: bool = False,
    ):
        self.number, self.num_envs = number, num_envs
        bounds = [0, num_envs // 2, num_envs] if overlap and num_envs > 1 else [0, num_envs]
        self.parts = [
            ThreadedEnv(make_env(number * num_envs + first, end - first, num_threads), f"worlds from {first}")
            for first, end in pairwise(bounds)
        ]
        self._rows = [slice(first, end) for first, end in pairwise(bounds)]
        self._obs = np.concatenate([np.array(part.env.reset(seed), np.float32) for part in self.parts])
        if staggered:
            for part, rows in zip(self.parts, self._rows, strict=True):
                stagger(part.env, number * num_envs + rows.start)

    def collect(self, request: RolloutRequest) -> Rollout:
        """Step every world T times; the noise depends on the request and the runner's number only."""
        begun, collected = time.perf_counter(), _Collected.of(self, request)
        for t in range(request.horizon):
            for part, rows in zip(self.parts, self._rows, strict=True):
                if t > 0:
                    self._receive(part, rows, collected, t - 1)
                collected.obs[t, rows] = self._obs[rows]
                means = collected.means[t, rows] = request.policy(self._obs[rows])
                collected.actions[t, rows] += means
                part.send(collected.actions[t, rows])
        for part, rows in zip(self.parts, self._rows, strict=True):
            self._receive(part, rows, collected, request.horizon - 1)
        return collected.rollout(request, self._obs.copy(), time.perf_counter() - begun)

    def close(self) -> None:
        """End the threads that step."""
        for part in self.parts:
            part.close()

    def _receive(self, part: ThreadedEnv[LearnableEnv], rows: slice, collected: "_Collected", t: int) -> None:
        """Store the results of step t of a part."""
        self._obs[rows], collected.rewards[t, rows], dones = part.recv()
        env, collected.dones[t, rows] = part.env, dones
        collected.time_outs[t, rows] = time_outs = env.truncated & ~env.terminated
        collected.final_obs[t, rows][time_outs] = env.final_obs[time_outs]
        collected.returns.append(env.episode_returns[dones])
        collected.lengths.append(env.episode_lengths[dones])
        share = env.num_envs / (self.num_envs * len(collected.rewards))
        for name, values in env.reward_terms.items():
            collected.reward_terms[name] += share * float(values.mean())


@dataclass
class _Collected:
    """A rollout under way; its actions begin as noise."""

    obs: Array
    actions: Array
    means: Array
    rewards: Array
    dones: NDArray[np.bool_]
    time_outs: NDArray[np.bool_]
    final_obs: Array
    returns: list[np.ndarray]
    lengths: list[np.ndarray]
    reward_terms: dict[str, float]

    @classmethod
    def of(cls, runner: Runner, request: RolloutRequest) -> "_Collected":
        """Draw the noise, and make room for the rest."""
        env, shape = runner.parts[0].env, (request.horizon, runner.num_envs)
        generator = np.random.default_rng((request.seed, request.steps, runner.number))
        noise = generator.standard_normal((*shape, env.action_dim), np.float32) * request.std
        return cls(
            obs=np.empty((*shape, env.obs_dim), np.float32),
            actions=noise,
            means=np.empty_like(noise),
            rewards=np.empty(shape, np.float32),
            dones=np.empty(shape, bool),
            time_outs=np.empty(shape, bool),
            final_obs=np.zeros((*shape, env.obs_dim), np.float32),
            returns=[],
            lengths=[],
            reward_terms=dict.fromkeys(env.reward_terms, 0.0),
        )

    def rollout(self, request: RolloutRequest, last_obs: Array, seconds: float) -> Rollout:
        """The finished rollout."""
        return Rollout(
            obs=self.obs,
            last_obs=last_obs,
            actions=self.actions,
            means=self.means,
            std=request.std,
            rewards=self.rewards,
            dones=self.dones,
            time_outs=self.time_outs,
            final_obs=self.final_obs[self.time_outs],
            returns=np.concatenate(self.returns),
            lengths=np.concatenate(self.lengths),
            reward_terms=self.reward_terms,
            seconds=seconds,
            steps=request.steps,
        )


def worlds_of_each(num_envs: int, runners: int) -> int:
    """Split worlds evenly over runners.

    Raises:
        InputError: they cannot be.
    """
    if runners < 1 or num_envs % runners:
        raise InputError(
            f"{num_envs} worlds cannot be split evenly over {runners} runners: "
            "choose a number of runners that divides that of worlds"
        )
    return num_envs // runners
