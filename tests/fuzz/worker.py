"""The process that attempts inputs: one line of JSON in, one event a line out; whoever started it watches it.

    python -m tests.fuzz.worker SCRATCH

Events: "ready" when the area's unchanged input works, "start" when an input is written, then its outcome.
"""

import contextlib
import gc
import importlib
import json
import os
import shutil
import sys
import zlib
from dataclasses import asdict
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np

from tests.fuzz.outcomes import Outcome, judged

INPUT_FILE = "input.json"


def main() -> None:
    """Serve until the other side closes; everything is written under the directory SCRATCH."""
    scratch = Path(sys.argv[1])
    events = os.fdopen(os.dup(1), "w", buffering=1)
    tasks = os.fdopen(os.dup(0))
    os.dup2(2, 1)  # what libraries print is no event
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)  # and what they read is not a task
    prepared: dict[str, tuple[ModuleType, Path]] = {}

    def say(event: str, **more: Any) -> None:
        events.write(json.dumps({"event": event, **more}) + "\n")

    for line in tasks:
        task = json.loads(line)
        name, folder = task["area"], Path(task["folder"])
        if name not in prepared:
            materials = scratch / name
            materials.mkdir()
            prepared[name] = _area(name, materials), materials
        area, materials = prepared[name]
        say("ready")
        spec = _spec(area, task, materials, folder)
        place = scratch / "place"
        shutil.copytree(folder, place)
        say("start")
        outcome = _attempt(area, spec, materials, place)
        gc.collect()
        say("outcome", **asdict(outcome))
        shutil.rmtree(place, ignore_errors=True)


def _area(name: str, materials: Path) -> ModuleType:
    """Import an area, write its valid files, and make sure that they work; what compiles is compiled then."""
    area = importlib.import_module(f"tests.fuzz.areas.{name}")
    with contextlib.chdir(materials):
        area.prepare(materials)
    return area


def _spec(area: ModuleType, task: dict[str, Any], materials: Path, folder: Path) -> dict[str, Any]:
    """What to attempt: made from the seed and the number, or read from a folder that was saved."""
    file = folder / INPUT_FILE
    if task.get("replay"):
        return json.loads(file.read_text())
    folder.mkdir(parents=True)
    key = zlib.crc32(task["area"].encode())
    rng = np.random.default_rng([task["seed"], key, task["number"]])
    spec = {k: task[k] for k in ("area", "seed", "number")} | area.make(rng, materials, folder)
    file.write_text(json.dumps(spec, indent=1))
    return spec


def _attempt(area: ModuleType, spec: dict[str, Any], materials: Path, place: Path) -> Outcome:
    """Attempt an input in a copy of its folder, so that the folder stays what it was."""
    with contextlib.chdir(place):
        return judged(lambda: area.attempt(spec, materials), spec.get("names", ()))


if __name__ == "__main__":
    main()
