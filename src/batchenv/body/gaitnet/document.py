"""GaitNet's files as elements that know their line: XML and YAML read into one tree, without entities."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from xml.parsers import expat

import numpy as np
import yaml

from batchenv.errors import BodyError, nearest

YAML_SUFFIXES = (".yaml", ".yml")

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
    """

    file: str
    line: int
    tag: str
    single: bool
    values: dict[str, str] = field(default_factory=dict)
    children: "list[Element]" = field(default_factory=list)

    def error(self, message: str) -> BodyError:
        """Return an error that begins with the place of this element."""
        return BodyError(f"{self.file}:{self.line}: {message}")

    def label(self) -> str:
        """Return how messages call this element."""
        name = self.values.get("name")
        return self.tag if name is None else f"{self.tag} {name!r}"

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
                f"{name} = {self.values.get(name)!r} of {self.label()}: expected {', '.join(words)}."
                f"{nearest(value, words)}"
            )
        return value

    def number(
        self, *names: str, least: float = -math.inf, above: float = -math.inf, default: float | None = None
    ) -> float:
        """Return a finite number, in double precision.

        Args:
            names: it stands under the first of these that is there.
            least: smallest that is right.
            above: it has to be more than this.
            default: where none of the names is there.
        """
        if default is not None and not any(self.values.get(name, "").strip() for name in names):
            return default
        text, shown = self.text(*names), next(name for name in names if self.values.get(name, "").strip())
        value = self._finite(text, shown, "a finite number")
        if value < least or value <= above:
            bound = f"at least {least:g}" if value < least else f"a number above {above:g}"
            raise self.error(f"{shown} = {text!r} of {self.label()}: expected {bound}.")
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
        if not self.single:
            return values
        with np.errstate(over="ignore"):
            rounded = values.astype(np.float32).astype(float)
        if not np.isfinite(rounded).all():
            raise self.error(f"{name} = {_shortened(text)} of {self.label()}: expected {expected}.")
        return rounded

    def _finite(self, word: str, name: str, expected: str) -> float:
        try:
            value = float(word)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            raise self.error(f"{name} = {_shortened(word)} of {self.label()}: expected {expected}.")
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
    path = Path(file)
    try:
        data = path.read_bytes()
    except OSError as error:
        siblings = [entry.name for entry in path.parent.iterdir()] if path.parent.is_dir() else []
        raise BodyError(f"{path}: {error.strerror}.{nearest(path.name, siblings)}") from None
    if path.suffix.lower() in YAML_SUFFIXES:
        return _read_yaml(str(path), data)
    return _read_xml(str(path), data)


def _read_xml(file: str, data: bytes) -> Element:
    parser = expat.ParserCreate()
    outer = Element(file, 1, "document", True)
    open_elements = [outer]

    def start(tag: str, attributes: dict[str, str]) -> None:
        element = Element(file, parser.CurrentLineNumber, tag.lower(), True, attributes)
        open_elements[-1].children.append(element)
        open_elements.append(element)

    def end(_tag: str) -> None:
        open_elements.pop()

    def refuse(*_declaration: object) -> None:
        raise BodyError(
            f"{file}:{parser.CurrentLineNumber}: a document type declaration, which may define entities, is"
            " refused; expected elements only."
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = end
    parser.StartDoctypeDeclHandler = refuse
    parser.EntityDeclHandler = refuse
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, LookupError, ValueError) as error:
        if isinstance(error, BodyError):
            raise
        raise BodyError(f"{file}:{parser.CurrentLineNumber}: not XML: {error}.") from None
    return outer.children[0]


class _Loader(yaml.SafeLoader):
    """PyYAML's, but an alias is an error: with aliases, one kilobyte can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: object) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.peek_event().start_mark
            raise yaml.composer.ComposerError(None, None, "an alias is refused; write the value out", mark)
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
            problem = f"the key {name!r} is said twice" if name else "a key has to be text"
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
