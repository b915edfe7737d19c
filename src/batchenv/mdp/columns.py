"""Columns of observations and actions: names, units, and images in the sagittal plane."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from batchenv.arrays import shown
from batchenv.errors import ConfigError


@dataclass(frozen=True)
class Column:
    """One column of observations or actions.

    Attributes:
        name: for example "joint_pos/knee_angle_r".
        unit: SI, or "1".
        term: name of the term that it is of; "" for what no term has made.
    """

    name: str
    unit: str
    term: str = ""


@dataclass(frozen=True)
class Mirror:
    """The image of an array in the sagittal plane: `array[:, index] * sign`, phases half a cycle on.

    Attributes:
        index: source of each column (n,).
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
        parts: name of each column after the term's; "" for a term of one column.
        mirror: image of the columns, with indices within them.
        units: unit of each column; None: the term's unit.
    """

    parts: tuple[str, ...]
    mirror: Mirror
    units: tuple[str, ...] | None = None

    def named(self, prefix: str, unit: str, term: str = "") -> tuple[Column, ...]:
        """The columns of a term with this prefix, unit and name."""
        units = self.units or (unit,) * len(self.parts)
        names = ("/".join(filter(None, (prefix, part))) for part in self.parts)
        return tuple(Column(*each, term) for each in zip(names, units, strict=True))


def column_problem(found: Any) -> str | None:
    """Return a sentence on a fault in the columns that a term describes; None if they are valid."""
    if not isinstance(found, Columns):
        return f"its columns are {shown(found)}; expected some of batchenv.mdp.columns, such as vector"
    n, units = len(found.parts), found.units
    texts: tuple[Any, ...] = (*found.parts, *(units or ()))
    if not all(isinstance(text, str) for text in texts):
        return f"names and units of its columns are {shown(texts)}; expected text"
    if units is not None and len(units) != n:
        return f"it has {n} columns and {len(units)} units; expected a unit for each column"
    return _mirror_problem(found.mirror, n)


def check_distinct(where: str, layout: Sequence[Column], whole: Sequence[Column]) -> None:
    """Refuse columns of a term whose names are not unique.

    Args:
        where: key of the term in YAML.
        layout: its columns.
        whole: columns of all terms.

    Raises:
        ConfigError: a name occurs twice.
    """
    names = [column.name for column in whole]
    for column in layout:
        if names.count(column.name) > 1:
            raise ConfigError(
                f"{where}: another column is called {column.name!r}, too; rename the part or the prefix"
            )


def _mirror_problem(mirror: Mirror, n: int) -> str | None:
    """Return a sentence on a fault in the mirror of n columns; mirroring twice must return the original."""
    index, sign = np.asarray(mirror.index), np.asarray(mirror.sign)
    for name, array in (("twins", index), ("signs", sign)):
        if array.shape != (n,):
            return f"it has {n} columns, and its mirror {array.size} {name}; expected one for each column"
    everyone = np.arange(n)
    if n and (index.dtype.kind not in "iu" or not np.isin(index, everyone).all()):
        return f"twins in its mirror are {index.tolist()}; expected numbers of columns from 0 to {n - 1}"
    if not np.array_equal(index[index], everyone):
        return f"twins in its mirror are {index.tolist()}; expected each column to be the twin of its twin"
    if not np.isin(sign, (1.0, -1.0)).all() or not np.array_equal(sign[index], sign):
        return f"signs in its mirror are {sign.tolist()}; expected 1 or -1, the same for both twins"
    phases = np.asarray(mirror.phases, np.intp)
    if not np.isin(phases, everyone).all() or not np.isin(index[phases], phases).all():
        return f"phases in its mirror are {phases.tolist()}; expected numbers of columns, with their twins"
    return None


class Describes(Protocol):
    """Source of the names of columns: a task with its body."""

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

    @property
    def command_layout(self) -> tuple[Column, ...]:
        """Columns of commands."""
        ...

    @property
    def mirror_command(self) -> Mirror:
        """Image of commands."""
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


def columns(
    *parts: str,
    sign: Sequence[float] | None = None,
    twin: Sequence[int] | None = None,
    units: Sequence[str] | None = None,
) -> ColumnsOf:
    """Columns with fixed names.

    Args:
        parts: name of each after the term's own.
        sign: +1 or -1 of each in the mirror; by default all keep their sign.
        twin: which column each comes from in the mirror; by default itself.
        units: of each; by default all have the term's.

    >>> columns("sin", "cos", sign=(-1, -1))(None).parts
    ('sin', 'cos')
    """
    index = np.arange(len(parts)) if twin is None else np.asarray(twin)
    signs = np.ones(len(parts), np.float32) if sign is None else np.asarray(sign, np.float32)
    found = Columns(parts, Mirror(index, signs), None if units is None else tuple(units))
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
    return _laid_out(task.action_layout, task.mirror_action)


def commands(task: Describes) -> Columns:
    """One column for each column of the commands."""
    return _laid_out(task.command_layout, task.mirror_command)


def _laid_out(layout: tuple[Column, ...], mirror: Mirror) -> Columns:
    return Columns(tuple(c.name for c in layout), mirror, tuple(c.unit for c in layout))
