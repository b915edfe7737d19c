"""Per-world state of a task: arrays with one row for each world, no objects."""

from dataclasses import dataclass
from typing import ClassVar, Self


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

    def assign(self, other: "TaskState") -> None:
        """Take over the values of another state of the same size."""
        for name, array in vars(self).items():
            array[:] = getattr(other, name)
