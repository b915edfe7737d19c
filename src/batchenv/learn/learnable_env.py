"""What learning needs of an environment."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np

Array = Any  # NumPy's, or a Torch tensor on a device


class Named(Protocol):
    """A column of an observation or of an action."""

    @property
    def name(self) -> str: ...
    @property
    def term(self) -> str: ...


class Image(Protocol):
    """The image of an array in the sagittal plane: `array[:, index] * sign`."""

    @property
    def index(self) -> np.ndarray: ...
    @property
    def sign(self) -> np.ndarray: ...


_GOLDEN = 0.6180339887498949
"""Multiples of it, less their whole parts, spread evenly, however many there are."""


class LearnableEnv(Protocol):
    """What learning needs of an environment; `BatchEnv` and `DeviceEnv` have it."""

    @property
    def num_envs(self) -> int: ...
    @property
    def obs_dim(self) -> int: ...
    @property
    def action_dim(self) -> int: ...
    @property
    def max_episode_steps(self) -> int: ...
    @property
    def control_dt(self) -> float: ...
    @property
    def obs_layout(self) -> Sequence[Named]: ...
    @property
    def action_layout(self) -> Sequence[Named]: ...
    @property
    def mirror_obs(self) -> Image: ...
    @property
    def mirror_action(self) -> Image: ...
    @property
    def asymmetry(self) -> str | None: ...
    @property
    def final_obs(self) -> Array: ...
    @property
    def terminated(self) -> Array: ...
    @property
    def truncated(self) -> Array: ...
    @property
    def episode_returns(self) -> Array: ...
    @property
    def episode_lengths(self) -> Array: ...
    @property
    def episode_steps(self) -> Array: ...
    @property
    def reward_terms(self) -> Mapping[str, Array]: ...

    def reset(self, seed: int | None = None) -> Array: ...
    def step(self, actions: Array) -> tuple[Array, Array, Array]: ...
    def set_episode_steps(self, steps: Any) -> None: ...
    def snapshot(self) -> Any: ...
    def restore(self, snapshot: Any) -> Array: ...


def stagger(env: LearnableEnv, first_world: int = 0) -> None:
    """Let the episodes that have just begun be cut off at different times.

    Worlds of a policy that does not fall would else end their episodes together for ever, and each rollout
    would be of one age: the value function would follow it.

    Args:
        env: after a reset of all worlds.
        first_world: number of its first world, where others have the rest of a batch.
    """
    worlds = first_world + np.arange(env.num_envs)
    env.set_episode_steps((worlds * _GOLDEN % 1.0 * env.max_episode_steps).astype(np.int64))
