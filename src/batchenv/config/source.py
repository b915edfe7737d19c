"""Where the text of a configuration comes from: a preset, or a file that a call names."""

import os
from pathlib import Path
from typing import Any

from batchenv.config.paths import absolute, expanded
from batchenv.config.problems import shortened
from batchenv.config.yaml_text import MAX_CHARACTERS
from batchenv.errors import ConfigError, nearest
from batchenv.files.paths import is_directory, is_file
from batchenv.shipped import CONFIG_FILE, PRESET_FILES, PRESETS, WALKERS, shipped_walkers


def is_text(source: str) -> bool:
    """Whether a source is a configuration itself, and no name of one."""
    return "\n" in source or ": " in source or source.lstrip()[:1] in ("", "{", "[", "<")


def file_of(source: str | os.PathLike[str]) -> Path:
    """Return the file of a preset, or the file that a path leads to.

    Raises:
        ConfigError: there is none; a walker or a training run is told from it.
    """
    if isinstance(source, str) and source in PRESET_FILES:
        return PRESET_FILES[source]
    file = _path(source)
    if file is None or not is_file(file):
        name = str(source) if isinstance(source, str) or file is not None else ""
        if name in shipped_walkers():
            raise ConfigError(
                f"{name} is a walker, not a preset: watch it with 'batchenv play {name}'. Its configuration "
                f"is {WALKERS / name / CONFIG_FILE}. Presets: {', '.join(PRESETS)}."
            )
        if file is not None and is_file(file / CONFIG_FILE):
            raise ConfigError(
                f"{shortened(name)} is the directory of a training run; 'batchenv train --resume' goes on "
                f"with it. Its configuration is {file / CONFIG_FILE}."
            )
        raise ConfigError(
            f"{shortened(name or source)} is neither a file nor a preset.{nearest(name, PRESETS)} "
            f"Presets: {', '.join(PRESETS)}."
        )
    return file


def read_text(file: Path) -> str:
    """Return the text of a file.

    Raises:
        ConfigError: it cannot be read, is too large, or no UTF-8.
    """
    most = 4 * MAX_CHARACTERS  # bytes that UTF-8 may take for them
    try:
        with file.open("rb") as stream:
            text = stream.read(most + 1)
        if len(text) > most:
            raise ConfigError(
                f"{file} has more than {most:,} bytes; a configuration has at most {MAX_CHARACTERS:,} "
                "characters"
            )
    except OSError as error:
        raise ConfigError(f"{file} cannot be read: {error.strerror}") from None
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError as error:
        line = text.count(b"\n", 0, error.start) + 1
        raise ConfigError(
            f"{file} is not UTF-8 text: line {line} has the byte 0x{text[error.start]:02x}; save it as UTF-8"
        ) from None


def checked_root(data_root: str | Path | None) -> Path | None:
    """Return the additional directory of data.

    Raises:
        ConfigError: there is no such directory.
    """
    if data_root is None:
        return None
    root = _path(data_root)
    if root is None:
        raise ConfigError(f"data_root = {shortened(data_root)}: give the path of a directory")
    if not str(data_root) or not is_directory(root):
        raise ConfigError(f"data_root = {shortened(str(data_root))}: there is no such directory")
    return absolute(root)


def _path(value: Any) -> Path | None:
    """A path that a call names; None where it is none."""
    try:
        return expanded(value) if isinstance(value, str | os.PathLike) else None
    except Exception:  # of foreign classes, which may raise anything, or have a path of bytes
        return None
