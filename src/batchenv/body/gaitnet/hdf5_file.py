"""Reading of numbers from HDF5 files that somebody else may have written."""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.body.files import MEGABYTE, check_file
from batchenv.errors import ConfigError, nearest
from batchenv.extras import import_extra

MOST_BYTES = 64 * MEGABYTE
# What h5py raises for files that are damaged or of another kind.
_DAMAGED = (
    OSError,
    RuntimeError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    MemoryError,
    OverflowError,
)


class Hdf5File:
    """An open file whose datasets lie in it, and are of bounded size."""

    def __init__(self, path: Path, file: Any):
        self._path, self._file = path, file

    def __contains__(self, name: str) -> bool:
        return name in self._file

    def numbers(self, name: str) -> np.ndarray:
        """Return a dataset as floats.

        Raises:
            ConfigError: there is none, it holds no real numbers, too many, or lies in another file.
        """
        import h5py

        names = list(self._file)
        if name not in names:
            raise ConfigError(
                f"motion file {str(self._path)!r} has no dataset {name!r}.{nearest(name, names)}"
                f" It has: {', '.join(names[:20])}."
            )
        if not isinstance(self._file.get(name, getlink=True), h5py.HardLink):
            raise self._error(name, "is a link; expected the numbers themselves")
        found = self._file[name]
        if not isinstance(found, h5py.Dataset):
            raise self._error(name, "is no dataset; expected numbers")
        if found.is_virtual or found.external:
            raise self._error(name, "lies in another file; expected the numbers themselves")
        if found.dtype.kind not in "fiu" or found.shape is None:
            raise self._error(name, f"holds no numbers, but {found.dtype}")
        for shape in (found.shape, found.chunks or ()):
            size = math.prod(shape) * max(found.dtype.itemsize, np.dtype(float).itemsize)
            if size > MOST_BYTES:
                raise self._error(
                    name, f"has a shape of {shape}; expected at most {MOST_BYTES / MEGABYTE:g} MB"
                )
        with np.errstate(
            over="ignore", invalid="ignore"
        ):  # of numbers longer than doubles; infinite ones are refused later
            return np.asarray(found[()], dtype=float)

    def _error(self, name: str, message: str) -> ConfigError:
        return ConfigError(f"motion file {str(self._path)!r}: {name} {message}.")


@contextmanager
def open_hdf5(path: Path) -> Iterator[Hdf5File]:
    """Open an HDF5 file to read datasets from it.

    Raises:
        ConfigError: it is no such file, or damaged.
        UsageError: h5py is missing.
    """
    h5py = import_extra("h5py", "a motion in HDF5")
    try:
        check_file(path, MOST_BYTES)
        with h5py.File(path, "r") as file:
            yield Hdf5File(path, file)
    except ConfigError:
        raise
    except _DAMAGED as error:
        problem = getattr(error, "strerror", None) or " ".join(str(error).split())[:200]
        raise ConfigError(f"motion file {str(path)!r} is not HDF5 that can be read: {problem}.") from None
