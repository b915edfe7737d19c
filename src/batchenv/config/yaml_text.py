"""YAML text to plain data and back, stricter than PyYAML about keys and tags, and clearer about numbers."""

import re
from typing import Any

import yaml

from batchenv.config.problems import cut, shortened
from batchenv.errors import ConfigError

# All keys with their defaults and comments take a few thousand characters; a file beyond this is no
# configuration, and PyYAML would take seconds to find that out.
MAX_CHARACTERS = 100_000
_MAX_NODES = 5_000
_MAX_DEPTH = 30
_MAX_DIGITS = 40

# The numbers of YAML 1.2 with "_" between digits. PyYAML would read YAML 1.1: there 1e-3 and 1.5e3 are text,
# 1:30 is 90 and 010 is 8.
_INT = re.compile(r"[-+]?(?:0|[1-9][0-9_]*|0x[0-9a-fA-F_]+)$")
_FLOAT = re.compile(
    r"[-+]?(?:[0-9][0-9_]*\.[0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|\.[0-9][0-9_]*(?:[eE][-+]?[0-9]+)?"
    r"|[0-9]+[eE][-+]?[0-9]+"
    r"|\.(?:inf|Inf|INF))$"
    r"|\.(?:nan|NaN|NAN)$"
)
_NUMBERS = (("tag:yaml.org,2002:int", _INT), ("tag:yaml.org,2002:float", _FLOAT))
_REPLACED = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float", "tag:yaml.org,2002:timestamp")


class _Loader(yaml.SafeLoader):
    """Composes text of bounded size and depth, without tags."""

    def __init__(self, text: str):
        super().__init__(text)
        self._depth = self._nodes = 0

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        event = self.peek_event()
        self._nodes += 1
        if self._nodes > _MAX_NODES:
            raise _Refused(event, f"it has more than {_MAX_NODES:,} values; no configuration has so many")
        if self._depth == _MAX_DEPTH:
            raise _Refused(event, f"it is nested deeper than {_MAX_DEPTH} levels; no configuration is")
        if getattr(event, "tag", None) not in (None, "!"):
            tag = cut(event.tag.replace("tag:yaml.org,2002:", "!!"))
            raise _Refused(event, f"a configuration has no tags such as {tag}; leave it out")
        self._depth += 1
        try:
            return super().compose_node(parent, index)
        finally:
            self._depth -= 1

    def construct_whole_number(self, node: yaml.ScalarNode) -> int:
        digits = node.value.replace("_", "")
        if len(digits) > _MAX_DIGITS:
            raise _Refused(
                node, f"{digits[:10]}... is a whole number of {len(digits)} digits; give a smaller one"
            )
        return int(digits, 16 if "x" in digits else 10)


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


class _Refused(yaml.MarkedYAMLError):
    """Syntax of YAML that configurations may not use."""

    def __init__(self, where: Any, problem: str):
        super().__init__(problem=problem, problem_mark=where.start_mark)


def _represent_list(dumper: _Dumper, values: Any) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


for _kind in (_Loader, _Dumper):
    _kind.yaml_implicit_resolvers = {
        first: [pair for pair in pairs if pair[0] not in _REPLACED]
        for first, pairs in yaml.SafeLoader.yaml_implicit_resolvers.items()
    }
    for _tag, _pattern in _NUMBERS:
        _kind.add_implicit_resolver(_tag, _pattern, list("-+.0123456789"))
_Loader.add_constructor("tag:yaml.org,2002:int", _Loader.construct_whole_number)
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(tuple, _represent_list)


def parse_yaml(text: str, origin: str) -> dict[Any, Any]:
    """Read a mapping.

    Args:
        text: one YAML document.
        origin: what the text is, for messages.

    Raises:
        ConfigError: the text is not YAML, not a mapping, says a key twice, refers to itself, or is larger or
            deeper than any configuration.
    """
    data = parse_value(text, origin)
    if not isinstance(data, dict):
        kind = {type(None): "empty", list: "a list"}.get(type(data), f"one value, {shortened(data)}")
        raise ConfigError(f"{origin} is {kind}; give a mapping with the keys environment and training")
    return data


def parse_value(text: str, origin: str) -> Any:
    """Read any value, by the same rules as whole configurations.

    Raises:
        ConfigError: as `parse_yaml`, but that the value need not be a mapping.
    """
    if len(text) > MAX_CHARACTERS:
        raise ConfigError(
            f"{origin} has {len(text):,} characters; a configuration has at most {MAX_CHARACTERS:,}"
        )
    try:
        loader = _Loader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _check(node, origin, "", {})
        return loader.construct_document(node)
    except yaml.YAMLError as error:
        fault = "cannot be read" if isinstance(error, _Refused) else "is not YAML"
        raise ConfigError(f"{origin} {fault}: {_where_and_why(error, text)}") from None
    except RecursionError:
        raise ConfigError(f"{origin} is nested too deeply to be read") from None


def dump_yaml(data: Any) -> str:
    """Write plain data as YAML that `parse_yaml` reads as the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=110)


def _check(node: yaml.Node, origin: str, path: str, sizes: dict[yaml.Node, int]) -> int:
    """Check the keys under a node, and return how many characters it has with every alias written out.

    `sizes` has those of nodes already seen, and 0 for those that this one is in: no node is visited twice.
    """
    if node in sizes:
        if not sizes[node]:
            raise ConfigError(f"{origin}, line {_line(node)}: {path.rstrip('.')} contains itself")
        return sizes[node]
    sizes[node] = 0
    size = 1
    if isinstance(node, yaml.ScalarNode):
        size += len(node.value)
    elif isinstance(node, yaml.SequenceNode):
        size += sum(_check(item, origin, path, sizes) for item in node.value)
    elif isinstance(node, yaml.MappingNode):
        for key, value in _distinct(node, origin, path):
            size += len(key) + _check(value, origin, f"{path}{key}.", sizes)
    if size > MAX_CHARACTERS:
        raise ConfigError(
            f"{origin}, line {_line(node)}: {path.rstrip('.') or 'it'} has more than {MAX_CHARACTERS:,} "
            "characters with its aliases written out; no configuration has so many"
        )
    sizes[node] = size
    return size


def _distinct(node: yaml.MappingNode, origin: str, path: str) -> list[tuple[str, yaml.Node]]:
    """The keys of a mapping, as text, and their values; each key once."""
    first: dict[tuple[str, str], int] = {}
    for key, _ in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{origin}, line {_line(key)}: a key is text, not a list or a mapping")
        name = (key.tag, key.value)
        if name in first:
            raise ConfigError(
                f"{origin}, line {_line(key)}: {path}{key.value} appears twice, first in line {first[name]}"
            )
        first[name] = _line(key)
    return [(key.value, value) for key, value in node.value]


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _where_and_why(error: yaml.YAMLError, text: str) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        problem = error.problem or error.context
        if problem == "second occurrence":
            problem = "an anchor has the name of one before it"
        return f"line {mark.line + 1}, column {mark.column + 1}: {problem}"
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}: the character {chr(error.character)!r} cannot stand in YAML"
    return str(error)
