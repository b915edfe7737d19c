"""The sections of GaitNet's configurations for rewards and ends; defaults are GaitNet's."""

from typing import Annotated, Literal

from pydantic import Field

from batchenv.config.section import Section

# In exp(-weight cost), more than a million leaves nothing of any reward.
Amount = Annotated[float, Field(ge=0, le=1e6)]


class TorqueCost(Section):
    """The price of torques that no muscle makes."""

    coeff: Amount = Field(default=0.0, description="Cost of a torque of 1 Nm [1/Nm].")
    separate: bool = Field(
        default=False, description="Whether torques have a factor of their own beside that of muscles."
    )


class Metabolic(Section):
    """The price of activations."""

    type: Literal["LEGACY", "A", "A2", "MA", "MA2"] = Field(
        default="LEGACY",
        description="Summed over muscles: a, a^2, or the same times the muscle's mass; LEGACY is A.",
    )
    weight: Amount = Field(default=0.05, description="In exp(-weight cost) [1].")
    scale: Amount = Field(default=1.0, description="Of the summand, where it does not multiply [1].")
    multiplicative: bool = Field(
        default=False, description="Whether the price multiplies the reward, or is added to it."
    )
    torque: TorqueCost = Field(
        default_factory=TorqueCost, description="The price of torques that no muscle makes."
    )


class AverageVelocity(Section):
    """Walking at the speed that stride and cadence make."""

    weight: Amount = Field(default=6.0, description="In exp(-weight error) [s/m].")
    window_mult: float = Field(
        default=1.0, ge=0.01, le=10, description="Cycles over which the velocity is a mean [cycles]."
    )
    clip: float = Field(
        default=-1.0, ge=-1e6, le=1e6, description="Errors up to this count as none [m/s]; below 0: none do."
    )
    consider_x: bool = Field(default=False, description="Whether going sideways is an error.")


class DragX(Section):
    """Staying on the line of travel."""

    use: bool = Field(default=False, description="Whether this factor is there.")
    weight: Amount = Field(default=1.0, description="In exp(-weight distance) [1/m].")
    threshold: Amount = Field(default=0.0, description="Distance that counts as none [m].")


class Rhythm(Section):
    """Strides as long as the cycle."""

    use: bool = Field(default=False, description="Whether this factor is there.")
    weight: Amount = Field(default=1.0, description="In exp(-weight error) [1/s].")


class Foothold(Section):
    """Feet on their targets."""

    weight: Amount = Field(default=2.0, description="Of feet beside their targets [1/m].")
    clip: Amount = Field(
        default=0.075, description="Distance of a foot from its target that counts as none [m]."
    )


class Locomotion(Section):
    """Factors of the reward `gaitnet`."""

    head_linear_acc_weight: Amount = Field(
        default=4.0, description="Of changes of the head's velocity [s^2/m^2]."
    )
    head_rot_weight: Amount = Field(default=4.0, description="Of the head's inclination [1/rad^2].")
    step: Foothold = Field(default_factory=Foothold, description="Feet on their targets.")
    avg_vel: AverageVelocity = Field(default_factory=AverageVelocity, description="Speed of travel.")
    dragX: DragX = Field(default_factory=DragX, description="Staying on the line of travel.")
    phase: Rhythm = Field(default_factory=Rhythm, description="Strides as long as the cycle.")


class KneePain(Section):
    """The force that femur and tibia press on each other with, muscles included."""

    use: bool = Field(default=False, description="Whether the mean load on the knees is a factor.")
    weight: Amount = Field(default=1.0, description="In exp(-weight load) [1/kN].")
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
    max_weight: Amount = Field(default=1.0, description="In exp(-max_weight largest load) [1/kN].")

    @property
    def measured(self) -> bool:
        """Whether anything depends on the load."""
        return self.use or self.use_max or self.termination


class Clip(Section):
    """A bound on rewards at the beginning of an episode."""

    step: int = Field(default=0, ge=0, le=10**9, description="Before this step of an episode [steps].")
    value: float = Field(default=0.0, ge=0, le=1e6, description="the reward is at most this [1].")


class GaitNetReward(Section):
    """What is asked."""

    type: Literal["gaitnet", "deepmimic", "scadiver"] = Field(
        default="deepmimic",
        description=(
            "gaitnet: a product of factors of locomotion and of economy; deepmimic, scadiver: doing as the "
            "motion does."
        ),
    )
    eoe_type: Literal["tuple", "time"] = Field(
        default="time",
        description="When an episode is truncated. tuple: after Horizon steps; time: after 10 s.",
    )
    metabolic: Metabolic = Field(default_factory=Metabolic, description="The price of activations.")
    locomotion: Locomotion = Field(default_factory=Locomotion, description="Factors of locomotion.")
    knee_pain: KneePain = Field(default_factory=KneePain, description="The load on the knees.")
    clip: Clip | None = Field(default=None, description="A bound on early rewards; null: none.")
