"""Conversion of a user's Python values into plain data, as YAML would give it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchenv.errors import ConfigError

_MAX_DEPTH = 30
_MAX_VALUES = 5_000


@dataclass(frozen=True)
class Foreign:
    """What stands for an object of a class that no configuration knows."""

    kind: str

    def __repr__(self) -> str:
        return f"a value of the type {self.kind}"


def plain(value: Any, depth: int = 0) -> Any:
    """Return a value with the numbers and arrays of NumPy and Torch, paths and enumerations as Python's own.

    Args:
        value: a tree of mappings and sequences. Objects of other classes, which may do anything when they are
            compared or shown, become a `Foreign` each, which no key takes.
        depth: of the value in the tree.

    Raises:
        ConfigError: it contains itself, or is larger than any configuration.
    """
    if depth > _MAX_DEPTH:
        raise ConfigError(f"a value is nested deeper than {_MAX_DEPTH} levels, or contains itself")
    if isinstance(value, bool) or type(value) in (str, int, float):
        return value
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, Mapping):
        return {_text(key): plain(inner, depth + 1) for key, inner in _few(value).items()}
    if isinstance(value, list | tuple):
        return [plain(inner, depth + 1) for inner in _few(value)]
    try:
        return _unpacked(value)
    except ConfigError:
        raise
    except Exception:  # of foreign classes, which may raise anything
        return Foreign(type(value).__name__)


def _is_time_or_masked(array: Any) -> bool:
    masked = isinstance(array, np.ma.MaskedArray) and np.ma.is_masked(array)
    return masked or getattr(array.dtype, "kind", None) in ("m", "M")


def _text(key: Any) -> Any:
    return str.__str__(key) if isinstance(key, str) else key


def _few(values: Any) -> Any:
    _check_size(len(values))
    return values


def _check_size(size: int) -> None:
    if size > _MAX_VALUES:
        raise ConfigError(f"a value has {size:,} parts; no configuration has so many")


def _unpacked(value: Any) -> Any:
    """A path as text, and what an array or a number of NumPy, Torch or the like holds."""
    if isinstance(value, os.PathLike):
        return os.fsdecode(value)
    if hasattr(value, "tolist") and hasattr(value, "shape"):
        if _is_time_or_masked(value):
            raise TypeError("dates, lengths of time and masked values are not numbers")
        size = 1
        for length in value.shape:
            size *= int(length)
        _check_size(size)
        return value.tolist()
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float):
        return float.__float__(value)
    return value if type(value).__module__ == "builtins" else Foreign(type(value).__name__)
