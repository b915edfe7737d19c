"""What ships with batchenv, by name: presets, and walkers that were trained under them."""

from collections.abc import Mapping
from pathlib import Path

_PACKAGE = Path(__file__).parent
PRESET_FILES: Mapping[str, Path] = {file.stem: file for file in sorted((_PACKAGE / "presets").glob("*.yaml"))}
PRESETS: tuple[str, ...] = tuple(PRESET_FILES)
# A walker is a folder with a policy and the configuration that it was trained under.
WALKERS = _PACKAGE / "walkers"
POLICY_FILE = "policy.safetensors"
CONFIG_FILE = "config.yaml"


def shipped_walkers(folder: Path = WALKERS) -> tuple[str, ...]:
    """Names of the walkers in the package."""
    return tuple(sorted(file.parent.name for file in folder.glob(f"*/{POLICY_FILE}")))


def walker_path(name: str | Path, folder: Path = WALKERS) -> Path:
    """The folder of a walker in the package by its name; else what was given, as a path."""
    return folder / name if str(name) in shipped_walkers(folder) else Path(name)


def summary(file: Path) -> str:
    """Return the sentence that a preset's or a walker's configuration opens with, as a comment.

    >>> summary(PRESET_FILES["torque"])
    'Walk without muscles, by ideal torques, for comparison.'
    """
    with file.open(encoding="utf-8") as stream:
        line = stream.readline()
    return line[1:].strip() if line.startswith("#") else ""
