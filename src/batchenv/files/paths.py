"""Paths that callers hand in."""

import os
from pathlib import Path

from batchenv.arrays import shown
from batchenv.errors import InputError


def checked_path(name: str, path: object) -> Path:
    """The path that a caller hands in as text or as a path.

    Args:
        name: how messages call it.

    Raises:
        InputError: it is neither, or holds a line break or another control character.
    """
    try:
        checked = Path(path) if isinstance(path, str | os.PathLike) else None
    except Exception as error:  # whatever a class of the caller's raises, or a path of bytes
        raise InputError(f"{name}: no path can be made of this {type(path).__name__}: {error}") from error
    if checked is None:
        raise InputError(f"{name} is of type {type(path).__name__}; expected text or a pathlib.Path")
    try:
        os.fsencode(checked)
    except UnicodeEncodeError as error:  # half of a surrogate pair
        raise InputError(f"{name} {shown(str(checked))} is not a path: {error}") from error
    if any(ord(letter) < ord(" ") for letter in str(checked)):
        raise InputError(f"{name} {shown(str(checked))} holds a control character, such as a line break")
    return checked


def path_to_read(name: str, path: object) -> Path:
    """The path of a file or directory to read, which need not exist.

    Args:
        name: how messages call it.

    Raises:
        InputError: it is not a path, or the system refuses access: the name is too long, a directory is not
            searchable, or links lead in a circle.
    """
    checked = checked_path(name, path)
    try:
        checked.stat()
    except (FileNotFoundError, NotADirectoryError):
        pass
    except OSError as error:
        raise InputError(f"{name} {shown(str(checked))} cannot be read: {error.strerror}") from error
    return checked


def file_to_read(name: str, path: object) -> Path:
    """The path of a file to read, which is there.

    Args:
        name: how messages call it.

    Raises:
        InputError: as `path_to_read`; there is no such file, or it is a directory, a pipe or a device.
    """
    checked = path_to_read(name, path)
    if is_directory(checked):
        raise InputError(f"{checked}: a directory; expected a file")
    if not is_file(checked):
        raise InputError(f"{checked}: {'no regular' if checked.exists() else 'no such'} file")
    return checked


def is_file(path: Path) -> bool:
    """Whether a file is there and may be looked at; a name that no file can have is no error."""
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def is_directory(path: Path) -> bool:
    """Whether a directory is there and may be looked at; a name that none can have is no error."""
    try:
        return path.is_dir()
    except (OSError, ValueError):
        return False
