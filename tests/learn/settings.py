"""Configurations for learning on small environments."""

from typing import Any

from batchenv.config import Config, load_config


def small_config(**training: Any) -> Config:
    """Networks of 32-32, 32 worlds and rollouts of 16 steps, on one thread."""
    small = {"hidden": [32, 32], "num_envs": 32, "num_steps_per_env": 16, "learn_threads": 1, "init_std": 0.5}
    return load_config({"environment": {"reward": {"pose": {"weight": 1.0}}}, "training": small | training})
