"""A walker as a folder for the Hugging Face hub: model card, configuration, weights, licence, sources."""

import json
import logging
import re
import shutil
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import yaml

from batchenv.config.paths import PACKAGE_DATA
from batchenv.errors import InputError
from batchenv.evaluate.targets import TARGETS, verdicts
from batchenv.evaluate.walker import Walker, load_walker, walker_directory
from batchenv.files import check_output_directory, write_atomically
from batchenv.files.paths import checked_path, path_to_read
from batchenv.learn.policy import MUSCLES_FILE
from batchenv.shipped import CONFIG_FILE, POLICY_FILE

_log = logging.getLogger(__name__)

OUR_LICENSE = "apache-2.0"
REPORT_FILE = "evaluation.json"
_MOST_REPORT_BYTES = 2**24
_LICENSE_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}")
_CARD = """\
---
{front}---

# {name}

A policy for batchenv: it makes a human walk in MuJoCo. It takes
{observations} observations {rate} times a second and gives {actions} actions ({actuator}); it was trained
for {steps:,} steps.

With batchenv and its extras `viewer` and `evaluate` installed, in this folder:

```bash
batchenv play . --video walk.mp4
batchenv evaluate . --out report
```

## How it walks

{figures}

## Files

| file | what it holds |
|---|---|
{files}
"""
_CONTENTS = {
    POLICY_FILE: "weights, normalisation, and the names of the columns; acting needs NumPy only",
    CONFIG_FILE: "the configuration: body, motion, control, rewards, training",
    MUSCLES_FILE: "the network that coordinates the muscles",
    REPORT_FILE: "what `batchenv evaluate` found",
    "SOURCES.md": "where the data come from that the walker was trained and judged with",
    "LICENSE": "the licence",
}


def save_hub_folder(
    name: str | Path,
    folder: str | Path,
    report: str | Path | None = None,
    license_name: str = OUR_LICENSE,
    *,
    trust: bool = False,
) -> Path:
    """Write a walker into a folder that `load_walker` reads, and that can be uploaded to a hub as it is.

    Args:
        name: of the walker, as for `load_walker`.
        folder: made where it does not exist; files of these names in it are replaced.
        report: report.json of `batchenv evaluate`; by default the evaluation.json beside the policy, if any.
        license_name: of the weights, as the hub names it; the text of Apache-2.0 is put beside them.
        trust: as for `load_walker`.

    Returns:
        The folder.

    Raises:
        CheckpointError: there is no such walker.
        InputError: the report is none, or no licence has that name.
        OutputError: the folder cannot be written.
    """
    folder = checked_path("folder", folder)
    check_output_directory(folder)
    if not _LICENSE_NAME.fullmatch(license_name):
        raise InputError(
            f"license {license_name[:60]!r}: expected a name of the hub, such as {OUR_LICENSE} or mit"
        )
    walker, own = load_walker(name, trust=trust), walker_directory(name)
    if own.resolve() == folder.resolve():
        raise InputError(f"{folder} is the walker's own directory; name another")
    beside = own / REPORT_FILE
    numbers = _read_report(path_to_read("report", report)) if report else None
    if numbers is None and beside.is_file():
        numbers = _read_report(beside)
    folder.mkdir(parents=True, exist_ok=True)
    walker.policy.save(folder / POLICY_FILE)
    _copy(own / CONFIG_FILE, folder / CONFIG_FILE)  # as it is: `load_walker` finds the network beside it
    if (own / MUSCLES_FILE).is_file():
        _copy(own / MUSCLES_FILE, folder / MUSCLES_FILE)
    if numbers is not None:
        _write(folder / REPORT_FILE, json.dumps(numbers, indent=1, allow_nan=False) + "\n")
    _copy(PACKAGE_DATA / "SOURCES.md", folder / "SOURCES.md")
    text = metadata.distribution("batchenv").read_text("licenses/LICENSE")
    if license_name == OUR_LICENSE and text is not None:
        _write(folder / "LICENSE", text)
    _write(folder / "README.md", _card(walker, folder, numbers, license_name))
    for file in _files_elsewhere(walker):
        _log.warning("%s: the configuration names %s, which is not in the folder", folder, file)
    return folder


def _card(walker: Walker, folder: Path, numbers: Mapping[str, Any] | None, license_name: str) -> str:
    front: dict[str, Any] = {
        "license": license_name,
        "library_name": "batchenv",
        "pipeline_tag": "reinforcement-learning",
        "tags": ["reinforcement-learning", "biomechanics", "musculoskeletal", "mujoco", "walking"],
    }
    if numbers is not None:
        front["model-index"] = [{"name": walker.name, "results": [_results(numbers)]}]
    environment = walker.config.environment
    files = [f"| `{name}` | {text} |" for name, text in _CONTENTS.items() if (folder / name).is_file()]
    return _CARD.format(
        front=yaml.safe_dump(front, sort_keys=False),
        name=walker.name,
        observations=len(walker.policy.observations),
        rate=f"{environment.simulation.control_hz:g}",
        actions=len(walker.policy.actions),
        actuator=f"actuator `{environment.skeleton.actuator}`",
        steps=walker.policy.steps,
        figures=_figures(numbers),
        files="\n".join(files),
    )


def _figures(numbers: Mapping[str, Any] | None) -> str:
    """A table of what was measured, with what a human's walk has."""
    if numbers is None:
        return "It has not been judged yet: `batchenv evaluate . --out report`."
    lines = ["| measure | walker | human | |", "|---|---|---|---|"]
    for verdict in verdicts(numbers):
        target = verdict.target
        shown = "-" if verdict.value is None else verdict.shown
        label = f"{target.label} [{target.unit}]" if target.unit else target.label
        lines.append(f"| {label} | {shown} | {target.range} | {'' if verdict.met else verdict.word} |")
    judged = (
        f"{numbers['episodes']} walks, {numbers['seconds']:.0f} s and {numbers['strides']} strides in all."
    )
    return "\n".join([judged, "", *lines])


def _results(numbers: Mapping[str, Any]) -> dict[str, Any]:
    metrics = [
        {"type": ".".join(verdict.target.path), "name": verdict.target.label, "value": verdict.value}
        for verdict in verdicts(numbers)
        if verdict.value is not None
    ]
    return {
        "task": {"type": "reinforcement-learning", "name": "walking"},
        "dataset": {"type": "batchenv", "name": "batchenv evaluate"},
        "metrics": metrics,
    }


def _read_report(path: Path) -> dict[str, Any]:
    """The numbers of a report, those of all targets among them."""
    try:
        if path.stat().st_size > _MOST_REPORT_BYTES:
            raise ValueError("it is too large")
        numbers = json.loads(path.read_text(encoding="utf-8"))
        json.dumps(numbers, allow_nan=False)
        for verdict in verdicts(numbers, TARGETS):
            if not isinstance(verdict.value, int | float | None):
                raise ValueError(f"its {verdict.target.label} is {str(verdict.value)[:40]!r}")
        for key in ("episodes", "seconds", "strides"):
            float(numbers[key])
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"{path} is no report.json of `batchenv evaluate` ({error!r})") from error
    return numbers


def _files_elsewhere(walker: Walker) -> Iterator[str]:
    """Files of this machine that the configuration names."""
    waiting: list[Any] = [walker.config.model_dump()]
    while waiting:
        value = waiting.pop()
        if isinstance(value, Mapping):
            waiting += [*value, *value.values()]
        elif isinstance(value, list | tuple):
            waiting += value
        elif isinstance(value, str) and value.startswith("/") and Path(value).name != MUSCLES_FILE:
            yield value


def _copy(source: Path, target: Path) -> None:
    with source.open("rb") as stream:
        write_atomically(target, lambda file: shutil.copyfileobj(stream, file))


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
