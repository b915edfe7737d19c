"""Reading of motions of any format, and how a reader of one more is added."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Literal

import numpy as np

from batchenv.arrays import shown
from batchenv.errors import InputError, nearest
from batchenv.files.paths import file_to_read, path_to_read
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
        heeds: names of the options that `read` looks at; others are refused. None: all of them.
    """

    name: str
    suffixes: tuple[str, ...]
    read: Callable[[Path, ReadOptions], Clip]
    matches: Callable[[Path], bool] = lambda path: True
    heeds: tuple[str, ...] | None = None


LARGEST_ANGLE = 4 * math.pi  # [rad]: no joint turns that far; in degrees they do
_LEAST_RATE = 1.0 - 1e-6  # samples a second
_LARGEST_SPEED, _LARGEST_HEIGHT = 50.0, 100.0  # of a pelvis [m/s], [m]

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
        InputError: no reader knows the file, it lacks something, or an option is given that its format does
            not heed; says which.
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
    file_to_read("file", path)
    given = _checked_options(options)
    for reader in readers:
        if reader.matches(path):
            _check_heeded(path, reader, given)
            return _plausible(reader.read(path, given))
    raise InputError(
        f"{path}: its contents are none of {'; '.join(reader.name for reader in reversed(readers))}"
    )


def _checked_options(options: dict[str, object]) -> ReadOptions:
    """Options of `read_motion`.

    Raises:
        InputError: one is of another type.
    """
    for name, kind in (("unit", float), ("rate", float), ("rest_frame", int), ("episode", int)):
        value = options.get(name)
        whole = type(value) is int or isinstance(value, np.integer)
        if value is None or whole or (kind is float and isinstance(value, float | np.floating)):
            continue
        raise InputError(f"{name} is {shown(value)}; expected a {'whole ' if kind is int else ''}number")
    if options.get("up") not in (None, "x", "y", "z"):
        raise InputError(f"up is {shown(options['up'])}; expected x, y or z")
    joints, skeleton = options.get("joints"), options.get("skeleton")
    pairs = joints.items() if isinstance(joints, Mapping) else [(joints, joints)]
    if joints is not None and not all(isinstance(word, str) for pair in pairs for word in pair):
        raise InputError(
            f'joints is {shown(joints)}; expected names by segment, such as {{"femur_r": "RightUpLeg"}}'
        )
    if skeleton is not None:
        options = options | {"skeleton": path_to_read("skeleton", skeleton)}
    return ReadOptions(**options)  # pyright: ignore[reportArgumentType]


def _check_heeded(path: Path, reader: Reader, options: ReadOptions) -> None:
    """InputError where an option is given that a reader does not look at."""
    for item in fields(ReadOptions):
        value = getattr(options, item.name)
        if reader.heeds is None or item.name in reader.heeds or value == item.default:
            continue
        heeded = ", ".join(map(_flag, reader.heeds)) or "none"
        raise InputError(
            f"{path}: {_flag(item.name)}, in Python {item.name}=, is {shown(value)}, and means nothing for"
            f" {reader.name}; leave it out. Options for it: {heeded}"
        )


def _flag(option: str) -> str:
    """What an option of `ReadOptions` is called on the command line."""
    return "--hz" if option == "rate" else f"--{option.replace('_', '-')}"


def _plausible(clip: Clip) -> Clip:
    """Return a clip as read; refuse what no human does, where units are wrong.

    Raises:
        InputError: says which unit is expected.
    """
    if clip.body:
        return clip
    where, pace = clip.source or "a clip", np.linalg.norm(np.diff(clip.root_pos, axis=0), axis=1)
    if clip.rate < _LEAST_RATE:
        raise InputError(
            f"{where}: {len(clip.times)} samples in {clip.duration:g} s; expected one a second at least, and"
            " times in seconds"
        )
    largest = np.abs(clip.joint_pos).max(axis=0)
    if largest.size and largest.max() > LARGEST_ANGLE:
        name = clip.joint_names[int(largest.argmax())]
        raise InputError(
            f"{where}: joint {name} reaches {largest.max():g} rad, as if it were in degrees; expected"
            " radians, or in OpenSim's files a header with inDegrees=yes"
        )
    speed, height = float(np.median(pace / np.diff(clip.times))), float(np.median(clip.root_pos[:, 2]))
    if speed > _LARGEST_SPEED or abs(height) > _LARGEST_HEIGHT:
        raise InputError(
            f"{where}: its pelvis is {height:g} m high and moves at {speed:g} m/s; expected metres and"
            " seconds"
        )
    return clip
