"""What the tests of configurations share: a least configuration, its refusals, and all keys there are."""

from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pydantic
import pytest

from batchenv.config import Config, load_config
from batchenv.errors import ConfigError

TERM = {"weight": 1.0}
# Sections that stand under a key of one's own choice, here with one such key.
_CHOSEN_KEYS = {
    "environment.reward": "pose",
    "environment.commands": "walking_velocity",
    "environment.parameters.gait": "stride",
    "environment.parameters.muscle.strength": "soleus",
    "environment.parameters.muscle.optimal_length": "soleus",
    "environment.parameters.muscle.tendon_slack": "soleus",
    "environment.parameters.body.mass": "torso",
    "environment.parameters.ground": "friction",
    "environment.devices": "exo",
}


def minimal(**sections: Any) -> dict[str, Any]:
    """The least configuration, with some sections of its environment."""
    return {"environment": {"reward": {"pose": TERM}, **sections}}


def problems(source: Any, **arguments: Any) -> str:
    """The message with which a configuration is refused."""
    with pytest.raises(ConfigError) as error:
        load_config(source, **arguments)
    return str(error.value)


def sections(
    model: type[pydantic.BaseModel] = Config, path: str = ""
) -> Iterator[tuple[str, type[pydantic.BaseModel]]]:
    """Every section of a configuration by its path."""
    yield path, model
    for name, field in model.model_fields.items():
        inner = f"{path}.{name}".lstrip(".")
        kind = field.annotation
        if get_origin(kind) is dict:
            kind, inner = get_args(kind)[1], f"{inner}.{_CHOSEN_KEYS.get(inner)}"
        if isinstance(kind, type) and issubclass(kind, pydantic.BaseModel):
            yield from sections(kind, inner)


def keys() -> list[str]:
    """Every key of a configuration by its path."""
    return [f"{path}.{name}".lstrip(".") for path, model in sections() for name in model.model_fields]


def nested(path: str, value: Any) -> dict[str, Any]:
    """The least configuration with a value at a path."""
    data: dict[str, Any] = minimal(reward={"pose": dict(TERM)})
    *above, name = path.split(".")
    inner = data
    for part in above:
        inner = inner.setdefault(part, {})
    inner[name] = value
    return data
