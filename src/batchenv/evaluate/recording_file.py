"""Reading recordings of either format."""

from pathlib import Path

import numpy as np

from batchenv.errors import InputError
from batchenv.evaluate.hdf5_file import read_hdf5
from batchenv.evaluate.recording import Recording, from_arrays, load_npz
from batchenv.evaluate.recording_layout import LAYOUT, PER_SAMPLE
from batchenv.evaluate.rollout_file import HDF5_SUFFIXES
from batchenv.files.paths import path_to_read

RECORDING_SUFFIXES = (".npz", *HDF5_SUFFIXES)


def load_recording(path: str | Path) -> Recording:
    """Read a recording from an NPZ file or an HDF5 file, also one whose writer was interrupted.

    Files may come from strangers: nothing in them is executed, no other file is read on their account, and
    they take no more memory than walks of their size do.

    Raises:
        InputError: the file is neither, is damaged, or an array is missing or wrong.
        UsageError: HDF5 files need h5py, which is not installed.
    """
    path = path_to_read("path", path)
    if path.suffix not in RECORDING_SUFFIXES:
        raise InputError(f"{path}: suffix {path.suffix!r}, expected a recording as .npz, .h5 or .hdf5")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return load_npz(path) if path.suffix == ".npz" else _load_hdf5(path)


def _load_hdf5(path: Path) -> Recording:
    arrays = read_hdf5(path, (*LAYOUT, "committed"))
    if "episode" not in arrays or arrays["episode"].ndim != 1:
        raise InputError(f"{path}: holds no samples, expected the arrays of a recording")
    committed = _committed(path, arrays.pop("committed", None), len(arrays["episode"]))
    order = np.argsort(arrays["episode"][:committed], kind="stable")
    for name in PER_SAMPLE:
        if name in arrays and arrays[name].ndim:
            if len(arrays[name]) < committed:
                raise InputError(
                    f"{path}: {name} has {len(arrays[name])} rows, expected one for each sample, {committed}"
                )
            arrays[name] = arrays[name][:committed][order]
    return from_arrays(arrays, str(path))


def _committed(path: Path, stored: np.ndarray | None, samples: int) -> int:
    """How many samples were written whole, of those that there is room for."""
    if stored is None:
        return samples
    if stored.size != 1 or stored.dtype.kind not in "iu" or not 0 <= stored.item() <= samples:
        raise InputError(f"{path}: 'committed' is {stored!r}, expected one number from 0 to {samples}")
    return int(stored.item())
