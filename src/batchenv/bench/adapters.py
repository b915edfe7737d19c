"""How much an adapter costs: the rate of `VectorEnv` and `SB3VecEnv` over that of `BatchEnv`.

An alternation steps a plain environment and each adapter, every one with worlds of its own, from the same
seed under the same actions, in another order every time.
"""

import gc
import itertools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchenv.bench.measurement import STEPS_PER_TURN, Turn, check_sizes, timed, total
from batchenv.config import Config
from batchenv.env import BatchEnv
from batchenv.vector import VectorEnv

TABLE_HEAD = (
    "| adapter | worlds | threads | steps/s | of BatchEnv, CPU time | of BatchEnv, wall time |\n"
    + "|---" * 6
    + "|"
)


@dataclass(frozen=True)
class AdapterRow:
    """One line of the table.

    Attributes:
        adapter: class and mode.
        envs, threads: sizes.
        steps_per_second: environment steps, wall time.
        ratio_to_batch_env: median over alternations of the CPU time of `BatchEnv` over the adapter's.
        ratio_spread: half the distance between the quartiles of that ratio.
        wall_ratio_to_batch_env: the same of wall time.
    """

    adapter: str
    envs: int
    threads: int
    steps_per_second: float
    ratio_to_batch_env: float
    ratio_spread: float
    wall_ratio_to_batch_env: float

    def table_line(self) -> str:
        """Return the row as Markdown, below `TABLE_HEAD`."""
        return (
            f"| {self.adapter} | {self.envs} | {self.threads} | {self.steps_per_second:,.0f} "
            f"| {self.ratio_to_batch_env:.3f} +- {self.ratio_spread:.3f} "
            f"| {self.wall_ratio_to_batch_env:.3f} |"
        )


def benchmark_adapters(
    config: Config, envs: list[int], threads: list[int], alternations: int = 7
) -> Iterator[AdapterRow]:
    """Measure every adapter at every number of worlds; `SB3VecEnv` where Stable-Baselines3 is installed.

    Args:
        config: of all worlds.
        envs: numbers of worlds.
        threads: numbers of threads that step them.
        alternations: turns of each, at least 5.

    Raises:
        InputError: a number is impossible; nothing is measured.
    """
    check_sizes(envs, threads, alternations)
    return _rows(config, envs, threads, alternations)


def _rows(config: Config, envs: list[int], threads: list[int], alternations: int) -> Iterator[AdapterRow]:
    for num_threads, num_envs in itertools.product(threads, envs):
        contenders = _contenders(config, num_envs, num_threads)
        try:
            yield from _compare(contenders, num_envs, num_threads, alternations)
        finally:
            for env in contenders.values():
                env.close()


def _contenders(config: Config, num_envs: int, num_threads: int) -> dict[str, Any]:
    """`BatchEnv` first, then the adapters, each in the beginning of its episodes."""
    contenders: dict[str, Any] = {"BatchEnv": BatchEnv(config, num_envs, num_threads, seed=0)}
    for mode in ("NextStep", "SameStep"):
        contenders[f"VectorEnv, {mode}"] = VectorEnv(
            config, num_envs, autoreset_mode=mode, num_threads=num_threads, seed=0
        )
    try:
        from batchenv.vector.sb3 import SB3VecEnv
    except ImportError:
        pass
    else:
        contenders["SB3VecEnv"] = SB3VecEnv(config, num_envs, num_threads=num_threads, seed=0)
    for env in contenders.values():
        env.reset()
    return contenders


def _compare(
    contenders: dict[str, Any], num_envs: int, num_threads: int, alternations: int
) -> Iterator[AdapterRow]:
    names, turns = list(contenders), {name: list[Turn]() for name in contenders}
    rng = np.random.default_rng(0)
    shape = (STEPS_PER_TURN, num_envs, contenders["BatchEnv"].action_dim)
    gc.freeze()  # keeps the garbage collector from searching loaded modules while the clock runs
    for alternation in range(-1, alternations):
        actions = rng.normal(0.0, 0.3, shape).astype(np.float32)
        for name in np.roll(names, alternation):
            turn = _turn(contenders[name].step, actions)
            if alternation >= 0:  # the first fills caches
                turns[name].append(turn)
    gc.unfreeze()
    plain = turns.pop("BatchEnv")
    for name, own in turns.items():
        ratios = [base.cpu / turn.cpu for base, turn in zip(plain, own, strict=True)]
        low, ratio, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        wall = np.median([base.wall / turn.wall for base, turn in zip(plain, own, strict=True)])
        yield AdapterRow(
            adapter=name,
            envs=num_envs,
            threads=num_threads,
            steps_per_second=round(STEPS_PER_TURN * num_envs / float(np.median([t.wall for t in own])), 1),
            ratio_to_batch_env=round(float(ratio), 4),
            ratio_spread=round(float(high - low) / 2, 4),
            wall_ratio_to_batch_env=round(float(wall), 4),
        )


def _turn(step: Callable[[np.ndarray], object], actions: np.ndarray) -> Turn:
    return total([timed(lambda a=a: step(a)) for a in actions])
