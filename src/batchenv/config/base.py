"""Configurations that say only in what they differ from a preset: `base: walk`."""

from collections.abc import Mapping
from typing import Any

from batchenv.config.paths import PRESET_FILES, PRESETS
from batchenv.config.problems import shortened
from batchenv.config.yaml_text import parse_yaml
from batchenv.errors import ConfigError, nearest

BASE = "base"


def with_base(data: Mapping[Any, Any]) -> Mapping[Any, Any]:
    """Return plain data laid over the preset that its key `base` names; without one, as it is.

    Mappings are merged key by key, all else is replaced; a preset may have a base of its own.

    Raises:
        ConfigError: there is no such preset.
    """
    if BASE not in data:
        return data
    name = data[BASE]
    if not isinstance(name, str) or name not in PRESETS:
        hint = nearest(name, PRESETS) if isinstance(name, str) else ""
        raise ConfigError(f"base = {shortened(name)}: is no preset.{hint} Presets: {', '.join(PRESETS)}.")
    below = with_base(parse_yaml(PRESET_FILES[name].read_text(encoding="utf-8"), f"the preset {name}"))
    return _merged(below, {key: value for key, value in data.items() if key != BASE})


def _merged(below: Mapping[Any, Any], above: Mapping[Any, Any]) -> dict[Any, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = merged.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(under, value)
        else:
            merged[key] = value
    return merged
