"""Configurations and checkpoints for tests of learning."""

from typing import Any

import torch

from batchenv.config import Config, load_config
from batchenv.learn.checkpoints import Checkpoint, random_state
from batchenv.learn.ppo import TruncationPPO, build_ppo
from batchenv.learn.rsl_rl_env import RslRlEnv
from tests.learn.point_mass import PointMass


def small_config(**training: Any) -> Config:
    """Networks of 32-32, 32 worlds and rollouts of 16 steps, on one thread."""
    small = {"hidden": [32, 32], "num_envs": 32, "num_steps_per_env": 16, "learn_threads": 1, "init_std": 0.5}
    return load_config({"environment": {"reward": {"pose": {"weight": 1.0}}}, "training": small | training})


def small_ppo(
    num_envs: int, kind: type[TruncationPPO] = TruncationPPO, **training: Any
) -> tuple[RslRlEnv, TruncationPPO]:
    """PPO, or another kind of it, on point masses."""
    env = RslRlEnv(PointMass(num_envs))
    config = small_config(num_envs=num_envs, **training)
    return env, build_ppo(env, config.training, env.reset(0), kind)


def checkpoint_of(steps: int) -> Checkpoint:
    """A checkpoint of 0.4 MB whose every tensor is filled with its number of steps."""
    value = torch.full((50_000,), float(steps))
    actor = {
        "obs_normalizer._mean": torch.full((1, 3), float(steps)),
        "obs_normalizer._std": torch.ones(1, 3),
        "mlp.0.weight": torch.full((2, 3), float(steps)),
        "mlp.0.bias": torch.full((2,), float(steps)),
    }
    critic = actor | {"mlp.0.weight": actor["mlp.0.weight"][:1], "mlp.0.bias": actor["mlp.0.bias"][:1]}
    return Checkpoint(
        steps=steps,
        num_envs=1,
        seed=0,
        config="training: {hidden: []}",
        observations=("a", "b", "c"),
        actions=("u", "v"),
        learner={
            "actor_state_dict": actor,
            "critic_state_dict": critic,
            "optimizer_state_dict": {},
            "first": value,
            "last": value.clone(),
        },
        random=random_state(),
        env=None,
        episodes=None,
    )
