"""batchenv: batches of muscle-driven humans, at the speed of bare MuJoCo."""

from batchenv.config import PRESETS, Config, load_config
from batchenv.env import BatchEnv
from batchenv.errors import (
    BatchEnvError,
    BodyError,
    CheckpointError,
    ConfigError,
    InputError,
    UsageError,
)
from batchenv.mdp.rewards import reward_term

__all__ = [
    "PRESETS",
    "BatchEnv",
    "BatchEnvError",
    "BodyError",
    "CheckpointError",
    "Config",
    "ConfigError",
    "InputError",
    "UsageError",
    "load_config",
    "reward_term",
]
