"""The sections of GaitNet's configurations for the body, the ground, the motion and the muscles."""

from typing import ClassVar, Literal

from pydantic import Field, field_validator

from batchenv.config.environment import Coordinator, MuscleNetwork, Optimization
from batchenv.config.gaitnet.files import GaitNetFile
from batchenv.config.section import Section

GaitNetActuator = Literal["mass_lower", "mass", "pd", "tor", "muscle"]


class GaitNetSkeleton(Section):
    """The body, and how actions drive it."""

    file: GaitNetFile = Field(description="The skeleton, GaitNet's XML or YAML.")
    actuator: GaitNetActuator = Field(
        default="mass_lower",
        description=(
            "Meaning of actions. mass_lower: joint targets, reached by muscles in the legs and by torques "
            "above; mass: by muscles only; pd: by torques only; tor: joint torques; muscle: excitations."
        ),
    )
    kp: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        description="Without effect, as in GaitNet: the skeleton's file has the gains [Nm/rad].",
    )
    kv: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        description="Without effect, as in GaitNet: the skeleton's file has the gains [Nms/rad].",
    )
    damping: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        description="Without effect, as in GaitNet: the skeleton's file has it, by default 0.4 [Nms/rad].",
    )

    self_collide: bool = Field(
        default=False,
        description="Whether all bodies touch the ground and each other, except neighbours at a joint.",
    )

    @field_validator("actuator", mode="before")
    @classmethod
    def _by_both_names(cls, actuator: object) -> object:
        return "tor" if actuator == "torque" else actuator


class GaitNetGround(Section):
    """The floor."""

    file: GaitNetFile | None = Field(
        default=None,
        description="File with a level box whose top is the floor; null: floor at 0.",
    )


class HeightCalibration(Section):
    """Height of the first pose: always above the ground, as in GaitNet."""

    enabled: bool = Field(default=True, description="Without effect, as in GaitNet.")
    strict: bool = Field(default=True, description="Without effect, as in GaitNet.")


class GaitNetMotion(Section):
    """The reference motion."""

    own_keys: ClassVar[frozenset[str]] = frozenset({"symmetry"})

    type: Literal["h5", "bvh", "npz"] = Field(default="h5", description="Format of the file.")
    file: GaitNetFile = Field(description="Poses over one cycle: GaitNet's HDF5 or NPZ, or BVH.")
    cyclic: bool = Field(default=True, description="Without effect, as in GaitNet: the motion repeats.")
    symmetry: bool = Field(
        default=False,
        description="Whether each pose of a BVH file is averaged with the mirror image half a cycle later.",
    )
    height_calibration: HeightCalibration = Field(
        default_factory=HeightCalibration, description="Without effect, as in GaitNet."
    )


class PoseOptimization(Section):
    """A search for first poses that GaitNet's files configure but GaitNet never runs."""

    enabled: bool = Field(default=True, description="Without effect, as in GaitNet.")
    rot: Literal["one_foot", "mid_feet"] = Field(
        default="one_foot", description="Without effect, as in GaitNet."
    )


class GaitNetMuscleNetwork(MuscleNetwork):
    """The network that turns torques into activations; unlike elsewhere it keeps samples by default."""

    keep_samples: bool = Field(
        default=True, description="Whether each step records samples for training the network."
    )


class GaitNetMuscle(Section):
    """The muscles."""

    own_keys: ClassVar[frozenset[str]] = frozenset({"model", "coordinator", "static_optimization", "network"})

    file: GaitNetFile = Field(description="Paths and forces, GaitNet's XML or YAML.")
    model: Literal["mass", "mujoco"] = Field(
        default="mass",
        description="Force-length and force-velocity curves: MASS's, or those of MuJoCo's muscles.",
    )
    mesh_lbs_weight: bool = Field(
        default=False,
        description="Whether way-points of muscles of the feet are weighted by distances to meshes.",
    )
    use_velocity_force: bool = Field(
        default=False, description="Whether active force depends on the muscle's velocity."
    )
    use_joint_state: bool = Field(
        default=False, description="Whether the policy observes the torques that muscles can produce."
    )
    pose_optimization: PoseOptimization = Field(
        default_factory=PoseOptimization, description="Without effect, as in GaitNet."
    )
    coordinator: Coordinator = Field(
        default="network",
        description="With actuators mass and mass_lower: the method that turns torques into activations.",
    )
    static_optimization: Optimization = Field(
        default_factory=Optimization, description="Settings of the coordinator static_optimization."
    )
    network: GaitNetMuscleNetwork = Field(
        default_factory=GaitNetMuscleNetwork, description="The network of actuators mass and mass_lower."
    )
