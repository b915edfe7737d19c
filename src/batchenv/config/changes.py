"""Changes of a configuration as a command line has them: KEY=VALUE."""

from collections.abc import Iterable
from itertools import chain
from typing import Any

from batchenv.config.problems import cut
from batchenv.config.yaml_text import parse_value
from batchenv.errors import InputError

_EXAMPLE = "environment.simulation.sim_hz=990"


def parse_changes(pairs: Iterable[str | tuple[str, ...]], option: str = "--set") -> dict[str, Any]:
    """Values by dotted path, for `Config.replace`; they are read as in a configuration's file.

    Args:
        pairs: each "KEY=VALUE", or several of them that were given together.
        option: that they were given with, for messages.

    Raises:
        InputError: one is no such pair, has no value, or changes a key again.
        ConfigError: a value is not YAML.

    >>> parse_changes(["environment.episode.max_seconds=2e1", "training.hidden=[64, 64]"])
    {'environment.episode.max_seconds': 20.0, 'training.hidden': [64, 64]}
    """
    changes: dict[str, Any] = {}
    for pair in chain.from_iterable([each] if isinstance(each, str) else each for each in pairs):
        key, equals, value = (part.strip() for part in pair.partition("="))
        shown = f"{option} {cut(pair)}"
        if not equals or not key:
            raise InputError(f"{shown}: expected KEY=VALUE, such as {_EXAMPLE}")
        if not value:
            raise InputError(f"{shown}: the value is missing; where a key may have none, it is {key}=null")
        if key in changes:
            raise InputError(f"{shown}: {key} is changed twice; give it once")
        changes[key] = parse_value(value, shown)
    return changes
