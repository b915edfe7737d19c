"""batchenv: batches of muscle-driven humans, at the speed of bare MuJoCo.

Names are imported when they are first asked for, so that `import batchenv` takes a moment: Numba, MuJoCo and
pydantic wait until something is built. `__init__.pyi` tells type checkers the same.
"""

import batchenv.startup  # noqa: F401  # before all else, see there

# isort: split
import importlib
from importlib import metadata
from typing import Any

from batchenv.registration import register_presets
from batchenv.shipped import PRESETS

_ERRORS = "batchenv.errors"
_MARKS = "batchenv.mdp.marks"
_HOMES = {
    "BatchEnv": "batchenv.env",
    "BatchEnvError": _ERRORS,
    "BodyError": _ERRORS,
    "CheckpointError": _ERRORS,
    "Config": "batchenv.config",
    "ConfigError": _ERRORS,
    "Env": "batchenv.vector",
    "InputError": _ERRORS,
    "OutputError": _ERRORS,
    "UsageError": _ERRORS,
    "VectorEnv": "batchenv.vector",
    "Walker": "batchenv.evaluate.walker",
    "action_term": _MARKS,
    "command_term": _MARKS,
    "coordinator": "batchenv.engine.guests",
    "event_term": _MARKS,
    "load_config": "batchenv.config",
    "load_walker": "batchenv.evaluate.walker",
    "observation_term": _MARKS,
    "quantity": "batchenv.mdp.quantities",
    "record": "batchenv.evaluate.record",
    "recorder": "batchenv.engine.guests",
    "reward_term": _MARKS,
    "task": "batchenv.tasks",
    "termination_term": _MARKS,
}
# `evaluate` is a package that can be called, see there.
_CALLABLE = "evaluate"
_PACKAGES = ("config", "errors", _CALLABLE, "vector")

__all__ = ["PRESETS", *_HOMES, _CALLABLE]  # pyright: ignore[reportUnsupportedDunderAll]

register_presets()


def __getattr__(name: str) -> Any:
    """Import a name of this package, or a module; `SB3VecEnv`, which needs Torch, is not among `__all__`."""
    if name == "__version__":
        return metadata.version("batchenv")
    if name in _PACKAGES:
        return importlib.import_module(f"batchenv.{name}")
    home = "batchenv.vector.sb3" if name == "SB3VecEnv" else _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
