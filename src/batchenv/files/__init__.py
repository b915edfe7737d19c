"""Files: written whole or not at all, and read without trust in what they say of themselves."""

from batchenv.files.atomic import check_writable, write_atomically
from batchenv.files.npz import read_npz
from batchenv.files.outputs import check_output_directory, check_output_file
from batchenv.files.seal import check_seal, sealed
from batchenv.files.torch_file import read_torch

__all__ = [
    "check_output_directory",
    "check_output_file",
    "check_seal",
    "check_writable",
    "read_npz",
    "read_torch",
    "sealed",
    "write_atomically",
]
