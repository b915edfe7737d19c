"""A `BatchEnv` as rsl_rl's `VecEnv`."""

from typing import Any

import numpy as np
import torch
from rsl_rl.env import VecEnv
from tensordict import TensorDict

from batchenv.errors import UsageError
from batchenv.learn.learnable_env import LearnableEnv


class RslRlEnv(VecEnv):
    """Adapter for rsl_rl, on the device of a `DeviceEnv`, or on the CPU.

    Observations of the CPU are copied, since rsl_rl holds on to them while the environment overwrites its
    buffers; rewards, dones and final observations are views, valid until the next step. Results of a
    `DeviceEnv` are its own tensors, which last. Beside rsl_rl's "time_outs", `extras` has
    "final_observations": where an episode ended, the row of what it saw last (the row of the observations is
    then the first of the next episode).

    `episode_length_buf` holds the steps of each world's episode. A caller that writes to it, as rsl_rl's
    runner does with `learn(init_at_random_ep_len=True)`, decides when the worlds are cut off.

    Args:
        env: the environment, a `LearnableEnv` or a `DeviceEnv`, which resets worlds in the step that ends
            them; the adapter does not close it.
        cfg: any configuration, for rsl_rl's logger.

    Raises:
        UsageError: the environment resets worlds at another time.
    """

    def __init__(self, env: Any, cfg: dict[str, Any] | None = None):
        autoreset = getattr(env, "autoreset", "same_step")
        if autoreset != "same_step":
            raise UsageError(f"the environment has autoreset {autoreset!r}; rsl_rl needs 'same_step'")
        self.env: LearnableEnv = env
        self.num_envs, self.num_actions = env.num_envs, env.action_dim
        self.max_episode_length = env.max_episode_steps
        device = getattr(env, "device", None)
        self._on_device = device is not None
        self.device = str(device or "cpu")
        self.episode_length_buf = torch.zeros(env.num_envs, dtype=torch.long, device=self.device)
        self._steps = self.episode_length_buf.clone()
        self.cfg = cfg or {}
        self._obs: TensorDict | None = None

    def reset(self, seed: int | None = None) -> TensorDict:
        """Start new episodes in all worlds and return their first observations."""
        self._obs = self._copied(self.env.reset(seed))
        self.note_steps()
        return self._obs

    def get_observations(self) -> TensorDict:
        """Return the current observations {"policy": (num_envs, obs_dim)}; the first call resets."""
        if self._obs is None:
            wanted = self.episode_length_buf.clone()  # it may have been written to already
            self._obs = self.reset()
            self.episode_length_buf[:] = wanted
        return self._obs

    def restore(self, snapshot: Any) -> TensorDict:
        """Put the environment back into a snapshot and return its observations at that moment."""
        self._obs = self._copied(self.env.restore(snapshot))
        self.note_steps()
        return self._obs

    def step(self, actions: torch.Tensor) -> tuple[TensorDict, torch.Tensor, torch.Tensor, dict[str, Any]]:
        """Step all worlds with actions (num_envs, num_actions), see `VecEnv.step`.

        Raises:
            InputError: `episode_length_buf` was given other values than steps of an episode.
        """
        if not torch.equal(self.episode_length_buf, self._steps):
            self.env.set_episode_steps(self.episode_length_buf.cpu().numpy())
        given: Any = actions.detach() if self._on_device else actions.detach().numpy()
        obs, rewards, dones = self.env.step(given)
        self._obs = self._copied(obs)
        self.note_steps()
        extras = {
            "time_outs": _tensor(self.env.truncated & ~self.env.terminated),
            "final_observations": self._wrapped(_tensor(self.env.final_obs)),
        }
        return self._obs, _tensor(rewards), _tensor(dones), extras

    def note_steps(self) -> None:
        """Follow the environment, whose episodes were given other steps."""
        steps = self.env.episode_steps
        self._steps = _tensor(steps if self._on_device else np.array(steps, np.int64))
        self.episode_length_buf[:] = self._steps

    def _copied(self, obs: Any) -> TensorDict:
        return self._wrapped(_tensor(obs if self._on_device else np.array(obs, np.float32)))

    def _wrapped(self, obs: torch.Tensor) -> TensorDict:
        return TensorDict({"policy": obs}, batch_size=[self.num_envs])


def _tensor(values: Any) -> torch.Tensor:
    """A tensor of the same memory."""
    return values if isinstance(values, torch.Tensor) else torch.from_numpy(values)
