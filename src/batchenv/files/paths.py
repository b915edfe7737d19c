"""Paths that callers hand in."""

import os
from pathlib import Path

from batchenv.errors import InputError


def checked_path(name: str, path: object) -> Path:
    """The path that a caller hands in as text or as a path.

    Args:
        name: how messages call it.

    Raises:
        InputError: it is neither.
    """
    try:
        if isinstance(path, str | os.PathLike):
            return Path(path)
    except Exception as error:  # whatever a class of the caller's raises, or a path of bytes
        raise InputError(f"{name}: no path can be made of this {type(path).__name__}: {error}") from error
    raise InputError(f"{name} is of type {type(path).__name__}; expected text or a pathlib.Path")
