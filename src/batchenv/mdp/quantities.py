"""The named quantities that terms are made of."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

import numpy as np

from batchenv.errors import BatchEnvError, InputError, nearest
from batchenv.mdp.batch import Batch

Array = Any  # an (N, ...) array of any library of the array-API standard
F = TypeVar("F", bound=Callable[..., Any])


class Quantities(Mapping[str, Array]):
    """Quantities of some worlds at one moment, each computed when it is first asked for, and read-only.

    Args:
        task: that has them.
        functions: what computes each quantity, from the task and the other quantities, by name.
        batch: the worlds, their episodes and the task's own state, as they are now.
        ids: which worlds (n,); None for all.
        known: quantities whose values are known, by name.

    Attributes:
        rows: index of these worlds in arrays of all.
    """

    def __init__(
        self,
        task: object,
        functions: Mapping[str, "Function"],
        batch: Batch[Any, Any],
        ids: np.ndarray | None = None,
        known: Mapping[str, Array] | None = None,
    ):
        self._task, self._functions, self._values = task, functions, dict[str, Array]()
        self.batch, self.ids = batch, ids
        self.rows: np.ndarray | slice = slice(None) if ids is None else ids
        if known is not None:
            self._values = {name: _sealed(value) for name, value in known.items()}

    def __getitem__(self, name: str) -> Array:
        if name not in self._values:
            self._values[name] = _sealed(self._computed(name))
        return self._values[name]

    def know(self, values: dict[str, Array]) -> None:
        """Take over quantities that were computed together, but those that are known already."""
        self._values = values | self._values

    def _computed(self, name: str) -> Array:
        if name not in self._functions:
            raise KeyError(f"there is no quantity {name!r}.{nearest(name, self._functions)}")
        try:
            return self._functions[name](self._task, self)
        except BatchEnvError:
            raise
        except Exception as error:
            raise InputError(f"quantity {name!r} raised {type(error).__name__}: {error}") from error

    def __iter__(self) -> Iterator[str]:
        return iter(self._functions)

    def __len__(self) -> int:
        return len(self._functions)

    @property
    def num_worlds(self) -> int:
        """How many worlds they are of."""
        return self.batch.worlds.num_worlds if self.ids is None else len(self.ids)

    def once(self, key: str, function: Callable[[], Any]) -> Any:
        """What several quantities are computed from, computed once; its key is no quantity's name."""
        if key not in self._values:
            self._values[key] = function()
        return self._values[key]


Function = Callable[[Any, Quantities], Array]
"""Computes a quantity of a task; it is no bound method, which would tie a task to itself for ever."""


def quantity(method: F) -> F:
    """Declare a method of a task as a quantity, which terms may name.

    The method receives the current `Quantities` and returns a new array (n, ...) for worlds `q.rows`.

    Examples:
        >>> class Mine:
        ...     @quantity
        ...     def sway(self, q):
        ...         return abs(q["root_pos"][:, 1])
    """
    method.__quantity__ = True  # pyright: ignore[reportFunctionMemberAccess]
    return method


def quantities_of(kind: type) -> dict[str, Function]:
    """The methods of a class of tasks that are quantities, by name."""
    methods = {name: getattr(kind, name) for name in dir(kind)}
    return {name: method for name, method in methods.items() if getattr(method, "__quantity__", False)}


def _sealed(array: Any) -> Any:
    """Make an array read-only, for terms of any origin."""
    own: Any = array
    if isinstance(array, np.ndarray):
        own.flags.writeable = False
    return own
