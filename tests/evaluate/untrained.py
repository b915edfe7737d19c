"""A walker that nobody trained: it follows the reference gait for about a second, and falls."""

from pathlib import Path

import numpy as np

from batchenv import BatchEnv, Config, load_config
from batchenv.evaluate.walker import Walker, save_walker
from batchenv.learn.policy import make_policy


def untrained(config: Config | str = "walk", scale: float = 0.02) -> Walker:
    """Return a walker with one layer of small random weights."""
    config = load_config(config)
    with BatchEnv(config, 1, 1) as env:
        weights = np.random.default_rng(0).normal(0.0, scale, (env.action_dim, env.obs_dim))
        policy = make_policy([(weights, np.zeros(env.action_dim))], env)
    return Walker("untrained", policy, config)


def save_run(walker: Walker, run: Path) -> Path:
    """Write what a training run leaves of a walker, and return its directory."""
    return save_walker(run, walker.policy, walker.config)
