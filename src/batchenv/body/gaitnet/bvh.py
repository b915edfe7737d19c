"""Reader of BVH files: a hierarchy of joints with channels, and a table of their values."""

import math
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from batchenv.body.gaitnet.rotations import matrix_from_vector
from batchenv.errors import ConfigError, nearest

Array = np.ndarray

_CHANNELS = ("Xposition", "Yposition", "Zposition", "Xrotation", "Yrotation", "Zrotation")
_AXES = {"X": 0, "Y": 1, "Z": 2}


@dataclass(frozen=True, eq=False)
class BvhJoint:
    """A joint of the hierarchy.

    Attributes:
        name: without spaces.
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
    path = Path(file)
    try:
        text = path.read_text(encoding="utf-8", errors="replace")
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}.") from None
    return _Reader(str(path), text).read()


@dataclass
class _Reader:
    """The words of a file, one after another; `line` is that of the last one taken."""

    file: str
    text: str
    line: int = 1
    joints: list[BvhJoint] = field(default_factory=list)
    columns: int = 0

    def __post_init__(self) -> None:
        self._words = self._split()

    def _split(self) -> Iterator[tuple[int, str]]:
        for number, line in enumerate(self.text.splitlines(), 1):
            for word in line.split():
                yield number, word

    def error(self, message: str) -> ConfigError:
        return ConfigError(f"{self.file}:{self.line}: {message}")

    def word(self) -> str:
        found = next(self._words, None)
        if found is None:
            raise self.error("the file ends too early.")
        self.line, word = found
        return word

    def expect(self, *expected: str) -> str:
        word = self.word()
        if word.upper() not in expected:
            raise self.error(f"{word[:40]!r}: expected {' or '.join(expected)}.")
        return word.upper()

    def number(self) -> float:
        word = self.word()
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"{word[:40]!r}: expected a finite number.")
        return value

    def count(self, least: int, most: int) -> int:
        value = self.number()
        if value != int(value) or not least <= value <= most:
            raise self.error(f"{value:g}: expected a whole number from {least} to {most}.")
        return int(value)

    def read(self) -> Bvh:
        self.expect("HIERARCHY")
        self.expect("ROOT")
        self.hierarchy()
        self.expect("MOTION")
        self.expect("FRAMES:")
        frames = self.count(2, 10_000_000)
        self.expect("FRAME")
        self.expect("TIME:")
        frame_time = self.number()
        if frame_time <= 0:
            raise self.error(f"{frame_time:g}: expected a frame time above 0.")
        return Bvh(self.file, tuple(self.joints), self.table(frames), frame_time)

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
        name = self.word()
        if any(joint.name == name for joint in self.joints):
            raise self.error(f"there is a second joint {name!r}; names have to differ.")
        self.expect("{")
        self.expect("OFFSET")
        offset = np.array([self.number() for _ in range(3)])
        self.expect("CHANNELS")
        channels = tuple(self.channel() for _ in range(self.count(0, 6)))
        self.joints.append(BvhJoint(name, parent, offset, channels, self.columns))
        self.columns += len(channels)
        return len(self.joints) - 1

    def channel(self) -> str:
        word = self.word()
        if word.capitalize() not in _CHANNELS:
            hint = nearest(word, _CHANNELS)
            raise self.error(f"channel {word[:40]!r}: expected one of {', '.join(_CHANNELS)}.{hint}")
        return word.capitalize()

    def end_site(self) -> None:
        self.expect("SITE")
        self.expect("{")
        self.expect("OFFSET")
        for _ in range(3):
            self.number()
        self.expect("}")

    def table(self, frames: int) -> Array:
        """Return the values (F, C); each frame has a line of its own."""
        table = np.empty((frames, self.columns))
        rows = [
            (n, line) for n, line in enumerate(self.text.splitlines(), 1) if n > self.line and line.strip()
        ]
        if len(rows) != frames:
            raise self.error(f"the file has {len(rows)} frames, but says Frames: {frames}.")
        for row, (self.line, line) in zip(table, rows, strict=True):
            words = line.split()
            if len(words) != self.columns:
                raise self.error(
                    f"a frame of {len(words)} values; expected {self.columns}, one for each channel."
                )
            try:
                row[:] = words
            except ValueError as error:
                raise self.error(f"{error}.") from None
            if not np.isfinite(row).all():
                raise self.error("a value is not finite.")
        return table
