"""What is kept of every world's episode, whatever the task."""

from dataclasses import dataclass

import numpy as np

from batchenv import rng
from batchenv.mdp.state import TaskState
from batchenv.rng import Streams

# Streams of random numbers in one episode; see `batchenv.rng.uniform`. Events take those from EVENTS on, and
# commands those from COMMANDS on.
START, PARAMETERS, SAMPLES, NOISE, OBSERVATION_NOISE, FLOOR, AGAIN = range(7)
EVENTS, COMMANDS = 16, 1 << 16


@dataclass
class Episodes(TaskState):
    """Bookkeeping of N worlds.

    Attributes:
        seed, stream: with `number`, which random numbers the world draws (N,) uint64, (N,).
        number: of episodes begun since the seed, less 1 (N,).
        ended: whether the episode is over and the world waits to be reset (N,).
        step: control steps in this episode (N,).
        reward_sum: of this episode (N,).
        action, previous_action: of the last step and of the one before (N, A).
    """

    seed: np.ndarray
    stream: np.ndarray
    number: np.ndarray
    ended: np.ndarray
    step: np.ndarray
    reward_sum: np.ndarray
    action: np.ndarray
    previous_action: np.ndarray

    @classmethod
    def zeros(cls, num_worlds: int, action_dim: int) -> "Episodes":
        """Before the first reset; the first episode is number 0."""
        return cls(
            seed=np.zeros(num_worlds, np.uint64),
            stream=np.arange(num_worlds),
            number=np.full(num_worlds, -1, np.int64),
            ended=np.zeros(num_worlds, bool),
            step=np.zeros(num_worlds, np.int64),
            reward_sum=np.zeros(num_worlds),
            action=np.zeros((num_worlds, action_dim)),
            previous_action=np.zeros((num_worlds, action_dim)),
        )

    def seed_worlds(self, streams: Streams, ids: np.ndarray) -> None:
        """Begin the streams of some worlds (n,), where they are given."""
        ids = ids[streams.given[ids]]
        self.seed[ids], self.stream[ids], self.number[ids] = streams.seed[ids], streams.stream[ids], -1

    def begin(self, ids: np.ndarray) -> None:
        """Begin the next episode of some worlds (n,)."""
        self.number[ids] += 1
        self.ended[ids] = False
        self.step[ids] = 0
        self.reward_sum[ids] = 0.0
        self.action[ids] = self.previous_action[ids] = 0.0

    def uniform(
        self, ids: np.ndarray | None, count: int, stream: int, key: np.ndarray | None = None
    ) -> np.ndarray:
        """Uniform numbers (n, count) from each world's own stream.

        Args:
            ids: worlds (n,); None for all.
            count: how many from each.
            stream: for what they are.
            key: whole numbers (n,) that tell draws of one episode apart; None: there is one.
        """
        rows = slice(None) if ids is None else ids
        first = None if key is None else key * ((count + 3) // 4)
        # Copies, since compiled code is compiled again for arrays that are read-only.
        seed, world, number = (array[rows].copy() for array in (self.seed, self.stream, self.number))
        return rng.uniform(seed, world, number, count, stream, first)
