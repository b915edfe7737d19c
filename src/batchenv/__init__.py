"""batchenv: batches of muscle-driven humans, at the speed of bare MuJoCo."""

import batchenv.startup  # noqa: F401  # before all else, see there

# isort: split
from typing import Any

from batchenv.config import PRESETS, Config, load_config
from batchenv.engine.guests import coordinator, recorder
from batchenv.env import BatchEnv
from batchenv.errors import (
    BatchEnvError,
    BodyError,
    CheckpointError,
    ConfigError,
    InputError,
    OutputError,
    UsageError,
)
from batchenv.mdp.marks import (
    action_term,
    command_term,
    event_term,
    observation_term,
    reward_term,
    termination_term,
)
from batchenv.mdp.quantities import quantity
from batchenv.tasks import task
from batchenv.vector import Env, VectorEnv, register_presets

__all__ = [
    "PRESETS",
    "BatchEnv",
    "BatchEnvError",
    "BodyError",
    "CheckpointError",
    "Config",
    "ConfigError",
    "Env",
    "InputError",
    "OutputError",
    "UsageError",
    "VectorEnv",
    "action_term",
    "command_term",
    "coordinator",
    "event_term",
    "load_config",
    "observation_term",
    "quantity",
    "recorder",
    "reward_term",
    "task",
    "termination_term",
]

register_presets()


def __getattr__(name: str) -> Any:
    """Import `SB3VecEnv` when it is asked for: it needs Stable-Baselines3, and Torch with it."""
    if name == "SB3VecEnv":
        from batchenv.vector.sb3 import SB3VecEnv

        return SB3VecEnv
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
