"""Safetensors files that tell when a bit of them has changed.

The metadata holds the key "sha256": the digest of the whole file with 64 zeros in the digest's place.
"""

import hashlib
import json
import stat
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load, save

_DIGEST = "sha256"
_BLANK = "0" * 64


def tensor_bytes(arrays: dict[str, np.ndarray], texts: dict[str, str]) -> bytes:
    """The contents of a file with these arrays, and texts in its metadata."""
    blank = save(arrays, {**texts, _DIGEST: _BLANK})
    return blank.replace(_entry(_BLANK), _entry(hashlib.sha256(blank).hexdigest()), 1)


def read_tensors(path: Path, most_bytes: int = 2**28) -> tuple[dict[str, np.ndarray], dict[str, str], bool]:
    """Read a safetensors file.

    Args:
        path: the file.
        most_bytes: that it may have.

    Returns:
        Arrays, texts of the metadata, and whether the file has a digest.

    Raises:
        ValueError, OSError, SafetensorError: it is no such file, damaged, or too large.
    """
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    if status.st_size > most_bytes:
        raise ValueError(f"it has {status.st_size:,} bytes, more than the {most_bytes:,} expected")
    contents = path.read_bytes()
    arrays = load(contents)
    texts = _metadata(contents)
    digest = texts.pop(_DIGEST, None)
    if digest is not None:
        blank = contents.replace(_entry(digest), _entry(_BLANK), 1)
        if hashlib.sha256(blank).hexdigest() != digest:
            raise ValueError("its SHA-256 digest is not the one that it was saved with")
    return arrays, texts, digest is not None


def _metadata(contents: bytes) -> dict[str, Any]:
    header = contents[8 : 8 + int.from_bytes(contents[:8], "little")]
    return json.loads(header).get("__metadata__") or {}


def _entry(digest: str) -> bytes:
    return f'"{_DIGEST}":"{digest}"'.encode()
