"""A `BatchEnv` as rsl_rl's `VecEnv`."""

from typing import Any

import numpy as np
import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from batchenv.learn.learnable_env import LearnableEnv


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
