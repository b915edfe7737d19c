"""The sections of GaitNet's configurations for the body, the ground, the motion and the muscles."""

from pathlib import PurePosixPath
from typing import Annotated, Literal

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from batchenv.config.environment import Coordinator, MuscleNetwork, Optimization
from batchenv.config.paths import DATA_PREFIX
from batchenv.config.section import Cyclic, Section, finder_of
from batchenv.errors import ConfigError


def _found_file(name: str, info: ValidationInfo) -> str:
    """Return a name of an existing file, as `FileFinder.portable_name` does.

    A data directory may have all of GaitNet's files side by side: "@data/skeleton/base.xml" then means
    its base.xml.

    Raises:
        ConfigError: neither file exists.
    """
    finder = finder_of(info)
    try:
        return finder.portable_name(name)
    except ConfigError as error:
        flat = f"{DATA_PREFIX}{PurePosixPath(name).name}"
        if not name.startswith(DATA_PREFIX) or flat == name:
            raise
        try:
            return finder.portable_name(flat)
        except ConfigError:
            raise ConfigError(
                f"{error} None has a file {PurePosixPath(name).name} either; --data DIR, data_root or "
                "BATCHENV_DATA names the directory of GaitNet's files."
            ) from None


GaitNetActuator = Literal["mass_lower", "mass", "pd", "tor", "muscle"]
GaitNetFile = Annotated[str, AfterValidator(_found_file)]


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
    """How the first pose is put on the ground."""

    enabled: bool = Field(
        default=True, description="Whether feet are put on the ground; false: where the motion has them."
    )
    strict: bool = Field(default=True, description="Whether the feet have to be clear of the ground.")

    @field_validator("strict")
    @classmethod
    def _strict(cls, strict: bool) -> bool:
        if not strict:
            raise ConfigError(
                "first poses are always lifted until nothing touches the ground: give true, or enabled: false"
            )
        return strict


class GaitNetMotion(Section):
    """The reference motion."""

    type: Literal["h5", "bvh"] = Field(default="h5", description="Format of the file.")
    file: GaitNetFile = Field(description="Poses over one cycle: GaitNet's HDF5, or BVH.")
    cyclic: Cyclic = Field(default=True, description="Whether the motion starts over at its end; only true.")
    height_calibration: HeightCalibration = Field(
        default_factory=HeightCalibration, description="How the first pose is put on the ground."
    )

    @field_validator("type", mode="before")
    @classmethod
    def _no_npz(cls, kind: object) -> object:
        if kind == "npz":
            raise ConfigError("motions are read from h5 and bvh: convert the .npz to .h5")
        return kind


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

    file: GaitNetFile = Field(description="Paths and forces, GaitNet's XML or YAML.")
    model: Literal["mass", "mujoco"] = Field(
        default="mass",
        description="Whose curves of force over length and velocity: MASS's, or those of MuJoCo's muscles.",
    )
    mesh_lbs_weight: bool = Field(default=False, description="Whether way-points are weighted by a mesh.")
    use_velocity_force: bool = Field(
        default=False, description="Whether active force depends on the muscle's velocity."
    )
    use_joint_state: bool = Field(
        default=True, description="Whether the policy sees the torques that muscles can make."
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

    @field_validator("mesh_lbs_weight")
    @classmethod
    def _no_mesh(cls, mesh_lbs_weight: bool) -> bool:
        if mesh_lbs_weight:
            raise ConfigError("way-points are weighted by distances to joints, not by meshes: give false")
        return mesh_lbs_weight
