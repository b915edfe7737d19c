"""How much CPU a step of GaitNet's world takes, and how much of it the physics."""

import gc
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from batchenv.bench.measurement import STEPS_PER_TURN, check_sizes, clocked, timed, total
from batchenv.config import GaitNetConfig
from batchenv.env import BatchEnv

_ACTION_STD = 0.5

TABLE_HEAD = (
    "| config | worlds | threads | steps/s | CPU ms per world and step | of it outside the physics |\n"
    + "|---" * 6
    + "|"
)


@dataclass(frozen=True)
class GaitNetRow:
    """One line of the table.

    Attributes:
        config: name of the configuration.
        envs, threads: sizes.
        steps_per_second: environment steps, wall time.
        cpu_ms_per_step: CPU time per world and step, all threads, a median over turns [ms].
        serial_share: of the CPU time, what one core carries outside of the physics: observations, rewards,
            targets and resets.
    """

    config: str
    envs: int
    threads: int
    steps_per_second: float
    cpu_ms_per_step: float
    serial_share: float

    def table_line(self) -> str:
        """Return the row as Markdown, below `TABLE_HEAD`."""
        return (
            f"| {self.config} | {self.envs} | {self.threads} | {self.steps_per_second:,.0f} "
            f"| {self.cpu_ms_per_step:.3f} | {self.serial_share:.1%} |"
        )


def benchmark_gaitnet(
    name: str, config: GaitNetConfig, envs: list[int], threads: list[int], turns: int = 7
) -> Iterator[GaitNetRow]:
    """Measure a configuration at every size.

    Args:
        name: of the configuration.
        config: the whole configuration.
        envs: numbers of worlds.
        threads: numbers of threads.
        turns: how often 8 steps are measured, at least 5.

    Raises:
        InputError: a number is impossible; nothing is measured.
    """
    check_sizes(envs, threads, turns)
    return _rows(name, config, envs, threads, turns)


def _rows(
    name: str, config: GaitNetConfig, envs: list[int], threads: list[int], turns: int
) -> Iterator[GaitNetRow]:
    for num_threads in threads:
        for num_envs in envs:
            with BatchEnv(config, num_envs, num_threads, seed=0) as env:
                yield _row(name, env, turns)


def _row(name: str, env: BatchEnv, turns: int) -> GaitNetRow:
    rng = np.random.default_rng(0)
    env.reset()
    walls, cpus, physics = [], [], []
    gc.freeze()  # keeps the garbage collector from searching loaded modules while the clock runs
    for turn in range(turns + 1):
        steps = []
        with clocked(env.worlds.batch, "step") as parallel:
            for _ in range(STEPS_PER_TURN):
                actions = rng.normal(0.0, _ACTION_STD, (env.num_envs, env.action_dim)).astype(np.float32)
                steps.append(timed(lambda a=actions: env.step(a)))
        if turn > 0:  # the first fills caches, and compiles
            walls.append(total(steps).wall)
            cpus.append(total(steps).cpu)
            physics.append(total(parallel).cpu)
    gc.unfreeze()
    count = STEPS_PER_TURN * env.num_envs
    cpu = 1e3 * float(np.median(cpus)) / count
    return GaitNetRow(
        config=name,
        envs=env.num_envs,
        threads=env.num_threads,
        steps_per_second=round(count / float(np.median(walls)), 1),
        cpu_ms_per_step=round(cpu, 4),
        serial_share=round(1.0 - float(np.median(np.divide(physics, cpus))), 4),
    )
