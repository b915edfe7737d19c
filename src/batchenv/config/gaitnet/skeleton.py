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
            "What actions mean. mass_lower: joint targets, which muscles reach in the legs and torques "
            "above; mass: muscles alone; pd: torques alone; tor: joint torques; muscle: muscle excitations."
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
        description="Without effect, as in GaitNet: the skeleton's file has them [Nms/rad].",
    )
    damping: float | None = Field(
        default=None,
        ge=0,
        le=1e6,
        description="Without effect, as in GaitNet: the skeleton's file says it, or it is 0.4 [Nms/rad].",
    )

    self_collide: bool = Field(
        default=False,
        description="Whether all bodies touch the ground and each other, but for neighbours at a joint.",
    )

    @field_validator("actuator", mode="before")
    @classmethod
    def _by_both_names(cls, actuator: object) -> object:
        return "tor" if actuator == "torque" else actuator


class GaitNetGround(Section):
    """The floor."""

    file: GaitNetFile | None = Field(
        default=None,
        description="A skeleton of one level box, whose top is the height of the floor; null: at 0.",
    )


class HeightCalibration(Section):
    """How the first pose is put on the ground: always above it, as in GaitNet."""

    enabled: bool = Field(default=True, description="Without effect, as in GaitNet.")
    strict: bool = Field(default=True, description="Without effect, as in GaitNet.")


class GaitNetMotion(Section):
    """The reference motion."""

    own_keys: ClassVar[frozenset[str]] = frozenset({"symmetry"})

    type: Literal["h5", "bvh", "npz"] = Field(default="h5", description="Format of the file.")
    file: GaitNetFile = Field(description="Poses over one cycle: GaitNet's HDF5 or NPZ, or BVH.")
    cyclic: bool = Field(
        default=True, description="Without effect, as in GaitNet: the motion starts over at its end."
    )
    symmetry: bool = Field(
        default=False,
        description="Whether poses of a BVH are the mean with their mirror image half a cycle on.",
    )
    height_calibration: HeightCalibration = Field(
        default_factory=HeightCalibration, description="Without effect, as in GaitNet."
    )


class PoseOptimization(Section):
    """A search for first poses that GaitNet reads from its files and never runs."""

    enabled: bool = Field(default=True, description="Without effect, as in GaitNet.")
    rot: Literal["one_foot", "mid_feet"] = Field(
        default="one_foot", description="Without effect, as in GaitNet."
    )


class GaitNetMuscleNetwork(MuscleNetwork):
    """The network that turns torques into activations; unlike elsewhere it keeps samples by default."""

    keep_samples: bool = Field(
        default=True, description="Whether each step records the samples that the network can be trained on."
    )


class GaitNetMuscle(Section):
    """The muscles."""

    own_keys: ClassVar[frozenset[str]] = frozenset({"model", "coordinator", "static_optimization", "network"})

    file: GaitNetFile = Field(description="Paths and forces, GaitNet's XML or YAML.")
    model: Literal["mass", "mujoco"] = Field(
        default="mass",
        description="Whose curves of force over length and velocity: MASS's, or those of MuJoCo's muscles.",
    )
    mesh_lbs_weight: bool = Field(
        default=False,
        description="Whether way-points of muscles of the feet are weighted by distances to meshes.",
    )
    use_velocity_force: bool = Field(
        default=False, description="Whether active force depends on the muscle's velocity."
    )
    use_joint_state: bool = Field(
        default=False, description="Whether the policy sees the torques that muscles can make."
    )
    pose_optimization: PoseOptimization = Field(
        default_factory=PoseOptimization, description="Read by GaitNet and never run."
    )
    coordinator: Coordinator = Field(
        default="network",
        description="With actuators mass and mass_lower: what turns desired torques into activations.",
    )
    static_optimization: Optimization = Field(
        default_factory=Optimization, description="Settings of the coordinator static_optimization."
    )
    network: GaitNetMuscleNetwork = Field(
        default_factory=GaitNetMuscleNetwork, description="The network of actuators mass and mass_lower."
    )
