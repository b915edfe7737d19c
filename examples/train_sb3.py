"""Train a preset with Stable-Baselines3's PPO.

pip install -c constraints.txt torch==2.13.0 -e '.[train,sb3]'
python examples/train_sb3.py --steps 20000
batchenv evaluate runs/sb3 --out report
"""

import time
from pathlib import Path

import torch
import tyro
from stable_baselines3 import PPO

from batchenv.evaluate.walker import save_walker
from batchenv.learn.policy import make_policy
from batchenv.vector.sb3 import SB3VecEnv


def main(
    config: str = "walk",
    steps: int = 20_000,
    envs: int = 64,
    threads: int | None = None,
    seed: int = 0,
    out: Path = Path("runs/sb3"),
) -> None:
    """Train, say how fast, and save the policy as a walker that `batchenv evaluate` judges.

    Args:
        config: a YAML file or the name of a preset.
        steps: environment steps, all worlds together; a rollout is always finished.
        envs: number of worlds.
        threads: threads that step them; by default the CPUs that this process may use.
        seed: of everything that is drawn.
        out: directory of the walker.
    """
    torch.set_num_threads(1)  # the cores are for the worlds
    with SB3VecEnv(config, envs, num_threads=threads) as env:
        model = PPO(
            "MlpPolicy",
            env,
            n_steps=32,
            batch_size=32 * envs // 4,
            n_epochs=5,
            learning_rate=3e-4,
            policy_kwargs={"net_arch": [256, 256], "log_std_init": -1.2, "activation_fn": torch.nn.ELU},
            seed=seed,
            device="cpu",
            verbose=1,  # a table after each rollout
        )
        started = time.perf_counter()
        model.learn(steps)
        rate = model.num_timesteps / (time.perf_counter() - started)
        lengths = [episode["l"] for episode in model.ep_info_buffer or ()]
        actor = model.policy
        linear = [*actor.mlp_extractor.policy_net[::2], actor.action_net]
        layers = [(layer.weight.detach().numpy(), layer.bias.detach().numpy()) for layer in linear]
        batch = env.worlds.batch
        save_walker(out, make_policy(layers, batch, steps=model.num_timesteps), batch.config)
    mean = sum(lengths) / max(1, len(lengths))
    print(
        f"Stable-Baselines3 PPO, {config}: {model.num_timesteps} steps, "
        f"{rate:.0f} steps/s end to end, mean length of the last {len(lengths)} episodes {mean:.1f} steps"
    )
    print(f"saved; now: batchenv evaluate {out} --out report")


if __name__ == "__main__":
    tyro.cli(main)
