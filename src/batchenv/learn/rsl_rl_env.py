"""A `BatchEnv` as rsl_rl's `VecEnv`."""

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict


class Named(Protocol):
    """A column of an observation or of an action."""

    @property
    def name(self) -> str: ...


class Image(Protocol):
    """The image of an array in the sagittal plane: `array[:, index] * sign`."""

    @property
    def index(self) -> np.ndarray: ...
    @property
    def sign(self) -> np.ndarray: ...


class LearnableEnv(Protocol):
    """What learning needs of an environment; `BatchEnv` has it. N worlds, O observations, A actions."""

    @property
    def num_envs(self) -> int: ...
    @property
    def obs_dim(self) -> int: ...
    @property
    def action_dim(self) -> int: ...
    @property
    def max_episode_steps(self) -> int: ...
    @property
    def obs_layout(self) -> Sequence[Named]: ...
    @property
    def action_layout(self) -> Sequence[Named]: ...
    @property
    def mirror_obs(self) -> Image: ...
    @property
    def mirror_action(self) -> Image: ...
    @property
    def final_obs(self) -> np.ndarray: ...
    @property
    def terminated(self) -> np.ndarray: ...
    @property
    def truncated(self) -> np.ndarray: ...
    @property
    def episode_returns(self) -> np.ndarray: ...
    @property
    def episode_lengths(self) -> np.ndarray: ...
    @property
    def reward_terms(self) -> Mapping[str, np.ndarray]: ...

    def reset(self, seed: int | None = None) -> np.ndarray: ...
    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]: ...
    def snapshot(self) -> Any: ...
    def restore(self, snapshot: Any) -> np.ndarray: ...


class RslRlEnv(VecEnv):
    """Adapter for rsl_rl, on the CPU.

    Observations are copied, since rsl_rl holds on to them while the environment overwrites its buffers;
    rewards, dones and final observations are views, valid until the next step. Beside rsl_rl's "time_outs",
    `extras` has "final_observations": where an episode ended, the row of what it saw last (the row of the
    observations is then the first of the next episode).

    Args:
        env: the environment; the adapter does not close it.
        cfg: any configuration, for rsl_rl's logger.
    """

    def __init__(self, env: LearnableEnv, cfg: dict[str, Any] | None = None):
        self.env = env
        self.num_envs, self.num_actions = env.num_envs, env.action_dim
        self.max_episode_length = env.max_episode_steps
        self.episode_length_buf = torch.zeros(env.num_envs, dtype=torch.long)
        self.device = "cpu"
        self.cfg = cfg or {}
        self._obs: TensorDict | None = None

    def reset(self, seed: int | None = None) -> TensorDict:
        """Start new episodes in all worlds and return their first observations."""
        self.episode_length_buf.zero_()
        self._obs = self._copied(self.env.reset(seed))
        return self._obs

    def get_observations(self) -> TensorDict:
        """Return the current observations {"policy": (num_envs, obs_dim)}; the first call resets."""
        return self.reset() if self._obs is None else self._obs

    def restore(self, snapshot: Any) -> TensorDict:
        """Put the environment back into a snapshot and return its observations at that moment."""
        self._obs = self._copied(self.env.restore(snapshot))
        return self._obs

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Step all worlds with actions (num_envs, num_actions), see `VecEnv.step`."""
        obs, rewards, dones = self.env.step(actions.detach().numpy())
        self._obs = self._copied(obs)
        ended = torch.from_numpy(dones)
        self.episode_length_buf += 1
        self.episode_length_buf[ended] = 0
        extras = {
            "time_outs": torch.from_numpy(self.env.truncated & ~self.env.terminated),
            "final_observations": self._wrapped(torch.from_numpy(self.env.final_obs)),
        }
        return self._obs, torch.from_numpy(rewards), ended, extras

    def _copied(self, obs: np.ndarray) -> TensorDict:
        return self._wrapped(torch.from_numpy(np.array(obs, np.float32)))

    def _wrapped(self, obs: torch.Tensor) -> TensorDict:
        return TensorDict({"policy": obs}, batch_size=[self.num_envs])
