"""The sections of GaitNet's configurations for rewards and ends; defaults are GaitNet's."""

from typing import Annotated, Literal

from pydantic import Field

from batchenv.config.section import Section

# In exp(-weight cost), more than a million leaves nothing of any reward.
Amount = Annotated[float, Field(ge=0, le=1e6)]


class TorqueCost(Section):
    """The cost of torques that muscles do not produce."""

    coeff: Amount = Field(default=0.0, description="Cost of a torque of 1 Nm [1/Nm].")
    separate: bool = Field(
        default=False,
        description="Whether torques have a separate factor instead of sharing that of muscles.",
    )


class Metabolic(Section):
    """The cost of activations."""

    type: Literal["LEGACY", "A", "A2", "MA", "MA2"] = Field(
        default="LEGACY",
        description="Sum over muscles of a (A), a^2 (A2), or these times muscle mass (MA, MA2); LEGACY is A.",
    )
    weight: Amount = Field(default=0.05, description="Weight in exp(-weight cost) [1].")
    scale: Amount = Field(default=1.0, description="Factor of the cost if it is added [1].")
    multiplicative: bool = Field(
        default=False, description="Whether the cost multiplies the reward or is added to it."
    )
    torque: TorqueCost = Field(
        default_factory=TorqueCost, description="The cost of torques that muscles do not produce."
    )


class AverageVelocity(Section):
    """Walking at the speed that follows from stride and cadence."""

    weight: Amount = Field(default=6.0, description="Weight in exp(-weight error) [s/m].")
    window_mult: float = Field(
        default=1.0,
        ge=0.01,
        le=10,
        description="Number of cycles over which the velocity is averaged [cycles].",
    )
    clip: float = Field(
        default=-1.0,
        ge=-1e6,
        le=1e6,
        description="Errors up to this value are ignored [m/s]; below 0: none are.",
    )
    consider_x: bool = Field(default=False, description="Whether sideways velocity is an error.")


class DragX(Section):
    """Staying on the line of travel."""

    use: bool = Field(default=False, description="Whether to use this factor.")
    weight: Amount = Field(default=1.0, description="Weight in exp(-weight distance) [1/m].")
    threshold: Amount = Field(default=0.0, description="Distance up to which there is no cost [m].")


class Rhythm(Section):
    """Strides as long as the cycle."""

    use: bool = Field(default=False, description="Whether to use this factor.")
    weight: Amount = Field(default=1.0, description="Weight in exp(-weight error) [1/s].")


class Foothold(Section):
    """Feet on their targets."""

    weight: Amount = Field(
        default=2.0, description="Weight of the distance of feet from their targets [1/m]."
    )
    clip: Amount = Field(
        default=0.075, description="Distance of a foot from its target up to which there is no cost [m]."
    )


class Locomotion(Section):
    """Factors of the reward `gaitnet`."""

    head_linear_acc_weight: Amount = Field(
        default=4.0, description="Weight of changes of the head's velocity [s^2/m^2]."
    )
    head_rot_weight: Amount = Field(default=4.0, description="Weight of the head's inclination [1/rad^2].")
    step: Foothold = Field(default_factory=Foothold, description="Feet on their targets.")
    avg_vel: AverageVelocity = Field(default_factory=AverageVelocity, description="Speed of travel.")
    dragX: DragX = Field(default_factory=DragX, description="Staying on the line of travel.")
    phase: Rhythm = Field(default_factory=Rhythm, description="Strides as long as the cycle.")


class KneePain(Section):
    """The contact force between femur and tibia, including muscle forces."""

    use: bool = Field(default=False, description="Whether the mean load on the knees is a factor.")
    weight: Amount = Field(default=1.0, description="Weight in exp(-weight load) [1/kN].")
    multiplicative: bool | None = Field(
        default=None, description="Without effect, as in GaitNet: loads always multiply."
    )
    scale: Amount | None = Field(
        default=None, description="Without effect, as in GaitNet: loads always multiply."
    )
    termination: bool = Field(
        default=False, description="Whether more than 8 kN ends an episode that is older than 100 steps."
    )
    use_max: bool = Field(
        default=False, description="Whether the largest load on a knee in this cycle is a factor."
    )
    max_weight: Amount = Field(default=1.0, description="Weight in exp(-max_weight largest load) [1/kN].")

    @property
    def measured(self) -> bool:
        """Whether anything depends on the load."""
        return self.use or self.use_max or self.termination


class Clip(Section):
    """A bound on rewards at the beginning of an episode."""

    step: int = Field(
        default=0, ge=0, le=10**9, description="First step of an episode without the bound [steps]."
    )
    value: float = Field(default=0.0, ge=0, le=1e6, description="Largest reward before that step [1].")


class GaitNetReward(Section):
    """Terms of the reward."""

    type: Literal["gaitnet", "deepmimic", "scadiver"] = Field(
        default="deepmimic",
        description=(
            "gaitnet: a product of factors of locomotion and of economy; deepmimic, scadiver: imitation of "
            "the motion."
        ),
    )
    eoe_type: Literal["tuple", "time"] = Field(
        default="time",
        description="When an episode is truncated. tuple: after Horizon steps; time: after 10 s.",
    )
    metabolic: Metabolic = Field(default_factory=Metabolic, description="The cost of activations.")
    locomotion: Locomotion = Field(default_factory=Locomotion, description="Factors of locomotion.")
    knee_pain: KneePain = Field(default_factory=KneePain, description="The load on the knees.")
    clip: Clip | None = Field(default=None, description="A bound on early rewards; null: none.")
