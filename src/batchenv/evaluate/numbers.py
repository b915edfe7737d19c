"""Numbers that callers hand in, checked before the work they are for begins."""

import math
from typing import Any

import numpy as np

from batchenv.errors import InputError

LONGEST = 86_400.0  # of a walk or a film [s]
MOST_WALKS = 10_000  # side by side
MOST_STRIDES = 100_000
MOST_THREADS = 1024


def check_count(name: str, value: Any, most: int, least: int = 1) -> None:
    """InputError unless `value` is a whole number from `least` to `most`."""
    whole = isinstance(value, int | np.integer) and not isinstance(value, bool)
    if not (whole and least <= value <= most):
        raise InputError(f"{name} is {_shown(value)}; expected a whole number from {least} to {most:,}")


def check_threads(name: str, value: Any) -> None:
    """InputError unless `value` is a number of threads, or None."""
    if value is not None:
        check_count(name, value, MOST_THREADS)


def check_number(name: str, value: Any, least: float, most: float, unit: str = "") -> None:
    """InputError unless `value` is a real number from `least` to `most`."""
    real = isinstance(value, int | float | np.integer | np.floating) and not isinstance(value, bool)
    if not (real and least <= value <= most and math.isfinite(value)):
        raise InputError(f"{name} is {_shown(value)}; expected a number from {least:g} to {most:g}{unit}")


def check_seconds(name: str, value: Any) -> None:
    """InputError unless `value` is a length of time [s] that somebody may walk for."""
    check_number(name, value, 0.001, LONGEST, " s")


def _shown(value: Any) -> str:
    try:
        text = repr(value)
    except ValueError:  # Python prints no whole number of more than 4,300 digits
        return "a number of thousands of digits"
    return text if len(text) <= 60 else f"{text[:57]}..."
