"""Train a preset with rsl_rl's own runner; `batchenv train` does more: symmetry, checkpoints, progress.

pip install -c constraints.txt torch==2.13.0 -e '.[train,sb3]'
python examples/train_rsl_rl.py --steps 20000
"""

import time
from typing import Any

import torch
import tyro
from rsl_rl.runners import OnPolicyRunner

from batchenv import BatchEnv
from batchenv.learn.rsl_rl_env import RslRlEnv

HORIZON = 32  # steps of each world between two updates

NETWORK = {
    "class_name": "MLPModel",
    "hidden_dims": [256, 256],
    "activation": "elu",
    "obs_normalization": True,
}
TRAINING = {
    "num_steps_per_env": HORIZON,
    "save_interval": 1000,
    "obs_groups": {"actor": ["policy"], "critic": ["policy"]},
    "actor": {**NETWORK, "distribution_cfg": {"class_name": "GaussianDistribution", "init_std": 0.3}},
    "critic": NETWORK,
    "algorithm": {
        "class_name": "PPO",
        "num_learning_epochs": 5,
        "num_mini_batches": 4,
        "learning_rate": 3e-4,
        "schedule": "adaptive",
        "desired_kl": 0.01,
        "gamma": 0.99,
        "lam": 0.95,
        "entropy_coef": 0.0,
        "use_clipped_value_loss": False,
    },
}


class CountingEnv(RslRlEnv):
    """Keeps the lengths of episodes, which the runner's logger does only where it writes files."""

    def __init__(self, env: BatchEnv):
        super().__init__(env)
        self.lengths: list[int] = []

    def step(self, actions: torch.Tensor) -> tuple[Any, torch.Tensor, torch.Tensor, dict[str, Any]]:
        result = super().step(actions)
        self.lengths += self.env.episode_lengths[result[2].numpy()].tolist()
        return result


def main(
    config: str = "walk", steps: int = 20_000, envs: int = 64, threads: int | None = None, seed: int = 0
) -> None:
    """Train, and say how fast.

    Args:
        config: a YAML file or the name of a preset.
        steps: environment steps, all worlds together; a rollout is always finished.
        envs: number of worlds.
        threads: threads that step them; by default the CPUs that this process may use.
        seed: of everything that is drawn.
    """
    torch.set_num_threads(1)  # the cores are for the worlds
    torch.manual_seed(seed)
    iterations = -(-steps // (HORIZON * envs))
    with BatchEnv(config, envs, threads, seed) as env:
        worlds = CountingEnv(env)
        runner = OnPolicyRunner(worlds, TRAINING, log_dir=None, device="cpu")
        started = time.perf_counter()
        runner.learn(iterations)
        done = iterations * HORIZON * envs
        rate = done / (time.perf_counter() - started)
    lengths = worlds.lengths[-100:]
    mean = sum(lengths) / max(1, len(lengths))
    print(
        f"rsl_rl PPO, {config}: {done} steps, {rate:.0f} steps/s end to end, "
        f"mean length of the last {len(lengths)} episodes {mean:.1f} steps"
    )


if __name__ == "__main__":
    tyro.cli(main)
