"""An area that does not keep what is promised: for the tests of the fuzz test itself."""

import os
import time
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.errors import InputError
from tests.fuzz.checks import check_finite
from tests.fuzz.outcomes import Fault


def prepare(materials: Path) -> None:
    """Nothing is needed."""


def make(rng: np.random.Generator, materials: Path, folder: Path) -> dict[str, Any]:
    """Each number of `OUTCOMES` in turn."""
    outcome = list(_ATTEMPTS)[int(rng.integers(len(_ATTEMPTS)))]
    return {"what": outcome, "outcome": outcome, "names": ["speed"]}


def attempt(spec: dict[str, Any], materials: Path) -> str | None:
    """Come to the outcome that was asked for."""
    return _ATTEMPTS[spec["outcome"]]()


def _refused() -> None:
    raise InputError("speed is -1; expected a positive number")


def _unnamed() -> None:
    raise InputError("a number is wrong")


def _silent() -> None:
    raise Fault("silent", "nonsense was accepted")


def _hang() -> None:
    time.sleep(60.0)


def _memory() -> None:
    hoard = [np.ones(1 << 20) for _ in range(20)]
    time.sleep(10.0 + len(hoard))


_ATTEMPTS: dict[str, Any] = {
    "works": lambda: None,
    "refused": _refused,
    "unnamed": _unnamed,
    "foreign": lambda: [][0],
    "non-finite": lambda: check_finite("rewards", [0.0, np.nan]),
    "silent": _silent,
    "hang": _hang,
    "memory": _memory,
    "crash": os.abort,
}
