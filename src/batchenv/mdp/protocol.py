"""The protocol of a task: the methods that `BatchEnv` calls."""

from typing import Any, Protocol

import numpy as np

from batchenv.mdp.observations import Column, Mirror
from batchenv.mdp.state import TaskState


class Task(Protocol):
    """The constants of N worlds; their state comes in and goes out as arrays.

    `worlds` is the engine that the task was made for, and quantities are what `measure` returns: only the
    task looks into them.

    Attributes:
        actuator: what actions drive.
        control_dt: length of a step [s].
        max_episode_steps: after which episodes are truncated.
        obs_layout, action_layout: name and unit of every column.
        mirror_obs, mirror_action: images of the columns in the sagittal plane.
        reward_names: of what the reward is made of.
        parameter_names: of what differs from world to world.
    """

    @property
    def actuator(self) -> str: ...
    @property
    def control_dt(self) -> float: ...
    @property
    def max_episode_steps(self) -> int: ...
    @property
    def obs_layout(self) -> tuple[Column, ...]: ...
    @property
    def action_layout(self) -> tuple[Column, ...]: ...
    @property
    def mirror_obs(self) -> Mirror: ...
    @property
    def mirror_action(self) -> Mirror: ...
    @property
    def reward_names(self) -> tuple[str, ...]: ...
    @property
    def parameter_names(self) -> tuple[str, ...]: ...

    def first_state(self, num_worlds: int) -> TaskState:
        """State of N worlds before their first reset."""
        ...

    def drive(self, worlds: Any, state: Any) -> None:
        """Set the worlds' targets for the next step from the actions in `state`."""
        ...

    def advance(self, worlds: Any, state: Any) -> None:
        """Update `state` after a step of the worlds."""
        ...

    def measure(self, worlds: Any, state: Any, ids: np.ndarray | None = None) -> Any:
        """Quantities of some worlds now; None for all."""
        ...

    def reward(self, quantities: Any, rows: np.ndarray, out: np.ndarray) -> None:
        """Write parts of the reward into `rows` (terms, N), and the reward into `out` (N,), of all worlds."""
        ...

    def terminated(self, quantities: Any, /) -> np.ndarray:
        """Whether the task failed (n,)."""
        ...

    def observe(self, quantities: Any, out: np.ndarray) -> np.ndarray:
        """Write observations into `out` (n, O), and return it."""
        ...

    def begin(self, worlds: Any, state: Any, ids: np.ndarray) -> None:
        """Begin the next episode of some worlds."""
        ...

    def parameter_values(self, state: Any) -> np.ndarray:
        """Parameters of all worlds now (N, P), a copy."""
        ...

    def checked_parameters(self, values: Any, num_worlds: int) -> np.ndarray:
        """Values for some worlds as (num_worlds, P); raises InputError where they cannot be."""
        ...

    def set_parameters(self, worlds: Any, state: Any, ids: np.ndarray, values: np.ndarray) -> None:
        """Give worlds (n,) parameters (n, P)."""
        ...

    def tuple_draws(self, state: Any) -> np.ndarray:
        """Uniform numbers (N,), one for the step to come out of each world's own stream."""
        ...
