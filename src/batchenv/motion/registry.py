"""Reading of motions of any format, and how a reader of one more is added."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

from batchenv.errors import InputError, nearest
from batchenv.files.paths import is_file, path_to_read
from batchenv.motion.clip import Clip


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """What a file may leave open; each reader heeds those that concern it.

    Attributes:
        unit: of lengths [m]; None: told by the length of the legs, see `batchenv.motion.hierarchy`.
        rate: samples a second, where the file has no times [Hz].
        rest_frame: frame in which the actor stands in T-pose, where the rest pose of the file is none of a
            person.
        joints: the file's joint for each segment, such as {"femur_r": "RightUpLeg"}, where it uses other
            names.
        skeleton: file of the skeleton that a motion belongs to: an ASF file for AMC, GaitNet's for its poses.
        episode: which of several motions in a file, counted from 0.
        up: axis that points up in a file of markers; None: y in TRC, z in C3D.
    """

    unit: float | None = None
    rate: float | None = None
    rest_frame: int | None = None
    joints: dict[str, str] | None = None
    skeleton: Path | None = None
    episode: int = 0
    up: Literal["x", "y", "z"] | None = None


@dataclass(frozen=True)
class Reader:
    """A format of motion files.

    Attributes:
        name: of the format, for messages.
        suffixes: of its files, in lower case.
        read: makes a clip of common names and frame, see `Clip`, or raises InputError.
        matches: whether a file with the suffix is of this format; for suffixes that several formats share.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, ReadOptions], Clip]
    matches: Callable[[Path], bool] = lambda path: True


_READERS: list[Reader] = []


def register_reader(reader: Reader) -> None:
    """Add a format; of several that match a file, the one added last reads it."""
    if not isinstance(reader, Reader) or not all(suffix.startswith(".") for suffix in reader.suffixes):
        raise InputError(f"reader {reader!r}: expected a Reader with suffixes such as '.bvh'")
    _READERS.insert(0, reader)


def suffixes() -> tuple[str, ...]:
    """Suffixes of all formats that can be read, in lower case."""
    return tuple(sorted({suffix for reader in _READERS for suffix in reader.suffixes}))


def read_motion(file: str | Path, **options: object) -> Clip:
    """Read a motion of any format into a clip.

    Args:
        file: its suffix, and for .npz and .h5 its contents, say which format.
        options: fields of `ReadOptions`.

    Returns:
        A clip of common names and frame; one that `save_clip` wrote stays as it was. A file of markers gives
        a clip without joints, for `solve_markers`.

    Raises:
        InputError: no reader knows the file, or it lacks something; says what.
        UsageError: a package that the format needs is not installed.
    """
    known = [item.name for item in fields(ReadOptions)]
    for name in options:
        if name not in known:
            raise InputError(f"option {name!r}: expected some of {', '.join(known)}.{nearest(name, known)}")
    path = path_to_read("file", file)
    suffix = path.suffix.lower()
    readers = [reader for reader in _READERS if suffix in reader.suffixes]
    if not readers:
        raise InputError(
            f"{path}: suffix {path.suffix!r}; motions are read from {', '.join(suffixes())}."
            f"{nearest(suffix, suffixes())}"
        )
    if not is_file(path):
        raise InputError(f"{path}: no such file")
    for reader in readers:
        if reader.matches(path):
            return reader.read(path, ReadOptions(**options))  # pyright: ignore[reportArgumentType]
    raise InputError(
        f"{path}: its contents are none of {', '.join(reader.name for reader in reversed(readers))}"
    )
