"""Per-world state of a task: arrays with one row for each world, no objects."""

from dataclasses import dataclass
from typing import ClassVar, Self

import numpy as np

from batchenv.random import Streams


@dataclass
class TaskState:
    """Per-world state of the task.

    Attributes:
        phase: of the gait cycle (N,).
        action, previous_action: (N, A).
        seed, stream: with `episode`, which random numbers the world draws (N,) uint64, (N,).
        episode: number of episodes begun since the seed (N,).
        ended: whether the episode is over and the world waits to be reset (N,).
        episode_step: control steps in this episode (N,).
        episode_return: sum of rewards in this episode (N,).
        UNKNOWN: names of arrays in which not-a-number stands for what is not known yet.
    """

    UNKNOWN: ClassVar[frozenset[str]] = frozenset()

    phase: np.ndarray
    action: np.ndarray
    previous_action: np.ndarray
    seed: np.ndarray
    stream: np.ndarray
    episode: np.ndarray
    ended: np.ndarray
    episode_step: np.ndarray
    episode_return: np.ndarray

    @classmethod
    def zeros(cls, num_worlds: int, action_dim: int) -> "TaskState":
        """The state before the first reset; the first episode is number 0."""
        return cls(
            phase=np.zeros(num_worlds),
            action=np.zeros((num_worlds, action_dim)),
            previous_action=np.zeros((num_worlds, action_dim)),
            seed=np.zeros(num_worlds, np.uint64),
            stream=np.arange(num_worlds),
            episode=np.full(num_worlds, -1, np.int64),
            ended=np.zeros(num_worlds, bool),
            episode_step=np.zeros(num_worlds, np.int64),
            episode_return=np.zeros(num_worlds),
        )

    def seed_worlds(self, streams: Streams, ids: np.ndarray) -> None:
        """Begin the streams of some worlds (n,), where they are given."""
        ids = ids[streams.given[ids]]
        self.seed[ids], self.stream[ids], self.episode[ids] = streams.seed[ids], streams.stream[ids], -1

    def copy(self) -> Self:
        """A deep copy."""
        return type(self)(**{name: array.copy() for name, array in vars(self).items()})

    def assign(self, other: "TaskState") -> None:
        """Take over the values of another state of the same size."""
        for name, array in vars(self).items():
            array[:] = getattr(other, name)


@dataclass
class WalkingState(TaskState):
    """State of N worlds of the walking task; see `TaskState` for what all tasks have.

    Attributes:
        parameters: of each world (N, P).
    """

    parameters: np.ndarray
