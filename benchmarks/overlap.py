"""When overlapping pays: plain loop against `OverlappedEnv`, by worlds, size of the policy, and threads.

    python benchmarks/overlap.py --envs 128 512 --hidden 256 1024 --json overlap.json

Both loops act with the same Torch networks, a policy and a value function as PPO evaluates them, and step the
same worlds. They take turns in one process; a row is the median over turns of wall time and of CPU time.
"""

import argparse
import json
import time
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np
import torch
from torch import nn

from batchenv import BatchEnv
from batchenv.engine import available_cpus
from batchenv.files import check_output_file
from batchenv.overlap import OverlappedEnv

HEAD = (
    "| worlds | policy | threads | plain ms/step | policy's share | overlapped ms/step | gain | CPU gain |\n"
    + "|---" * 8
    + "|"
)
Act = Callable[[np.ndarray], np.ndarray]


def networks(obs_dim: int, action_dim: int, hidden: int) -> Act:
    """Two hidden layers of `hidden` ELU units each, for the policy and for the value function."""
    torch.manual_seed(0)

    def network(outputs: int) -> nn.Sequential:
        sizes = [obs_dim, hidden, hidden]
        layers = [m for a, b in pairwise(sizes) for m in (nn.Linear(a, b), nn.ELU())]
        return nn.Sequential(*layers, nn.Linear(hidden, outputs))

    actor, critic = network(action_dim), network(1)

    @torch.inference_mode()
    def act(obs: np.ndarray) -> np.ndarray:
        x = torch.from_numpy(obs)
        critic(x)
        return 0.1 * torch.tanh(actor(x)).numpy()

    return act


def plain(env: BatchEnv, act: Act, steps: int) -> float:
    """Step and think in turn; the seconds spent thinking."""
    obs, thought = env.reset(0), 0.0
    for _ in range(steps):
        before = time.perf_counter()
        actions = act(obs)
        thought += time.perf_counter() - before
        obs, _, _ = env.step(actions)
    return thought


def overlapped(split: OverlappedEnv, act: Act, steps: int) -> None:
    """The same number of steps, one half thinking while the other steps."""
    for half, obs in enumerate(np.split(split.reset(0), 2)):
        split.send(act(obs), half)
    for _ in range(steps - 1):
        for half in (0, 1):
            split.send(act(split.recv(half)[0]), half)
    split.recv(0), split.recv(1)


def timed(call: Callable[[], object]) -> tuple[float, float, object]:
    """Wall seconds, CPU seconds, and what a call returned."""
    wall, cpu = time.perf_counter(), time.process_time()
    result = call()
    return time.perf_counter() - wall, time.process_time() - cpu, result


def measure(config: str, envs: int, hidden: int, threads: int, steps: int, turns: int) -> dict[str, float]:
    """Let both loops take turns."""
    with BatchEnv(config, envs, threads, 0) as env, OverlappedEnv(config, envs, threads, 0) as split:
        act = networks(env.obs_dim, env.action_dim, hidden)
        plain(env, act, 3), overlapped(split, act, 3)
        rows = [
            (timed(lambda: plain(env, act, steps)), timed(lambda: overlapped(split, act, steps)))
            for _ in range(turns)
        ]
    return {
        "envs": envs,
        "hidden": hidden,
        "threads": threads,
        "plain_ms": 1e3 * median(p[0] for p, _ in rows) / steps,
        "policy_share": median(p[2] / p[0] for p, _ in rows),
        "overlapped_ms": 1e3 * median(h[0] for _, h in rows) / steps,
        "gain": median(p[0] / h[0] for p, h in rows) - 1.0,
        "cpu_gain": median(p[1] / h[1] for p, h in rows) - 1.0,
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="walk")
    parser.add_argument("--envs", type=int, nargs="+", default=[32, 128, 512])
    parser.add_argument("--hidden", type=int, nargs="+", default=[256, 1024])
    parser.add_argument("--threads", type=int, nargs="+", default=[available_cpus()])
    parser.add_argument("--steps", type=int, default=12)
    parser.add_argument("--turns", type=int, default=7)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.json is not None:
        check_output_file(options.json, "--json")
    torch.set_num_threads(1)
    print(HEAD)
    rows = []
    for envs in options.envs:
        for hidden in options.hidden:
            for threads in options.threads:
                row = measure(options.config, envs, hidden, threads, options.steps, options.turns)
                rows.append(row)
                print(
                    f"| {envs} | 2 x {hidden} | {threads} | {row['plain_ms']:.1f} "
                    f"| {row['policy_share']:.0%} "
                    f"| {row['overlapped_ms']:.1f} | {row['gain']:+.1%} | {row['cpu_gain']:+.1%} |",
                    flush=True,
                )
    print(f"\n{available_cpus()} CPUs, median of {options.turns} turns of {options.steps} steps")
    if options.json is not None:
        options.json.write_text(json.dumps({"cpus": available_cpus(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
