"""Configurations given as changes of a preset: `base: walk`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from pydantic import BaseModel

from batchenv.config.problems import cut, section_at, shortened
from batchenv.config.term_sections import WALK_TERMS, with_terms
from batchenv.config.yaml_text import parse_yaml
from batchenv.errors import ConfigError, nearest
from batchenv.shipped import PRESET_FILES, PRESETS

BASE = "base"


def with_base(data: Mapping[Any, Any], model: type[BaseModel]) -> Mapping[Any, Any]:
    """Merge plain data into the preset that its key `base` names; return it unchanged without one.

    Mappings are merged key by key, all else is replaced; null takes a key out of the preset, so that its
    default holds, but no section. A preset may have a base of its own.

    Args:
        data: plain data.
        model: of presets; it tells sections, whose keys are fixed, from mappings whose keys are free.

    Raises:
        ConfigError: there is no such preset, or it lacks a key that null is to take out.
    """
    if BASE not in data:
        return data
    name = data[BASE]
    if not isinstance(name, str) or name not in PRESETS:
        hint = nearest(name, PRESETS) if isinstance(name, str) else ""
        raise ConfigError(f"base = {shortened(name)}: is no preset.{hint} Presets: {', '.join(PRESETS)}.")
    below = with_base(parse_yaml(PRESET_FILES[name].read_text(encoding="utf-8"), f"the preset {name}"), model)
    if isinstance(environment := below.get("environment"), Mapping):  # so that a term may be added to its own
        below = {**below, "environment": with_terms(environment, WALK_TERMS)}
    above = {key: value for key, value in data.items() if key != BASE}
    return _merged(below, above, _MergePoint(name, model, ()))


class _MergePoint(NamedTuple):
    """The path in a preset at which two mappings are merged."""

    preset: str
    model: type[BaseModel]
    path: tuple[str, ...]

    def inside(self, key: Any) -> "_MergePoint":
        return self._replace(path=(*self.path, str(key)))

    def drops(self, key: Any, below: Mapping[Any, Any]) -> bool:
        """Return whether null takes a key out of the preset.

        A section stays, so that it is refused: most likely all its keys have been commented out.

        Raises:
            ConfigError: the preset lacks the key, and keys here are free.
        """
        fixed = section_at(self.model, self.path) is not None
        if key in below:
            return not fixed or section_at(self.model, self.inside(key).path) is None
        if not fixed:
            known = [str(name) for name in below]
            raise ConfigError(
                f"{'.'.join((*self.path, cut(str(key))))} = null: the preset {self.preset} has no such key to"
                f" take out.{nearest(str(key), known)} It has: {', '.join(known)}."
            )
        return False


def _merged(below: Mapping[Any, Any], above: Mapping[Any, Any], at: _MergePoint) -> dict[Any, Any]:
    merged = dict(below)
    for key, value in above.items():
        under = below.get(key)
        if value is None and at.drops(key, below):
            del merged[key]
        elif isinstance(under, Mapping) and isinstance(value, Mapping):
            merged[key] = _merged(under, value, at.inside(key))
        else:
            merged[key] = value
    return merged
