"""Reports of training and pretraining: progress while they run, and results at the end."""

import signal
from dataclasses import dataclass, field
from math import isnan, nan
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from batchenv.errors import CheckpointError

WINDOW = 20_000
"""Environment steps over which returns and lengths of episodes are averaged."""


@dataclass(frozen=True)
class Report:
    """One iteration of a training run: a rollout, and what was learned from it.

    Attributes:
        steps: environment steps so far, those of a resumed run included.
        total_steps: when the run ends.
        steps_per_second: of this iteration.
        mean_return, mean_length: of the episodes that ended lately [-, control steps]; NaN before the first.
        reward_terms: mean of each term, before its weight.
        losses: by name, "kl" among them.
        learning_rate: after the iteration.
        std: mean standard deviation of the action noise.
        env_share: of the iteration's time that the environment took.
        taught: whether static optimisation coordinated for a muscle network that learns from it; None in a
            run in which it never does.
    """

    steps: int
    total_steps: int
    steps_per_second: float
    mean_return: float
    mean_length: float
    reward_terms: dict[str, float]
    losses: dict[str, float]
    learning_rate: float
    std: float
    env_share: float
    taught: bool | None = None

    def scalars(self) -> dict[str, float]:
        """The same by TensorBoard tag; what is not known yet is left out."""
        tags = {
            "episode/return": self.mean_return,
            "episode/length": self.mean_length,
            "rate/steps_per_second": self.steps_per_second,
            "rate/env_share": self.env_share,
            "policy/learning_rate": self.learning_rate,
            "policy/std": self.std,
        }
        if self.taught is not None:
            tags["muscle_network/taught"] = float(self.taught)
        tags |= {f"reward/{name}": value for name, value in self.reward_terms.items()}
        tags |= {f"loss/{name}": value for name, value in self.losses.items()}
        return {tag: value for tag, value in tags.items() if not np.isnan(value)}


@dataclass(frozen=True)
class TrainingResult:
    """How a training run ended.

    Attributes:
        steps: environment steps, those of a resumed run included.
        steps_done: of them, in this call.
        seconds: that this call took.
        steps_per_second: of this call.
        env_share: of the time that the environment took.
        first_length: mean length of the episodes that ended in the run's first 20,000 steps [control steps].
        last_length: the same of its last 20,000.
        last_return: mean return of those.
        checkpoint: the file.
        stopped_by: the signal that ended the run before its time, if one did.
        reached: whether the run ended because it was at its goal.
    """

    steps: int
    steps_done: int
    seconds: float
    steps_per_second: float
    env_share: float
    first_length: float
    last_length: float
    last_return: float
    checkpoint: Path
    stopped_by: signal.Signals | None = None
    reached: bool = False

    @property
    def interrupted(self) -> bool:
        """Whether a signal ended the run before its time."""
        return self.stopped_by is not None


@dataclass
class Episodes:
    """Running means over the episodes that ended within the last `WINDOW` environment steps.

    Attributes:
        ended: steps, returns and lengths as they were added, as far as the window reaches back.
        first_length: mean length of those that ended within the run's first `WINDOW` steps, or first of all.
        mean_return, mean_length: of the last window in which any ended; NaN before the first.
    """

    first_length: float = nan
    mean_return: float = nan
    mean_length: float = nan
    ended: list[tuple[int, np.ndarray, np.ndarray]] = field(default_factory=list)

    @classmethod
    def restored(cls, fields: Any) -> "Episodes":
        """Make them of their fields by name, which may come from a stranger.

        Raises:
            CheckpointError: they are not such fields.
        """
        means = ("first_length", "mean_return", "mean_length")
        possible = isinstance(fields, dict) and fields.keys() == {*means, "ended"}
        possible = possible and all(type(fields[name]) is float for name in means)
        if not possible or not isinstance(fields["ended"], list) or not all(map(_is_added, fields["ended"])):
            raise CheckpointError("The checkpoint does not hold the episodes that ended lately.")
        return cls(**fields)

    def add(self, steps: int, returns: np.ndarray, lengths: np.ndarray) -> None:
        """Count episodes that ended.

        Args:
            steps: environment steps so far.
            returns, lengths: of the episodes that ended since the last call (n,).
        """
        self.ended.append((steps, returns, lengths))
        self.ended = [added for added in self.ended if added[0] > steps - WINDOW]
        kept_returns = np.concatenate([returns for _, returns, _ in self.ended])
        kept_lengths = np.concatenate([lengths for _, _, lengths in self.ended])
        if len(kept_returns):
            self.mean_return, self.mean_length = float(kept_returns.mean()), float(kept_lengths.mean())
            if steps <= WINDOW or isnan(self.first_length):
                self.first_length = self.mean_length


def _is_added(entry: Any) -> bool:
    """Whether this is steps, returns and lengths as `Episodes.add` takes them."""
    if not isinstance(entry, tuple) or len(entry) != 3 or type(entry[0]) is not int:
        return False
    returns, lengths = entry[1:]
    arrays = isinstance(returns, np.ndarray) and isinstance(lengths, np.ndarray)
    return arrays and returns.ndim == 1 and returns.shape == lengths.shape


@dataclass(frozen=True)
class PretrainingReport:
    """Progress of pretraining: share of its time, updates, loss, and recent rms torque error [Nm]."""

    share: float
    updates: int
    loss: float
    torque_error: float


@dataclass(frozen=True)
class PretrainingResult:
    """Torque errors of the network on held-out problems, beside those of static optimisation.

    Attributes:
        joint_names: (J,).
        asked: rms of the required torques (J,) [Nm].
        network, optimization: rms torque errors (J,) [Nm].
        network_effort, optimization_effort: mean squared activations.
        updates, states: numbers of updates and of states trained on.
        seconds: duration of the training [s].
        stopped_by: signal that ended the training early, or None.
    """

    joint_names: tuple[str, ...]
    asked: NDArray[np.float64]
    network: NDArray[np.float64]
    optimization: NDArray[np.float64]
    network_effort: float
    optimization_effort: float
    updates: int
    states: int
    seconds: float
    stopped_by: signal.Signals | None = None
