"""Configurations: presets with odd values, keys, text; built, reset and stepped."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from batchenv import PRESETS, BatchEnv, load_config
from batchenv.shipped import PRESET_FILES
from tests.fuzz.checks import check_walks
from tests.fuzz.damage import at, damaged_file, is_number, odd_value, paths, replaced
from tests.fuzz.outcomes import Fault
from tests.presets import OTHER_BODIES

FILE = "config.yaml"
# The first use of another body fits polynomials for a minute, longer than an input may take.
_QUICK = sorted({*PRESETS} - OTHER_BODIES)
_WORDS = ("stride", "cadence", "friction", "all", "left", "soleus", "torso", "hamstrings_r", "x")


def prepare(materials: Path) -> None:
    """Build what has all kinds of compiled code."""
    for name in ("walk_muscle_nn", "crouch"):
        with BatchEnv(name, 2, 1, 0) as env:
            check_walks(env)


def make(rng: np.random.Generator, materials: Path, folder: Path) -> dict[str, Any]:
    """Write a damaged preset."""
    name = str(rng.choice(_QUICK))
    if rng.random() < 0.25:
        text = PRESET_FILES[name].read_bytes()
        (folder / FILE).write_bytes(damaged_file(rng, text))
        return {"what": f"text of {name}", "names": []}
    data = yaml.safe_load(load_config(name).to_yaml())
    named, changes = ["line "], []
    if rng.random() < 0.4:
        named.append(_add_parameter(rng, data))
    for _ in range(int(rng.choice([1, 1, 1, 1, 2]))):
        where, value = changed(rng, data)
        named += [str(key) for key in where if not isinstance(key, int)][-2:]
        changes.append(f"{'.'.join(map(str, where))} = {str(value)[:60]}")
    (folder / FILE).write_text(yaml.safe_dump(data, sort_keys=False, allow_unicode=True), encoding="utf-8")
    return {"what": f"{name}: {', '.join(changes)}", "names": sorted(set(named))}


def attempt(spec: dict[str, Any], materials: Path) -> str | None:
    """Build, reset, step; what was read has to survive being written."""
    config = load_config(FILE)
    if load_config(config.to_yaml()) != config:
        raise Fault("silent", "the configuration is another one after to_yaml and load_config")
    with BatchEnv(config, 2, 1, seed=0) as env:
        return check_walks(env)


def _add_parameter(rng: np.random.Generator, data: dict[str, Any]) -> str:
    """Let a property differ from world to world; its name."""
    groups = (
        "gait",
        "muscle.strength",
        "muscle.optimal_length",
        "muscle.tendon_slack",
        "body.mass",
        "ground",
    )
    inner = data["environment"].setdefault("parameters", {})
    for key in str(rng.choice(groups)).split("."):
        inner = inner.setdefault(key, {})
    low, high = sorted(rng.choice([1e-300, 1e-9, 0.05, 0.5, 1.0, 2.0, 1e3, 1e9, 1e300], 2))
    sampling = str(rng.choice(["uniform", "normal", "fixed"]))
    name = str(rng.choice(_WORDS))
    inner[name] = {"min": float(low), "max": float(high), "default": float(low), "sampling": sampling}
    return name


def changed(rng: np.random.Generator, data: dict[str, Any]) -> tuple[tuple[Any, ...], Any]:
    """Change a value, take a key away, or add one; where, and to what."""
    found = list(paths(data))
    if rng.random() < 0.5:
        found = [path for path in found if is_number(at(data, path))]
    where = found[int(rng.integers(len(found)))]
    value, how = odd_value(rng, at(data, where)), rng.random()
    inner = at(data, where[:-1])
    if how < 0.07:
        del inner[where[-1]]
        return where, "taken away"
    if how < 0.14 and isinstance(inner, dict):
        where = (*where[:-1], "odd_key")
    replaced(data, where, value)
    return where, value
