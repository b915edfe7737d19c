"""Files that are either the old one or the new one, never half of either."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO


def write_atomically(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Replace a file by what `write` puts into the binary file it is given.

    The bytes go to a hidden file beside it, which is flushed to disk before it takes the name (POSIX `rename`
    is atomic). A process killed meanwhile leaves the old file, and a hidden one that the next overwrites.
    """
    partial = path.with_name(f".{path.name}.partial")
    with partial.open("wb") as file:
        write(file)
        file.flush()
        os.fsync(file.fileno())
    os.replace(partial, path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
