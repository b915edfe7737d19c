"""Parameters of muscle networks in files."""

import pickle
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.errors import InputError

SUFFIXES = (".npz", ".pt", ".pth")


def read_state(file: Path) -> dict[str, Any]:
    """Read the parameters of a network, not yet checked against any layout.

    Args:
        file: NumPy's ".npz" with the keys of a state dict, or a state dict saved by Torch (".pt", ".pth"),
            for which Torch must be installed. Nothing in either is executed.

    Raises:
        InputError: it is neither, or cannot be read.
    """
    if file.suffix == ".npz":
        return _read_npz(file)
    if file.suffix in SUFFIXES:
        return _read_torch(file)
    raise InputError(f"{file} has suffix {file.suffix!r}; expected one of {', '.join(SUFFIXES)}")


def _read_npz(file: Path) -> dict[str, Any]:
    try:
        with file.open("rb") as stream, np.load(stream, allow_pickle=False) as arrays:
            return {name: arrays[name] for name in arrays.files}
    except (zipfile.BadZipFile, OSError, EOFError, ValueError, AttributeError) as error:
        raise InputError(f"{file} cannot be read as an NPZ file ({error})") from error


def _read_torch(file: Path) -> dict[str, Any]:
    try:
        import torch
    except ImportError as error:
        raise InputError(f"{file} was written by Torch, which is not installed; give an .npz file") from error
    try:
        state = torch.load(file, map_location="cpu", weights_only=True)
    except (RuntimeError, pickle.UnpicklingError, EOFError, OSError, ValueError, KeyError) as error:
        raise InputError(f"{file} cannot be read as a state dict of Torch ({error})") from error
    if not isinstance(state, dict):
        raise InputError(f"{file} holds {type(state).__name__}, expected a state dict")
    return state
