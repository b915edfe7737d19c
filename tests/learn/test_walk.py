"""Learning on the real walker; few worlds and short rollouts, for the bits and not for the gait."""

from pathlib import Path

import numpy as np
import torch

from batchenv import BatchEnv, load_config
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.policy import load_policy
from batchenv.learn.ppo import MirrorImages
from batchenv.learn.training import train

CONFIG = load_config("walk").replace(
    {
        "training.num_envs": 4,
        "training.num_steps_per_env": 8,
        "training.hidden": [16],
        "training.learn_threads": 1,
        "environment.parameters.ground.friction": {"min": 0.8, "max": 1.2, "default": 1.0},
    }
)
ITERATION = 4 * 8


def run(run_dir: Path, steps: int, resumed: bool = False) -> dict[str, torch.Tensor]:
    with BatchEnv(CONFIG, 4, num_threads=2) as env:
        train(env, CONFIG, run_dir, steps, resume=load_checkpoint(run_dir) if resumed else None)
    learner = load_checkpoint(run_dir).learner
    return learner["actor_state_dict"] | {f"critic.{k}": v for k, v in learner["critic_state_dict"].items()}


def test_resumed_run_on_the_walker_ends_with_the_bits_of_an_uninterrupted_one(tmp_path: Path):
    whole = run(tmp_path / "whole", steps=6 * ITERATION)
    run(tmp_path / "parts", steps=4 * ITERATION)
    parts = run(tmp_path / "parts", steps=6 * ITERATION, resumed=True)
    assert all(torch.equal(whole[name], parts[name]) for name in whole)
    with BatchEnv(CONFIG, 4, num_threads=2, seed=0) as env:
        policy = load_policy(tmp_path / "parts")
        policy.check_layout(tuple(c.name for c in env.obs_layout), tuple(c.name for c in env.action_layout))
        assert np.isfinite(policy(env.reset())).all()


def test_mirroring_the_walker_twice_gives_the_original():
    with BatchEnv(CONFIG, 4, num_threads=1, seed=0) as env:
        mirror = MirrorImages(env)
        actions = torch.randn(3, env.action_dim)
        _, mirrored = mirror(None, None, actions)
        assert not torch.equal(mirrored[3:], actions)
        assert torch.equal(mirror(None, None, mirrored[3:])[1][3:], actions)
