"""Recordings as CSV: one row a sample, one column a number, in the units and axes of `LAYOUT`."""

import csv
import io
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np

from batchenv.evaluate.recording import Recording
from batchenv.evaluate.recording_layout import LAYOUT, PER_SAMPLE
from batchenv.files import write_atomically

_AXES = {2: ("r", "l"), 3: ("forward", "left", "up"), 4: ("w", "x", "y", "z")}
_NAMES = {"J": "joint_names", "M": "muscle_names", "L": "joint_center_names"}


def save_csv(recording: Recording, path: Path) -> list[Path]:
    """Write all samples; columns are called grf/r/forward, joint_pos/knee_angle_r and so on.

    Args:
        recording: any; arrays that were not measured are left out.
        path: the file.

    Returns:
        The file alone, in a list.

    Raises:
        OutputError: the file cannot be written.
    """
    count = len(recording.time)
    measured = [name for name in PER_SAMPLE if name == "episode" or recording.measured(name)]
    values = np.column_stack([getattr(recording, name).reshape(count, -1) for name in measured])
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(
        itertools.chain.from_iterable(_columns(recording, name) for name in measured)
    )

    def write(file: BinaryIO) -> None:
        file.write(header.getvalue().encode())
        np.savetxt(file, values, fmt="%.9g", delimiter=",")

    write_atomically(path, write)
    return [path]


def _columns(recording: Recording, name: str) -> list[str]:
    parts: list[Sequence[str]] = [
        getattr(recording, _NAMES[axis]) if isinstance(axis, str) else _AXES[axis]
        for axis in LAYOUT[name].shape[1:]
    ]
    return ["/".join((name, *words)) for words in itertools.product(*parts)]
