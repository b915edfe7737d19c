"""The directory of a training run, which one process at a time may write to."""

import errno
import fcntl
import itertools
import logging
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from batchenv.errors import CheckpointError, OutputError
from batchenv.files.atomic import remove_partials
from batchenv.files.paths import checked_path

_log = logging.getLogger(__name__)

LOCK_FILE = ".lock"
_FLAGS = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_UNSUPPORTED = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


class RunDirectory:
    """A directory, made where it does not exist, and locked until `close`.

    The kernel holds the lock (`flock`) for this process and forgets it with the process, however that ends.
    A directory that was made here, and that nothing was put into, is removed again.

    Args:
        path: the directory.
        new: whether it must not exist yet.

    Raises:
        CheckpointError: another process trains in it.
        OutputError: it cannot be made, or may not be written to.
        FileExistsError: it exists, and must not.
    """

    def __init__(self, path: str | Path, *, new: bool = False):
        self.path, self._lock = checked_path("path", path), -1
        places = [self.path, *self.path.parents]
        self._made = list(itertools.takewhile(lambda place: not os.path.exists(place), places))
        try:
            self.path.mkdir(parents=True, exist_ok=not new)
            self._lock = _locked(self.path)
        except OSError as error:
            if isinstance(error, OutputError) or (new and isinstance(error, FileExistsError)):
                raise
            is_file = os.path.exists(self.path) and not self.path.is_dir()
            reason = "it is a file" if is_file else error.strerror
            raise OutputError(f"{path} cannot be the directory of a run: {reason}") from error

    @classmethod
    def numbered(cls, path: Path) -> "RunDirectory":
        """Make a directory of this name, or, where that exists, of the name with -2, -3, ... after it."""
        for number in itertools.count(1):
            try:
                return cls(path if number == 1 else path.with_name(f"{path.name}-{number}"), new=True)
            except FileExistsError:
                continue
        raise AssertionError

    def remove_partials(self, names: tuple[str, ...]) -> None:
        """Remove what killed processes left behind when they wrote these files."""
        for name in names:
            remove_partials(self.path / name)

    def close(self) -> None:
        """Unlock the directory."""
        if self._lock < 0:
            return
        if self.path in self._made and os.listdir(self.path) == [LOCK_FILE]:
            (self.path / LOCK_FILE).unlink()
            for directory in self._made:
                if any(directory.iterdir()):
                    break
                directory.rmdir()
        os.close(self._lock)
        self._lock = -1

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def _locked(directory: Path) -> int:
    """Lock a directory, by a file in it; the file's descriptor holds the lock."""
    while True:
        descriptor = os.open(directory / LOCK_FILE, _FLAGS, 0o666)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Between the two calls, its owner may have removed the file.
            if os.path.samestat(os.fstat(descriptor), os.stat(directory / LOCK_FILE)):
                return descriptor
        except FileNotFoundError:
            pass
        except BlockingIOError as error:
            os.close(descriptor)
            raise CheckpointError(
                f"{directory} is in use: another process trains in it; wait until it has ended, "
                "or choose another directory"
            ) from error
        except OSError as error:
            if error.errno in _UNSUPPORTED:
                _log.warning("%s cannot be locked (%s): start no second run in it", directory, error.strerror)
                return descriptor
            os.close(descriptor)
            raise
        os.close(descriptor)
