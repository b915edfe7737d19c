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
    """The clocks; physics runs faster by default."""

    sim_hz: int = Field(
        default=600,
        gt=0,
        le=100_000,
        description="Physics substeps per second [Hz]; a multiple of control_hz, at least twice it.",
    )


class GaitNetAction(Section):
    """From the numbers of the policy to targets."""

    scale: float = Field(
        default=0.04, ge=1e-6, le=10_000, description="What an action of 1 means: an angle [rad] or else [1]."
    )
    residual: bool = Field(
        default=True, description="Whether targets are counted from the reference pose instead of from zero."
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
        default="phase", description="What says which foot stands: the clock, or the feet."
    )

    @field_validator("time_warping")
    @classmethod
    def _off_or_on(cls, time_warping: float) -> float:
        if time_warping != -1.0 and not 0.0 <= time_warping < 1.0:
            raise ConfigError("give a number from 0 to below 1, or -1 for no such action")
        return time_warping


class Advanced(Section):
    """Switches of GaitNet's, and one of ours."""

    own_keys: ClassVar[frozenset[str]] = frozenset({"quirks"})

    enforce_symmetry: bool = Field(
        default=False, description="Whether the second half of a cycle is seen, and acted on, in the mirror."
    )
    hard_phase_clipping: bool = Field(
        default=False, description="Whether the local clock is kept in the cycle of the global one."
    )
    soft_phase_clipping: bool = Field(
        default=False,
        description="Whether, without hard clipping, each half cycle sets the global clock to the local one.",
    )
    torque_clipping: bool = Field(default=False, description="Whether desired torques are bounded.")
    include_jtp_in_spd: bool = Field(
        default=False, description="Whether PD torques foresee the passive forces of muscles."
    )
    use_normalized_param_state: bool = Field(
        default=True, description="Whether parameters are observed from 0 at min to 1 at max."
    )
    learning_std: bool = Field(
        default=False, description="Whether training adapts how far the policy's actions scatter."
    )
    stance_learning: bool = Field(default=False, description="Without effect, as in GaitNet.")
    quirks: bool = Field(
        default=False, description="Whether to do as GaitNet does where that looks like a defect."
    )

    @field_validator("torque_clipping")
    @classmethod
    def _absent(cls, wanted: bool) -> bool:
        if wanted:
            raise ConfigError("GaitNet's own program ends where it is true: give false")
        return wanted


class GaitNetEnvironment(Section):
    """All that `BatchEnv` needs to know of a world of GaitNet."""

    own_keys: ClassVar[frozenset[str]] = frozenset({"task"})

    task: Literal["gaitnet"] = Field(default="gaitnet", description="What is asked of the walker.")
    skeleton: GaitNetSkeleton = Field(description="The body and its actuation.")
    ground: GaitNetGround = Field(default_factory=GaitNetGround, description="The floor.")
    motion: GaitNetMotion = Field(description="The reference motion.")
    muscle: GaitNetMuscle = Field(description="The muscles.")
    simulation: GaitNetSimulation = Field(default_factory=GaitNetSimulation, description="Rates.")
    action: GaitNetAction = Field(default_factory=GaitNetAction, description="What actions mean.")
    advanced: Advanced = Field(default_factory=Advanced, description="Switches.")
    reward: GaitNetReward = Field(default_factory=GaitNetReward, description="What is asked.")
    noise_injection: NoiseInjection | None = Field(
        default=None, description="Disturbances of poses, bodies and muscles; null: none."
    )
    parameters: GaitNetParameters = Field(
        default_factory=GaitNetParameters, description="Properties of worlds that vary."
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
