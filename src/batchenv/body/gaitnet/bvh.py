"""Reader of BVH files: a hierarchy of joints with channels, and a table of their values."""

import math
import re
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from batchenv.body.files import MEGABYTE, read_file
from batchenv.body.gaitnet.rotations import matrix_from_vector
from batchenv.errors import ConfigError, nearest
from batchenv.files.paths import checked_path

Array = np.ndarray

_CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")
_AXES = {"X": 0, "Y": 1, "Z": 2}
_MOST_BYTES = 32 * MEGABYTE
_MOST_JOINTS, _MOST_FRAMES = 1000, 10_000_000
_LONGEST_FRAME = 1.0
# No angle in degrees and no length is larger, in any unit.
_LARGEST = 1e6
# Words of the hierarchy, where braces need no space around them but names may have colons; words of the
# lines about frames; the name of a joint, which may have spaces.
_WORD, _HEADER, _NAME = (
    re.compile(pattern) for pattern in (r"[{}]|[^\s{}]+", r":|[^\s:]+", r"\s*([^\n{}]*)")
)


@dataclass(frozen=True, eq=False)
class BvhJoint:
    """A joint of the hierarchy.

    Attributes:
        name: with underscores for spaces.
        parent: index of its parent, -1 for the root.
        offset: from its parent in the unit of the file (3,).
        channels: in the order of the file, such as Zrotation.
        first: column of the first of them.
    """

    name: str
    parent: int
    offset: Array
    channels: tuple[str, ...]
    first: int


@dataclass(frozen=True, eq=False)
class Bvh:
    """A motion of F frames; lengths are in the unit of the file, mostly centimetres.

    Attributes:
        file: path, for messages.
        joints: of the hierarchy; end sites are left out.
        values: of all channels, angles in degrees (F, C).
        frame_time: [s].
    """

    file: str
    joints: tuple[BvhJoint, ...]
    values: Array
    frame_time: float

    def rotations(self, name: str) -> Array:
        """Return the rotations (F, 3, 3) of a joint in its parent: the product of its channels in order."""
        joint = self._joint(name)
        product = np.broadcast_to(np.eye(3), (len(self.values), 3, 3))
        for k, channel in enumerate(joint.channels):
            if channel.endswith("rotation"):
                axis = np.eye(3)[_AXES[channel[0]]]
                angle = np.radians(self.values[:, joint.first + k])
                product = product @ matrix_from_vector(angle[:, None] * axis)
        return product

    def positions(self, name: str) -> Array:
        """Return the translations (F, 3) of a joint in its parent, its offset where it has no channels."""
        joint = self._joint(name)
        found = np.tile(joint.offset, (len(self.values), 1))
        for k, channel in enumerate(joint.channels):
            if channel.endswith("position"):
                found[:, _AXES[channel[0]]] = self.values[:, joint.first + k]
        return found

    def span(self) -> float:
        """Return the longest side of the box around all joints in the rest pose, in the unit of the file."""
        places = np.zeros((len(self.joints), 3))
        for i, joint in enumerate(self.joints[1:], 1):
            places[i] = places[joint.parent] + joint.offset
        return float(np.ptp(places, axis=0).max())

    def largest_angle(self) -> float:
        """Return the largest angle of all channels [degrees]."""
        turning = [
            j.first + k for j in self.joints for k, c in enumerate(j.channels) if c.endswith("rotation")
        ]
        return float(np.abs(self.values[:, turning]).max(initial=0.0))

    def moving(self) -> list[str]:
        """Return the joints whose rotation changes by more than a degree over the motion."""
        names = []
        for joint in self.joints:
            turning = [joint.first + k for k, c in enumerate(joint.channels) if c.endswith("rotation")]
            if turning and np.ptp(self.values[:, turning], axis=0).max() > 1:
                names.append(joint.name)
        return names

    def _joint(self, name: str) -> BvhJoint:
        for joint in self.joints:
            if joint.name == name:
                return joint
        names = [joint.name for joint in self.joints]
        raise ConfigError(
            f"{self.file} has no joint {name!r}.{nearest(name, names)} Joints: {', '.join(names)}."
        )


def read_bvh(file: str | Path) -> Bvh:
    """Read a BVH file.

    Raises:
        ConfigError: says the file, the line, and what is wrong.
    """
    path = checked_path("file", file)
    try:
        data = read_file(path, _MOST_BYTES)
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.") from None
    text = data.decode("utf-8-sig", errors="replace").replace("\r\n", "\n").replace("\r", "\n")
    return _Reader(str(path), text).read()


@dataclass
class _Reader:
    """The words of a file, one after another.

    Attributes:
        file: path, for messages.
        text: of the file.
        at: where the text goes on.
        line: of the last word taken.
        joints: found so far.
        columns: number of their channels.
    """

    file: str
    text: str
    at: int = 0
    line: int = 1
    joints: list[BvhJoint] = field(default_factory=list)
    columns: int = 0

    def error(self, message: str) -> ConfigError:
        return ConfigError(f"{self.file}:{self.line}: {message}")

    def word(self, pattern: re.Pattern[str] = _WORD) -> str:
        found = pattern.search(self.text, self.at)
        if found is None:
            raise self.error("the file ends too early.")
        self._go_on(found, 0)
        return found[0]

    def _go_on(self, found: re.Match[str], group: int) -> None:
        self.line += self.text.count("\n", self.at, found.start(group))
        self.at = found.end()

    def expect(self, *expected: str, pattern: re.Pattern[str] = _WORD) -> str:
        word = self.word(pattern)
        if word.upper() not in expected:
            raise self.error(f"{word[:40]!r}: expected {' or '.join(expected)}.")
        return word.upper()

    def number(self, pattern: re.Pattern[str] = _WORD) -> float:
        word = self.word(pattern)
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"{word[:40]!r}: expected a finite number.")
        return value

    def count(self, least: int, most: int, pattern: re.Pattern[str] = _WORD) -> int:
        value = self.number(pattern)
        if value != int(value) or not least <= value <= most:
            raise self.error(f"{value:g}: expected a whole number from {least} to {most}.")
        return int(value)

    def read(self) -> Bvh:
        self.expect("HIERARCHY")
        self.expect("ROOT")
        self.hierarchy()
        self.expect("MOTION")
        self._heading("FRAMES")
        frames = self.count(2, _MOST_FRAMES, _HEADER)
        self._heading("FRAME", "TIME")
        frame_time = self.number(_HEADER)
        if frame_time <= 0:
            raise self.error(f"{frame_time:g}: expected a frame time above 0.")
        if frame_time > _LONGEST_FRAME:
            raise self.error(f"{frame_time:g}: expected a frame time of at most {_LONGEST_FRAME:g} s.")
        return Bvh(self.file, tuple(self.joints), self.table(frames), frame_time)

    def _heading(self, *words: str) -> None:
        for word in (*words, ":"):
            self.expect(word, pattern=_HEADER)

    def hierarchy(self) -> None:
        """Read the root and all below it; the word ROOT is taken already."""
        above = [self.joint(-1)]
        while above:
            word = self.expect("JOINT", "END", "}")
            if word == "}":
                above.pop()
            elif word == "JOINT":
                above.append(self.joint(above[-1]))
            else:
                self.end_site()

    def joint(self, parent: int) -> int:
        name = self.name()
        if any(joint.name == name for joint in self.joints):
            raise self.error(f"there is a second joint {name!r}; names have to differ.")
        if len(self.joints) == _MOST_JOINTS:
            raise self.error(f"there are more than {_MOST_JOINTS} joints.")
        self.expect("{")
        offset = self.offset()
        self.expect("CHANNELS")
        channels = tuple(self.channel() for _ in range(self.count(0, 6)))
        self.joints.append(BvhJoint(name, parent, offset, channels, self.columns))
        self.columns += len(channels)
        return len(self.joints) - 1

    def name(self) -> str:
        found = _NAME.match(self.text, self.at)
        if found is None or not found[1].strip():
            raise self.error("a joint has no name.")
        self._go_on(found, 1)
        return "_".join(found[1].split())

    def offset(self) -> Array:
        self.expect("OFFSET")
        return np.array([self.number() for _ in range(3)])

    def channel(self) -> str:
        word = self.word()
        if word.capitalize() not in _CHANNELS:
            hint = nearest(word[:40], _CHANNELS)
            raise self.error(f"channel {word[:40]!r}: expected one of {', '.join(_CHANNELS)}.{hint}")
        return word.capitalize()

    def end_site(self) -> None:
        self.expect("SITE")
        self.expect("{")
        self.offset()
        self.expect("}")

    def table(self, frames: int) -> Array:
        """Return the values (F, C); a frame begins on a new line or right behind another, and may go on."""
        if not self.columns:
            raise self.error("the joints have no channels.")
        said, values, filled, began = self.line, [], 0, self.line
        for number, line in enumerate(self.text[self.at :].split("\n"), said):
            self.line = number
            words = line.split()
            if not words:
                continue
            values.append(self._row(words))
            if filled and filled + len(words) > self.columns:
                self.line = began
                raise self._wrong_frame(filled)
            began = began if filled else self.line
            filled += len(words)
            if filled > self.columns and filled % self.columns:
                raise self._wrong_frame(filled)
            filled %= self.columns
        if filled:
            self.line = began
            raise self._wrong_frame(filled)
        table = np.concatenate(values or [np.zeros(0)]).reshape(-1, self.columns)
        if len(table) != frames:
            self.line = said
            raise self.error(f"the file has {len(table)} frames, but says Frames: {frames}.")
        return table

    def _wrong_frame(self, count: int) -> ConfigError:
        return self.error(f"a frame of {count} values; expected {self.columns}, one for each channel.")

    def _row(self, words: list[str]) -> Array:
        try:
            row = np.array(words, dtype=float)
        except ValueError as error:
            raise self.error(f"{str(error)[:80]}.") from None
        if not np.isfinite(row).all():
            raise self.error("a value is not finite.")
        if np.abs(row).max() > _LARGEST:
            raise self.error(f"a value is {row[np.abs(row).argmax()]:g}; expected degrees and lengths.")
        return row
