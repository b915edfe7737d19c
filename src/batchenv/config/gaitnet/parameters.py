"""The section `environment.parameters` of GaitNet's configurations: what differs from world to world."""

import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, ValidationInfo, field_validator

from batchenv.config.parameters import GaitParameter
from batchenv.config.section import Section, not_below_min
from batchenv.errors import ConfigError

_SIDES = ("left", "right")
GaitNetSampling = Literal["ends", "grid", "uniform", "adaptive", "normal", "fixed"]
_HOW_DRAWN = (
    "uniform: anywhere from min to max; adaptive: more often where episodes of the world ended early; "
    "normal: around default with standard deviation (max - min) / 4, clipped; fixed: always default. As "
    "GaitNet draws, with a standard deviation of 0.025, clipped: ends: min or max; grid: those and the "
    "quarters between."
)
_SELECTED = "by muscle, group or side, such as L_Soleus, Gluteus_Medius, R_plantarflexors, left or all"


class GaitNetRange(Section):
    """A number that is drawn for each world and episode."""

    min: float = Field(ge=0.1, le=10, description="Least value [1].")
    max: float = Field(ge=0.1, le=10, description="Greatest value [1].")
    default: float | None = Field(
        default=None,
        ge=0.1,
        le=10,
        description="Value where it is fixed [1]; null: the usual one, 1, or as near as the range has it.",
    )
    sampling: GaitNetSampling = Field(default="ends", description=_HOW_DRAWN)

    _max_is_not_below_min = field_validator("max")(not_below_min)

    @field_validator("default")
    @classmethod
    def _within_range(cls, default: float | None, info: ValidationInfo) -> float | None:
        low, high = info.data.get("min", -math.inf), info.data.get("max", math.inf)
        if default is not None and not low <= default <= high:
            raise ConfigError(f"give a number from min = {low} to max = {high}, or null")
        return default

    @property
    def varies(self) -> bool:
        """Whether it is observed: GaitNet leaves out what varies by less than a thousandth."""
        return self.max - self.min > 1e-3


class TorsionRange(GaitNetRange):
    """An angle that is drawn for each world and episode."""

    min: float = Field(ge=-math.pi, le=math.pi, description="Least value [rad].")
    max: float = Field(ge=-math.pi, le=math.pi, description="Greatest value [rad].")
    default: float | None = Field(
        default=None,
        ge=-math.pi,
        le=math.pi,
        description="Value where it is fixed [rad]; null: the usual one, 0, or as near as the range has it.",
    )


class MuscleFactor(GaitNetRange):
    """A factor on a property of muscles that is drawn for each world and episode."""

    min: float = Field(ge=1e-3, le=100, description="Least value [1].")
    max: float = Field(ge=1e-3, le=100, description="Greatest value [1].")
    default: float | None = Field(
        default=None,
        ge=1e-3,
        le=100,
        description="Value where it is fixed [1]; null: the usual one, 1, or as near as the range has it.",
    )
    sampling: GaitNetSampling = Field(default="uniform", description=_HOW_DRAWN)


class GaitNetMuscleParameters(Section):
    """Factors on properties of muscles; where several select one muscle, it has their product."""

    strength: dict[str, MuscleFactor] = Field(
        default_factory=dict, description=f"On peak forces [1], {_SELECTED}."
    )
    optimal_length: dict[str, MuscleFactor] = Field(
        default_factory=dict,
        description=f"On optimal fiber lengths [1], below 1 a contracture, {_SELECTED}.",
    )


class GaitNetParameters(Section):
    """Properties of each world, drawn for every episode; the policy observes those that vary."""

    own_keys: ClassVar[frozenset[str]] = frozenset({"muscle"})

    gait: dict[GaitParameter, GaitNetRange] = Field(
        default_factory=dict,
        description="Factors on stride (length of steps) and cadence (their rate).",
    )
    skeleton: dict[str, GaitNetRange] = Field(
        default_factory=dict,
        description="Factors on the lengths of bodies, by name such as FemurL; global: on all bodies.",
    )
    torsion: dict[str, TorsionRange] = Field(
        default_factory=dict,
        description="Twist of the bodies whose names are part of the key, such as FemurL.",
    )
    muscle: GaitNetMuscleParameters = Field(
        default_factory=GaitNetMuscleParameters, description="Factors on muscles."
    )

    @field_validator("gait", "skeleton", "torsion", mode="before")
    @classmethod
    def _listed(cls, given: Any) -> Any:
        """Nothing as no parameters; {femur: {left: ...}} as femur_left."""
        if given is None:
            return {}
        if not isinstance(given, Mapping):
            return given
        flat: dict[Any, Any] = {}
        for name, value in given.items():
            sided = isinstance(value, Mapping) and value and set(value) <= set(_SIDES)
            flat |= {f"{name}_{side}": value[side] for side in value} if sided else {name: value}
        return flat

    @property
    def by_name(self) -> dict[str, GaitNetRange]:
        """All parameters, those of the gait by their name, the others by group and name."""
        found: dict[str, GaitNetRange] = {str(name): given for name, given in self.gait.items()}
        for group in ("skeleton", "torsion"):
            found |= {f"{group}.{name}": given for name, given in getattr(self, group).items()}
        for kind in ("strength", "optimal_length"):
            found |= {f"muscle.{kind}.{name}": r for name, r in getattr(self.muscle, kind).items()}
        return found

    @property
    def by_path(self) -> dict[str, GaitNetRange]:
        """All parameters by their path in this section."""
        return {name if "." in name else f"gait.{name}": given for name, given in self.by_name.items()}

    @property
    def reshaped(self) -> bool:
        """Whether bodies have other shapes than the skeleton's file gives them."""
        return bool(self.skeleton or self.torsion)


def usual_value(name: str, given: GaitNetRange) -> float:
    """The value of a parameter where it is not drawn."""
    if given.default is not None:
        return given.default
    return min(max(0.0 if name.startswith("torsion.") else 1.0, given.min), given.max)
