"""From YAML to a frozen, checked configuration; what cannot be meant is refused with the path of its key."""

from batchenv.config.environment import (
    Action,
    Actuator,
    Coordinator,
    Environment,
    Episode,
    Ground,
    Motion,
    Muscle,
    MuscleNetwork,
    ParameterRange,
    Reset,
    Simulation,
    Skeleton,
    StaticOptimization,
    TermConfig,
    Termination,
)
from batchenv.config.load import Config, load_config
from batchenv.config.paths import PRESETS, resolve_path
from batchenv.config.training import Training

__all__ = [
    "PRESETS",
    "Action",
    "Actuator",
    "Config",
    "Coordinator",
    "Environment",
    "Episode",
    "Ground",
    "Motion",
    "Muscle",
    "MuscleNetwork",
    "ParameterRange",
    "Reset",
    "Simulation",
    "Skeleton",
    "StaticOptimization",
    "TermConfig",
    "Termination",
    "Training",
    "load_config",
    "resolve_path",
]
