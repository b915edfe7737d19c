"""Paths that callers hand in."""

import os
from pathlib import Path

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
    if any(ord(letter) < ord(" ") for letter in str(checked)):
        raise InputError(f"{name} {str(checked)!r} holds a control character, such as a line break")
    return checked
