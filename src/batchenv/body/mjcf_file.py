"""What an MJCF file asks of the machine, checked before MuJoCo reads it.

MuJoCo believes what a file says: a pipe among its meshes keeps it waiting for ever, and a line of text can
ask for a hundred million geoms. A file may include others and name meshes and pictures by any path: they are
read as nothing but MJCF, meshes and pictures, and have to be regular files.
"""

import math
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

from batchenv.body.files import MEGABYTE, check_file, read_file
from batchenv.errors import BodyError
from batchenv.files.xml_scan import scan_xml

MOST_XML_BYTES = 8 * MEGABYTE
MOST_ASSET_BYTES = 64 * MEGABYTE
MOST_FILES = 100

# Elements of a kind, with the copies that <replicate>, <composite> and <flexcomp> make of them.
_MOST_ELEMENTS = 10_000
_MOST_OF = {"body": 2000, "joint": 2000}
# Values of single attributes, whatever element has them.
_MOST_IN = {"dim": 1000, "num": 1000, "nsample": 10_000, "nkey": 10_000, "nuserdata": 100_000}
_MOST_USER = 1000
# Products of attributes: numbers in a height field, a picture, what a camera sees.
_PRODUCTS = {"hfield": ("nrow", "ncol"), "texture": ("width", "height"), "camera": ("resolution",)}
_MOST_NUMBERS = 4096 * 4096
# Parameters of a mesh that MuJoCo builds: numbers of corners, and lengths.
_MOST_PARAMETER = 256
# Steps of the simulation that finds a muscle's length range: 1000 by default, 50000 in MyoSuite's models.
_MOST_STEPS = 100_000
_INTERVAL, _STEP = 10.0, 0.01

Attributes = Mapping[str, str]


def check_mjcf(path: Path) -> None:
    """Check that an MJCF file and all that it includes ask for nothing that MuJoCo cannot give.

    Raises:
        BodyError: names file, line and offender.
    """
    checker = _Checker(path)
    checker.scan(path)
    checker.check_copies()
    checker.check_assets()


class _Checker:
    """A file and all that it includes."""

    def __init__(self, main: Path):
        self._main = main
        self._folders = [Path()]
        self._assets: list[tuple[str, int, str]] = []
        self._scanned: set[Path] = set()
        self._made: Counter[str] = Counter()
        self._files = 0
        self._attached = 1

    def scan(self, path: Path) -> None:
        """Check the elements of one file, then those of the files it includes."""
        self._scanned.add(path.resolve())
        self._folders.append(path.parent.absolute())
        self._files += 1
        if self._files > MOST_FILES:
            raise BodyError(
                f"skeleton file {str(self._main)!r} includes more than {MOST_FILES} files, or a model itself."
            )
        file, copies, attached = str(path), [1], 0
        included: list[tuple[int, str, bool]] = []

        def start(tag: str, attributes: dict[str, str], line: int) -> None:
            nonlocal attached
            if len(copies) == 1 and path == self._main and tag != "mujoco":
                raise BodyError(f"{file}:{line}: the outermost element is {tag!r}; expected 'mujoco'.")
            try:
                _check_values(tag, attributes)
                copies.append(copies[-1] * _copies(tag, attributes))
                self._count(tag, copies)
            except ValueError as error:
                raise BodyError(f"{file}:{line}: {error}.") from None
            if tag in ("include", "model"):
                included.append((line, attributes.get("file", ""), tag == "model"))
            elif tag == "attach":
                attached += copies[-1]
            elif tag == "compiler":
                self._folders += [
                    Path(value) for key, value in attributes.items() if key.endswith("dir") and value
                ]
            else:
                self._assets += [(file, line, value) for key, value in attributes.items() if "file" in key]

        def end() -> None:
            copies.pop()

        scan_xml(file, _xml_bytes(path), start, end)
        self._attached *= 1 + attached
        for line, name, is_model in included:
            for place in dict.fromkeys(self._places(name) if name else ()):
                # MuJoCo reads a model again wherever one is named, and never ends where that is itself.
                if _is_readable(file, line, place) and (is_model or place.resolve() not in self._scanned):
                    self.scan(place)

    def check_copies(self) -> None:
        """Check that what models hold is not too much when it is attached, as a bound from above."""
        for kind, number in self._made.items():
            most = _MOST_OF.get(kind, _MOST_ELEMENTS)
            if self._attached > 1 and self._attached * number > most:
                raise BodyError(
                    f"skeleton file {str(self._main)!r}: attached models make more than {most} elements of "
                    f"the kind {kind!r}."
                )

    def check_assets(self) -> None:
        """Check that no mesh and no picture is something that MuJoCo would wait for."""
        for file, line, name in self._assets:
            for place in self._places(name):
                _is_readable(file, line, place)

    def _places(self, name: str) -> Iterator[Path]:
        """Paths under which MuJoCo may look for an asset; joining an absolute path leaves it as it is."""
        for folder in self._folders:
            yield self._main.parent / folder / name
            yield self._main.parent / folder / Path(name).name

    def _count(self, tag: str, copies: list[int]) -> None:
        """Count an element inside `copies[-2]` copies that itself stands for `copies[-1]`."""
        kind = "body" if tag in ("composite", "flexcomp") else tag
        number = copies[-1] if kind != tag else copies[-2]
        self._made[kind] += number
        most = _MOST_OF.get(kind, _MOST_ELEMENTS)
        if self._made[kind] > most or copies[-1] > _MOST_ELEMENTS:
            raise ValueError(f"{tag!r} makes more than {most} elements of the kind {kind!r}")


def _xml_bytes(path: Path) -> bytes:
    try:
        return read_file(path, MOST_XML_BYTES)
    except OSError as error:
        raise BodyError(f"skeleton file {str(path)!r}: {error.strerror}; expected an MJCF file.") from None


def _is_readable(file: str, line: int, place: Path) -> bool:
    """Return whether a file is there.

    Raises:
        BodyError: something else is there, or a file that is too large.
    """
    try:
        check_file(place, MOST_ASSET_BYTES)
    except OSError as error:
        # MuJoCo itself names what is missing; a directory is but one of the places where it looks.
        if isinstance(error, FileNotFoundError | NotADirectoryError | IsADirectoryError):
            return False
        raise BodyError(f"{file}:{line}: file {str(place)!r}: {error.strerror}.") from None
    return True


def _check_values(tag: str, attributes: Attributes) -> None:
    """Raise ValueError, with a sentence, where an element asks for too much."""
    if tag in ("plugin", "extension"):
        raise ValueError("a plugin is refused: worlds cannot save and restore its state")
    for name, text in attributes.items():
        if "nan" in text.lower().split() and name not in ("name", "class"):
            raise ValueError(f"{name} is not a number")
        most = _MOST_USER if name.startswith("nuser_") else _MOST_IN.get(name)
        if most is not None:
            _at_most(name, _largest(text), most)
    if tag in _PRODUCTS:
        names = [name for name in _PRODUCTS[tag] if name in attributes]
        values = [value for name in names for value in _numbers(attributes[name])]
        _at_most(" x ".join(names), math.prod(max(abs(value), 1.0) for value in values), _MOST_NUMBERS)
    elif tag == "mesh" and "builtin" in attributes:
        _at_most("params", _largest(attributes.get("params", "")), _MOST_PARAMETER)
    elif tag == "lengthrange":
        step = _largest(attributes.get("timestep", "")) or _STEP
        steps = (_largest(attributes.get("inttotal", "")) or _INTERVAL) / step
        _at_most("inttotal / timestep", steps, _MOST_STEPS)


def _copies(tag: str, attributes: Attributes) -> int:
    """Return how many copies an element makes of what is inside it, or of itself."""
    if tag not in ("replicate", "composite", "flexcomp"):
        return 1
    counts = _numbers(attributes.get("count", ""))
    return int(min(math.prod(max(abs(count), 1.0) for count in counts), 2.0 * _MOST_ELEMENTS))


def _at_most(name: str, value: float, most: float) -> None:
    if not value <= most:
        raise ValueError(f"{name} is {value:.12g}; expected at most {most:g}")


def _largest(text: str) -> float:
    return max(map(abs, _numbers(text)), default=0.0)


def _numbers(text: str) -> list[float]:
    """Return the numbers in an attribute; MuJoCo itself refuses words that are none."""
    found = []
    for word in text.split():
        try:
            value = float(word)
        except ValueError:
            continue
        found.append(math.inf if math.isnan(value) else value)
    return found
