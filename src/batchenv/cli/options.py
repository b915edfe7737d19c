"""Arguments that several commands share, and checks of numbers before any work begins."""

import math
from pathlib import Path
from typing import Annotated

from tyro.conf import UseAppendAction, arg
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

from batchenv.shipped import PRESETS

MOST_THREADS = 4096
MOST_WORLDS = 1_000_000
MOST_STEPS = 10**15
MOST_MINUTES = 525_600  # a year
MOST_SEED = 2**63 - 1

ConfigName = Annotated[
    str, arg(metavar="CONFIG", help=f"YAML file or name of a preset: {', '.join(PRESETS)}")
]
WalkerName = Annotated[
    str, arg(metavar="WALKER", help="name of a shipped walker, or directory of a training run")
]
# Several after one --set, or each after its own.
Changes = Annotated[
    tuple[tuple[str, ...], ...],
    arg(name="set", metavar="KEY=VALUE ..."),
    UseAppendAction,
]
# Whole numbers of every command may be written as 1_000_000 or 1e6.
REGISTRY = ConstructorRegistry()
JsonFile = Annotated[Path | None, arg(name="json")]


def whole_number(text: str) -> int:
    """Return the whole number that a word is.

    Raises:
        ValueError: it is none.

    >>> whole_number("1_000_000"), whole_number("1e6")
    (1000000, 1000000)
    """
    try:
        return int(text)
    except ValueError:
        number = float(text)
    if not number.is_integer():
        raise ValueError(f"{text} is no whole number")
    return int(number)


@REGISTRY.primitive_rule
def _whole_numbers(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec[int] | None:
    if info.type is not int:
        return None
    return PrimitiveConstructorSpec(
        nargs=1,
        metavar="INT",
        instance_from_str=lambda words: whole_number(words[0]),
        is_instance=lambda value: isinstance(value, int),
        str_from_instance=lambda value: [str(value)],
    )


def check_whole(option: str, value: int | None, least: int, most: int) -> None:
    """Raise SystemExit unless a whole number lies within bounds; None stands for a default."""
    if value is not None and not least <= value <= most:
        raise SystemExit(f"{option} {value}: expected a whole number from {least} to {most}")


def check_positive(option: str, value: float, most: float) -> None:
    """Raise SystemExit unless a number is finite, above 0, and at most `most`."""
    if not math.isfinite(value) or not 0.0 < value <= most:
        raise SystemExit(f"{option} {value:g}: expected a number above 0, at most {most:g}")


def identity(file: Path) -> tuple[int, int] | None:
    """Return device and inode of a file, which tell a new file from an old one of the same name."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
