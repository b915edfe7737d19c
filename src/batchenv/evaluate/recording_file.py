"""Reading recordings of any format."""

from pathlib import Path

import numpy as np

from batchenv.errors import InputError
from batchenv.evaluate.hdf5_file import read_hdf5
from batchenv.evaluate.opensim_input import load_opensim
from batchenv.evaluate.recording import Recording, from_arrays, load_npz
from batchenv.evaluate.recording_layout import LAYOUT, PER_SAMPLE
from batchenv.evaluate.rollout_file import HDF5_SUFFIXES
from batchenv.files.paths import file_to_read, path_to_read
from batchenv.motion.opensim_table import OPENSIM_SUFFIXES

RECORDING_SUFFIXES = (".npz", *HDF5_SUFFIXES, *OPENSIM_SUFFIXES)


def load_recording(
    path: str | Path, *, forces: str | Path | None = None, mass: float | None = None
) -> Recording:
    """Read a recording: an NPZ file, an HDF5 file, also one whose writer was interrupted, or OpenSim's files.

    Files may come from strangers: nothing in them is executed, no other file is read on their account, and
    they take no more memory than walks of their size do.

    Args:
        path: .npz, .h5 or .hdf5 with the arrays of `LAYOUT`; or a motion of OpenSim, .mot or .sto.
        forces: file of ground forces of a motion; by default the one of its name with _grf at the end.
        mass: of the body of a motion [kg], where its header does not say it.

    Raises:
        InputError: the file is none of these, is damaged, or an array is missing or wrong.
        UsageError: HDF5 files need h5py, which is not installed.
    """
    path = path_to_read("path", path)
    suffix = path.suffix.lower()  # laboratories write .MOT, too
    if suffix not in RECORDING_SUFFIXES:
        raise InputError(
            f"{path}: suffix {path.suffix!r}, expected a recording as {', '.join(RECORDING_SUFFIXES)}"
        )
    file_to_read("path", path)
    if suffix in OPENSIM_SUFFIXES:
        return load_opensim(path, None if forces is None else path_to_read("forces", forces), mass)
    for name, value in (("forces", forces), ("mass", mass)):
        if value is not None:
            raise InputError(f"{path}: {name} is for a motion of OpenSim; this file holds its own")
    return load_npz(path) if suffix == ".npz" else _load_hdf5(path)


def _load_hdf5(path: Path) -> Recording:
    arrays = read_hdf5(path, (*LAYOUT, "committed"))
    stored = arrays.pop("committed", None)
    if "episode" not in arrays:
        return from_arrays(arrays, str(path))  # says all that is missing, and the layout
    if arrays["episode"].ndim != 1:
        raise InputError(f"{path}: 'episode' has the shape {arrays['episode'].shape}, expected (T,)")
    committed = _committed(path, stored, len(arrays["episode"]))
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
