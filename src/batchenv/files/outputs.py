"""Names of files and directories to write, checked before the work whose result they are for."""

import os
import secrets
from collections.abc import Sequence
from pathlib import Path

from batchenv.errors import InputError, OutputError
from batchenv.files.paths import checked_path


def check_output_file(
    path: str | Path, option: str = "", room: int = 0, suffixes: Sequence[str] = ()
) -> None:
    """Refuse a file that could not be written; nothing is left behind.

    Args:
        path: the file, which need not exist.
        option: what the user calls it, such as "--out", for the message.
        room: that the disk must have for it at least [bytes].
        suffixes: that its name may end with, in lower case; none: with anything.

    Raises:
        InputError: it is not a path, or ends with another suffix.
        OutputError: it is a directory, a symbolic link or no ordinary file, its directory does not exist or
            may not be written to, or the disk is full.
    """
    path = checked_path(option or "path", path)
    said = f"{option} {path}".strip()
    if suffixes and path.suffix.lower() not in suffixes:
        raise InputError(f"{said}: expected a name that ends with {' or '.join(suffixes)}")
    try:
        if path.is_symlink():
            raise OutputError(f"{said}: it is a symbolic link; name the file {os.readlink(path)} itself")
        if path.is_dir():
            raise OutputError(f"{said}: it is a directory, expected the name of a file")
        if path.exists() and not path.is_file():
            raise OutputError(f"{said}: it is not a regular file")
        if not path.parent.is_dir():
            raise OutputError(f"{said}: there is no directory {path.parent.absolute()}")
        trial = path.with_name(f".{path.name}.{secrets.token_hex(8)}.partial")
        descriptor = os.open(trial, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC)
        try:
            if room and hasattr(os, "posix_fallocate"):
                os.posix_fallocate(descriptor, 0, room)
        finally:
            os.close(descriptor)
            trial.unlink()
    except (OSError, ValueError) as error:  # ValueError: a null character
        raise _as_output_error(error, said) from error


def check_output_directory(path: str | Path, option: str = "") -> None:
    """Refuse a directory that could not be made or written to; nothing is left behind.

    Args:
        path: the directory, which need not exist.
        option: what the user calls it, such as "--out", for the message.

    Raises:
        OutputError: it or a part of its path is not a directory, or may not be written to.
    """
    path = checked_path(option or "path", path)
    said = f"{option} {path}".strip()
    try:
        existing = _existing(path.absolute())
        if not existing.is_dir():
            raise OutputError(f"{said}: {existing} is not a directory")
        trial = existing / f".{secrets.token_hex(8)}.partial"
        trial.mkdir()
        trial.rmdir()
    except (OSError, ValueError) as error:
        raise _as_output_error(error, said) from error


def _existing(path: Path) -> Path:
    """The longest part of an absolute path that there is."""
    while True:
        try:
            path.lstat()
            return path
        except (FileNotFoundError, NotADirectoryError):
            path = path.parent


def _as_output_error(error: OSError | ValueError, said: str) -> OutputError:
    if isinstance(error, OutputError):
        return error
    reason = error.strerror if isinstance(error, OSError) and error.strerror else error
    return OutputError(f"{said} cannot be written: {reason}")
