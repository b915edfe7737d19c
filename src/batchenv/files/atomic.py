"""Files that are either the old one or the new one, never half of either."""

import errno
import os
import secrets
import stat
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from batchenv.errors import OutputError
from batchenv.files.paths import checked_path

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


def write_atomically(path: str | Path, write: Callable[[BinaryIO], object]) -> None:
    """Replace a file by what `write` puts into the binary file it is given.

    The bytes go to a hidden file beside it, which is flushed to disk before it takes the name (POSIX `rename`
    is atomic). Nobody can place that file, or a link, there first: its name is random and it must be new. It
    is removed if writing fails; only a killed process leaves it behind, see `remove_partials`. Devices and
    streams that a user names, such as /dev/stdout, are written to as they are.

    Args:
        path: the file; a symbolic link of that name is replaced, not followed.
        write: puts the contents into the file.

    Raises:
        OutputError: the system refuses: the disk is full, the directory is missing or may not be written to.
    """
    path = checked_path("path", path)
    partial = _partial(path)
    try:
        if _is_stream(path):
            with open(os.open(path, os.O_WRONLY | os.O_CLOEXEC), "wb") as file:
                write(file)
            return
        descriptor = os.open(partial, _FLAGS, 0o666)
        try:
            with open(descriptor, "wb") as file:
                write(file)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        except BaseException:
            partial.unlink(missing_ok=True)
            raise
        _sync_directory(path.parent)
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        raise OutputError(f"{path} cannot be written: {error.strerror or error}") from error


def check_writable(path: str | Path) -> None:
    """Try to write beside a file that `write_atomically` is to replace later, after minutes of work.

    Raises:
        OutputError: the system refuses.
    """
    partial = _partial(Path(path))
    try:
        if _is_stream(Path(path)):
            return
        os.close(os.open(partial, _FLAGS, 0o666))
        partial.unlink()
    except OSError as error:
        raise OutputError(f"{path} cannot be written: {error.strerror}") from error


def _is_stream(path: Path) -> bool:
    """Whether a path names a device or a descriptor, which nothing may replace.

    Raises:
        FileExistsError: it leads to one from elsewhere, as a link in a stranger's directory might.
    """
    folder = path.absolute().parent
    if folder in (Path("/dev"), Path("/dev/fd")) or folder.match("/proc/*/fd"):
        return True
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return False
    if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):
        raise FileExistsError(errno.EEXIST, "it is not a regular file")
    return False


def _partial(path: Path) -> Path:
    return path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")


def remove_partials(path: str | Path) -> None:
    """Remove what killed processes left behind when they wrote a file; nobody may be writing it now."""
    path = checked_path("path", path)
    for partial in path.parent.glob(f".{path.name}.*partial"):
        partial.unlink(missing_ok=True)


def _sync_directory(directory: Path) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
