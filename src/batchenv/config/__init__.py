"""From YAML to a frozen, checked configuration; invalid values are refused with the path of their key."""

from batchenv.config.changes import parse_changes
from batchenv.config.environment import (
    Action,
    Actuator,
    CommandConfig,
    Coordinator,
    Curriculum,
    Environment,
    Episode,
    Ground,
    Motion,
    Muscle,
    MuscleNetwork,
    Observation,
    Simulation,
    Skeleton,
    StaticOptimization,
    TermConfig,
    Termination,
)
from batchenv.config.load import Config, GaitNetConfig, load_config
from batchenv.config.parameters import Parameter, ParameterRange, WorldParameters
from batchenv.config.paths import resolve_path
from batchenv.config.training import Training
from batchenv.shipped import PRESETS

__all__ = [
    "PRESETS",
    "Action",
    "Actuator",
    "CommandConfig",
    "Config",
    "Coordinator",
    "Curriculum",
    "Environment",
    "Episode",
    "GaitNetConfig",
    "Ground",
    "Motion",
    "Muscle",
    "MuscleNetwork",
    "Observation",
    "Parameter",
    "ParameterRange",
    "Simulation",
    "Skeleton",
    "StaticOptimization",
    "TermConfig",
    "Termination",
    "Training",
    "WorldParameters",
    "load_config",
    "parse_changes",
    "resolve_path",
]
