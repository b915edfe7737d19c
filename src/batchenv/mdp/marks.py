"""Decorators that make terms of functions.

A term is a plain function. Its positional parameters name the quantities that it is given, each (N, ...); its
keyword-only parameters are set in YAML. It may stand in a file of a user's own, which YAML then names
("my_terms.py:quiet_trunk").
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, TypeVar, cast, get_args

from batchenv.arrays import shown
from batchenv.errors import ConfigError
from batchenv.mdp.columns import ColumnsOf, scalar

F = TypeVar("F", bound=Callable[..., Any])
Kind = Literal["reward", "observation", "termination", "event", "action", "command"]
When = Literal["reset", "step"]


@dataclass(frozen=True)
class Mark:
    """What the decorator of a term says of it.

    Attributes:
        kind: what the term is for.
        columns: of an observation, an action or a command.
        unit: of its columns.
        prefix: of the names of its columns; None: the term's name.
        when: an event happens.
    """

    kind: Kind
    columns: ColumnsOf = scalar
    unit: str = "1"
    prefix: str | None = None
    when: When = "reset"


def mark_of(function: Any) -> Mark | None:
    """What a decorator said of a function; None for one that is no term."""
    mark = getattr(function, "__term__", None)
    return mark if isinstance(mark, Mark) else None


def _marked(function: F, mark: Mark) -> F:
    function.__term__ = mark  # pyright: ignore[reportFunctionMemberAccess]
    return function


def _described(mark: Mark) -> Callable[[F], F]:
    """The decorator of a term with columns.

    Raises:
        ConfigError: an argument of the decorator is of another type.
    """
    if not callable(mark.columns):
        raise ConfigError(
            f"@{mark.kind}_term({shown(mark.columns)}): expected columns of batchenv.mdp.columns, such as "
            'vector or columns("sin", "cos")'
        )
    unit, prefix = cast("tuple[Any, Any]", (mark.unit, mark.prefix))  # a user may pass anything
    if not isinstance(unit, str) or not isinstance(prefix, str | None):
        raise ConfigError(
            f"@{mark.kind}_term: unit is {shown(mark.unit)} and prefix {shown(mark.prefix)}; expected text"
        )
    return lambda function: _marked(function, mark)


def reward_term(function: F) -> F:
    """Make a function a reward term, which returns values (N,).

    Examples:
        >>> @reward_term
        ... def height(root_pos, *, scale: float = 1.0):
        ...     return scale * root_pos[:, 2]
    """
    return _marked(function, Mark("reward"))


def termination_term(function: F) -> F:
    """Make a function a termination, which returns whether each episode has failed (N,).

    Examples:
        >>> @termination_term
        ... def low(root_pos, *, height: float = 0.5):
        ...     return root_pos[:, 2] < height
    """
    return _marked(function, Mark("termination"))


def observation_term(
    columns: ColumnsOf = scalar, unit: str = "1", *, prefix: str | None = None
) -> Callable[[F], F]:
    """Make a function an observation, which returns (N, columns), or (N,) where it has one column.

    Args:
        columns: names of the columns and their images in the mirror; see `batchenv.mdp.columns`.
        unit: of all columns.
        prefix: of the names of the columns; by default the function's name.

    Examples:
        >>> @observation_term(unit="m")
        ... def height(root_pos):
        ...     return root_pos[:, 2]
    """
    return _described(Mark("observation", columns, unit, prefix))


def action_term(
    columns: ColumnsOf = scalar, unit: str = "1", *, prefix: str | None = None
) -> Callable[[F], F]:
    """Make a function an action, which turns the policy's columns (N, A) into targets (N, n).

    Args:
        columns: names of the policy's columns and their images in the mirror.
        unit: of all columns.
        prefix: of the names of the columns; by default the function's name.
    """
    return _described(Mark("action", columns, unit, prefix))


def command_term(columns: ColumnsOf = scalar, unit: str = "1") -> Callable[[F], F]:
    """Make a function a command, which draws what worlds are asked (n, columns), or (n,) for one column.

    Args:
        columns: names of the columns and their images in the mirror; one without a name has the function's.
        unit: of all columns that have none of their own.

    Examples:
        >>> @command_term(unit="m/s")
        ... def speed(draw, *, most: float = 2.0):
        ...     return most * draw(1)
    """
    return _described(Mark("command", columns, unit))


def event_term(when: When) -> Callable[[F], F]:
    """Make a function an event, which changes worlds and returns nothing.

    Args:
        when: "reset": in worlds whose episode begins; "step": in all worlds, before every control step.

    Examples:
        >>> @event_term("reset")
        ... def run_up(start, *, speed: float = 0.5):
        ...     start.qvel[:, 0] += speed
    """
    if when not in get_args(When):
        raise ConfigError(f'@event_term({shown(when)}): expected @event_term("reset") or @event_term("step")')
    return lambda function: _marked(function, Mark("event", when=when))
