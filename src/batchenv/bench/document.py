"""The document that `batchenv bench --json` writes."""

import platform
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import mujoco
import numpy as np

from batchenv.engine import available_cpus


def as_json(rows: Sequence[Any]) -> dict[str, object]:
    """Return the document of rows that are dataclasses."""
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
