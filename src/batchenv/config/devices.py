"""The section `environment.devices`: exoskeletons that the body wears."""

from itertools import pairwise
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, ValidationInfo, field_validator

from batchenv.config.section import BodyName, Section
from batchenv.errors import ConfigError

# A hundredfold what exoskeletons make today [Nm].
_MOST_TORQUE = 1e4
# Threefold what joints of a walking human make [Nm/kg].
_MOST_PER_MASS = 10.0
Knot = tuple[
    Annotated[float, Field(ge=0, lt=100)], Annotated[float, Field(ge=-_MOST_TORQUE, le=_MOST_TORQUE)]
]


def _knots(value: object) -> tuple[Knot, ...]:
    pairs = list(value) if isinstance(value, list | tuple) else []
    numbers = [
        pair
        for pair in pairs
        if isinstance(pair, list | tuple)
        and len(pair) == 2
        and all(type(number) in (int, float) and abs(number) <= _MOST_TORQUE for number in pair)
    ]
    knots = tuple((float(phase), float(torque)) for phase, torque in numbers)
    phases = [phase for phase, _ in knots]
    if (
        not 2 <= len(knots) == len(pairs) <= 100
        or not 0.0 <= phases[0] <= phases[-1] < 100.0
        or any(b <= a for a, b in pairwise(phases))
    ):
        raise ConfigError(
            "give 2 to 100 pairs [phase, torque], their phases rising and from 0 to below 100 % of the gait "
            "cycle, such as [[26, 0], [53, -0.5], [63, 0]]"
        )
    return knots


class Device(Section):
    """A device that drives joints of both legs, such as an exoskeleton."""

    joints: Annotated[tuple[BodyName, ...], Field(min_length=1, strict=False)] = Field(
        description="Joints that the device drives on both sides, named without their side, as for kp."
    )
    torque: Annotated[tuple[Knot, ...], BeforeValidator(_knots)] = Field(
        description=(
            "Torque on each joint over the gait cycle: pairs of a phase [%], counted from the heel strike of "
            "the same leg, and a torque, positive for flexion, adduction, internal rotation and "
            "dorsiflexion. A cubic without overshoot (PCHIP) passes through them, and repeats."
        )
    )
    unit: Literal["Nm/kg", "Nm"] = Field(
        default="Nm/kg",
        description="Unit of the torques; Nm/kg: per mass of the body without its devices.",
    )

    mass: dict[BodyName, Annotated[float, Field(ge=0, le=100)]] = Field(
        default_factory=dict,
        description=(
            "Mass that the device adds to segments, at their centres of mass [kg], by segment; without a "
            "side, the mass is added on either side."
        ),
    )

    @field_validator("unit")
    @classmethod
    def _of_a_human(cls, unit: str, info: ValidationInfo) -> str:
        largest = max((abs(torque) for _, torque in info.data.get("torque", ())), default=0.0)
        if unit == "Nm/kg" and largest > _MOST_PER_MASS:
            raise ConfigError(
                f"the torque reaches {largest:g} Nm/kg; give at most {_MOST_PER_MASS:g} Nm/kg, or 'Nm'"
            )
        return unit
