"""Numbers that callers hand in, checked before the work they are for begins."""

import math
from typing import Any

from batchenv.arrays import is_real, is_whole, shown
from batchenv.errors import InputError

LONGEST = 86_400.0  # of a walk or a film [s]
MOST_WALKS = 10_000  # side by side
MOST_STRIDES = 100_000
MOST_THREADS = 1024


def check_count(name: str, value: Any, most: int, least: int = 1) -> None:
    """InputError unless `value` is a whole number from `least` to `most`."""
    if not (is_whole(value) and least <= value <= most):
        raise InputError(f"{name} is {shown(value)}; expected a whole number from {least} to {most:,}")


def check_threads(name: str, value: Any) -> None:
    """InputError unless `value` is a number of threads, or None."""
    if value is not None:
        check_count(name, value, MOST_THREADS)


def check_number(name: str, value: Any, least: float, most: float, unit: str = "") -> None:
    """InputError unless `value` is a real number from `least` to `most`."""
    if not (is_real(value) and least <= value <= most and math.isfinite(value)):
        raise InputError(f"{name} is {shown(value)}; expected a number from {least:g} to {most:g}{unit}")


def check_seconds(name: str, value: Any) -> None:
    """InputError unless `value` is a length of time [s] that somebody may walk for."""
    check_number(name, value, 0.001, LONGEST, " s")
