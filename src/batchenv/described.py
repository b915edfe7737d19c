"""Description of a `BatchEnv`: columns, spaces, sizes, parameters, commands."""

from typing import Any

import numpy as np
from gymnasium.spaces import Box
from numpy.typing import NDArray

from batchenv.config import Config
from batchenv.mdp.actions import action_bounds
from batchenv.mdp.columns import Column, Mirror
from batchenv.mdp.episodes import Episodes
from batchenv.mdp.state import CommandState, TaskState
from batchenv.mdp.task import Task


class Described:
    """Properties of a batch of worlds, read from its configuration, its task and the task's state."""

    config: Config
    obs_dim: int
    action_dim: int
    task: Task[Any, Any]
    _state: TaskState
    _episodes: Episodes
    _commands: CommandState

    @property
    def obs_layout(self) -> tuple[Column, ...]:
        """Name and unit of every observation column (obs_dim,)."""
        return self.task.obs_layout

    @property
    def action_layout(self) -> tuple[Column, ...]:
        """Name and unit of every action column (action_dim,)."""
        return self.task.action_layout

    @property
    def mirror_obs(self) -> Mirror:
        """Image of observations in the sagittal plane."""
        return self.task.mirror_obs

    @property
    def mirror_action(self) -> Mirror:
        """Image of actions in the sagittal plane."""
        return self.task.mirror_action

    @property
    def asymmetry(self) -> str | None:
        """A clause on what differs between the two sides of the worlds; None where mirror images hold."""
        return self.task.asymmetry

    @property
    def single_observation_space(self) -> Box:
        """Observations of one world (obs_dim,)."""
        return Box(-np.inf, np.inf, (self.obs_dim,), np.float32)

    @property
    def single_action_space(self) -> Box:
        """Actions of one world (action_dim,): excitations are clipped to [0, 1], other actions are not."""
        low, high = action_bounds(self.action_layout, self.config.environment.action.scale)
        return Box(low.astype(np.float32), high.astype(np.float32), dtype=np.float32)

    @property
    def parameter_names(self) -> tuple[str, ...]:
        """Parameters of the worlds (P,), by their path in `environment.parameters`."""
        return self.task.parameter_names

    @property
    def parameters(self) -> NDArray[np.float64]:
        """Current parameters of each world (num_envs, P), a copy; columns as in `parameter_names`."""
        return self.task.parameter_values(self._state)

    @property
    def command_layout(self) -> tuple[Column, ...]:
        """Name and unit of every column of the commands (C,)."""
        return self.task.command_layout

    @property
    def commands(self) -> NDArray[np.float64]:
        """Current commands of each world (num_envs, C), a copy; columns as in `command_layout`."""
        return self._commands.values.copy()

    @property
    def waiting(self) -> NDArray[np.bool_]:
        """Whether the episode of each world is over, and the world waits to be reset (N,)."""
        return self._episodes.ended

    @property
    def control_dt(self) -> float:
        """Length of a step [s]."""
        return self.task.control_dt

    @property
    def max_episode_steps(self) -> int:
        """Steps after which an episode is truncated."""
        return self.task.max_episode_steps
