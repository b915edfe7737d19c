"""YAML text to plain data and back, stricter than PyYAML about keys and kinder about numbers."""

import re
from typing import Any

import yaml

from batchenv.errors import ConfigError


class _Loader(yaml.SafeLoader):
    pass


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True


def _represent_list(dumper: _Dumper, values: Any) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", values, flow_style=True)


# PyYAML reads 1e-3 as text, for YAML 1.1 asks for a point; YAML 1.2 and everybody who writes it do not.
for _kind in (_Loader, _Dumper):
    _kind.add_implicit_resolver(
        "tag:yaml.org,2002:float", re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$"), list("-+0123456789")
    )
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(tuple, _represent_list)


def parse_yaml(text: str, origin: str) -> dict[Any, Any]:
    """Read a mapping.

    Args:
        text: one YAML document.
        origin: what the text is, for messages.

    Raises:
        ConfigError: the text is not YAML, not a mapping, says a key twice, or refers to itself.
    """
    try:
        node = yaml.compose(text, _Loader)
        if node is not None:
            _check_keys(node, (), origin)
        data = _Loader("").construct_document(node) if node is not None else None
    except yaml.YAMLError as error:
        raise ConfigError(f"{origin} is not YAML: {_where_and_why(error, text)}") from None
    except (ValueError, OverflowError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"{origin} has a value that cannot be read: {error}") from None
    except RecursionError:
        raise ConfigError(f"{origin} is nested too deeply to be read") from None
    if not isinstance(data, dict):
        kind = {type(None): "empty", list: "a list"}.get(type(data), f"one value, {data!r}")
        raise ConfigError(f"{origin} is {kind}; give a mapping with the keys environment and training")
    return data


def dump_yaml(data: Any) -> str:
    """Write plain data as YAML that `parse_yaml` reads as the same data."""
    return yaml.dump(data, Dumper=_Dumper, sort_keys=False, width=110)


def _check_keys(node: yaml.Node, above: tuple[yaml.Node, ...], origin: str, path: str = "") -> None:
    if node in above:
        raise ConfigError(f"{origin}, line {_line(node)}: {path.rstrip('.')} contains itself")
    inside = (*above, node)
    if isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_keys(item, inside, origin, path)
    if not isinstance(node, yaml.MappingNode):
        return
    first: dict[tuple[str, Any], int] = {}
    for key, value in node.value:
        if not isinstance(key, yaml.ScalarNode):
            raise ConfigError(f"{origin}, line {_line(key)}: a key is text, not a list or a mapping")
        name = (key.tag, key.value)
        if name in first:
            raise ConfigError(
                f"{origin}, line {_line(key)}: {path}{key.value} is said twice, first in line {first[name]}"
            )
        first[name] = _line(key)
        _check_keys(value, inside, origin, f"{path}{key.value}.")


def _line(node: yaml.Node) -> int:
    return node.start_mark.line + 1


def _where_and_why(error: yaml.YAMLError, text: str) -> str:
    if isinstance(error, yaml.MarkedYAMLError) and error.problem_mark:
        mark = error.problem_mark
        return f"line {mark.line + 1}, column {mark.column + 1}: {error.problem or error.context}"
    if isinstance(error, yaml.reader.ReaderError):
        line = text.count("\n", 0, error.position) + 1
        return f"line {line}: the character {chr(error.character)!r} cannot stand in YAML"
    return str(error)
