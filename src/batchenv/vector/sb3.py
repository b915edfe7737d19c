"""N worlds as Stable-Baselines3's `VecEnv`."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.config import Config
from batchenv.errors import UsageError
from batchenv.rng import checked_seed
from batchenv.vector.vector_env import VectorEnv

try:
    from stable_baselines3.common.monitor import Monitor
    from stable_baselines3.common.vec_env import VecEnv
except ImportError as error:
    raise ImportError(f"SB3VecEnv needs more packages ({error}): pip install 'batchenv[sb3]'") from error


class SB3VecEnv(VecEnv):
    """N worlds of one walking human, as Stable-Baselines3 has vector environments.

    A world that ends is reset in the same step. Its info then has "terminal_observation", the last
    observation of the old episode, "TimeLimit.truncated", whether time alone ended it, so that its return is
    bootstrapped, and "episode", what SB3's `Monitor` would say: no monitor is needed around the worlds.

    Args:
        config: YAML text, a path, the name of a preset, or a `Config`.
        num_envs: N.
        **arguments: as for `VectorEnv`: num_threads, seed, action_limit, render_mode, width, height,
            data_root, trust, and values of the configuration.

    Raises:
        ConfigError: the configuration is invalid.
        InputError: another argument is invalid.

    Attributes:
        worlds: the `VectorEnv` that steps.

    Examples:
        >>> from stable_baselines3 import PPO
        >>> with SB3VecEnv("walk", num_envs=2) as env:
        ...     model = PPO("MlpPolicy", env, n_steps=8, batch_size=16, device="cpu").learn(16)
        >>> model.num_timesteps
        16
    """

    def __init__(self, config: Config | str | Path = "walk", num_envs: int = 1, **arguments: Any):
        self.worlds = VectorEnv(config, num_envs, autoreset_mode="SameStep", copy=False, **arguments)
        self._batch = self.worlds.batch
        self._actions = np.zeros((self.worlds.num_envs, self._batch.action_dim), np.float32)
        self._started = time.monotonic()
        worlds: Any = self.worlds  # Gymnasium's spaces are of no type that a checker knows
        super().__init__(  # pyright: ignore[reportUnknownMemberType]
            worlds.num_envs, worlds.single_observation_space, worlds.single_action_space
        )

    def reset(self) -> np.ndarray:
        """Begin new episodes; a seed given by `seed` restarts the streams of all worlds.

        Returns:
            Observations (N, obs_dim).
        """
        obs = self._batch.reset(self._seeds[0])
        self._reset_seeds()
        self._reset_options()
        self.reset_infos = [{} for _ in range(self.num_envs)]
        return obs.copy()

    def seed(self, seed: int | None = None) -> Sequence[int | None]:
        """Seed the worlds from their next reset on.

        Raises:
            InputError: it is not a seed.
        """
        return super().seed(None if seed is None else checked_seed(seed))

    def step_async(self, actions: np.ndarray) -> None:
        """Take the actions (N, action_dim) of the step to come; cut to the action space."""
        self._actions = self.worlds.cut(actions)

    def step_wait(self) -> tuple[np.ndarray, np.ndarray, np.ndarray, list[dict[str, Any]]]:
        """Advance every world by one control step.

        Returns:
            Observations (N, obs_dim), rewards (N,), whether episodes ended (N,), and an info for each world.
        """
        obs, rewards, dones = self._batch.step(self._actions)
        infos: list[dict[str, Any]] = [{} for _ in range(self.num_envs)]
        for world in np.flatnonzero(dones).tolist():
            infos[world] = self._ending(world)
        return obs.copy(), rewards.copy(), dones.copy(), infos

    def close(self) -> None:
        """Free the worlds."""
        self.worlds.close()

    def __enter__(self) -> "SB3VecEnv":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def get_images(self) -> Sequence[np.ndarray | None]:
        """Return a picture of every world, with `render_mode="rgb_array"`."""
        return self.worlds.render() or [None] * self.num_envs

    def get_attr(self, attr_name: str, indices: Any = None) -> list[Any]:
        """Return an attribute of the `VectorEnv`, which all worlds share."""
        return [getattr(self.worlds, attr_name) for _ in self._get_indices(indices)]

    def set_attr(self, attr_name: str, value: Any, indices: Any = None) -> None:
        """Set an attribute of the `VectorEnv`, for all worlds together.

        Raises:
            UsageError: some worlds are left out.
        """
        if set(self._get_indices(indices)) != set(range(self.num_envs)):
            raise UsageError(f"worlds of a batch share {attr_name!r}: set it for all of them, indices=None")
        setattr(self.worlds, attr_name, value)

    def env_method(
        self, method_name: str, *method_args: Any, indices: Any = None, **method_kwargs: Any
    ) -> Any:
        """Refuse: a world of a batch has no methods of its own.

        Raises:
            UsageError: always; says what to call.
        """
        raise UsageError(
            f"worlds of a batch have no methods of their own: call .worlds.{method_name}(...) once"
        )

    def env_is_wrapped(self, wrapper_class: type, indices: Any = None) -> list[bool]:
        """Whether worlds do what a wrapper would: infos of ended episodes are those of `Monitor`."""
        return [issubclass(Monitor, wrapper_class) for _ in self._get_indices(indices)]

    def _ending(self, world: int) -> dict[str, Any]:
        batch = self._batch
        return {
            "terminal_observation": batch.final_obs[world].copy(),
            "TimeLimit.truncated": bool(batch.truncated[world]),
            "diverged": bool(batch.diverged[world]),
            "episode": {
                "r": float(batch.episode_returns[world]),
                "l": int(batch.episode_lengths[world]),
                "t": round(time.monotonic() - self._started, 6),
            },
        }
