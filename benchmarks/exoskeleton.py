"""What a device does to the metabolic cost of walking: one walker, with the same starts, with it and without.

    python benchmarks/exoskeleton.py examples/ankle_exo.yaml --walks 20 --json ankle_exo.json

Each walk is compared with the walk from the same start without the device, and with the device's mass alone;
differences have a 95 % interval from drawing pairs of walks with replacement. The policy was not trained with
the device: what changes is what the muscles need not do. Power is that of the muscles after Umberger et al.
(2003), per mass of the body without the device. Walks that end early are left out, with their pairs.
"""

import argparse
import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from batchenv import load_config
from batchenv.config.devices import Device
from batchenv.evaluate.gait_cycles import GaitCycles, find_cycles
from batchenv.evaluate.intervals import paired
from batchenv.evaluate.metabolics import metabolic_power
from batchenv.evaluate.record import record
from batchenv.evaluate.recording import Recording
from batchenv.evaluate.walker import Walker, load_walker
from batchenv.files import check_output_file

MUSCLES = ("soleus", "gasmed", "gaslat", "tibant", "glmax1", "iliacus")
FORMS = {
    "metabolic power W/kg": "{:.2f}",
    "metabolic power (2010) W/kg": "{:.2f}",
    "cost of transport J/kg/m": "{:.2f}",
    "speed m/s": "{:.3f}",
    **{f"{muscle}, mean activation": "{:.3f}" for muscle in MUSCLES},
}
NONE, WORN, POWERED = "without", "its mass alone", "with"


def with_devices(devices: Mapping[str, Device]) -> dict[str, dict[str, Any]]:
    """Changes of the configuration, by condition: devices without torque, and as they are."""
    given = {name: device.model_dump(mode="json") for name, device in devices.items()}
    still = {
        name: device | {"torque": [[phase, 0.0] for phase, _ in device["torque"]]}
        for name, device in given.items()
    }
    return {WORN: {"environment.devices": still}, POWERED: {"environment.devices": given}}


def of_walk(cycles: GaitCycles, walk: int) -> GaitCycles:
    """The cycles of one walk."""
    kept = cycles.episode == walk
    parts = {name: getattr(cycles, name)[kept] for name in ("side", "episode", "start", "foot_off", "stop")}
    return replace(cycles, **parts)


def measured(recording: Recording, mass: float) -> np.ndarray:
    """Numbers of each walk (N, F), in the order of `FORMS`; NaN for one that ended early.

    Args:
        recording: of N walks.
        mass: of the body without the device [kg].
    """
    cycles = find_cycles(recording)
    numbers = np.full((len(recording.ended), len(FORMS)), np.nan)
    for walk, rows in recording.episodes():
        own = of_walk(cycles, walk)
        if recording.ended[walk] != "completed" or not len(own):
            continue
        power, revised = (metabolic_power(recording, own, version).sum() / mass for version in (2003, 2010))
        way = recording.root_pos[rows, 0]
        speed = (way[-1] - way[0]) / ((len(way) - 1) * recording.dt)
        within = own.rows_within()
        columns = [list(recording.muscle_columns(muscle)) for muscle in MUSCLES]
        active = [recording.activation[within][:, pair].mean() for pair in columns]
        numbers[walk] = power, revised, power / speed, speed, *active
    return numbers


def walked(walker: Walker, changes: dict[str, Any], mass: float, given: argparse.Namespace) -> np.ndarray:
    """Numbers of each walk in a condition, as of `measured`."""
    changed = walker.with_changes(changes)
    recording = record(changed, given.walks, given.seconds, given.seed, given.threads)
    stayed = recording.ended.count("completed")
    print(f"{stayed} of {given.walks} walks of {given.seconds:g} s", flush=True)
    return measured(recording, mass)


def compared(found: dict[str, np.ndarray]) -> dict[str, Any]:
    """Print the means of all conditions, and the differences over pairs of walks; return them."""
    whole = np.all([np.isfinite(numbers[:, 0]) for numbers in found.values()], axis=0)
    head = ("", *found, f"change to {NONE}", "95 %", f"change to {WORN}", "95 %")
    rows: dict[str, Any] = {}
    print(f"\nMeans over {whole.sum()} walks from the same starts:\n")
    for line in (head, ["---"] * len(head)):
        print("| " + " | ".join(line) + " |")
    for column, (name, form) in enumerate(FORMS.items()):
        values = {key: numbers[whole, column] for key, numbers in found.items()}
        cells, rows[name] = [form.format(own.mean()) for own in values.values()], {}
        for base in (NONE, WORN):
            change = paired(values[base], values[POWERED])
            share = [100.0 * number / values[base].mean() for number in change]
            cells += [f"{share[0]:+.1f} %", f"{share[1]:+.1f} to {share[2]:+.1f} %"]
            rows[name][base] = {"mean": float(values[base].mean()), "change": change, "percent": share}
        print("| " + " | ".join([name, *cells]) + " |", flush=True)
    return {"pairs": int(whole.sum()), "rows": rows}


def main() -> None:
    """Print a table for each configuration, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("configs", nargs="+", help="configurations with environment.devices")
    parser.add_argument("--walker", default="walk")
    parser.add_argument("--walks", type=int, default=20)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    if given.json is not None:
        check_output_file(given.json, "--json")
    walker, results = load_walker(given.walker), {}
    with walker.worlds(1, 1.0, 1) as env:
        mass = env.body.mass
    print(f"{NONE}: ", end="")
    bare = {NONE: walked(walker, {}, mass, given)}
    for name in given.configs:
        print(f"\n{name}")
        found = dict(bare)
        for condition, changes in with_devices(load_config(name).environment.devices).items():
            print(f"{condition}: ", end="")
            found[condition] = walked(walker, changes, mass, given)
        results[name] = compared(found)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
