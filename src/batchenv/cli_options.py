"""Numbers on the command line, refused by the name of their option before any work begins."""

import math

MOST_THREADS = 4096
MOST_WORLDS = 1_000_000
MOST_STEPS = 10**15
MOST_MINUTES = 525_600  # a year
MOST_SEED = 2**63 - 1


def check_whole(option: str, value: int | None, least: int, most: int) -> None:
    """SystemExit unless a whole number lies within bounds; None stands for a default."""
    if value is not None and not least <= value <= most:
        raise SystemExit(f"{option} {value}: expected a whole number from {least} to {most}")


def check_positive(option: str, value: float, most: float) -> None:
    """SystemExit unless a number is finite, more than 0, and at most `most`."""
    if not math.isfinite(value) or not 0.0 < value <= most:
        raise SystemExit(f"{option} {value:g}: expected a number above 0, at most {most:g}")
