"""ZIP archives, such as Torch and NumPy write, that tell when a bit of them has changed.

The seal is the archive's comment, its last bytes: "batchenv sha256 " and the digest of all bytes before. Any
program that reads ZIP archives reads sealed ones.
"""

import hashlib
import os
import struct
from typing import BinaryIO

_PREFIX = b"batchenv sha256 "
_SIZE = len(_PREFIX) + 64
_END_MARK = b"PK\x05\x06"
_END_SIZE = 22  # of the last record of a ZIP archive, which ends with the length of the comment
_NO_COMMENT = b"\0\0"
_PIECE = 2**20


def sealed(archive: bytes) -> bytes:
    """Append a seal to a ZIP archive that has no comment yet."""
    assert archive[-_END_SIZE:].startswith(_END_MARK), "this is not a ZIP archive, or one with a comment"
    body = archive[:-2] + struct.pack("<H", _SIZE)
    return body + _PREFIX + hashlib.sha256(body).hexdigest().encode()


def check_seal(stream: BinaryIO) -> bool:
    """Compare an archive with its seal; the stream is read in pieces, and left at its beginning.

    Returns:
        Whether it has a seal.

    Raises:
        ValueError: the archive has changed since it was sealed, or does not end as a ZIP archive.
    """
    size = stream.seek(0, os.SEEK_END)
    stream.seek(max(0, size - _SIZE))
    ending = stream.read()
    stream.seek(0)
    if not ending.startswith(_PREFIX):
        if not ending[-_END_SIZE:].startswith(_END_MARK) or not ending.endswith(_NO_COMMENT):
            raise ValueError("it does not end as a ZIP archive")
        return False
    digest, left = hashlib.sha256(), size - _SIZE
    while left and (piece := stream.read(min(left, _PIECE))):
        digest.update(piece)
        left -= len(piece)
    stream.seek(0)
    if ending[len(_PREFIX) :] != digest.hexdigest().encode():
        raise ValueError("its SHA-256 digest is not the one that it was saved with")
    return True
