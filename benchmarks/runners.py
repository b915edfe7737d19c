"""What Ray costs: rounds of runners in processes of Ray against those of one process, taking turns.

    python benchmarks/runners.py --envs 128 512 --json runners.json

Overhead is what a round takes beyond the rollout of its slowest runner: sending the policy, waking the
runners, and bringing the rollouts back through the object store.
"""

import argparse
import json
import time
from itertools import pairwise
from pathlib import Path
from statistics import median

import numpy as np

from batchenv import BatchEnv, load_config
from batchenv.distributed.pool import LocalPool, Pool
from batchenv.distributed.runner import MakeBatchEnv, RolloutRequest, worlds_of_each
from batchenv.engine import available_cpus
from batchenv.errors import UsageError
from batchenv.extras import import_extra
from batchenv.files import check_output_file
from batchenv.learn.policy import Policy

HEAD = (
    "| worlds | runners | MB a round | one process ms | Ray ms | overhead ms | share |\n" + "|---" * 7 + "|"
)


def policy_of(env: BatchEnv, hidden: int = 256) -> Policy:
    """Two hidden layers, with weights that keep actions small."""
    generator = np.random.default_rng(0)
    sizes = [env.obs_dim, hidden, hidden, env.action_dim]
    weights = tuple(
        (0.02 * generator.standard_normal((n_out, n_in))).astype(np.float32)
        for n_in, n_out in pairwise(sizes)
    )
    return Policy(
        np.zeros(env.obs_dim, np.float32),
        np.ones(env.obs_dim, np.float32),
        weights,
        tuple(np.zeros(len(weight), np.float32) for weight in weights),
        tuple(column.name for column in env.obs_layout),
        tuple(column.name for column in env.action_layout),
        steps=0,
    )


def round_of(pool: Pool, order: RolloutRequest) -> tuple[float, list[float], int]:
    """Seconds of a round, those of its rollouts, and their bytes."""
    begun = time.perf_counter()
    rollouts = pool.collect(order)
    seconds = time.perf_counter() - begun
    size = sum(value.nbytes for r in rollouts for value in vars(r).values() if isinstance(value, np.ndarray))
    return seconds, [r.seconds for r in rollouts], size


def measure(name: str, envs: int, runners: int, horizon: int, turns: int) -> dict[str, float]:
    """Let both pools take turns at the same orders."""
    from batchenv.distributed.ray_pool import RayPool

    config = load_config(name)
    make_env, each = MakeBatchEnv(config), worlds_of_each(envs, runners)
    with BatchEnv(config, 1, 1, 0) as env:
        policy, std = policy_of(env), np.full(env.action_dim, 0.1, np.float32)
    on_ray = RayPool(make_env, runners, each)
    with on_ray, LocalPool(make_env, runners, each, available_cpus()) as local:
        on_ray.begin(0), local.begin(0)
        turn = [
            (round_of(on_ray, order), round_of(local, order))
            for order in (RolloutRequest(policy, std, horizon, 0, steps) for steps in range(turns + 1))
        ][1:]
    overheads = [seconds - max(rollouts) for (seconds, rollouts, _), _ in turn]
    return {
        "envs": envs,
        "runners": runners,
        "mb": turn[0][0][2] / 1e6,
        "local_ms": 1e3 * median(seconds for _, (seconds, _, _) in turn),
        "ray_ms": 1e3 * median(seconds for (seconds, _, _), _ in turn),
        "overhead_ms": 1e3 * median(overheads),
        "overhead": median(o / seconds for o, ((seconds, _, _), _) in zip(overheads, turn, strict=True)),
    }


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--config", default="walk")
    parser.add_argument("--envs", type=int, nargs="+", default=[128, 512])
    parser.add_argument("--runners", type=int, default=2)
    parser.add_argument("--horizon", type=int, default=24)
    parser.add_argument("--turns", type=int, default=8)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    if options.json is not None:
        check_output_file(options.json, "--json")
    try:
        import_extra("ray", "this benchmark")
    except UsageError as error:
        parser.error(str(error))
    print(HEAD)
    rows = []
    for envs in options.envs:
        row = measure(options.config, envs, options.runners, options.horizon, options.turns)
        rows.append(row)
        print(
            f"| {envs} | {options.runners} | {row['mb']:.1f} | {row['local_ms']:.0f} | {row['ray_ms']:.0f} "
            f"| {row['overhead_ms']:.1f} | {row['overhead']:.1%} |",
            flush=True,
        )
    print(
        f"\n{available_cpus()} CPUs, rollouts of {options.horizon} steps, median of {options.turns} rounds "
        "that took turns with those of one process"
    )
    if options.json is not None:
        options.json.write_text(json.dumps({"cpus": available_cpus(), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
