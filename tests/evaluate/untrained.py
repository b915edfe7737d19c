"""A walker that nobody trained: it follows the reference gait for about a second, and falls."""

from pathlib import Path

import numpy as np

from batchenv import BatchEnv, Config, load_config
from batchenv.evaluate.walker import Walker
from batchenv.learn.policy import Policy


def untrained(config: Config | str = "walk", scale: float = 0.02) -> Walker:
    """Return a walker with one layer of small random weights."""
    config = load_config(config)
    with BatchEnv(config, 1, 1) as env:
        observations, actions = (
            tuple(column.name for column in layout) for layout in (env.obs_layout, env.action_layout)
        )
    weights = np.random.default_rng(0).normal(0.0, scale, (len(actions), len(observations)))
    policy = Policy(
        mean=np.zeros(len(observations), np.float32),
        scale=np.ones(len(observations), np.float32),
        weights=(weights.astype(np.float32),),
        biases=(np.zeros(len(actions), np.float32),),
        observations=observations,
        actions=actions,
        steps=0,
    )
    return Walker("untrained", policy, config)


def save_run(walker: Walker, run: Path) -> Path:
    """Write what a training run leaves of a walker, and return its directory."""
    run.mkdir(parents=True)
    walker.policy.save(run / "policy.safetensors")
    (run / "config.yaml").write_text(walker.config.to_yaml())
    return run
