"""The section `environment` of GaitNet's configurations."""

from typing import Any, ClassVar, Literal

from pydantic import Field, field_validator

from batchenv.config.clocks import Clocks
from batchenv.config.gaitnet.noise import NoiseInjection
from batchenv.config.gaitnet.parameters import GaitNetParameters
from batchenv.config.gaitnet.reward import GaitNetReward
from batchenv.config.gaitnet.skeleton import GaitNetGround, GaitNetMotion, GaitNetMuscle, GaitNetSkeleton
from batchenv.config.section import Section
from batchenv.errors import ConfigError


class GaitNetSimulation(Clocks):
    """Rates; physics runs faster by default."""

    sim_hz: int = Field(
        default=600,
        gt=0,
        le=100_000,
        description="Physics substeps per second [Hz]; a multiple of control_hz, at least twice it.",
    )


class GaitNetAction(Section):
    """Conversion of the policy's actions into targets."""

    scale: float = Field(
        default=0.04,
        ge=1e-6,
        le=10_000,
        description="Value of an action of 1: an angle [rad], otherwise [1].",
    )
    residual: bool = Field(
        default=True, description="Whether targets are relative to the reference pose instead of to zero."
    )
    time_warping: float = Field(
        default=-1.0,
        ge=-1,
        lt=1,
        description=(
            "How much faster an action of 1 makes the gait's clock, as a fraction [1]; -1: no such action."
        ),
    )
    gait_phase_mode: Literal["phase", "contact"] = Field(
        default="phase", description="Whether the clock or ground contact decides which foot stands."
    )

    @field_validator("time_warping")
    @classmethod
    def _off_or_on(cls, time_warping: float) -> float:
        if time_warping != -1.0 and not 0.0 <= time_warping < 1.0:
            raise ConfigError("give a number from 0 to below 1, or -1 for no such action")
        return time_warping


class Advanced(Section):
    """GaitNet's switches, and one of ours."""

    own_keys: ClassVar[frozenset[str]] = frozenset({"quirks"})

    enforce_symmetry: bool = Field(
        default=False,
        description="Whether observations and actions are mirrored in the second half of a cycle.",
    )
    hard_phase_clipping: bool = Field(
        default=False, description="Whether the local clock stays in the same cycle as the global one."
    )
    soft_phase_clipping: bool = Field(
        default=False,
        description="Whether, without hard clipping, each half cycle sets the global clock to the local one.",
    )
    torque_clipping: bool = Field(default=False, description="Whether desired torques are bounded.")
    include_jtp_in_spd: bool = Field(
        default=False, description="Whether stable PD takes the passive forces of muscles into account."
    )
    use_normalized_param_state: bool = Field(
        default=True, description="Whether parameters are observed from 0 at min to 1 at max."
    )
    learning_std: bool = Field(
        default=False, description="Whether the standard deviation of actions is learned."
    )
    stance_learning: bool = Field(default=False, description="Without effect, as in GaitNet.")
    quirks: bool = Field(
        default=False, description="Whether to reproduce GaitNet's behaviour where it appears to be a defect."
    )

    @field_validator("torque_clipping")
    @classmethod
    def _absent(cls, wanted: bool) -> bool:
        if wanted:
            raise ConfigError("GaitNet's own program ends where it is true: give false")
        return wanted


class GaitNetEnvironment(Section):
    """GaitNet's worlds: body, simulation and task."""

    own_keys: ClassVar[frozenset[str]] = frozenset({"task"})

    task: Literal["gaitnet"] = Field(default="gaitnet", description="Task of the walker.")
    skeleton: GaitNetSkeleton = Field(description="The body and its actuation.")
    ground: GaitNetGround = Field(default_factory=GaitNetGround, description="The floor.")
    motion: GaitNetMotion = Field(description="The reference motion.")
    muscle: GaitNetMuscle = Field(description="The muscles.")
    simulation: GaitNetSimulation = Field(default_factory=GaitNetSimulation, description="Rates.")
    action: GaitNetAction = Field(default_factory=GaitNetAction, description="Meaning of actions.")
    advanced: Advanced = Field(default_factory=Advanced, description="Switches.")
    reward: GaitNetReward = Field(default_factory=GaitNetReward, description="Terms of the reward.")
    noise_injection: NoiseInjection | None = Field(
        default=None, description="Disturbances of poses, bodies and muscles; null: none."
    )
    parameters: GaitNetParameters = Field(
        default_factory=GaitNetParameters, description="Properties that differ between worlds."
    )


def is_gaitnet(data: Any) -> bool:
    """Whether plain data has keys that only GaitNet's configurations have."""
    environment = data.get("environment") if isinstance(data, dict) else None
    if not isinstance(environment, dict):
        return False

    def under(section: str, key: str) -> Any:
        inner = environment.get(section)
        return inner.get(key) if isinstance(inner, dict) else None

    if under("skeleton", "actuator") == "mass_lower":
        return True
    return under("muscle", "file") is not None and under("reward", "type") is not None
