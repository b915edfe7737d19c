"""Configurations with some values given as keywords, as `gymnasium.make` passes them on."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, cast

from batchenv.config import Config, load_config
from batchenv.config.plain import plain
from batchenv.errors import InputError, nearest


def overridden(
    config: Config | str | Path,
    data_root: str | Path | None,
    trust: bool,
    keys: Mapping[str, Any],
    known: tuple[str, ...],
) -> Config:
    """Load a configuration and change values of it.

    Args:
        config: YAML text, a path, the name of a preset, or a `Config`.
        data_root, trust: as for `BatchEnv`.
        keys: sections as nested mappings, or values by dotted path; what they do not name stays as it is.
        known: keywords of the caller, for the message.

    Raises:
        InputError: a keyword is neither a section nor a path.
        ConfigError: the configuration is invalid.

    >>> from batchenv.config import load_config
    >>> changed = overridden("walk", None, True, {"environment": {"episode": {"max_seconds": 3.0}}}, ())
    >>> changed.environment.episode.max_seconds, changed.environment.simulation.sim_hz
    (3.0, 300)
    """
    loaded = load_config(config, data_root, trust=trust)
    sections = tuple(type(loaded).model_fields)
    for key in keys:
        if key.partition(".")[0] not in sections:
            raise InputError(
                f"unknown keyword {key!r}.{nearest(key, (*known, *sections))} Expected {', '.join(known)}, "
                f"or a section of the configuration: {', '.join(sections)}"
            )
    return loaded.replace(dict(_leaves("", plain(keys)))) if keys else loaded


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Values by dotted path; an empty mapping is a value."""
    if isinstance(value, Mapping) and (value or not path):
        for key, inner in cast(Mapping[Any, Any], value).items():
            yield from _leaves(f"{path}.{key}" if path else str(key), inner)
    else:
        yield path, value
