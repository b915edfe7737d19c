"""What arrays a file holds, in the two formats of which several readers know a part."""

from collections.abc import Iterable
from pathlib import Path

from batchenv.body.gaitnet.hdf5_file import open_hdf5
from batchenv.errors import ConfigError, InputError
from batchenv.files import read_npz


def holds_arrays(path: Path, names: Iterable[str]) -> bool:
    """Whether an NPZ or HDF5 file holds arrays of all these names.

    Raises:
        InputError: the file cannot be read.
    """
    if path.suffix.lower() == ".npz":
        return set(names) <= set(read_npz(path, skip_objects=True))
    try:
        with open_hdf5(path) as file:
            return all(name in file for name in names)
    except ConfigError as error:
        raise InputError(str(error)) from None
