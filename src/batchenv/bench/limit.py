"""How fast worlds step, against the limit: bare `Batch.step` of the same model on the same threads.

Everything that is compared runs interleaved in one process: an alternation steps the environment, then the
bare batch from the same states under the excitations that the environment's muscles had. New processes
measure construction, the first reset and memory.
"""

import gc
import itertools
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import mujoco
import numpy as np
from mujoco.batch import Batch

from batchenv.bench.measurement import STEPS_PER_TURN, Turn, check_sizes, clocked, timed, total
from batchenv.config import Config
from batchenv.engine.law import adapt_model
from batchenv.env import BatchEnv

TABLE_HEAD = (
    "| config | actuator | worlds | threads | steps/s | CPU us per world and substep (limit) "
    "| ratio to limit | of wall time | serial | MB per world | construct s | reset ms |\n" + "|---" * 12 + "|"
)


@dataclass(frozen=True)
class LimitRow:
    """One line of the table.

    Attributes:
        config: name of the configuration.
        actuator, coordinator: how worlds were driven; the coordinator is "" where none runs.
        envs, threads: sizes.
        steps_per_second: environment steps, wall time.
        limit_steps_per_second: of the bare batch, in the same alternations.
        cpu_us_per_substep: CPU time per world and substep [us], all threads.
        limit_cpu_us_per_substep: of the bare batch.
        ratio_to_limit: median over alternations of the bare batch's CPU time over the environment's.
        ratio_spread: half the distance between the quartiles of that ratio.
        wall_ratio_to_limit: the same of wall time; what NumPy does on one core weighs more the more threads
            step.
        serial_share: of the environment's CPU time, what one core carries outside of `Batch.step`.
        mb_per_env: resident memory per world, construction to first steps, without what a batch of one in the
            same process has paid for already: model, compiled code, libraries [MB].
        construction_s, first_reset_s: in a fresh process whose Numba cache is warm [s].
        reset_ms: of all worlds, once warm [ms].
    """

    config: str
    actuator: str
    coordinator: str
    envs: int
    threads: int
    steps_per_second: float
    limit_steps_per_second: float
    cpu_us_per_substep: float
    limit_cpu_us_per_substep: float
    ratio_to_limit: float
    ratio_spread: float
    wall_ratio_to_limit: float
    serial_share: float
    mb_per_env: float
    construction_s: float
    first_reset_s: float
    reset_ms: float

    def table_line(self) -> str:
        """Return the row as Markdown, below `TABLE_HEAD`."""
        actuator = f"{self.actuator}, {self.coordinator}" if self.coordinator else self.actuator
        return (
            f"| {self.config} | {actuator} | {self.envs} | {self.threads} | {self.steps_per_second:,.0f} "
            f"| {self.cpu_us_per_substep:.1f} ({self.limit_cpu_us_per_substep:.1f}) "
            f"| {self.ratio_to_limit:.3f} +- {self.ratio_spread:.3f} "
            f"| {self.wall_ratio_to_limit:.3f} | {self.serial_share:.1%} | {self.mb_per_env:.2f} "
            f"| {self.construction_s:.2f} | {self.reset_ms:.1f} |"
        )


def benchmark(
    configs: dict[str, Config], envs: list[int], threads: list[int], alternations: int = 7
) -> Iterator[LimitRow]:
    """Measure every configuration at every size.

    Args:
        configs: by name.
        envs: numbers of worlds.
        threads: numbers of threads.
        alternations: turns of environment and bare batch, at least 5.

    Raises:
        InputError: a number is impossible; nothing is measured.
    """
    check_sizes(envs, threads, alternations)
    sizes = itertools.product(threads, envs)
    return (
        row
        for num_threads, num_envs in sizes
        for row in _compare(configs, num_envs, num_threads, alternations)
    )


class _Contender:
    """An environment and the bare batch that follows it."""

    def __init__(self, name: str, config: Config, num_envs: int, num_threads: int):
        self.name, self.config = name, config
        self.fresh = {
            **_in_fresh_process(_memory, config, num_envs, num_threads),
            **_in_fresh_process(_construction, config, num_envs, num_threads),
        }
        self.env = BatchEnv(config, num_envs, num_threads, seed=0)
        self.bare = Batch(_bare_model(self.env), num_envs, num_threads, persistent=True)
        self.rng = np.random.default_rng(0)
        self.env.reset()
        self.reset_ms = 1e3 * float(np.median([timed(self.env.reset).wall for _ in range(5)]))
        self.turns: list[tuple[Turn, Turn]] = []
        self.serial_shares: list[float] = []
        self._turn()  # not counted: caches fill, and episodes leave their common start

    def turn(self) -> None:
        """Step the environment, then the bare batch from the same states."""
        with clocked(self.env.worlds.batch, "step") as parallel:
            own, bare = self._turn()
        self.turns.append((own, bare))
        self.serial_shares.append(1.0 - total(parallel).cpu / own.cpu)

    def _turn(self) -> tuple[Turn, Turn]:
        env, worlds = self.env, self.env.worlds
        state = worlds.batch.state.copy()
        shape = (env.num_envs, env.action_dim)
        excited = self.config.environment.skeleton.actuator == "muscle"
        excitations, turns = [], []
        for _ in range(STEPS_PER_TURN):
            actions = self.rng.uniform(0.0, 0.1, shape) if excited else self.rng.normal(0.0, 0.3, shape)
            actions = actions.astype(np.float32)
            turns.append(timed(lambda a=actions: env.step(a)))
            excitations.append(worlds.bind("ctrl").copy())
        self.bare.state[:] = state
        self.bare.bind("userdata")[:] = 0.0
        return total(turns), total([timed(lambda u=u: self._bare_step(u)) for u in excitations])

    def _bare_step(self, excitation: np.ndarray) -> None:
        self.bare.bind("ctrl")[:] = excitation
        self.bare.step(nstep=self.env.worlds.substeps)

    def row(self) -> LimitRow:
        """Return the figures of all turns."""
        env, muscle = self.env, self.config.environment.muscle
        actuator = self.config.environment.skeleton.actuator
        steps = STEPS_PER_TURN * env.num_envs
        ratios = [bare.cpu / own.cpu for own, bare in self.turns]
        low, ratio, high = np.quantile(ratios, [0.25, 0.5, 0.75])
        own_wall, bare_wall = (float(np.median([pair[i].wall for pair in self.turns])) for i in (0, 1))
        own_cpu, bare_cpu = (float(np.median([pair[i].cpu for pair in self.turns])) for i in (0, 1))
        return LimitRow(
            config=self.name,
            actuator=actuator,
            coordinator=muscle.coordinator if actuator == "mass" else "",
            envs=env.num_envs,
            threads=env.num_threads,
            steps_per_second=round(steps / own_wall, 1),
            limit_steps_per_second=round(steps / bare_wall, 1),
            cpu_us_per_substep=round(1e6 * own_cpu / steps / env.worlds.substeps, 2),
            limit_cpu_us_per_substep=round(1e6 * bare_cpu / steps / env.worlds.substeps, 2),
            ratio_to_limit=round(float(ratio), 4),
            ratio_spread=round(float(high - low) / 2, 4),
            wall_ratio_to_limit=round(
                float(np.median([bare.wall / own.wall for own, bare in self.turns])), 4
            ),
            serial_share=round(float(np.median(self.serial_shares)), 4),
            reset_ms=round(self.reset_ms, 2),
            **self.fresh,
        )


def _bare_model(env: BatchEnv) -> mujoco.MjModel:
    """The model as it would step without batchenv: with the tendons that polynomials replace, and set up for
    MuJoCo's own solver."""
    worlds, law = env.worlds, env.worlds.law
    body = getattr(worlds.body, "tendon_body", None)
    if body is None and law.constraints != "tree_newton":
        return worlds.model
    mechanism = (body or worlds.body).mechanism(worlds.layout.size)
    adapt_model(mechanism, replace(law, constraints="mujoco") if law.constraints == "tree_newton" else law)
    return mechanism.model


def _compare(
    configs: dict[str, Config], num_envs: int, num_threads: int, alternations: int
) -> Iterator[LimitRow]:
    contenders = [_Contender(name, config, num_envs, num_threads) for name, config in configs.items()]
    gc.freeze()  # keeps the garbage collector from searching loaded modules while the clock runs
    for _ in range(alternations):
        for contender in contenders:
            contender.turn()
    gc.unfreeze()
    yield from (contender.row() for contender in contenders)


def _memory(config: Config, num_envs: int, num_threads: int) -> dict[str, float]:
    one = _stepped(config, 1, num_threads)
    before = _resident_mb()
    many = _stepped(config, num_envs, num_threads)
    taken = (_resident_mb() - before) / num_envs
    one.close()
    many.close()
    return {"mb_per_env": round(taken, 2)}


def _stepped(config: Config, num_envs: int, num_threads: int) -> BatchEnv:
    env = BatchEnv(config, num_envs, num_threads, seed=0)
    env.reset()
    for _ in range(2):
        env.step(np.zeros((num_envs, env.action_dim), np.float32))
    return env


def _construction(config: Config, num_envs: int, num_threads: int) -> dict[str, float]:
    start = time.perf_counter()
    env = BatchEnv(config, num_envs, num_threads, seed=0)
    built = time.perf_counter()
    env.reset()
    first_reset = time.perf_counter() - built
    return {"construction_s": round(built - start, 3), "first_reset_s": round(first_reset, 3)}


def _resident_mb() -> float:
    statm = Path("/proc/self/statm")
    if statm.is_file():
        return int(statm.read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10


def _in_fresh_process(work: Callable[..., dict[str, float]], *arguments: object) -> dict[str, float]:
    # A process inherits which signals are blocked: Ctrl-C is for this one, which ends that one.
    before = signal.pthread_sigmask(signal.SIG_BLOCK, (signal.SIGINT, signal.SIGHUP))
    try:
        pool = multiprocessing.get_context("spawn").Pool(1)
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
    with pool:
        return pool.apply(work, arguments)
