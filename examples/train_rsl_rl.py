"""Train a preset with rsl_rl's own runner; `batchenv train` does more: symmetry, checkpoints, progress.

pip install -c constraints.txt torch==2.13.0 -e '.[train,sb3]'
python examples/train_rsl_rl.py --steps 20000
batchenv evaluate runs/rsl_rl --out report
"""

import time
from pathlib import Path
from typing import Any, Literal

import torch
import tyro
from rsl_rl.runners import OnPolicyRunner

from batchenv import BatchEnv, Config, load_config
from batchenv.evaluate.walker import save_walker
from batchenv.extras import import_extra
from batchenv.learn.checkpoints import policy_of
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
    """Keeps and shows the lengths of episodes: the runner's logger does so only where it writes files."""

    def __init__(self, env: Any):
        super().__init__(env)
        self.lengths: list[int] = []
        self.steps = 0

    def step(self, actions: torch.Tensor) -> tuple[Any, torch.Tensor, torch.Tensor, dict[str, Any]]:
        result = super().step(actions)
        self.lengths += torch.as_tensor(self.env.episode_lengths)[result[2]].tolist()
        self.steps += 1
        if self.steps % (10 * HORIZON) == 0:
            print(f"{self.steps * self.num_envs} steps, mean length {self.mean_length:.1f}", flush=True)
        return result

    @property
    def mean_length(self) -> float:
        """Of the last 100 episodes [control steps]."""
        lengths = self.lengths[-100:]
        return sum(lengths) / max(1, len(lengths))


def environment(config: Config, envs: int, threads: int | None, seed: int, device: Any) -> Any:
    """Worlds of a configuration, on the CPU cores or on a device."""
    if device is None:
        return BatchEnv(config, envs, threads, seed)
    import_extra("mujoco_warp", "--device")
    from batchenv.device_env import DeviceEnv

    return DeviceEnv(config.replace({"environment.simulation.engine": "warp"}), envs, seed, device=device)


def main(
    config: str = "walk",
    steps: int = 20_000,
    envs: int = 64,
    threads: int | None = None,
    seed: int = 0,
    out: Path = Path("runs/rsl_rl"),
    device: Literal["cpu", "cuda"] | None = None,
) -> None:
    """Train, say how fast, and save the policy as a walker that `batchenv evaluate` judges.

    Args:
        config: a YAML file or the name of a preset.
        steps: environment steps, all worlds together; a rollout is always finished.
        envs: number of worlds.
        threads: threads that step them; by default the CPUs that this process may use.
        seed: of everything that is drawn.
        out: directory of the walker.
        device: step the worlds with MuJoCo Warp on this device, and learn there; needs the extra gpu.
    """
    torch.set_num_threads(1)  # the cores are for the worlds
    torch.manual_seed(seed)
    iterations = -(-steps // (HORIZON * envs))
    judged = load_config(config)
    with environment(judged, envs, threads, seed, device) as env:
        worlds = CountingEnv(env)
        runner = OnPolicyRunner(worlds, TRAINING, log_dir=None, device=worlds.device)
        started = time.perf_counter()
        runner.learn(iterations)
        done = iterations * HORIZON * envs
        rate = done / (time.perf_counter() - started)
        columns = ([column.name for column in layout] for layout in (env.obs_layout, env.action_layout))
        observations, actions = map(tuple, columns)
        actor = {name: tensor.cpu() for name, tensor in runner.alg.save()["actor_state_dict"].items()}
        save_walker(out, policy_of(actor, observations, actions, done), judged)
    print(
        f"rsl_rl PPO, {config}: {done} steps, {rate:.0f} steps/s end to end, "
        f"mean length of the last {len(worlds.lengths[-100:])} episodes {worlds.mean_length:.1f} steps"
    )
    print(f"saved; now: batchenv evaluate {out} --out report")


if __name__ == "__main__":
    tyro.cli(main)
