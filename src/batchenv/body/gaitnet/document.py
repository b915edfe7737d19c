"""Trees of GaitNet's XML and YAML files, whose elements know their line; without entities."""

import math
import os
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import yaml
from yaml.composer import ComposerError

from batchenv.body.files import MEGABYTE, read_file
from batchenv.errors import BodyError, nearest
from batchenv.files.paths import checked_path
from batchenv.files.xml_scan import scan_xml

YAML_SUFFIXES = (".yaml", ".yml")
# GaitNet's largest files are of a tenth of a megabyte; PyYAML takes ten seconds for one.
_MOST_XML_BYTES, _MOST_YAML_BYTES = 4 * MEGABYTE, MEGABYTE // 2
# No length, angle, mass, force or gain of a body is larger, in SI units.
_LARGEST = 1e6
_LONGEST_STRAY = 40

Array = np.ndarray


@dataclass
class Element:
    """One element of a file.

    Attributes:
        file: path, for messages.
        line: where it begins, from 1.
        tag: its name, in lower case.
        single: whether GaitNet reads vectors of this file in single precision, as it does those of XML.
        values: attributes; a list of numbers is text with spaces between them.
        children: elements inside it, in order.
        stray: words before the outermost element of XML, which GaitNet passes over.
    """

    file: str
    line: int
    tag: str
    single: bool
    values: dict[str, str] = field(default_factory=dict)
    children: "list[Element]" = field(default_factory=list)
    stray: str = ""

    def error(self, message: str) -> BodyError:
        """Return an error that begins with the place of this element."""
        return BodyError(f"{self.file}:{self.line}: {message}")

    def label(self) -> str:
        """Return how messages call this element."""
        name = self.values.get("name")
        return self.tag if name is None else f"{self.tag} {_shortened(name)}"

    def all(self, tag: str) -> "list[Element]":
        """Return the children with a tag."""
        return [child for child in self.children if child.tag == tag]

    def one(self, tag: str) -> "Element":
        """Return the only child with a tag."""
        found = self.all(tag)
        if len(found) == 1:
            return found[0]
        if found:
            raise found[1].error(f"{self.label()} has a second {tag}; expected one.")
        others = {child.tag for child in self.children}
        raise self.error(f"{self.label()} has no {tag}; expected one.{nearest(tag, others)}")

    def text(self, *names: str, default: str | None = None) -> str:
        """Return the value under the first of these names that is there."""
        for name in names:
            if self.values.get(name, "").strip():
                return self.values[name].strip()
        if default is None:
            hint = nearest(names[0], self.values)
            raise self.error(f"{self.label()} has no {' or '.join(map(repr, names))}.{hint}")
        return default

    def choice(self, name: str, choices: Iterable[str], default: str | None = None) -> str:
        """Return a value in lower case that is one of some words."""
        value, words = self.text(name, default=default).lower(), list(choices)
        if value not in words:
            raise self.error(
                f"{name} = {_shortened(self.values.get(name, ''))} of {self.label()}:"
                f" expected {', '.join(words)}.{nearest(value[:60], words)}"
            )
        return value

    def number(
        self,
        *names: str,
        least: float = -math.inf,
        above: float = -math.inf,
        most: float = math.inf,
        below: float = math.inf,
        default: float | None = None,
    ) -> float:
        """Return a finite number, in double precision.

        Args:
            names: it stands under the first of these that is there.
            least: smallest that is right.
            above: it has to be more than this.
            most: largest that is right.
            below: it has to be less than this.
            default: where none of the names is there.
        """
        if default is not None and not any(self.values.get(name, "").strip() for name in names):
            return default
        text, shown = self.text(*names), next(name for name in names if self.values.get(name, "").strip())
        value = self._finite(text, shown, "a finite number")
        for right, bound in (
            (value > above, f"a number above {above:g}"),
            (value >= least, f"at least {least:g}"),
            (value <= most, f"at most {most:g}"),
            (value < below, f"a number below {below:g}"),
        ):
            if not right:
                raise self.error(f"{shown} = {_shortened(text)} of {self.label()}: expected {bound}.")
        return value

    def numbers(self, name: str, count: int, default: Array | None = None) -> Array:
        """Return finite numbers (count,), of single precision where GaitNet reads the file so."""
        if default is not None and not self.values.get(name, "").strip():
            return default
        text = self.text(name)
        words = text.split()
        expected = f"{count} finite numbers" if count > 1 else "a finite number"
        if len(words) != count:
            raise self.error(
                f"{name} = {_shortened(text)} of {self.label()} has {len(words)} values; expected {expected}."
            )
        values = np.array([self._finite(word, name, expected) for word in words])
        return values.astype(np.float32).astype(float) if self.single else values

    def _finite(self, word: str, name: str, expected: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"{name} = {_shortened(word)} of {self.label()}: expected {expected}.")
        if abs(value) > _LARGEST:
            bound = f"none beyond {_LARGEST:g}"
            raise self.error(f"{name} = {_shortened(word)} of {self.label()}: expected {expected}, {bound}.")
        return value


def _shortened(text: str) -> str:
    return repr(text if len(text) <= 60 else f"{text[:57]}...")


def read_document(file: str | Path) -> Element:
    """Read an XML or YAML file.

    Returns:
        the outermost element; of YAML one called "document", with the keys of the file inside.

    Raises:
        BodyError: no such file, or not such text; or it declares entities or a document type, or has
            aliases: a body needs none of them, and they can make a small file huge, or read other files.
    """
    path = checked_path("file", file)
    is_yaml = path.suffix.lower() in YAML_SUFFIXES
    try:
        data = read_file(path, _MOST_YAML_BYTES if is_yaml else _MOST_XML_BYTES)
    except OSError as error:
        siblings = os.listdir(path.parent) if os.path.isdir(path.parent) else []
        hint = nearest(path.name, siblings) if isinstance(error, FileNotFoundError) else ""
        raise BodyError(f"{path}: {error.strerror}.{hint}") from None
    return _read_yaml(str(path), data) if is_yaml else _read_xml(str(path), data)


def _read_xml(file: str, data: bytes) -> Element:
    outer = Element(file, 1, "document", True)
    open_elements = [outer]

    def start(tag: str, attributes: dict[str, str], line: int) -> None:
        element = Element(file, line, tag.lower(), True, attributes)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end() -> None:
        open_elements.pop()

    before, bracket, _ = data.partition(b"<")
    words = before.removeprefix(b"\xef\xbb\xbf").strip() if bracket else b""
    if words:  # lines stay where they are
        data = b"\n" * before.count(b"\n") + data[len(before) :]
    scan_xml(file, data, start, end)
    root = outer.children[0]
    root.stray = words.decode("utf-8", "replace")[:_LONGEST_STRAY]
    return root


class _Loader(yaml.SafeLoader):
    """PyYAML's, but an alias is an error: with aliases, one kilobyte can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise ComposerError(None, None, "an alias is refused; write the value out", mark)
        return super().compose_node(parent, index)  # pyright: ignore[reportArgumentType]


def _read_yaml(file: str, data: bytes) -> Element:
    try:
        node = yaml.compose(data, _Loader)
        if isinstance(node, yaml.MappingNode):
            return _from_mapping(file, "document", node)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise BodyError(f"{file}:{line}: not YAML: {error.problem or error.context}.") from None
    except (yaml.YAMLError, UnicodeError) as error:
        raise BodyError(f"{file}:1: not YAML: {' '.join(str(error).split())}.") from None
    except RecursionError:
        raise BodyError(f"{file}:1: nested too deeply to be read.") from None
    raise BodyError(f"{file}:1: expected a mapping of keys to values.")


def _from_mapping(file: str, tag: str, node: yaml.MappingNode) -> Element:
    element = Element(file, _line(node), tag, False)
    seen = set()
    for key, value in node.value:
        name = key.value if isinstance(key, yaml.ScalarNode) else ""
        if not name or name in seen:
            problem = f"the key {name!r} appears twice" if name else "a key has to be text"
            raise BodyError(f"{file}:{_line(key)}: {problem}.")
        seen.add(name)
        _add(element, name, value)
    return element


def _add(element: Element, name: str, value: yaml.Node) -> None:
    """Add what a key says: a value, a child, or a child for each item of a list."""
    words = _words(value)
    if words is not None:
        element.values[name] = " ".join(words)
    elif isinstance(value, yaml.MappingNode):
        element.children.append(_from_mapping(element.file, name.lower(), value))
    else:
        for item in value.value:
            if isinstance(item, yaml.MappingNode):
                element.children.append(_from_mapping(element.file, name.lower(), item))
            else:
                child = Element(element.file, _line(item), name.lower(), element.single)
                _add(child, name, item)
                element.children.append(child)


def _words(node: yaml.Node) -> list[str] | None:
    """Return the words of a scalar or of a list of nothing else, however deep, or None."""
    if isinstance(node, yaml.ScalarNode):
        return [node.value]
    if not isinstance(node, yaml.SequenceNode):
        return None
    inside = [_words(item) for item in node.value]
    return None if any(words is None for words in inside) else [w for words in inside for w in words or ()]


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1
