"""Decorators that turn functions into terms.

A term is a plain function. Its positional parameters name quantities, arrays (N, ...); its keyword-only
parameters are set in YAML. YAML names a term in a user's own file as "my_terms.py:quiet_trunk".
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
    """Declaration of a term by its decorator.

    Attributes:
        kind: kind of the term.
        columns: columns of an observation, an action or a command.
        unit: unit of its columns.
        prefix: prefix of the names of its columns; None: the term's name.
        when: moment at which an event happens.
    """

    kind: Kind
    columns: ColumnsOf = scalar
    unit: str = "1"
    prefix: str | None = None
    when: When = "reset"


def mark_of(function: Any) -> Mark | None:
    """Return the declaration of a function; None if it is not a term."""
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
    """Declare a function as a reward term, which returns values (N,).

    Examples:
        >>> @reward_term
        ... def height(root_pos, *, scale: float = 1.0):
        ...     return scale * root_pos[:, 2]
    """
    return _marked(function, Mark("reward"))


def termination_term(function: F) -> F:
    """Declare a function as a termination, which returns whether each episode has failed (N,) bool.

    Examples:
        >>> @termination_term
        ... def low(root_pos, *, height: float = 0.5):
        ...     return root_pos[:, 2] < height
    """
    return _marked(function, Mark("termination"))


def observation_term(
    columns: ColumnsOf = scalar, unit: str = "1", *, prefix: str | None = None
) -> Callable[[F], F]:
    """Declare a function as an observation, which returns (N, columns), or (N,) for a single column.

    Args:
        columns: names and mirror images of the columns; see `batchenv.mdp.columns`.
        unit: unit of all columns.
        prefix: prefix of the names of the columns; by default the function's name.

    Examples:
        >>> @observation_term(unit="m")
        ... def height(root_pos):
        ...     return root_pos[:, 2]
    """
    return _described(Mark("observation", columns, unit, prefix))


def action_term(
    columns: ColumnsOf = scalar, unit: str = "1", *, prefix: str | None = None
) -> Callable[[F], F]:
    """Declare a function as an action, which turns the policy's columns (N, A) into targets (N, n).

    Args:
        columns: names and mirror images of the policy's columns.
        unit: unit of all columns.
        prefix: prefix of the names of the columns; by default the function's name.
    """
    return _described(Mark("action", columns, unit, prefix))


def command_term(columns: ColumnsOf = scalar, unit: str = "1") -> Callable[[F], F]:
    """Declare a function as a command, which draws values for worlds (n, columns), or (n,) for one column.

    Args:
        columns: names and mirror images of the columns; a column without a name has the function's.
        unit: unit of all columns without their own.

    Examples:
        >>> @command_term(unit="m/s")
        ... def speed(draw, *, most: float = 2.0):
        ...     return most * draw(1)
    """
    return _described(Mark("command", columns, unit))


def event_term(when: When) -> Callable[[F], F]:
    """Declare a function as an event, which changes worlds and returns nothing.

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
