"""An HDF5 file that grows, on a disk that may be full.

HDF5 crashes where it cannot write. So room on the disk is taken before it writes, where a lack of it is an
error like any other, and what was not needed is given back in the end.
"""

import os
from pathlib import Path
from secrets import token_hex
from typing import Any

from batchenv.errors import OutputError
from batchenv.evaluate.hdf5_file import SUPERBLOCK_BYTES, end_of_data, h5py_module
from batchenv.files import check_output_file

_HEADERS = 1 << 17  # more than HDF5 needs at once for what is not data: headers, indices [bytes]


class Hdf5Output:
    """A new HDF5 file, which takes its name when it is worth it.

    Args:
        path: its name; an older file keeps it until `publish`.

    Raises:
        OutputError: no such file can be written.
        UsageError: h5py is not installed.

    Attributes:
        file: of h5py.
    """

    def __init__(self, path: Path):
        h5py = h5py_module()
        check_output_file(path, room=_HEADERS)
        self._path = path
        # Nobody can place a file or a link at a random name that must be new.
        self._partial: Path | None = path.with_name(f".{path.name}.{token_hex(8)}.partial")
        self.file: Any = h5py.File(self._partial, "x", libver="latest")
        self._disk = os.dup(self.file.id.get_vfd_handle())

    def take_room(self, size: int) -> None:
        """Have the disk set aside `size` bytes, and what HDF5 adds to them; call this before it writes.

        Raises:
            OutputError: the disk has no room, or fails.
        """
        if not hasattr(os, "posix_fallocate"):
            return
        try:
            os.posix_fallocate(self._disk, self.file.id.get_filesize(), size + _HEADERS)
        except OSError as error:
            raise OutputError(f"{self._path} cannot be written: {error.strerror}") from error

    def publish(self) -> None:
        """Give the file its name, in the place of an older one."""
        if self._partial is not None:
            os.replace(self._partial, self._path)
            self._partial = None

    def close(self) -> None:
        """Close the file; one that was not published is removed."""
        try:
            self.file.close()
            end = end_of_data(os.pread(self._disk, SUPERBLOCK_BYTES, 0))
            if end is not None and end < os.fstat(self._disk).st_size:
                os.truncate(self._disk, end)
        finally:
            os.close(self._disk)
            if self._partial is not None:
                self._partial.unlink(missing_ok=True)
