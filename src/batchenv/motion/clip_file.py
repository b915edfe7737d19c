"""Clips as batchenv's own files: NPZ archives with the arrays of a `Clip`."""

import io
from pathlib import Path

import numpy as np

from batchenv.errors import InputError, nearest
from batchenv.files import read_npz, sealed, write_atomically
from batchenv.files.paths import checked_path, path_to_read
from batchenv.motion.archives import holds_arrays
from batchenv.motion.clip import Clip

_FORMAT, _VERSION = "batchenv_clip", 1
_ARRAYS = ("times", "joint_names", "joint_pos", "root_pos", "root_quat", "loops", "source", "body")
_TEXTS = ("joint_names", "source", "body")
_MARKER, _FORCE = "marker/", "force/"


def save_clip(clip: Clip, path: str | Path) -> Path:
    """Write a clip into a file that `load_clip` reads, atomically; nothing of it is lost.

    Args:
        clip: fitted to a body or not.
        path: of the file, .npz.

    Raises:
        InputError: the name does not end with .npz.
        OutputError: the file cannot be written.
    """
    path = checked_path("path", path)
    if path.suffix != ".npz":
        raise InputError(f"{path}: expected a name that ends with .npz")
    arrays = {name: np.asarray(getattr(clip, name), str if name in _TEXTS else None) for name in _ARRAYS}
    arrays |= {_MARKER + name: place for name, place in clip.markers.items()}
    arrays |= {_FORCE + name: force for name, force in clip.forces.items()}
    buffer = io.BytesIO()
    np.savez_compressed(buffer, allow_pickle=False, **{_FORMAT: np.array(_VERSION)}, **arrays)
    write_atomically(path, lambda file: file.write(sealed(buffer.getvalue())))
    return path


def is_clip_file(path: Path) -> bool:
    """Whether an NPZ file is a clip that `save_clip` wrote."""
    return holds_arrays(path, [_FORMAT])


def load_clip(path: str | Path) -> Clip:
    """Read a clip that `save_clip` wrote; nothing in the file is executed.

    Raises:
        InputError: it is no such file, or damaged; says what it lacks.
    """
    path = path_to_read("path", path)
    arrays = read_npz(path)
    if _FORMAT not in arrays:
        raise InputError(f"{path}: no clip of batchenv; it has the arrays {', '.join(sorted(arrays)[:20])}")
    missing = [name for name in _ARRAYS if name not in arrays]
    if missing:
        raise InputError(f"{path}: the clip lacks {', '.join(missing)}")
    for name, array in arrays.items():
        kinds, expected = ("U", "text") if name in _TEXTS else ("fiub", "numbers")
        if array.dtype.kind not in kinds:
            raise InputError(f"{path}: {name} holds {array.dtype}, expected {expected}")
        if name not in (_FORMAT, *_ARRAYS) and not name.startswith((_MARKER, _FORCE)):
            raise InputError(f"{path}: array {name!r} is none of a clip.{nearest(name, _ARRAYS)}")
    return Clip(
        times=arrays["times"],
        joint_names=tuple(map(str, arrays["joint_names"].ravel())),
        joint_pos=arrays["joint_pos"],
        root_pos=arrays["root_pos"],
        root_quat=arrays["root_quat"],
        loops=bool(arrays["loops"].all()),
        source=str(arrays["source"]) or str(path),
        body=str(arrays["body"]),
        markers=_named(arrays, _MARKER),
        forces=_named(arrays, _FORCE),
    )


def _named(arrays: dict[str, np.ndarray], prefix: str) -> dict[str, np.ndarray]:
    return {name.removeprefix(prefix): value for name, value in arrays.items() if name.startswith(prefix)}
