"""How long episodes last after some minutes of learning, by learner: PPO, PPO with memory, SAC or TD3.

    python benchmarks/learners.py ppo --config command --minutes 10 --threads 1
    python benchmarks/learners.py gru --config command --minutes 10 --threads 1
    python benchmarks/learners.py sac --config command --minutes 10 --threads 1

ppo and gru are rsl_rl's PPO with the numbers of the configuration, without mirror images and with one
learning rate: a policy and a value function of 256 and 256 units, behind 128 units of memory for gru. sac and
td3 are Stable-Baselines3's, with large batches from many worlds as in FastTD3 (Seo et al. 2025).
Needs the extras train and sb3.
"""

import argparse
import time
from collections import deque
from typing import Any

import numpy as np
import torch
from rsl_rl.runners import OnPolicyRunner
from stable_baselines3 import SAC, TD3
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.callbacks import BaseCallback
from stable_baselines3.common.noise import NormalActionNoise
from stable_baselines3.common.vec_env import VecNormalize

from batchenv import BatchEnv, load_config
from batchenv.learn.rsl_rl_env import RslRlEnv
from batchenv.vector.sb3 import SB3VecEnv

SAYING = 60.0  # time between two lines [s]
BATCH, UPDATES = 2048, 2  # transitions of a mini-batch, and mini-batches after each step of all worlds


class Progress:
    """Prints how long episodes last, once a minute, and knows when time is up."""

    def __init__(self, minutes: float):
        self.started, self.minutes = time.monotonic(), minutes
        self.lengths: deque[int] = deque(maxlen=500)
        self._due = SAYING

    def over(self, steps: int) -> bool:
        """Note how many environment steps there were; return whether time is up."""
        elapsed = time.monotonic() - self.started
        done = elapsed >= 60.0 * self.minutes
        if elapsed >= self._due or done:
            self._due += SAYING
            mean = np.mean(self.lengths) if self.lengths else 0.0
            print(f"{elapsed / 60:.0f} min, {steps:,} steps, mean length {mean:.0f} steps", flush=True)
        return done


def on_policy(name: str, memory: bool, envs: int, threads: int, seed: int, progress: Progress) -> None:
    """Learn with rsl_rl's PPO."""
    config = load_config(name)
    training = config.training
    network: dict[str, Any] = {"class_name": "MLPModel", "hidden_dims": list(training.hidden)}
    if memory:
        network |= {"class_name": "RNNModel", "rnn_type": "gru", "rnn_hidden_dim": 128}
    network |= {"activation": "elu", "obs_normalization": True}
    first = {"class_name": "GaussianDistribution", "init_std": training.init_std}
    settings = {
        "num_steps_per_env": training.num_steps_per_env,
        "save_interval": 10**9,
        "obs_groups": {"actor": ["policy"], "critic": ["policy"]},
        "actor": {**network, "distribution_cfg": first},
        "critic": network,
        "algorithm": {
            "class_name": "PPO",
            "num_learning_epochs": training.epochs,
            "num_mini_batches": training.mini_batches,
            "learning_rate": training.learning_rate,
            "schedule": "adaptive",
            "desired_kl": training.desired_kl,
            "gamma": training.gamma,
            "lam": training.lam,
            "entropy_coef": 0.0,
            "use_clipped_value_loss": False,
        },
    }
    with BatchEnv(config, envs, threads, seed) as env:
        worlds = _Lengths(env, progress.lengths)
        runner = OnPolicyRunner(worlds, settings, log_dir=None, device=worlds.device)
        steps = 0
        while not progress.over(steps):
            runner.learn(1)
            steps += envs * training.num_steps_per_env


class _Lengths(RslRlEnv):
    """Notes the lengths of episodes."""

    def __init__(self, env: Any, lengths: deque[int]):
        super().__init__(env)
        self.lengths = lengths

    def step(self, actions: torch.Tensor) -> tuple[Any, torch.Tensor, torch.Tensor, dict[str, Any]]:
        result = super().step(actions)
        self.lengths.extend(torch.as_tensor(self.env.episode_lengths)[result[2]].tolist())
        return result


class _Watch(BaseCallback):
    """Notes the lengths of episodes, and stops when time is up."""

    def __init__(self, progress: Progress):
        super().__init__()
        self.progress = progress

    def _on_step(self) -> bool:
        ended = [info["episode"]["l"] for info in self.locals["infos"] if "episode" in info]
        self.progress.lengths.extend(ended)
        return not self.progress.over(self.num_timesteps)


def off_policy(name: str, learner: str, envs: int, threads: int, seed: int, progress: Progress) -> None:
    """Learn with Stable-Baselines3's SAC or TD3."""
    with SB3VecEnv(name, envs, num_threads=threads) as env:
        worlds = VecNormalize(env, norm_reward=False)
        common: dict[str, Any] = {
            "buffer_size": 1_000_000,
            "batch_size": BATCH,
            "learning_starts": 20 * envs,
            "train_freq": 1,
            "gradient_steps": UPDATES,
            "policy_kwargs": {"net_arch": [256, 256]},
            "seed": seed,
            "device": "cpu",
        }
        model: BaseAlgorithm
        if learner == "sac":
            model = SAC("MlpPolicy", worlds, **common)
        else:
            actions = worlds.action_space.shape[0]
            noise = NormalActionNoise(np.zeros(actions), 0.1 * np.ones(actions))
            model = TD3("MlpPolicy", worlds, action_noise=noise, **common)
        model.learn(10**9, callback=_Watch(progress))


def main() -> None:
    """Learn for some minutes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("learner", choices=["ppo", "gru", "sac", "td3"])
    parser.add_argument("--config", default="command", help="a preset or a YAML file")
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--envs", type=int, default=256, help="worlds")
    parser.add_argument("--threads", type=int, default=None, help="that step them")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.set_num_threads(1)  # the cores are for the worlds
    torch.manual_seed(given.seed)
    progress = Progress(given.minutes)
    worlds = given.envs, given.threads, given.seed, progress
    if given.learner in ("ppo", "gru"):
        on_policy(given.config, given.learner == "gru", *worlds)
    else:
        off_policy(given.config, given.learner, *worlds)


if __name__ == "__main__":
    main()
