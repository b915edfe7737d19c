"""Reading of files that somebody else may have written: regular files of bounded size, and nothing else."""

import errno
import os
import stat
from pathlib import Path

MEGABYTE = 1_000_000


def read_file(path: Path, most: int) -> bytes:
    """Return the bytes of a regular file.

    Args:
        path: of the file.
        most: largest size [bytes].

    Raises:
        OSError: see `check_file`.
    """
    check_file(path, most)
    with open(path, "rb", opener=_open_at_once) as stream:
        data = stream.read(most + 1)
    if len(data) > most:  # those of /proc are longer than they say
        raise OSError(errno.EFBIG, f"larger than {most / MEGABYTE:g} MB")
    return data


def check_file(path: Path, most: int) -> None:
    """Check that a path leads to a regular file of bounded size.

    A pipe or a device could keep its reader waiting, or feed it without end.

    Raises:
        OSError: it is missing, no regular file, or larger; `strerror` says which.
    """
    try:
        status = path.stat()
    except ValueError as error:  # a path with a NUL character, or with half of a surrogate pair
        raise OSError(errno.EINVAL, f"no path of a file ({error})") from None
    if stat.S_ISDIR(status.st_mode):
        raise OSError(errno.EISDIR, "a directory")
    if not stat.S_ISREG(status.st_mode):
        raise OSError(errno.EINVAL, "no regular file")
    if status.st_size > most:
        raise OSError(errno.EFBIG, f"larger than {most / MEGABYTE:g} MB")


def _open_at_once(path: str, flags: int) -> int:
    """Open without waiting, should the path have become a pipe."""
    return os.open(path, flags | os.O_NONBLOCK)
