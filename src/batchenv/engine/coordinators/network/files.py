"""Parameters of muscle networks in files."""

from pathlib import Path
from typing import Any

from batchenv.errors import InputError
from batchenv.files import read_npz, read_torch

SUFFIXES = (".npz", ".pt", ".pth")


def read_state(file: Path) -> dict[str, Any]:
    """Read the parameters of a network, not yet checked against any layout.

    Args:
        file: NumPy's ".npz" with the keys of a state dict, or a state dict saved by Torch (".pt", ".pth"),
            for which Torch must be installed. Nothing in either is executed, and a quarter of a gigabyte is
            the most that is read; the largest networks of `MuscleNetLayout` take less.

    Raises:
        InputError: it is neither, is damaged, or cannot be read.
    """
    if file.suffix == ".npz":
        return read_npz(file)
    if file.suffix not in SUFFIXES:
        raise InputError(f"{file} has suffix {file.suffix!r}; expected one of {', '.join(SUFFIXES)}")
    state = read_torch(file, "a state dict of Torch")
    if not isinstance(state, dict):
        raise InputError(f"{file} holds {type(state).__name__}, expected a state dict")
    return state
