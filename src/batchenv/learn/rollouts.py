"""Where the rollouts that PPO learns from come from."""

import logging
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch

from batchenv.config import Config
from batchenv.errors import CheckpointError, InputError
from batchenv.learn.apprentice import build_learner
from batchenv.learn.checkpoints import Checkpoint, pack, unpack
from batchenv.learn.co_training import CoTraining, co_training
from batchenv.learn.learnable_env import LearnableEnv, stagger
from batchenv.learn.ppo import TruncationPPO
from batchenv.learn.rsl_rl_env import RslRlEnv
from batchenv.snapshot import AnotherEnvironmentError

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Collected:
    """What a rollout was, beside the samples that PPO holds.

    Attributes:
        steps: environment steps (worlds times control steps).
        returns, lengths: of the episodes that ended in it (n,).
        reward_terms: mean of each term, before its weight.
        env_seconds: that the learner waited for environments [s].
        taught: whether static optimisation coordinated for a muscle network that learns from it; None in a
            run in which it never does.
    """

    steps: int
    returns: np.ndarray
    lengths: np.ndarray
    reward_terms: dict[str, float]
    env_seconds: float
    taught: bool | None = None


class Rollouts(ABC):
    """A source of rollouts; `train` asks it for one after the other.

    Attributes:
        num_envs: worlds in all.
        observations, actions: names of the columns.
        env: that has these columns.
    """

    num_envs: int
    observations: tuple[str, ...]
    actions: tuple[str, ...]
    env: RslRlEnv

    @abstractmethod
    def begin(self, config: Config, seed: int, *, staggered: bool = False) -> TruncationPPO:
        """Begin new episodes in all worlds, and build PPO for them.

        Args:
            config: its section `training` says how PPO learns.
            seed: of the worlds.
            staggered: whether the first episodes are cut off at different times, see `stagger`.
        """

    @abstractmethod
    def collect(self, ppo: TruncationPPO, horizon: int, steps: int) -> Collected:
        """Fill PPO's storage with a rollout, and let it compute the returns.

        Args:
            ppo: acts, and holds the samples.
            horizon: control steps of each world.
            steps: environment steps done in the run so far.
        """

    def learn(self) -> dict[str, float]:
        """Learn beside the policy from the last rollout; the losses by name."""
        return {}

    def snapshot(self) -> tuple[Any, dict[str, Any] | None]:
        """State of the worlds, packed, and of what is learned beside the policy, each where it is kept."""
        return None, None

    @abstractmethod
    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on from a checkpoint as far as it holds the state of these worlds; else in the new episodes."""


class EnvRollouts(Rollouts):
    """Rollouts of one environment in this process.

    Args:
        env: is reset by `begin`, and left open.
    """

    def __init__(self, env: LearnableEnv):
        self.env = RslRlEnv(env)
        self.num_envs = env.num_envs
        self.observations = tuple(column.name for column in env.obs_layout)
        self.actions = tuple(column.name for column in env.action_layout)
        self.muscles: CoTraining | None = None

    def begin(self, config: Config, seed: int, *, staggered: bool = False) -> TruncationPPO:
        """See `Rollouts.begin`."""
        ppo = build_learner(self.env, config.training, self.env.reset(seed))
        if staggered:
            stagger(self.env.env)
            self.env.note_steps()
        self.muscles = co_training(self.env.env, config)
        return ppo

    @torch.inference_mode()
    def collect(self, ppo: TruncationPPO, horizon: int, steps: int) -> Collected:
        """See `Rollouts.collect`."""
        env = self.env
        taught = None if self.muscles is None else self.muscles.begin(steps)
        means = {name: [] for name in env.env.reward_terms}
        env_seconds = 0.0
        returns, lengths = [], []
        obs = env.get_observations()
        for _ in range(horizon):
            actions = ppo.act(obs)
            before = time.perf_counter()
            obs, rewards, dones, extras = env.step(actions)
            env_seconds += time.perf_counter() - before
            if self.muscles is not None:
                self.muscles.record()
            ppo.process_env_step(obs, rewards, dones, extras)
            returns.append(torch.as_tensor(env.env.episode_returns)[dones])
            lengths.append(torch.as_tensor(env.env.episode_lengths)[dones])
            for name, values in env.env.reward_terms.items():
                means[name].append(values.mean())
        ppo.compute_returns(obs)
        return Collected(
            steps=env.num_envs * horizon,
            returns=torch.cat(returns).cpu().numpy(),
            lengths=torch.cat(lengths).cpu().numpy(),
            reward_terms={name: sum(map(float, values)) / horizon for name, values in means.items()},
            env_seconds=env_seconds,
            taught=taught,
        )

    def learn(self) -> dict[str, float]:
        """Let the muscle network learn, where there is one."""
        return {} if self.muscles is None else self.muscles.learn()

    def snapshot(self) -> tuple[Any, dict[str, Any] | None]:
        """See `Rollouts.snapshot`."""
        muscles = None if self.muscles is None else self.muscles.learner.state_dict()
        return pack(self.env.env.snapshot()), muscles

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on in the checkpoint's episodes.

        Only those of as many worlds, in one process, under the same configuration: where that has changed, as
        in a later stage of training, the new episodes begin and a warning says what it is.
        """
        if self.muscles is not None:
            self.muscles.restore(checkpoint.muscles)
        if checkpoint.env is not None and self.num_envs == checkpoint.num_envs:
            try:
                self.env.restore(unpack(checkpoint.env, self.env.env.snapshot()))
            except AnotherEnvironmentError as error:
                _log.warning("new episodes begin: %s", error.difference)
            except InputError as error:
                raise CheckpointError(
                    f"{error}, or begin a new run with its networks: --warm-start"
                ) from error
