"""From pydantic's errors to lines that name the key's path, its value, what is right, the nearest name."""

import re
from collections.abc import Iterator, Mapping, Sequence
from types import UnionType
from typing import Any, get_args, get_origin

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from batchenv.config.section import BY_JOINT, NUMBER
from batchenv.errors import nearest

_KEY = "[key]"
_LABELS = {NUMBER, BY_JOINT, _KEY}
_MOST_SHOWN = 20
_YAML_WORDS: Mapping[bool | None, str] = {None: "null", True: "true", False: "false"}
_MAPPING = "give a mapping of keys to values, or leave the key out"
_EXPECTED: Mapping[str, str] = {
    "model_type": _MAPPING,
    "dict_type": _MAPPING,
    "mapping_type": _MAPPING,
    "int_type": "give a whole number",
    "int_from_float": "give a whole number",
    "float_type": "give a number",
    "bool_type": "give true or false",
    "string_type": "give text",
    "tuple_type": "give a list",
    "list_type": "give a list",
    "finite_number": "give a finite number",
    "greater_than": "give a number above {gt}",
    "greater_than_equal": "give a number of at least {ge}",
    "less_than": "give a number below {lt}",
    "less_than_equal": "give a number of at most {le}",
    "too_short": "give at least one",
    "too_long": "give at most {max_length}",
    "invalid_key": "keys are text",
}

# How like a key of ours has to be to one in a foreign format to be what was meant.
_ALL_BUT = 0.8


def describe_problems(error: ValidationError, model: type[BaseModel]) -> list[str]:
    """Return a line for each error of a validation by model; the first few where there are many."""
    details = [detail for detail in error.errors(include_url=False) if not _is_consequence(detail)]
    lines = [_describe(detail, model) for detail in details[:_MOST_SHOWN]]
    more = len(details) - len(lines)
    return [*lines, f"and {more} more"] if more else lines


def _is_consequence(detail: ErrorDetails) -> bool:
    """Whether a list is too short for pydantic only because entries of it were refused."""
    return detail["type"] == "too_short" and len(detail["input"]) >= detail.get("ctx", {})["min_length"]


def expectation(error: ValidationError) -> str:
    """Return what would have been right instead of the first value that a validation refused."""
    return _sentence(_expectation(error.errors(include_url=False)[0]))


def _describe(detail: ErrorDetails, model: type[BaseModel]) -> str:
    location = [str(part) for part in detail["loc"] if part not in _LABELS]
    path = ".".join(cut(part) for part in location)
    if detail["type"] == "missing":
        candidate = nearest(location[-1], map(str, detail["input"]))
        return f"{path}: is missing.{candidate.replace('Did you mean', 'Did you misspell it as')}"
    if detail["type"] == "extra_forbidden":
        right = _unknown_key(location, model)
    else:
        right = _sentence(_expectation(detail)) + _nearest_choice(detail)
    if _KEY in detail["loc"] or detail["type"] == "invalid_key":
        return f"{path}: is refused as a key: {right}"
    return f"{path} = {shortened(detail['input'])}: {right}"


def _expectation(detail: ErrorDetails) -> str:
    context = detail.get("ctx", {})
    if detail["type"] == "value_error":
        return str(context["error"])
    if detail["type"] == "literal_error":
        return f"give {context['expected']}"
    template = _EXPECTED.get(detail["type"])
    return (
        template.format(**{name: _bound(value) for name, value in context.items()})
        if template
        else detail["msg"]
    )


def _bound(value: Any) -> str:
    """A bound as people write it: with its digits where it is whole, and not in the thousands of digits."""
    if isinstance(value, int | float) and float(value).is_integer() and abs(value) < 1e16:
        return f"{value:,.0f}"
    return f"{value:g}" if isinstance(value, float) else str(value)


def _nearest_choice(detail: ErrorDetails) -> str:
    if detail["type"] != "literal_error" or not isinstance(detail["input"], str):
        return ""
    return nearest(detail["input"], re.findall("'([^']*)'", str(detail.get("ctx", {}).get("expected"))))


def _unknown_key(location: Sequence[str], model: type[BaseModel]) -> str:
    section = section_at(model, location[:-1])
    siblings = list(section.model_fields) if section else []
    own = getattr(section, "own_keys", frozenset())
    foreign = [name for name in siblings if name not in own]
    if hint := nearest(location[-1], foreign) or nearest(location[-1], own, likeness=_ALL_BUT):
        return f"there is no such key.{hint}"
    elsewhere = [path for path in _paths(model) if path.rpartition(".")[2] == location[-1]]
    if elsewhere:
        return f"there is no such key here. Did you mean {elsewhere[0]!r}?"
    return f"there is no such key. Here stand: {', '.join(siblings)}."


def section_at(model: type[BaseModel], location: Sequence[str]) -> type[BaseModel] | None:
    """Return the section at a path of keys and places in lists; None where there is none, or any key goes."""
    kind: Any = model
    for part in location:
        if get_origin(kind) in (dict, list):
            kind = get_args(kind)[-1]
        else:
            section = _section_in(kind)
            field = section.model_fields.get(part) if section else None
            kind = field.annotation if field else None
    return _section_in(kind)


def _section_in(annotation: Any) -> type[BaseModel] | None:
    """The section that an annotation is, or that it allows besides null."""
    kinds = [annotation, *get_args(annotation)] if isinstance(annotation, UnionType) else [annotation]
    return next((kind for kind in kinds if isinstance(kind, type) and issubclass(kind, BaseModel)), None)


def _paths(model: type[BaseModel], prefix: str = "") -> Iterator[str]:
    for name, field in model.model_fields.items():
        yield f"{prefix}{name}"
        if section := _section_in(field.annotation):
            yield from _paths(section, f"{prefix}{name}.")


def _sentence(text: str) -> str:
    return text if text.endswith((".", "?")) else f"{text}."


def shortened(value: Any) -> str:
    """Return a value as messages show it, cut where it is long."""
    if value is None or isinstance(value, bool):
        return _YAML_WORDS[value]
    try:
        return cut(" ".join(repr(value).split()))
    except Exception:  # a whole number of thousands of digits, or an object of a foreign class
        return f"a value of the type {type(value).__name__}"


def cut(text: str) -> str:
    """Return text, cut where it is long."""
    return text if len(text) <= 80 else f"{text[:77]}..."
