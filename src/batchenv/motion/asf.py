"""Motions of Acclaim, as CMU's archive has them: a skeleton in ASF, and rotations of its bones in AMC."""

import math
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from batchenv.body.files import MEGABYTE, read_file
from batchenv.body.gaitnet.rotations import matrix_from_vector
from batchenv.errors import InputError, nearest
from batchenv.motion.clip import Clip
from batchenv.motion.hierarchy import Hierarchy, clip_of_hierarchy
from batchenv.motion.registry import ReadOptions

Array = np.ndarray

CMU_RATE = 120.0  # no file says its rate; CMU's are of 120 frames a second [Hz]
_MOST_BYTES = 64 * MEGABYTE
_AXES = {"x": 0, "y": 1, "z": 2}
_ROOT = "root"
_LARGEST = 1e6  # no angle in degrees and no length is larger, in any unit


@dataclass
class _Bone:
    """A bone with a joint at its upper end; angles turn about fixed axes, the first of them first.

    Attributes:
        direction: of the bone in the world, in the rest pose (3,).
        length: of the bone.
        axis: rotation of the axes of its joint (3, 3).
        order: what its numbers in an AMC file are: rx, ry, rz, tx, ty, tz.
        children: names of bones at its lower end.
    """

    direction: Array = field(default_factory=lambda: np.zeros(3))
    length: float = 0.0
    axis: Array = field(default_factory=lambda: np.eye(3))
    order: list[str] = field(default_factory=list)
    children: list[str] = field(default_factory=list)


def read_amc(path: Path, options: ReadOptions) -> Clip:
    """Read an AMC file and the ASF file of its skeleton.

    The skeleton is `options.skeleton`, or the file beside it with the same name, or with that before the "_"
    as 02.asf for 02_01.amc, or else the only one there. Frames are 120 a second, or `options.rate`.

    Raises:
        InputError: a file is missing or damaged; says the line.
    """
    bones = _read_asf(options.skeleton or _skeleton_beside(path))
    frames = _read_frames(path, bones)
    rate = CMU_RATE if options.rate is None else options.rate
    if not 1.0 <= rate <= 1e5:
        raise InputError(f"rate is {rate!r}; expected a number of frames a second from 1 to 1e5")
    return clip_of_hierarchy(_hierarchy(str(path), bones, frames, rate), options)


def _skeleton_beside(path: Path) -> Path:
    for stem in (path.stem, path.stem.split("_")[0]):
        for suffix in (".asf", ".ASF"):
            if (path.parent / f"{stem}{suffix}").is_file():
                return path.parent / f"{stem}{suffix}"
    found = sorted(path.parent.glob("*.asf"))
    if len(found) == 1:
        return found[0]
    raise InputError(
        f"{path} has no skeleton beside it, as {path.stem}.asf; name its file with --skeleton, in Python with"
        " skeleton="
    )


def _words(path: Path) -> list[tuple[int, list[str]]]:
    """Lines of a file that are not empty or comments, split at spaces, each with its number."""
    try:
        text = read_file(path, _MOST_BYTES).decode("utf-8", errors="replace")
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    lines = ((number, line.split("#")[0].split()) for number, line in enumerate(text.splitlines(), 1))
    return [(number, words) for number, words in lines if words]


def _numbers(path: Path, line: int, words: list[str], count: int) -> Array:
    try:
        values = np.array([float(word.strip("()")) for word in words])
    except ValueError as error:
        raise InputError(f"{path}:{line}: {str(error)[:80]}") from None
    if len(values) != count:
        raise InputError(f"{path}:{line}: {len(words)} values, expected {count}")
    wrong = [value for value in values.tolist() if not abs(value) <= _LARGEST]
    if wrong:
        raise InputError(f"{path}:{line}: {wrong[0]:g}; expected numbers of at most {_LARGEST:g}")
    return values


def _read_asf(path: Path) -> dict[str, _Bone]:
    bones: dict[str, _Bone] = {_ROOT: _Bone()}
    section, bone, radians = "", _Bone(), False
    for line, words in _words(path):
        key, *rest = words
        key = key.lower()
        if key.startswith(":"):
            section = key
            bone = bones[_ROOT] if section == ":root" else _Bone()
        elif section == ":units" and key == "angle":
            radians = rest[:1] == ["rad"]
        elif section == ":hierarchy" and key not in ("begin", "end"):
            _add_children(path, line, bones, words)
        elif section in (":root", ":bonedata"):
            if key == "name" and rest:
                bone = bones.setdefault(rest[0], _Bone())
            elif key == "direction":
                bone.direction = _numbers(path, line, rest, 3)
            elif key == "length":
                bone.length = float(_numbers(path, line, rest, 1)[0])
            elif key in ("dof", "order"):
                bone.order = [word.lower() for word in rest]
            elif key == "axis" and section == ":bonedata":
                angles = _numbers(path, line, rest[:3], 3)
                letters = (rest[3] if len(rest) > 3 else "XYZ").lower()
                if sorted(letters) != sorted(_AXES):
                    raise InputError(f"{path}:{line}: axes {letters[:20]!r}; expected an order of XYZ")
                order = [f"r{letter}" for letter in letters]
                bone.axis = _rotation(order, (angles if radians else np.radians(angles))[None])[0]
    if not bones[_ROOT].order or not bones[_ROOT].children:
        raise InputError(f"{path}: lacks ':root' with its order, or ':hierarchy', as ASF files have them")
    for name, each in bones.items():
        wrong = [word for word in each.order if word[:1] not in "rtl" or word[1:] not in _AXES]
        if wrong:
            raise InputError(
                f"{path}: bone {name} has the degree of freedom {wrong[0][:20]!r}; expected rx, ry, rz"
            )
    return bones


def _add_children(path: Path, line: int, bones: dict[str, _Bone], words: list[str]) -> None:
    parent, *children = words
    for name in words:
        if name not in bones:
            raise InputError(f"{path}:{line}: there is no bone {name[:40]!r}.{nearest(name, bones)}")
    bones[parent].children += children


def _read_frames(path: Path, bones: dict[str, _Bone]) -> dict[str, Array]:
    """Angles of the bones over frames [rad], of the root places in the file's unit, too, each (T, n)."""
    found: dict[str, list[Array]] = {}
    factor, count, last = math.pi / 180, 0, None
    for line, words in _words(path):
        if words[0].startswith(":"):
            factor = 1.0 if words[0].lower() == ":radians" else factor
        elif len(words) == 1 and words[0].isdecimal() and len(words[0]) < 16:
            if last is not None and int(words[0]) != last + 1:
                raise InputError(f"{path}:{line}: frame {words[0]} comes after frame {last}")
            count, last = count + 1, int(words[0])
        else:
            name = words[0]
            if name not in bones:
                raise InputError(
                    f"{path}:{line}: there is no bone {name[:40]!r} in its skeleton.{nearest(name, bones)}"
                )
            values = _numbers(path, line, words[1:], len(bones[name].order))
            angular = np.array([word.startswith("r") for word in bones[name].order])
            found.setdefault(name, []).append(np.where(angular, factor * values, values))
            if len(found[name]) != count:
                raise InputError(f"{path}:{line}: bone {name} occurs twice in a frame, or not in each")
    short = [name for name, rows in found.items() if len(rows) != count]
    if count < 2 or _ROOT not in found or short:
        lacks = f"bone {short[0]} in its last frame" if short else "two frames with the bone root"
        raise InputError(f"{path}: lacks {lacks}")
    return {name: np.array(rows) for name, rows in found.items()}


def _rotation(order: list[str], angles: Array) -> Array:
    """Rotations (T, 3, 3) about fixed axes, the first first: R = ... R_2 R_1."""
    product = np.broadcast_to(np.eye(3), (len(angles), 3, 3))
    for k, word in enumerate(order):
        if word.startswith("r"):
            product = matrix_from_vector(angles[:, k : k + 1] * np.eye(3)[_AXES[word[1]]]) @ product
    return product


def _hierarchy(source: str, bones: dict[str, _Bone], frames: dict[str, Array], rate: float) -> Hierarchy:
    count = len(frames[_ROOT])
    names: list[str] = []
    rest: list[Array] = []
    turns: list[Array] = []
    places: list[Array] = []

    def add(name: str, above: Array, place: Array, rest_place: Array) -> None:
        bone = bones[name]
        angles = frames.get(name, np.zeros((count, len(bone.order))))
        turn = above @ (bone.axis @ _rotation(bone.order, angles) @ bone.axis.T)
        names.append(name)
        rest.append(rest_place)
        turns.append(turn)
        places.append(place)
        along = bone.length * bone.direction
        for child in bone.children:
            if child in names:
                raise InputError(f"{source}: bone {child} has two parents in its skeleton")
            add(child, turn, place + turn @ along, rest_place + along)

    root = np.zeros((count, 3))
    for k, word in enumerate(bones[_ROOT].order):
        if word.startswith("t"):
            root[:, _AXES[word[1]]] = frames[_ROOT][:, k]
    add(_ROOT, np.broadcast_to(np.eye(3), (count, 3, 3)), root, np.zeros(3))
    return Hierarchy(
        source,
        np.arange(count) / rate,
        tuple(names),
        np.array(rest),
        np.stack(turns, axis=1),
        np.stack(places, axis=1),
    )
