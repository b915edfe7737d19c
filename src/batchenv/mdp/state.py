"""Per-world state of a task: arrays with one row for each world, no objects."""

from dataclasses import dataclass
from typing import Any, ClassVar, Self

import numpy as np

from batchenv.arrays import shown
from batchenv.errors import ConfigError


def check_state(state: Any, num_worlds: int) -> None:
    """Refuse a state that snapshots could not hold.

    Raises:
        ConfigError: it is no `TaskState`, or a field is not an array of numbers with a row for each world.
    """
    if not isinstance(state, TaskState):
        raise ConfigError(f"new_state of the task returned {shown(state)}; expected a TaskState")
    arrays: dict[str, Any] = vars(state)
    for name, array in arrays.items():
        where = f"{name} in the state of the task ({type(state).__name__})"
        if type(array) is not np.ndarray or array.dtype.kind not in "fiub":
            raise ConfigError(f"{where} is {shown(array)}; expected an array of numbers")
        if array.shape[:1] != (num_worlds,):
            raise ConfigError(
                f"{where} has shape {array.shape}; expected a row for each world, ({num_worlds}, ...)"
            )


@dataclass
class TaskState:
    """Base of the states of tasks: dataclasses of arrays (N, ...).

    Attributes:
        UNKNOWN: names of arrays in which not-a-number stands for what is not known yet.
    """

    UNKNOWN: ClassVar[frozenset[str]] = frozenset()

    def copy(self) -> Self:
        """A deep copy."""
        return type(self)(**{name: array.copy() for name, array in vars(self).items()})

    def read_only(self) -> Self:
        """The same arrays, live, for those who only look at them."""
        views = {name: array.view() for name, array in vars(self).items()}
        for view in views.values():
            view.flags.writeable = False
        return type(self)(**views)

    def assign(self, other: "TaskState") -> None:
        """Take over the values of another state of the same size."""
        for name, array in vars(self).items():
            array[:] = getattr(other, name)


@dataclass
class CommandState(TaskState):
    """What N worlds are asked by K commands, of C columns in all.

    Attributes:
        values: of the columns (N, C).
        due: step of the episode after which each command is drawn again (N, K).
        drawn: how often each was drawn in this episode (N, K).
        held: whether a caller has set it, so that it is not drawn (N, K) bool.
    """

    values: np.ndarray
    due: np.ndarray
    drawn: np.ndarray
    held: np.ndarray
