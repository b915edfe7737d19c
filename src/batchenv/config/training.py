"""The section `training`: proximal policy optimisation and its budget."""

from typing import Annotated

from pydantic import AfterValidator, Field, ValidationInfo, field_validator

from batchenv.config.paths import absolute, expanded
from batchenv.config.section import LayerSizes, Section, TermName, finder_of
from batchenv.errors import ConfigError
from batchenv.shipped import PRESETS, shipped_walkers

# Above 10, one step of Adam throws weights farther than they reach; below, Torch's float32 counts as none.
LearningRate = Annotated[float, Field(ge=1e-12, le=10)]
TaughtSteps = Annotated[
    int,
    Field(
        ge=0,
        le=10**15,
        description=(
            "Environment steps at the beginning of a run in which static optimisation coordinates, while the "
            "network learns from its problems; without effect on a network from a file [steps]."
        ),
    ),
]
ValueAloneSteps = Annotated[
    int | None,
    Field(
        ge=0,
        le=10**15,
        description=(
            "Environment steps at the beginning of a run in which the value function learns alone and the "
            "policy stays as it is; null: 65,536 after a warm start that brings no value function, else none "
            "[steps]."
        ),
    ),
]
Privileged = Annotated[
    tuple[TermName, ...],
    Field(
        strict=False,
        description=(
            "Terms of environment.observation that the value function sees and the policy does not, such as "
            "parameters: an asymmetric critic. The saved policy does without them."
        ),
    ),
]


def _located(teacher: str | None, info: ValidationInfo) -> str | None:
    """A teacher's name if it is a shipped walker's, else the absolute path of what may be a run."""
    if teacher is None or teacher in shipped_walkers():
        return teacher
    path = absolute(expanded(teacher), finder_of(info).base)
    mistaken = teacher in PRESETS and not path.exists()
    return teacher if mistaken else str(path)


Teacher = Annotated[
    str | None,
    AfterValidator(_located),
    Field(
        description=(
            "A walker by name, or the directory of a run, whose policy is imitated in place of PPO, in the "
            "states that the policy that learns leads to; where environment.parameters.action.delay makes "
            "actions late, list the observation action_delay. null: PPO."
        ),
    ),
]
Updates = Annotated[
    int,
    Field(
        gt=0,
        le=1_000_000,
        description="Mini-batches per iteration, drawn from its samples [mini-batches].",
    ),
]
DesiredKl = Annotated[float, Field(ge=1e-9, le=100)]
MostStd = Annotated[float, Field(ge=1e-6, le=1000)]
# A rollout holds about 100 float32 for each sample: a hundred million samples are 40 GB.
MAX_SAMPLES = 100_000_000


class MuscleLearning(Section):
    """How the muscle network is trained with the policy, where `keep_samples` is set."""

    taught_steps: TaughtSteps = 0
    updates: Updates = 12
    mini_batch: int = Field(default=512, gt=0, le=1_000_000, description="Samples in a mini-batch [samples].")
    learning_rate: LearningRate = Field(default=1e-4, description="Learning rate of Adam [1].")
    effort: float = Field(
        default=0.01, ge=0, le=1e6, description="Weight of the mean squared activation [1]."
    )
    saturation: float = Field(
        default=0.01, ge=0, le=1e6, description="Weight of the mean squared output before its tanh [1]."
    )


class Settling(Section):
    """How a policy learns once it is no beginner: in smaller steps, with actions that scatter less.

    Keys take the place of those of `training`; what is null stays as it is.
    """

    after_steps: int = Field(gt=0, le=10**15, description="Environment steps from which on it does [steps].")
    desired_kl: DesiredKl | None = Field(default=None, description="See `training.desired_kl` [nats].")
    most_std: MostStd | None = Field(default=None, description="See `training.most_std` [actions].")
    learning_rate: LearningRate | None = Field(
        default=None,
        description="See `training.learning_rate`; for a policy with a teacher, as PPO adapts its rate [1].",
    )


class Training(Section):
    """How a policy is trained."""

    steps: int = Field(
        default=4_000_000, gt=0, le=10**15, description="Environment steps in all, over all worlds [steps]."
    )
    # A world takes about half a megabyte.
    num_envs: int = Field(default=128, gt=0, le=1_000_000, description="Worlds stepped in parallel [worlds].")
    seed: int = Field(default=0, ge=0, lt=2**63, description="Seed of all random draws [1].")
    num_steps_per_env: int = Field(
        default=32,
        gt=0,
        le=1_000_000,
        description="Steps of each world between two updates of the policy [steps].",
    )
    hidden: LayerSizes = Field(
        default=(256, 256), description="Sizes of the hidden layers of policy and value function [units]."
    )
    learning_rate: LearningRate = Field(
        default=3e-4, description="First learning rate of the policy, which is then adapted [1]."
    )
    critic_learning_rate: LearningRate = Field(
        default=1e-3, description="Learning rate of the value function, which is not adapted [1]."
    )
    value_alone_steps: ValueAloneSteps = None
    desired_kl: DesiredKl = Field(
        default=0.01,
        description="Change of the policy per update at which adaptation of the learning rate aims [nats].",
    )
    epochs: int = Field(
        default=5, gt=0, le=10_000, description="Passes over the samples per update [passes]."
    )
    mini_batches: int = Field(
        default=4, gt=0, le=MAX_SAMPLES, description="Number of mini-batches per pass over the samples [1]."
    )
    gamma: float = Field(default=0.99, gt=0, le=1, description="Discount of future rewards per step [1].")
    lam: float = Field(default=0.95, ge=0, le=1, description="Decay of generalised advantage estimation [1].")
    entropy: float = Field(default=0.0, ge=0, le=1e6, description="Weight of the entropy bonus [1].")
    init_std: float = Field(
        default=0.3, ge=1e-6, le=1000, description="First standard deviation of actions [actions]."
    )
    most_std: MostStd | None = Field(
        default=None,
        description=(
            "Largest standard deviation of actions, to which larger ones are cut, those of a resumed run "
            "included; null: there is none [actions]."
        ),
    )
    settling: Settling | None = Field(
        default=None, description="What changes once the policy is no beginner; null: nothing does."
    )
    learn_std: bool = Field(
        default=True, description="Whether the standard deviation of actions is learned or constant."
    )
    clip: float = Field(
        default=0.2,
        ge=1e-6,
        lt=1,
        description="Change of the action probability ratio beyond which the objective is clipped [1].",
    )
    checkpoint_seconds: float = Field(default=60.0, gt=0, le=1e9, description="Time between checkpoints [s].")
    checkpoint_iterations: int | None = Field(
        default=None,
        gt=0,
        le=10**15,
        description="Updates between two additional checkpoints [updates]; null: checkpoints only by time.",
    )
    symmetry: bool = Field(
        default=False,
        description=(
            "Whether to learn from the left-right mirror image of every sample, too; false where the two "
            "sides are not alike."
        ),
    )
    privileged: Privileged = ()
    teacher: Teacher = None
    learn_threads: int = Field(
        default=2, gt=0, le=1024, description="Torch threads while the policy is updated [threads]."
    )
    muscle_network: MuscleLearning = Field(
        default_factory=MuscleLearning, description="Training of the muscle network with the policy."
    )

    @property
    def privileged_terms(self) -> tuple[str, ...]:
        """Names of the terms of `privileged`, without the files that they come from."""
        return tuple(term.rpartition(":")[2] for term in self.privileged)

    def after(self, steps: int) -> "Training":
        """Return what holds after so many environment steps: `settling` applied once its time has come."""
        settling = self.settling
        if settling is None or steps < settling.after_steps:
            return self
        return self.model_copy(update=settling.model_dump(exclude={"after_steps"}, exclude_none=True))

    def check_symmetry(self, asymmetry: str | None) -> None:
        """Refuse to learn from mirror images of sides that are not alike.

        Args:
            asymmetry: a clause on what differs; None where nothing does.

        Raises:
            ConfigError: `symmetry` is true all the same.
        """
        if self.symmetry and asymmetry is not None:
            raise ConfigError(
                f"training.symmetry is true, but {asymmetry}: mirror images would teach what is wrong; set "
                "training.symmetry to false"
            )

    @field_validator("num_steps_per_env")
    @classmethod
    def _fits_memory(cls, num_steps_per_env: int, info: ValidationInfo) -> int:
        num_envs = info.data.get("num_envs", 1)
        if num_envs * num_steps_per_env > MAX_SAMPLES:
            raise ConfigError(
                f"num_envs * num_steps_per_env would be {num_envs * num_steps_per_env:,} samples, tens of "
                f"gigabytes; give at most {MAX_SAMPLES // num_envs}"
            )
        return num_steps_per_env

    @field_validator("mini_batches")
    @classmethod
    def _no_empty_mini_batch(cls, mini_batches: int, info: ValidationInfo) -> int:
        samples = info.data.get("num_envs", 0) * info.data.get("num_steps_per_env", 0)
        if samples and mini_batches > samples:
            raise ConfigError(f"give at most num_envs * num_steps_per_env = {samples}")
        return mini_batches
