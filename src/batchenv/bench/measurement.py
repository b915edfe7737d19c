"""Sizes, clocks and the JSON document that all benchmarks share."""

import platform
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from batchenv.engine import available_cpus
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


def total(turns: Sequence[Turn]) -> Turn:
    """Return the sum of several measurements."""
    return Turn(sum(t.wall for t in turns), sum(t.cpu for t in turns))


@contextmanager
def clocked(owner: object, method: str) -> Iterator[list[Turn]]:
    """Measure the calls of a method of an object within the block; those after it are not slowed down."""
    turns, call = list[Turn](), getattr(owner, method)

    def measured(*args: Any, **options: Any) -> None:
        turns.append(timed(lambda: call(*args, **options)))

    setattr(owner, method, measured)
    try:
        yield turns
    finally:
        delattr(owner, method)


def as_json(rows: Sequence[Any]) -> dict[str, object]:
    """Return the document that `batchenv bench --json` writes, from rows that are dataclasses."""
    return {"machine": machine_info(), "rows": [asdict(row) for row in rows]}


def machine_info() -> dict[str, str | int]:
    """Return the processor and the versions that figures depend on."""
    model = platform.processor() or platform.machine()
    info = Path("/proc/cpuinfo")
    if info.is_file():
        names = [
            line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if "model name" in line
        ]
        model = names[0] if names else model
    return {
        "cpu": model,
        "cpus": available_cpus(),
        "system": platform.platform(),
        "python": platform.python_version(),
        "mujoco": mujoco.__version__,
        "numpy": np.__version__,
    }
