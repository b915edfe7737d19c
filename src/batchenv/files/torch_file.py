"""Files of `torch.save` from strangers: plain data and tensors, of no more bytes than the caller allows."""

import math
import pickle
import re
import stat
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

from batchenv.errors import InputError
from batchenv.files.seal import check_seal

_MOST_ITEMS = 200_000
_MOST_PICKLED = 2**24  # of a ZIP archive's member that is unpickled, without the tensors [bytes]


def read_torch(path: Path, kind: str, most_bytes: int = 2**28) -> Any:
    """Read what `torch.save` wrote; nothing in it is executed (Torch's `weights_only`).

    Args:
        path: the file.
        kind: of file that it should be, for messages: "a checkpoint".
        most_bytes: bound of the file, and of all its tensors together [bytes].

    Returns:
        Dicts, lists, tuples, texts and numbers, and dense tensors in the CPU's memory.

    Raises:
        InputError: it is no such file, damaged, or too large, or Torch is not installed; names the file.
    """
    try:
        import torch
    except ImportError as error:
        raise InputError(f"{path}: only Torch reads such files, and it is not installed") from error
    try:
        _check_status(path, most_bytes)
        with path.open("rb") as stream:
            _check_archive(stream)
            contents = torch.load(stream, map_location="cpu", weights_only=True)
        _check_contents(contents, most_bytes)
    except Exception as error:  # Torch raises errors of a dozen kinds on files that are not its own
        raise InputError(f"{path} cannot be read as {kind} ({_reason(error)})") from error
    return contents


def _reason(error: Exception) -> str:
    """One line; Torch's advice to switch its safeguard off is left out."""
    if isinstance(error, MemoryError):
        return "there is too little memory"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, pickle.UnpicklingError):
        code = re.search(r"GLOBAL (\S+)", str(error))
        return f"it asks for {code[1]}, which is not run" if code else "it is not plain data that Torch saved"
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _check_status(path: Path, most_bytes: int) -> None:
    status = path.stat()
    if not stat.S_ISREG(status.st_mode):
        raise ValueError("it is not a regular file")
    if status.st_size > most_bytes:
        raise ValueError(f"it has {status.st_size:,} bytes, more than the {most_bytes:,} expected")


def _check_archive(stream: BinaryIO) -> None:
    """Refuse a ZIP archive that is damaged, or whose members take more memory than the file has bytes.

    Before version 1.6, Torch wrote pickles without an archive; they have no checksums to compare.
    """
    start = stream.read(4)
    size = stream.seek(0, 2)
    stream.seek(0)
    if start != b"PK\x03\x04":
        return
    is_sealed = check_seal(stream)
    with zipfile.ZipFile(stream) as archive:
        members = archive.infolist()
        if any(member.compress_type != zipfile.ZIP_STORED for member in members):
            raise ValueError("it is compressed, which Torch's files are not")
        if sum(member.file_size for member in members) > size:
            raise ValueError("its members are larger than the file")
        if any(m.filename.endswith(".pkl") and m.file_size > _MOST_PICKLED for m in members):
            raise ValueError(f"it has more than {_MOST_PICKLED:,} bytes beside its tensors")
        if not is_sealed and (bad := archive.testzip()) is not None:
            raise ValueError(f"its member {bad!r} is damaged")
    stream.seek(0)


def _check_contents(contents: Any, most_bytes: int) -> None:
    """Refuse what is neither plain data nor an honest tensor: one that has all the numbers that it claims."""
    import torch

    waiting, items, total = [contents], 0, 0
    while waiting:
        value = waiting.pop()
        items += 1
        if items > _MOST_ITEMS:
            raise ValueError(f"it holds more than {_MOST_ITEMS:,} values, or itself")
        if isinstance(value, dict):
            waiting.extend(value.values())
            if not all(isinstance(key, str | int) for key in value):
                raise ValueError("it has a key that is neither a text nor a number")
        elif isinstance(value, list | tuple):
            waiting.extend(value)
        elif isinstance(value, torch.Tensor):
            if value.layout != torch.strided or value.device.type != "cpu" or value.is_quantized:
                raise ValueError("it has a tensor that is sparse, quantized or without data")
            size = math.prod(value.shape) * value.element_size()
            total += size
            if size > value.untyped_storage().nbytes() or total > most_bytes:
                raise ValueError(f"it has a tensor of shape {tuple(value.shape)} without so much data")
        elif not (value is None or isinstance(value, str | bool | int | float)):
            raise ValueError(f"it holds a {type(value).__name__}, which is not read")
