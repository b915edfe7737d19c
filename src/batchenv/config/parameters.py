"""The section `environment.parameters`: properties that differ between worlds and episodes."""

import math
from typing import Literal

from pydantic import Field, ValidationInfo, field_validator

from batchenv.config.section import Section, not_below_min
from batchenv.errors import ConfigError

# Muscles a thousandfold weaker are paralysed, segments a hundredfold heavier are no human's any more.
_LEAST, _MOST = 1e-3, 100.0
# Steps ten times shorter or longer, slower or faster than usual are no gait.
_LEAST_GAIT, _MOST_GAIT = 0.1, 10.0
_STEEPEST = 0.5
_HIGHEST = 0.1
MOST_DELAY = 0.2
"""Of actions; a human's reflexes over the spine take 0.05 [s]."""


class ParameterRange(Section):
    """A number that is drawn for each world."""

    min: float = Field(ge=_LEAST, le=_MOST, description="Least value [1].")
    max: float = Field(ge=_LEAST, le=_MOST, description="Greatest value [1].")
    default: float = Field(
        ge=_LEAST, le=_MOST, description="Middle of a normal draw, and the value where it is fixed [1]."
    )
    sampling: Literal["uniform", "adaptive", "normal", "fixed"] = Field(
        default="uniform",
        description=(
            "uniform: anywhere from min to max; adaptive: more often where episodes of the world ended "
            "early; normal: around default with standard deviation (max - min) / 4, clipped; fixed: always "
            "default."
        ),
    )

    _max_is_not_below_min = field_validator("max")(not_below_min)

    @field_validator("default")
    @classmethod
    def _within_range(cls, default: float, info: ValidationInfo) -> float:
        low, high = info.data.get("min", -math.inf), info.data.get("max", math.inf)
        if not low <= default <= high:
            raise ConfigError(f"give a number from min = {low} to max = {high}")
        return default


class Parameter(ParameterRange):
    """A property of each world: its range, and when it is drawn."""

    per: Literal["episode", "world"] = Field(
        default="episode",
        description="episode: drawn when an episode begins; world: once, and kept until a new seed.",
    )
    chance: float = Field(
        default=1.0,
        gt=0,
        le=1,
        description="Share of the draws that draw a value; in the others it is the default [1].",
    )

    @field_validator("per")
    @classmethod
    def _adapts_to_episodes(cls, per: str, info: ValidationInfo) -> str:
        if per == "world" and info.data.get("sampling") == "adaptive":
            raise ConfigError("sampling: adaptive learns from episodes; give episode, or another sampling")
        return per


class GaitRange(ParameterRange):
    """A factor on the reference gait that is drawn for each world."""

    min: float = Field(ge=_LEAST_GAIT, le=_MOST_GAIT, description="Least value [1].")
    max: float = Field(ge=_LEAST_GAIT, le=_MOST_GAIT, description="Greatest value [1].")
    default: float = Field(
        ge=_LEAST_GAIT,
        le=_MOST_GAIT,
        description="Middle of a normal draw, and the value where it is fixed [1].",
    )


class GaitFactor(GaitRange, Parameter):
    """A factor on the reference gait: its range, and when it is drawn."""


class Slope(Parameter):
    """A slope of the floor: its range, and when it is drawn."""

    min: float = Field(ge=-_STEEPEST, le=_STEEPEST, description="Least value [rad].")
    max: float = Field(ge=-_STEEPEST, le=_STEEPEST, description="Greatest value [rad].")
    default: float = Field(
        default=0.0,
        ge=-_STEEPEST,
        le=_STEEPEST,
        description="Middle of a normal draw, and the value where it is fixed [rad].",
    )


class Height(Parameter):
    """A height of what makes the floor uneven: its range, and when it is drawn."""

    min: float = Field(default=0.0, ge=0, le=_HIGHEST, description="Least value [m].")
    max: float = Field(ge=0, le=_HIGHEST, description="Greatest value [m].")
    default: float = Field(
        default=0.0,
        ge=0,
        le=_HIGHEST,
        description="Middle of a normal draw, and the value where it is fixed [m].",
    )


class Delay(Parameter):
    """A delay of actions: its range, and when it is drawn."""

    min: float = Field(default=0.0, ge=0, le=MOST_DELAY, description="Least value [s].")
    max: float = Field(ge=0, le=MOST_DELAY, description="Greatest value [s].")
    default: float = Field(
        default=0.0,
        ge=0,
        le=MOST_DELAY,
        description="Middle of a normal draw, and the value where it is fixed [s].",
    )


Parameters = dict[str, Parameter]
GaitParameter = Literal["stride", "cadence"]
GroundParameter = Literal["friction"]
SlopeParameter = Literal["forward", "left"]
ReliefParameter = Literal["bumps", "steps"]
ActionParameter = Literal["delay"]
_SELECTED = "by muscle, group or side, such as soleus_r, plantarflexors, hip_abductors_l, left or all"


class MuscleParameters(Section):
    """Factors on properties of muscles; where several select one muscle, it has their product."""

    strength: Parameters = Field(default_factory=dict, description=f"On peak forces [1], {_SELECTED}.")
    optimal_length: Parameters = Field(
        default_factory=dict, description=f"On optimal fiber lengths [1], {_SELECTED}."
    )
    tendon_slack: Parameters = Field(
        default_factory=dict, description=f"On slack lengths of tendons [1], {_SELECTED}."
    )


class BodyParameters(Section):
    """Factors on properties of segments; where several select one segment, it has their product."""

    mass: Parameters = Field(
        default_factory=dict,
        description="On mass and inertia [1], by segment or side, such as tibia, femur_r, left or all.",
    )


class WorldParameters(Section):
    """Properties that worlds have of their own, each drawn from the world's own stream."""

    gait: dict[GaitParameter, GaitFactor] = Field(
        default_factory=dict,
        description="Factors on the reference gait: stride (length of steps) and cadence (their rate).",
    )
    muscle: MuscleParameters = Field(default_factory=MuscleParameters, description="Factors on muscles.")
    body: BodyParameters = Field(default_factory=BodyParameters, description="Factors on segments.")
    ground: dict[GroundParameter, Parameter] = Field(
        default_factory=dict, description="Properties of the floor: friction, its coefficient [1]."
    )
    slope: dict[SlopeParameter, Slope] = Field(
        default_factory=dict,
        description="Rise of the floor [rad]: forward, ahead of the walker; left, to its left.",
    )
    relief: dict[ReliefParameter, Height] = Field(
        default_factory=dict,
        description=(
            "Height from the lowest to the highest point of the floor [m]: bumps, 16 cm apart; steps, 80 cm "
            "wide. A world has whichever is higher."
        ),
    )
    action: dict[ActionParameter, Delay] = Field(
        default_factory=dict,
        description="From the policy to the joints: delay, of actions [s], in whole control steps.",
    )

    @property
    def by_path(self) -> dict[str, Parameter]:
        """All parameters by their path in this section."""
        return self.by_name

    @property
    def by_name(self) -> dict[str, Parameter]:
        """All parameters by their path in this section, in the order of its fields."""
        groups = {
            "gait": self.gait,
            "muscle.strength": self.muscle.strength,
            "muscle.optimal_length": self.muscle.optimal_length,
            "muscle.tendon_slack": self.muscle.tendon_slack,
            "body.mass": self.body.mass,
            "ground": self.ground,
            "slope": self.slope,
            "relief": self.relief,
            "action": self.action,
        }
        return {
            f"{group}.{key}": found for group, members in groups.items() for key, found in members.items()
        }
