"""Columns of observations and actions: names, units, and images in the sagittal plane."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Column:
    """One column of observations or actions.

    Attributes:
        name: for example "joint_pos/knee_angle_r".
        unit: SI, or "1".
    """

    name: str
    unit: str


@dataclass(frozen=True)
class Mirror:
    """The image of an array in the sagittal plane: `array[:, index] * sign`, phases half a cycle on.

    Attributes:
        index: where each column comes from (n,).
        sign: +1 or -1 (n,).
        phases: columns that are phases in [0, 1) (k,), which no sign mirrors.
    """

    index: np.ndarray
    sign: np.ndarray
    phases: tuple[int, ...] = ()

    def __call__(self, array: Any) -> Any:
        """Mirror (..., n)."""
        image = array[..., self.index] * self.sign
        if self.phases:
            image[..., self.phases] = (image[..., self.phases] + 0.5) % 1.0
        return image


@dataclass(frozen=True)
class Columns:
    """Columns of one term.

    Attributes:
        parts: name of each after the term's own; "" for a term of one column.
        mirror: image of the columns, indices counted within them.
        units: of each; None: all have the term's.
    """

    parts: tuple[str, ...]
    mirror: Mirror
    units: tuple[str, ...] | None = None

    def named(self, prefix: str, unit: str) -> tuple[Column, ...]:
        """The columns of a term with this name and unit."""
        units = self.units or (unit,) * len(self.parts)
        names = ("/".join(filter(None, (prefix, part))) for part in self.parts)
        return tuple(map(Column, names, units))


class Describes(Protocol):
    """What columns are named after: a task with its body."""

    @property
    def joint_names(self) -> Sequence[str]:
        """Primary joints (J,)."""
        ...

    @property
    def muscle_names(self) -> Sequence[str]:
        """Muscles (M,)."""
        ...

    @property
    def mirror_joints(self) -> Mirror:
        """Image of joint positions."""
        ...

    @property
    def mirror_muscles(self) -> Mirror:
        """Image of muscles."""
        ...

    @property
    def action_layout(self) -> tuple[Column, ...]:
        """Columns of actions."""
        ...

    @property
    def mirror_action(self) -> Mirror:
        """Image of actions."""
        ...


ColumnsOf = Callable[[Any], Columns]
"""Columns for a task, see `Describes`."""


def permutation(
    index: Sequence[int] | np.ndarray, sign: Sequence[float] | np.ndarray | None = None
) -> Mirror:
    """A mirror that swaps columns, and turns the sign of some."""
    index = np.asarray(index, np.intp)
    return Mirror(index, np.ones(index.size, np.float32) if sign is None else np.asarray(sign, np.float32))


def stacked(mirrors: Sequence[Mirror]) -> Mirror:
    """One mirror for columns laid side by side."""
    starts = np.cumsum([0, *(m.index.size for m in mirrors)])[:-1]
    index = [m.index + start for m, start in zip(mirrors, starts, strict=True)]
    sign = [m.sign for m in mirrors]
    return Mirror(
        np.concatenate([np.zeros(0, np.intp), *index]),
        np.concatenate([np.zeros(0, np.float32), *sign]),
        tuple(int(start) + k for m, start in zip(mirrors, starts, strict=True) for k in m.phases),
    )


def columns(*parts: str, sign: Sequence[float] | None = None, twin: Sequence[int] | None = None) -> ColumnsOf:
    """Columns with fixed names.

    Args:
        parts: name of each after the term's own.
        sign: +1 or -1 of each in the mirror; by default all keep their sign.
        twin: which column each comes from in the mirror; by default itself.

    >>> columns("sin", "cos", sign=(-1, -1))(None).parts
    ('sin', 'cos')
    """
    index = range(len(parts)) if twin is None else twin
    found = Columns(parts, permutation(list(index), sign))
    return lambda task: found


scalar: ColumnsOf = columns("")
"""One number that is the same in the mirror."""
lateral = columns("", sign=(-1,))
"""One number that changes its sign in the mirror: a way or an angle to the left."""
vector = columns("forward", "left", "up", sign=(1, -1, 1))
axial_vector = columns("forward", "left", "up", sign=(-1, 1, -1))
"""A vector such as an angular velocity, whose image turns the other way."""
feet = columns("right", "left", twin=(1, 0))


def joints(task: Describes) -> Columns:
    """One column for each primary joint."""
    return Columns(tuple(task.joint_names), task.mirror_joints)


def muscles(task: Describes) -> Columns:
    """One column for each muscle."""
    return Columns(tuple(task.muscle_names), task.mirror_muscles)


def actions(task: Describes) -> Columns:
    """One column for each action."""
    layout = task.action_layout
    return Columns(tuple(c.name for c in layout), task.mirror_action, tuple(c.unit for c in layout))
