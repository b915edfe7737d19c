"""The section `training` of GaitNet's configurations: ours, with its words for two of our keys."""

from collections.abc import Mapping
from typing import Any

from pydantic import Field, field_validator

from batchenv.config.problems import shortened
from batchenv.config.training import LearningRate, MuscleLearning, TaughtSteps, Training, Updates
from batchenv.errors import ConfigError


class GaitNetMuscleLearning(MuscleLearning):
    """How the muscle network is trained with the policy; unlike elsewhere it is taught, and learns faster."""

    taught_steps: TaughtSteps = 100_000
    updates: Updates = 50
    learning_rate: LearningRate = Field(default=1e-3, description="Learning rate of Adam [1].")


class GaitNetTraining(Training):
    """How a policy is trained.

    GaitNet's actions are small: they scatter by 2.7 to begin with, e^1, as in GaitNet. Fifty of them change
    the policy more in a step of the same learning rate than those of a pair of legs.
    """

    desired_kl: float = Field(
        default=0.05,
        ge=1e-9,
        le=100,
        description="Change of the policy per update at which adaptation of the learning rate aims [nats].",
    )
    init_std: float = Field(
        default=2.7, ge=1e-6, le=1000, description="First standard deviation of actions [actions]."
    )
    learn_std: bool = Field(default=False, description="What environment.advanced.learning_std says.")
    muscle_network: GaitNetMuscleLearning = Field(  # pyright: ignore[reportIncompatibleVariableOverride]
        default_factory=GaitNetMuscleLearning, description="Training of the muscle network with the policy."
    )

    @field_validator("symmetry")
    @classmethod
    def _mirrored_already(cls, symmetry: bool) -> bool:
        if symmetry:
            raise ConfigError(
                "samples are from one half of a cycle already, see enforce_symmetry: give false"
            )
        return symmetry


def translated_training(
    data: Mapping[Any, Any], learning_std: object = False
) -> tuple[dict[Any, Any], list[str]]:
    """Turn `max_epoch` into `steps`, `checkpoint_freq` into `checkpoint_iterations`, and set `learn_std`.

    Args:
        data: the plain section.
        learning_std: what environment.advanced.learning_std says.

    Returns:
        The section in our words, and a sentence for each problem.
    """
    kept, problems = dict(data), []
    if kept.setdefault("learn_std", learning_std) != learning_std:
        problems.append(
            "training.learn_std: says the same as environment.advanced.learning_std; change both."
        )
    for name, ours in (("max_epoch", "steps"), ("checkpoint_freq", "checkpoint_iterations")):
        if name not in kept:
            continue
        value = kept.pop(name)
        if not isinstance(value, int) or isinstance(value, bool) or value < 1:
            problems.append(f"training.{name} = {shortened(value)}: give a whole number of at least 1.")
        elif ours in kept:
            problems.append(f"training.{name}: says the same as training.{ours}; give one of them.")
        elif name == "checkpoint_freq":
            kept[ours] = value
        else:
            kept[ours] = value * _steps_per_epoch(kept)
    return kept, problems


def _steps_per_epoch(data: Mapping[Any, Any]) -> int:
    """Environment steps between two updates of the policy."""
    steps = 1
    for key in ("num_envs", "num_steps_per_env"):
        value = data.get(key, GaitNetTraining.model_fields[key].default)
        steps *= value if isinstance(value, int) and value > 0 else 1
    return steps
