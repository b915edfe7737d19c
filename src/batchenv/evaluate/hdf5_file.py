"""HDF5 files from strangers and from writers that were killed, read without trust in what they say."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.errors import InputError
from batchenv.extras import import_extra

_SIGNATURE = b"\x89HDF\r\n\x1a\n"
# In a superblock of version 3 with addresses of 8 bytes.
_VERSION_AT, _MARK_AT, _END_AT, _CHECKSUM_AT = 8, 11, 28, 44
SUPERBLOCK_BYTES = 48
_FILTERS = {1: "gzip", 2: "shuffle", 3: "fletcher32", 32000: "lzf"}
_MOST_ENTRIES = 1000
_LEAST_BYTES = 2**27  # that the arrays of any file may take
_RATIO = 20  # how often larger than its file they may be beyond that; walks are 1.1 to 3 times as large


def h5py_module() -> Any:
    """Return h5py.

    Raises:
        UsageError: it is not installed.
    """
    return import_extra("h5py", "an HDF5 file")


def most_bytes(path: Path) -> int:
    """Bytes that the arrays of a file may take in memory, whatever it says they are."""
    return max(_LEAST_BYTES, _RATIO * path.stat().st_size)


def read_hdf5(path: Path, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Read some datasets of the root group, those that are there.

    Links, virtual datasets and datasets in other files are refused, and so are arrays whose declared sizes
    are out of proportion to the file. A file that a killed writer left marked as being written is read as if
    it had been closed then.

    Raises:
        InputError: the file is damaged, or holds what is not read; names the file.
        UsageError: h5py is not installed.
    """
    h5py = h5py_module()
    try:
        with path.open("rb", buffering=0) as raw, h5py.File(_Unmarked(raw), "r") as file:
            return _read(h5py, file, names, most_bytes(path))
    except MemoryError as error:
        raise InputError(f"{path}: not a readable HDF5 file (there is too little memory)") from error
    except Exception as error:  # h5py raises a dozen kinds on damaged files
        raise InputError(f"{path}: not a readable HDF5 file ({error})") from error


def _read(h5py: Any, file: Any, names: Sequence[str], most: int) -> dict[str, np.ndarray]:
    if len(file) > _MOST_ENTRIES:
        raise ValueError(f"it has {len(file):,} entries, more than {_MOST_ENTRIES:,}")
    for entry in file:
        if not isinstance(file.get(entry, getlink=True), h5py.HardLink):
            raise ValueError(f"its entry {entry!r} is a link, which is not followed")
    datasets = {name: _checked(h5py, file, name) for name in names if name in file}
    total = sum(dataset.size * max(8, dataset.dtype.itemsize) for dataset in datasets.values())
    if total > most:
        raise ValueError(f"its arrays would take {total:,} bytes, more than {most:,} for a file of its size")
    return {name: _plain(np.asarray(dataset[()])) for name, dataset in datasets.items()}


def _plain(array: np.ndarray) -> np.ndarray:
    """Numbers as they are, texts decoded."""
    return np.char.decode(array.astype("S")) if array.dtype.kind in "OS" else array


def _checked(h5py: Any, file: Any, name: str) -> Any:
    """The dataset of a name, which holds its own numbers or texts."""
    dataset = file[name]
    if not isinstance(dataset, h5py.Dataset):
        raise ValueError(f"{name!r} is no dataset")
    if dataset.is_virtual or dataset.external:
        raise ValueError(f"{name!r} holds data of other files, which are not read")
    if dataset.shape is None or math.prod(dataset.shape) > 2**40:
        raise ValueError(f"{name!r} has the shape {dataset.shape}")
    if dataset.dtype.kind == "O" and (
        h5py.check_string_dtype(dataset.dtype) is None or dataset.size > 10_000
    ):
        raise ValueError(f"{name!r} holds neither numbers nor a few texts, but {dataset.dtype}")
    properties = dataset.id.get_create_plist()
    for index in range(properties.get_nfilters()):
        if (number := properties.get_filter(index)[0]) not in _FILTERS:
            raise ValueError(
                f"{name!r} is compressed by filter {number}, expected {', '.join(_FILTERS.values())}"
            )
    return dataset


def end_of_data(superblock: bytes) -> int | None:
    """Where the data of a file end, by its first `SUPERBLOCK_BYTES` bytes; None where they do not say."""
    known = superblock[:8] == _SIGNATURE and len(superblock) >= SUPERBLOCK_BYTES
    if not (known and superblock[_VERSION_AT] in (2, 3) and superblock[_VERSION_AT + 1] == 8):
        return None
    return int.from_bytes(superblock[_END_AT : _END_AT + 8], "little")


class _Unmarked(io.RawIOBase):
    """A file without the mark that it is being written, which a killed writer leaves.

    HDF5 reads a file with the mark only as one whose writer is alive, and then waits for ever where a part of
    it is damaged. Without it, damage is an error at once.
    """

    def __init__(self, raw: io.RawIOBase):
        self._raw = raw
        self._size = raw.seek(0, io.SEEK_END)
        raw.seek(0)
        head = bytearray(raw.read(SUPERBLOCK_BYTES) or b"")
        marked = head[:8] == _SIGNATURE and len(head) == SUPERBLOCK_BYTES
        marked = marked and head[_VERSION_AT] == 3 and head[_VERSION_AT + 1] == 8 and head[_MARK_AT] != 0
        if marked and int.from_bytes(head[_CHECKSUM_AT:], "little") == lookup3(bytes(head[:_CHECKSUM_AT])):
            head[_MARK_AT] = 0
            head[_CHECKSUM_AT:] = lookup3(bytes(head[:_CHECKSUM_AT])).to_bytes(4, "little")
        self._head = bytes(head)
        raw.seek(0)

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        return self._raw.seek(offset, whence)

    def tell(self) -> int:
        return self._raw.tell()

    def readinto(self, buffer: Any, /) -> int:
        start, view = self._raw.tell(), memoryview(buffer).cast("B")
        count = self._raw.readinto(view) or 0
        if start < len(self._head) and count:
            own = self._head[start : start + count]
            view[: len(own)] = own
        return count


def lookup3(data: bytes) -> int:
    """HDF5's checksum of metadata: Bob Jenkins' hashlittle, lookup3.c (2006), public domain.

    >>> hex(lookup3(b"Four score and seven years ago"))
    '0x17770551'
    """
    a = b = c = (0xDEADBEEF + len(data)) & 0xFFFFFFFF
    padded = data + bytes(-len(data) % 12) if data else b""
    words = [int.from_bytes(padded[i : i + 4], "little") for i in range(0, len(padded), 4)]
    for i in range(0, len(words), 3):
        a, b, c = (x + y & 0xFFFFFFFF for x, y in zip((a, b, c), words[i : i + 3], strict=True))
        a, b, c = _mixed(a, b, c) if i + 3 < len(words) else _mixed_last(a, b, c)
    return c


def _mixed(a: int, b: int, c: int) -> tuple[int, int, int]:
    for shift in (4, 6, 8, 16, 19, 4):
        a = ((a - c) ^ _rotated(c, shift)) & 0xFFFFFFFF
        c = (c + b) & 0xFFFFFFFF
        a, b, c = b, c, a
    return a, b, c


def _mixed_last(a: int, b: int, c: int) -> tuple[int, int, int]:
    for shift in (14, 11, 25, 16, 4, 14, 24):
        c = ((c ^ b) - _rotated(b, shift)) & 0xFFFFFFFF
        a, b, c = b, c, a
    return c, a, b  # seven turns of three are one too many


def _rotated(x: int, by: int) -> int:
    return (x << by | x >> 32 - by) & 0xFFFFFFFF
