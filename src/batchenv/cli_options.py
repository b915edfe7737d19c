"""Numbers and files on the command line, refused by the name of their option before any work begins."""

import math
from collections.abc import Sequence
from pathlib import Path

from batchenv.errors import OutputError
from batchenv.files import check_writable

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


def check_place(option: str, file: Path, suffixes: Sequence[str]) -> None:
    """SystemExit unless a file of this name may be written."""
    directory = file.absolute().parent
    if file.suffix.lower() not in suffixes:
        raise SystemExit(f"{option} {file}: expected a name that ends with {' or '.join(suffixes)}")
    if not directory.is_dir():
        raise SystemExit(f"{option} {file}: there is no directory {directory}")
    if file.is_dir():
        raise SystemExit(f"{option} {file}: it is a directory")
    try:
        check_writable(file)
    except OutputError as error:
        raise SystemExit(f"{option} {error}") from error
