"""One world as a `gymnasium.Env`."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
from numpy.typing import NDArray

from batchenv.arrays import numpy_array, shown
from batchenv.config import Config
from batchenv.errors import InputError
from batchenv.inputs import checked_options
from batchenv.rng import checked_seed
from batchenv.vector.vector_env import VectorEnv


class Env(gymnasium.Env[NDArray[np.float32], NDArray[np.float32]]):
    """One world of a walking human, as Gymnasium has environments: world 0 of a `VectorEnv`, with its bits.

    Args:
        config: YAML text, a path, the name of a preset, or a `Config`.
        render_mode: "rgb_array" for pictures, or None.
        **arguments: as for `VectorEnv`: seed, action_limit, width, height, data_root, trust, and values of
            the configuration.

    Raises:
        ConfigError: the configuration is invalid.
        InputError: another argument is invalid.

    Examples:
        >>> env = gymnasium.make("batchenv/Walk-v0")
        >>> obs, info = env.reset(seed=0)
        >>> obs, reward, terminated, truncated, info = env.step(env.action_space.sample())
        >>> obs in env.observation_space, terminated
        (True, False)
        >>> env.close()
    """

    metadata = {"render_modes": ["rgb_array"], "render_fps": 30}  # noqa: RUF012  # as Gymnasium declares it

    def __init__(
        self, config: Config | str | Path = "walk", render_mode: str | None = None, **arguments: Any
    ):
        for name in ("num_envs", "autoreset_mode", "num_threads", "copy"):
            if name in arguments:
                raise InputError(f"{name} has no meaning for one world: use batchenv.VectorEnv, or make_vec")
        self._worlds = VectorEnv(
            config, 1, autoreset_mode="Disabled", num_threads=1, render_mode=render_mode, **arguments
        )
        self.batch, self.render_mode = self._worlds.batch, render_mode
        self.observation_space: Any = self._worlds.single_observation_space  # pyright: ignore[reportUnknownMemberType]
        self.action_space: Any = self._worlds.single_action_space  # pyright: ignore[reportUnknownMemberType]
        self.metadata = {name: self._worlds.metadata[name] for name in ("render_modes", "render_fps")}

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[NDArray[np.float32], dict[str, Any]]:
        """Begin an episode.

        Args:
            seed: restart the stream of the world; None goes on with its next episode.
            options: none has a meaning; None or empty.

        Returns:
            Observation (obs_dim,), and an empty info.

        Raises:
            InputError: no stream can have that seed, or an option is given; the world is not reset.
        """
        if checked_options(options):
            raise InputError(f"unknown options {shown(options)} of reset; expected None or an empty dict")
        number = None if seed is None else checked_seed(seed)
        obs, _ = self._worlds.reset(seed=number)
        super().reset(seed=number)
        return obs[0], {}

    def step(
        self, action: NDArray[np.float32]
    ) -> tuple[NDArray[np.float32], float, bool, bool, dict[str, Any]]:
        """Advance the world by one control step.

        Args:
            action: (action_dim,), finite; cut to the action space.

        Returns:
            Observation (obs_dim,), reward, terminated, truncated, and an info with "reward_terms", the
            unweighted terms of the reward by name, and "diverged", whether the physics failed.

        Raises:
            InputError: an action of another shape, not of numbers, or not finite; the world has not moved.
            UsageError: before `reset`, after the end of the episode, or after `close`.
        """
        obs, rewards, terminated, truncated, _ = self._worlds.step(numpy_array("action", action)[None])
        terms = {name: values[0] for name, values in self.batch.reward_terms.items()}
        info = {"reward_terms": terms, "diverged": bool(self.batch.diverged[0])}
        return obs[0], float(rewards[0]), bool(terminated[0]), bool(truncated[0]), info

    def set_command(self, values: Mapping[str, Any] | None) -> NDArray[np.float32]:
        """Ask the walker for something else, until its episode ends; see `BatchEnv.set_command`.

        Args:
            values: numbers by column as in `batch.command_layout`; None draws commands that were set.

        Returns:
            The observation (obs_dim,) of the same state.

        Raises:
            InputError: a name or a value cannot be; nothing is changed.
            UsageError: before `reset` or after `close`, or where there are no commands.
        """
        return self._worlds.set_command([0], values)[0]

    def render(self) -> np.ndarray | None:
        """Return a picture (height, width, 3), with `render_mode="rgb_array"`."""
        pictures = self._worlds.render()
        return None if pictures is None else pictures[0]

    def close(self) -> None:
        """Free the world."""
        self._worlds.close()
