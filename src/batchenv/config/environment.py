"""The section `environment`: the body, the ground, the simulation and the task."""

from collections.abc import Mapping
from functools import partial
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationInfo,
    ValidatorFunctionWrapHandler,
    field_validator,
)

from batchenv.config.clocks import Clocks
from batchenv.config.devices import Device
from batchenv.config.parameters import WorldParameters
from batchenv.config.section import (
    BodyFile,
    BodyName,
    Cyclic,
    DataFile,
    Every,
    JointGains,
    LayerSizes,
    Pair,
    Section,
    TaskName,
    TermArgument,
    TermName,
    Terms,
    checked_coordinator,
    listed,
    numbers,
)
from batchenv.config.term_sections import TERM_SECTIONS, WALK_TERMS
from batchenv.errors import ConfigError
from batchenv.shipped import PRESETS

Actuator = Literal["mass", "muscle", "pd", "tor"]
Coordinator = Annotated[str, AfterValidator(checked_coordinator)]

_NO_REWARD = (
    "name at least one reward term with its weight; none is assumed. "
    f"The presets {', '.join(PRESETS)} each show a full set"
)


def _default_terms(kind: str) -> dict[str, dict[str, Any]]:
    return {name: dict(keywords) for name, keywords in WALK_TERMS[TERM_SECTIONS[kind]].items()}


def _default_kp() -> dict[str, float]:
    return {
        "hip_flexion": 250.0,
        "hip_adduction": 250.0,
        "hip_rotation": 120.0,
        "knee_angle": 250.0,
        "ankle_angle": 150.0,
        "subtalar_angle": 60.0,
        "mtp_angle": 15.0,
    }


class Names(Section):
    """Names of the body's parts, where they differ from the models of myo_sim."""

    feet: Pair | None = Field(
        default=None, description="Bodies of the right and the left heel; null: calcn_r and calcn_l."
    )
    toes: Pair | None = Field(
        default=None,
        description="Bodies of the right and the left toes; null: toes_r and toes_l, if the body has them.",
    )
    trunk: BodyName | None = Field(
        default=None, description="Body of the trunk; null: torso, or the root of a body without one."
    )
    head: BodyName | None = Field(
        default=None, description="Body of the head; null: head, or the trunk of a body without one."
    )
    sides: Pair | None = Field(
        default=None,
        description=(
            'Marks of the right and the left side in names: endings, or beginnings if they end in "_", "-" '
            'or ".", such as right_ and left_; null: _r and _l.'
        ),
    )
    joints: dict[BodyName, BodyName | None] = Field(
        default_factory=dict,
        description=(
            "The body's joint for each joint of the reference gait, both without side, if their names "
            "differ. A leading minus means that the joint turns in the other direction; null: there is no "
            "such joint."
        ),
    )

    @field_validator("sides")
    @classmethod
    def _tell_apart(cls, sides: Pair | None) -> Pair | None:
        if sides is not None and any(a.endswith(b) or a.startswith(b) for a, b in (sides, sides[::-1])):
            raise ConfigError("give two marks, neither of which contains the other at an end")
        return sides


class Skeleton(Section):
    """The body, and how actions drive it."""

    file: BodyFile = Field(
        default="myo_sim:myolegs",
        description='The body: "myo_sim:NAME" (a model of the package myo_sim), or the path of an MJCF file.',
    )
    names: Names = Field(default_factory=Names, description="Names of the body's parts.")
    actuator: Actuator = Field(
        default="mass",
        description=(
            "Meaning of actions. mass: joint targets that the coordinator turns into muscle excitations; "
            "muscle: muscle excitations; pd: joint targets held by ideal torques; tor: ideal joint torques."
        ),
    )
    kp: JointGains = Field(
        default_factory=_default_kp,
        description=(
            "Stiffness [Nm/rad]: one number, or one for each joint, named without its side; the key default "
            "applies to all other joints."
        ),
    )
    kv: JointGains | None = Field(
        default=None,
        description="Damping [Nms/rad], in the same form as kp; null: 0.08 s * kp.",
    )
    scale: dict[BodyName, Annotated[float, Field(ge=0.5, le=2)]] = Field(
        default_factory=dict,
        description=(
            "Factors on the sizes of segments [1]: pelvis, thigh, shank, foot, trunk, head, shoulder, "
            "upper_arm, forearm, hand, or a body of the file, without a side on both sides; all for the "
            "whole body. Several of one segment multiply."
        ),
    )
    pelvis_tilt: float | None = Field(
        default=None,
        ge=-1,
        le=1,
        description=(
            "How far the pelvis of the upright body is tilted forward, along the line from the posterior to "
            "the anterior iliac spines, by which gait laboratories measure it and the hips [rad]; for "
            "evaluation alone. null: 0.12, as the bones have it, for the bodies of myo_sim, and 0 for others."
        ),
    )
    held: tuple[BodyName, ...] = Field(
        default=(),
        strict=False,
        description=(
            "Joints that do not move, named without their side, `*` standing for any characters, such as "
            "`mcp*`: they are welded in the file's pose, and muscles that move nothing else are left out."
        ),
    )


# As MuJoCo has them: below or above, it takes the nearest.
Solref = Annotated[tuple[float, float], BeforeValidator(numbers((1e-4, 1.0), (0.01, 10.0)))]
Solimp = Annotated[
    tuple[float, float, float, float, float],
    BeforeValidator(numbers((1e-4, 0.9999), (1e-4, 0.9999), (1e-6, 1.0), (1e-4, 0.9999), (1.0, 10.0))),
]


class Ground(Section):
    """The floor, and how soft what touches it is."""

    friction: float = Field(default=1.0, ge=0, le=10, description="Coefficient of sliding friction [1].")
    solref: Solref | None = Field(
        default=None,
        description=(
            "Time constant [s] and damping ratio [1] of contacts with the floor, MuJoCo's solref; null: as "
            "in the file. MuJoCo takes a time constant of at least two substeps."
        ),
    )
    solimp: Solimp | None = Field(
        default=None,
        description=(
            "Impedance of contacts with the floor, MuJoCo's solimp: where they begin and where they are deep "
            "[1], how deep that is [m], midpoint and power of the curve between [1]; null: as in the file. "
            "Heels sink in by about 10 mm with [0.6, 0.95, 0.015, 0.5, 1.0] and the solref [0.025, 1.0]."
        ),
    )


Ahead = Annotated[float, Field(gt=0, le=10)]


def _default_joint_scale() -> dict[str, float]:
    return {"hip_rotation": 0.0, "hip_adduction": 0.4}


class Motion(Section):
    """The reference gait."""

    file: DataFile = Field(
        default="@data/ref_gait_myosuite_sym.csv",
        description="One cycle of joint angles over phase, from right heel strike to right heel strike.",
    )
    cyclic: Cyclic = Field(default=True, description="Whether the motion repeats; must be true.")
    # A sprinter's cycle takes 0.4 s, and the fastest ran 12.4 m/s.
    period: float = Field(default=1.12, ge=0.1, le=100, description="Duration of one cycle [s].")
    speed: float = Field(default=1.24, ge=0, le=20, description="Forward speed of the reference [m/s].")
    joint_scale: dict[str, Annotated[float, Field(ge=-10, le=10)]] = Field(
        default_factory=_default_joint_scale,
        description=(
            "Factors on the file's joint angles, by joint without its side, or of one leg alone, such as "
            "knee_angle_l, which goes first [1]. By default, hip rotation is "
            "ignored because skin markers measure it badly, and hip adduction is reduced because it includes "
            "the list of the pelvis, which a body with a rigid trunk lacks."
        ),
    )
    smooth: bool = Field(
        default=False,
        description=(
            "Whether joint targets follow the reference within a step of the policy. false: they go on at "
            "the velocity that it had when the step began, and jump where the next one begins; muscles that "
            "make the torque of a jump work against others until they rest again."
        ),
    )
    joint_weight: dict[str, Annotated[float, Field(ge=0, le=100)]] = Field(
        default_factory=dict,
        description=(
            "Weights of joints in the rewards pose and joint_velocity, by joint without its side [1]; 1 for "
            "others, 0 for those that the motion does not tell."
        ),
    )
    files: tuple[DataFile, ...] = Field(
        default=(),
        strict=False,
        description=(
            "With the task track: clips to imitate, of any format that `batchenv import` reads; file, "
            "period, speed and joint_scale have no effect."
        ),
    )
    loop: bool = Field(
        default=False,
        description=(
            "With the task track: whether clips repeat, their ends brought together; otherwise an episode "
            "ends with its clip. Clips that were saved as loops always repeat."
        ),
    )
    ahead: Annotated[tuple[Ahead, ...], Field(min_length=1, max_length=20)] = Field(
        default=(0.1, 0.3),
        strict=False,
        description="With the task track: how far ahead policies see the clip, at several times [s].",
    )


class Optimization(Section):
    """The coordinator that minimises |torque error|^2 + regularization * |a|^2 over 0 <= a <= 1."""

    # A thousand sweeps take ten milliseconds in every substep, and two are enough.
    sweeps: int = Field(
        default=2, gt=0, le=1000, description="Coordinate-descent sweeps over all muscles per substep [1]."
    )
    regularization: float = Field(
        default=100.0,
        ge=1e-6,
        le=1e12,
        description="Price of squared activation relative to squared torque error [Nm^2].",
    )


class StaticOptimization(Optimization):
    """Static optimisation, with a weight for each joint."""

    torque_weight: JointGains = Field(
        default=1.0,
        description="Weight of squared torque errors [1]: one number, or one by joint name without side.",
    )


class MuscleNetwork(Section):
    """The coordinator that evaluates a trained network from joint torques to activations."""

    file: DataFile | None = Field(
        default=None,
        description="Trained weights (.npz, or Torch's .pt); null: weights drawn from the seed.",
    )
    hidden: LayerSizes = Field(default=(256, 256, 256), description="Sizes of the hidden layers [units].")
    cascaded: bool = Field(
        default=False,
        description="Whether the network corrects a previous network's output instead of replacing it.",
    )
    base_file: DataFile | None = Field(
        default=None, description="With cascaded: weights of the previous network, which must be plain."
    )
    weight: float = Field(
        default=1.0,
        ge=-1000,
        le=1000,
        description="With cascaded: weight of the correction, z = previous z + weight * network [1].",
    )
    keep_samples: bool = Field(
        default=False, description="Whether each step records samples for training the network."
    )

    @field_validator("base_file")
    @classmethod
    def _base_of_a_cascade(cls, base_file: str | None, info: ValidationInfo) -> str | None:
        if info.data.get("cascaded", False) != (base_file is not None):
            raise ConfigError("name the previous network's weights with cascaded: true, and only then")
        return base_file


class Polynomials(Section):
    """Polynomials that replace muscle paths."""

    tolerance: float = Field(
        default=0.00025,
        ge=1e-5,
        le=0.01,
        description=(
            "Allowed root mean square error of a muscle's length over the joints' ranges [m]; its largest "
            "error may be 6 times, that of a moment arm 4 times as large. Other muscles keep their tendons."
        ),
    )


class Muscle(Section):
    """How muscles are coordinated and activated."""

    paths: Literal["mujoco", "polynomial"] = Field(
        default="mujoco",
        description=(
            "Source of muscle lengths and moment arms: MuJoCo's tendons, or polynomials fitted to them, "
            "which are nearly twice as fast."
        ),
    )
    polynomial: Polynomials = Field(default_factory=Polynomials, description="Settings of polynomial paths.")

    coordinator: Coordinator = Field(
        default="static_optimization",
        description=(
            "With actuator mass: the method that turns desired joint torques into muscle excitations: "
            "static_optimization, network, or FILE.py:FUNCTION."
        ),
    )
    model: Literal["mujoco", "mass"] = Field(
        default="mujoco",
        description=(
            "Force-length and force-velocity curves: those of MuJoCo's muscles, or MASS's, which have no "
            "dependence on velocity and no activation dynamics."
        ),
    )
    activation_dynamics: bool = Field(
        default=True,
        description="Whether activation lags behind excitation as in MuJoCo's muscles; false: no lag.",
    )
    static_optimization: StaticOptimization = Field(
        default_factory=StaticOptimization, description="Settings of the coordinator static_optimization."
    )
    network: MuscleNetwork = Field(
        default_factory=MuscleNetwork, description="Settings of the coordinator network."
    )


class Simulation(Clocks):
    """Rates, engine, integrator, recorders and constraints."""

    engine: Literal["numba", "warp"] = Field(
        default="numba",
        description=(
            "What steps the worlds: numba (MuJoCo on all cores, the control law compiled by Numba) or warp "
            "(MuJoCo Warp in float32, on the CPU or a GPU; needs the extra gpu)."
        ),
    )
    integrator: Literal["implicitfast", "euler"] = Field(
        default="implicitfast",
        description="MuJoCo's integrator; euler needs shorter substeps to stay stable with muscles.",
    )
    recorders: tuple[TermName, ...] = Field(
        default=(), strict=False, description="Your own recorders, each FILE.py:FUNCTION."
    )
    constraints: Literal["mujoco", "active_set", "tree_newton"] | None = Field(
        default=None,
        description=(
            "Solver of contacts, limits and couplings: MuJoCo's, or one in the control callback with the "
            "same forces; null: tree_newton where muscle paths are polynomials, else mujoco."
        ),
    )


class Action(Section):
    """Conversion of the policy's actions into targets."""

    term: TermName | None = Field(
        default=None,
        description="Function that computes targets from actions, FILE.py:FUNCTION; null: the actuator's.",
    )
    scale: float = Field(
        default=0.3,
        ge=1e-6,
        le=10_000,
        description="Value of an action of 1: a joint angle [rad], torque [Nm] or excitation [1].",
    )
    residual: bool = Field(
        default=True,
        description="Whether joint targets are relative to the reference pose instead of to zero.",
    )
    smooth: bool = Field(
        default=False,
        description=(
            "Whether what actions add to the reference pose moves evenly to its next value within a step of "
            "the policy. false: it jumps there when the step begins. With true, actions come into force half "
            "a step later, as the observation action_delay says."
        ),
    )
    time_warping: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="Share of the phase speed that one more action may add or subtract [1]; 0: no action.",
    )


class _TermWithKeys(Section):
    """A term: keys of its own, and any keyword arguments of its function."""

    model_config = ConfigDict(extra="allow")
    __pydantic_extra__: dict[str, TermArgument] = Field(init=False)  # pyright: ignore[reportIncompatibleVariableOverride]

    @property
    def arguments(self) -> dict[str, Any]:
        """Keyword arguments of the term's function."""
        return dict(self.__pydantic_extra__)


class TermConfig(_TermWithKeys):
    """A reward term: its weight, and any keyword arguments of its function."""

    weight: float = Field(
        ge=-1e6, le=1e6, description="Factor of the term in the reward [1]; negative for a cost."
    )


class CommandConfig(_TermWithKeys):
    """A command: when it is drawn, and any keyword arguments of its function."""

    every: Every | None = Field(
        default=None,
        description=(
            "Least and greatest time between two draws, chosen at random each time in each world [s]; null: "
            "one draw at the beginning of an episode."
        ),
    )
    again: float = Field(
        default=0.0,
        ge=0,
        le=1,
        description=(
            "Share of the episodes after a fall that begin with the command under which it happened, instead "
            "of a new one: walkers practise what they cannot do yet. An episode that was cut short counts as "
            "one that ended in a fall. No effect in tasks of your own that do not define `ended_early` [1]."
        ),
    )


class Termination(Section):
    """When an episode ends early."""

    terms: Terms = Field(
        default_factory=partial(_default_terms, "termination"),
        description="Terminations with their keywords, shipped ones or FILE.py:FUNCTION.",
    )


class Episode(Section):
    """How long an episode is."""

    max_seconds: float = Field(
        default=100.0, gt=0, le=1e7, description="An episode is truncated after this time [s]."
    )


class Curriculum(Section):
    """Difficulty of each world, from 0 to 1, which follows the length of its episodes.

    It scales pushes, the noise of observations, and the distance of parameters drawn per episode from their
    defaults.
    """

    step: float = Field(default=0.05, gt=0, le=1, description="How much it rises [1].")
    step_back: float = Field(default=0.05, gt=0, le=1, description="How much it falls [1].")
    rises_at: float = Field(
        default=0.95, gt=0, le=1, description="It rises after an episode of this share of the time limit [1]."
    )
    falls_below: float = Field(
        default=0.5, ge=0, le=1, description="It falls after an episode shorter than this share [1]."
    )


class Observation(Section):
    """Observations of the policy."""

    terms: Annotated[Terms, Field(min_length=1)] = Field(
        default_factory=partial(_default_terms, "observation"),
        description=(
            "Observations with their keywords, shipped ones or FILE.py:FUNCTION; the columns follow their "
            "order."
        ),
    )
    noise: dict[TermName, Annotated[float, Field(ge=0, le=1e6)]] = Field(
        default_factory=dict,
        description="Standard deviation of white noise on the columns of some terms, in their units.",
    )


class Environment(Section):
    """The worlds: body, simulation and task."""

    task: TaskName = Field(default="walk", description="Task of the walker: a name, or FILE.py:CLASS.")
    skeleton: Skeleton = Field(default_factory=Skeleton, description="The body and its actuation.")
    ground: Ground = Field(default_factory=Ground, description="The floor.")
    motion: Motion = Field(default_factory=Motion, description="The reference gait.")
    muscle: Muscle = Field(default_factory=Muscle, description="Coordination and activation of muscles.")
    simulation: Simulation = Field(default_factory=Simulation, description="Rates and integrator.")
    action: Action = Field(default_factory=Action, description="Meaning of actions.")
    reward: dict[TermName, TermConfig] = Field(
        default_factory=dict,
        description="Terms of the reward, shipped ones or FILE.py:FUNCTION.",
    )
    termination: Termination = Field(default_factory=Termination, description="When an episode ends early.")
    episode: Episode = Field(default_factory=Episode, description="How long an episode is.")
    commands: Annotated[dict[TermName, CommandConfig], BeforeValidator(listed)] = Field(
        default_factory=dict,
        description="Requests to each world, such as a speed: shipped commands or FILE.py:FUNCTION.",
    )
    events: Terms = Field(
        default_factory=partial(_default_terms, "event"),
        description=(
            "Events at the beginning of an episode and before steps, in this order, with their keywords: "
            "shipped ones or FILE.py:FUNCTION."
        ),
    )
    observation: Observation = Field(default_factory=Observation, description="Observations of the policy.")
    curriculum: Curriculum | None = Field(
        default=None, description="How difficulty follows success; null: full difficulty from the start."
    )
    parameters: WorldParameters = Field(
        default_factory=WorldParameters, description="Properties that differ between worlds."
    )
    devices: dict[BodyName, Device] = Field(
        default_factory=dict, description="Exoskeletons that the body wears, by a name of your own."
    )

    @field_validator("episode")
    @classmethod
    def _a_step_at_least(cls, episode: Episode, info: ValidationInfo) -> Episode:
        simulation = info.data.get("simulation")
        if simulation is not None and episode.max_seconds * simulation.control_hz < 0.5:
            raise ConfigError(
                f"max_seconds = {episode.max_seconds:g} is less than a step; give at least "
                f"1 / control_hz = {1.0 / simulation.control_hz:g}"
            )
        return episode

    @field_validator("reward", mode="wrap")
    @classmethod
    def _distinct_terms(cls, value: Any, handler: ValidatorFunctionWrapHandler) -> dict[str, TermConfig]:
        reward = handler(value)
        if not reward:
            raise ConfigError(_NO_REWARD)
        if isinstance(value, Mapping) and len(reward) < len(value):
            raise ConfigError("two keys name the same file and function")
        return reward
