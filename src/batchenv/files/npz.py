"""NumPy's NPZ files from strangers: no more memory than the caller allows, whatever the headers say."""

import math
import stat
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.lib import format as npy

from batchenv.errors import InputError
from batchenv.files.paths import path_to_read
from batchenv.files.seal import check_seal

_MOST_MEMBERS = 10_000
_HEADER = 10_240  # NumPy reads no longer header of a file that it does not trust [bytes]
_OVERHEAD = 2**20  # of names, headers and checksums [bytes]
_METHODS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


def read_npz(
    path: str | Path, most_bytes: int = 2**28, *, skip_objects: bool = False
) -> dict[str, np.ndarray]:
    """Read all arrays of an NPZ file; nothing in it is executed.

    What the file says of the sizes of its arrays is summed up before any of them is read; checksums of its
    members are compared, and its seal, where it has one (see `check_seal`).

    Args:
        path: the file, with any suffix.
        most_bytes: bound of all arrays together [bytes].
        skip_objects: leave out arrays of Python objects, instead of refusing the file.

    Raises:
        InputError: it is no such file, damaged, or too large; names the file.
    """
    path = path_to_read("path", path)
    try:
        status = path.stat()
        if not stat.S_ISREG(status.st_mode):
            raise ValueError("it is not a regular file")
        if status.st_size > most_bytes + _OVERHEAD:
            raise ValueError(f"it has {status.st_size:,} bytes, more than the {most_bytes:,} expected")
        with path.open("rb") as stream:
            check_seal(stream)
            with zipfile.ZipFile(stream) as archive:
                return _read_members(archive, most_bytes, skip_objects)
    except MemoryError as error:
        raise InputError(f"{path} cannot be read as an NPZ file: there is too little memory") from error
    except Exception as error:  # zipfile, zlib and NumPy raise a dozen kinds on damaged files
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise InputError(f"{path} cannot be read as an NPZ file ({reason})") from error


def _read_members(archive: zipfile.ZipFile, most_bytes: int, skip_objects: bool) -> dict[str, np.ndarray]:
    members = archive.infolist()
    if len(members) > _MOST_MEMBERS:
        raise ValueError(f"it has {len(members):,} members, more than {_MOST_MEMBERS:,}")
    total = sum(member.file_size for member in members)
    if total > most_bytes + _HEADER * len(members):
        raise ValueError(f"its arrays take {total:,} bytes, more than the {most_bytes:,} expected")
    arrays: dict[str, np.ndarray] = {}
    for member in members:
        name = member.filename.removesuffix(".npy")
        if name == member.filename:
            raise ValueError(f"its member {name!r} is no .npy file")
        if name in arrays:
            raise ValueError(f"it holds {name!r} twice")
        if member.compress_type not in _METHODS:
            raise ValueError(f"{name!r} is compressed by a method that NumPy does not use")
        try:
            with archive.open(member) as stream:
                array = _read_array(stream, member.file_size, skip_objects)  # pyright: ignore[reportArgumentType]
        except ValueError as error:
            raise ValueError(f"{name!r}: {error}") from error
        if array is not None:
            arrays[name] = array
    return arrays


def _read_array(stream: BinaryIO, size: int, skip_objects: bool) -> np.ndarray | None:
    """Read an array from a member that has `size` bytes in all; None where it holds objects to skip."""
    shape, in_columns, dtype = _read_header(stream)
    if dtype.hasobject and skip_objects:
        return None
    if dtype.hasobject:
        raise ValueError("it holds Python objects, which are not read")
    count, start = math.prod(shape), stream.tell()
    if start + count * dtype.itemsize != size:
        raise ValueError(
            f"its header promises {count:,} values of {dtype}, {count * dtype.itemsize:,} bytes, "
            f"but {size - start:,} follow"
        )
    data = stream.read(size - start)
    if len(data) != size - start or stream.read(1):  # the last read compares the checksum
        raise ValueError("it is truncated")
    array = np.frombuffer(bytearray(data), dtype, count)
    return array.reshape(shape, order="F" if in_columns else "C")


def _read_header(stream: BinaryIO) -> tuple[tuple[int, ...], bool, Any]:
    version = npy.read_magic(stream)
    if version == (1, 0):
        return npy.read_array_header_1_0(stream)
    if version == (2, 0):
        return npy.read_array_header_2_0(stream)
    raise ValueError(f"version {version} of NumPy's format is not read")
