"""Tables of others: a reference gait as CSV, and a sweep of rollouts as CSV."""

import csv
import io
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from batchenv import BatchEnv, load_config
from batchenv.config.paths import resolve_path
from batchenv.evaluate.sweep import read_sweep
from tests.fuzz.checks import check_finite, check_walks
from tests.fuzz.damage import ODD_TEXT, damaged_file

FILE = "gait.csv"
MUSCLES = ("soleus_r", "soleus_l", "psoas_r", "psoas_l")
_SWEEP = "speed,period,friction,mass,soleus\n1.2,1.1,1,1,0.5\n1.0,1.2,0.8,1.1,1\n1.2,1.1,0.5,0.9,0.7\n"
_NUMBERS = (
    "1e3",
    "-1e3",
    "180",
    "1e39",
    "1e300",
    "-0",
    "1e-300",
    "6.3",
    "nan",
    "inf",
    "0x1",
    "1_0",
    " 1",
    "1 ",
    "+1",
)


def prepare(materials: Path) -> None:
    """Write the shipped gait and a sweep, and walk with them."""
    shutil.copy(resolve_path("@data/ref_gait_myosuite_sym.csv"), materials / FILE)
    attempt({"kind": "gait"}, materials)
    (materials / FILE).rename(materials / "shipped.csv")
    (materials / FILE).write_text(_SWEEP)
    attempt({"kind": "sweep"}, materials)
    (materials / FILE).rename(materials / "sweep.csv")


def make(rng: np.random.Generator, materials: Path, folder: Path) -> dict[str, Any]:
    """Write a damaged table."""
    kind = "gait" if rng.random() < 0.8 else "sweep"
    text = (materials / ("shipped.csv" if kind == "gait" else "sweep.csv")).read_bytes()
    text = _odd_cells(rng, text) if rng.random() < 0.5 else damaged_file(rng, text)
    if rng.random() < 0.1:
        text = text.decode("utf-8", "replace").encode(
            str(rng.choice(["utf-16", "latin-1", "utf-8-sig"])), "replace"
        )
    (folder / FILE).write_bytes(text)
    return {"what": kind, "kind": kind, "names": [FILE, "motion"]}


def attempt(spec: dict[str, Any], materials: Path) -> str | None:
    """Walk after the gait, or read the sweep."""
    if spec["kind"] == "sweep":
        check_finite("the sweep", read_sweep(FILE, MUSCLES).values)
        return None
    config = load_config("torque").replace({"environment.motion.file": str(Path(FILE).resolve())})
    with BatchEnv(config, 2, 1, seed=0) as env:
        return check_walks(env)


def _odd_cells(rng: np.random.Generator, text: bytes) -> bytes:
    """Replace cells, columns, rows or the delimiter of a table."""
    rows = list(csv.reader(io.StringIO(text.decode())))
    how, width = rng.integers(6), len(rows[0])
    row, column = int(rng.integers(len(rows))), int(rng.integers(width))
    if how <= 1:
        rows[row][column] = str(rng.choice(_NUMBERS + ODD_TEXT))
    elif how == 2:
        factor = float(rng.choice([-1.0, 0.0, 2.0, 57.3, 1e3, 1e39, 1e200]))
        for cells in rows[1:]:
            cells[column] = repr(float(cells[column]) * factor)
    elif how == 3:
        rows[0][column] = rows[0][int(rng.integers(width))]
    elif how == 4:
        rows = rows[: int(rng.integers(8))]
    else:
        rows = [cells[:column] + cells[column + 1 :] for cells in rows]
    stream = io.StringIO()
    csv.writer(stream, delimiter=str(rng.choice([",", ",", ",", ";", "\t"]))).writerows(rows)
    return stream.getvalue().encode()
