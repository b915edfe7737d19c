"""Checks of a `BatchEnv`'s arguments: each error says what was given and what is expected."""

import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from batchenv.arrays import numpy_array, shown, whole_number
from batchenv.errors import InputError, nearest
from batchenv.mdp.columns import Column

# Memory of a world in the largest batches, rounded down [bytes].
_LEAST_WORLD = 250_000
# A square of an action is a finite float32 still, and so is a sum of many.
LARGEST_ACTION = 1e15


def checked_whole_number(name: str, value: object, least: int, most: int | None = None) -> int:
    """The whole number that `value` is.

    Raises:
        InputError: it is none from `least` to `most`.
    """
    number = whole_number(value)
    if number is None or number < least or (most is not None and number > most):
        expected = f"of at least {least}" if most is None else f"from {least} to {most}"
        raise InputError(f"{name} is {shown(value)}; expected a whole number {expected}")
    return number


def check_memory(num_envs: int) -> None:
    """InputError where so many worlds are more than this machine's memory holds."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if num_envs * _LEAST_WORLD > memory:
        raise InputError(
            f"num_envs is {shown(num_envs)}; a world takes {_LEAST_WORLD / 1e6} MB at least, and this "
            f"machine has {memory / 1e9:.1f} GB"
        )


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """InputError unless `value` is one of `choices`."""
    if not isinstance(value, str) or value not in choices:
        close = nearest(value, choices) if isinstance(value, str) else ""
        raise InputError(f"{name} is {shown(value)}; expected one of {', '.join(choices)}.{close}")


def check_flag(name: str, value: object) -> None:
    """InputError unless `value` is True or False."""
    if not isinstance(value, bool | np.bool_):
        raise InputError(f"{name} is {shown(value)}; expected True or False")


def checked_options(options: object) -> Mapping[Any, Any]:
    """The options of a reset; none by default.

    Raises:
        InputError: they are no mapping.
    """
    if options is None:
        return {}
    if not isinstance(options, Mapping):
        raise InputError(f"options is {shown(options)}; expected a dict, or None")
    return options


def check_callable(name: str, value: object) -> None:
    """InputError unless `value` can be called, or is None."""
    if value is not None and not callable(value):
        raise InputError(f"{name} is {shown(value)}; expected a function without parameters, or None")


def checked_ids(ids: Any, num_envs: int) -> np.ndarray:
    """Numbers of worlds (n,) intp, each named once.

    Raises:
        InputError: there are none, or they are not such numbers.
    """
    array = numpy_array("ids", ids)
    possible = array.ndim == 1 and array.size > 0 and array.dtype.kind in "iu"
    if not possible or len(np.unique(array)) < array.size or not 0 <= array.min() <= array.max() < num_envs:
        mask = "; np.flatnonzero makes numbers of a mask" if array.dtype.kind == "b" else ""
        raise InputError(
            f"ids are {shown(ids)}; expected (n,) different whole numbers from 0 to {num_envs - 1}, at least "
            f"one{mask}"
        )
    return array.astype(np.intp)


def checked_steps(steps: Any, num_envs: int, most: int) -> np.ndarray:
    """Steps of each world's episode (num_envs,), whole numbers from 0 to below `most`.

    Raises:
        InputError: they are not.
    """
    array = numpy_array("steps", steps)
    if array.shape != (num_envs,) or array.dtype.kind not in "iu":
        raise InputError(
            f"steps have shape {array.shape} and dtype {array.dtype}; expected ({num_envs},) whole numbers"
        )
    wrong = np.flatnonzero((array < 0) | (array >= most))
    if wrong.size:
        raise InputError(
            f"the step of world {wrong[0]} is {array[wrong[0]]}; expected a number from 0 to {most - 1}"
        )
    return array


def masked_ids(mask: Any, num_envs: int) -> np.ndarray:
    """Numbers of the worlds in a mask (num_envs,) bool, at least one; without a mask, of all.

    Raises:
        InputError: it is no such mask.
    """
    if mask is None:
        return np.arange(num_envs)
    array = numpy_array("the reset mask", mask)
    if array.shape != (num_envs,) or array.dtype != np.bool_ or not array.any():
        chosen = f" and {np.count_nonzero(array)} worlds in it" if array.dtype == np.bool_ else ""
        raise InputError(
            f"the reset mask has shape {array.shape}, dtype {array.dtype}{chosen}; "
            f"expected (num_envs,) = ({num_envs},) of bool, one of them True at least"
        )
    return np.flatnonzero(array)


def checked_actions(actions: Any, num_envs: int, layout: Sequence[Column]) -> np.ndarray:
    """Actions as an array (num_envs, A) of float64, whatever their type and memory layout.

    Raises:
        InputError: they have another shape, are not numbers, not finite, or too large.
    """
    array, expected = numpy_array("actions", actions), (num_envs, len(layout))
    if array.shape != expected:
        raise InputError(f"actions have shape {array.shape}, expected (num_envs, action_dim) = {expected}")
    if array.dtype.kind not in "fiub":
        raise InputError(f"actions have dtype {array.dtype}, expected real numbers")
    with np.errstate(over="ignore"):
        array = array.astype(np.float64, copy=False)
    # Not-a-number is outside, too, and an array without a number is not.
    if not np.abs(array).max(initial=0.0) <= LARGEST_ACTION:
        world, column = np.argwhere(~(np.abs(array) <= LARGEST_ACTION))[0]
        raise InputError(
            f"actions hold {array[world, column]} for world {world}, {layout[column].name} "
            f"(column {column}); expected finite numbers of at most {LARGEST_ACTION:g} in size"
        )
    return array
