"""Clocks of the benchmarks, and bounds of their sizes."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from batchenv.errors import InputError
from batchenv.evaluate.numbers import MOST_THREADS, check_count

STEPS_PER_TURN = 8
MOST_ENVS, MOST_ALTERNATIONS = 100_000, 10_000
LEAST_ALTERNATIONS = 5  # fewer have no median


def check_sizes(envs: Sequence[int], threads: Sequence[int], alternations: int) -> None:
    """Raise InputError unless these are numbers of worlds, of threads and of alternations."""
    for name, values, most in (("envs", envs, MOST_ENVS), ("threads", threads, MOST_THREADS)):
        if not len(values):
            raise InputError(f"{name} is empty; expected at least one number")
        for value in values:
            check_count(name, value, most)
    check_count("alternations", alternations, MOST_ALTERNATIONS, LEAST_ALTERNATIONS)


@dataclass(frozen=True)
class Turn:
    """Wall time and CPU time of all threads that a piece of work took [s]."""

    wall: float
    cpu: float


def timed(work: Callable[[], object]) -> Turn:
    """Call a function and measure its times."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return Turn(time.perf_counter() - wall, time.process_time() - cpu)


def total(turns: list[Turn]) -> Turn:
    """Return the sum of several measurements."""
    return Turn(sum(t.wall for t in turns), sum(t.cpu for t in turns))
