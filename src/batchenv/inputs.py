"""What callers hand to a `BatchEnv`, checked: each error says what was given and what is right."""

import os
from collections.abc import Sequence
from typing import Any

import numpy as np

from batchenv.errors import InputError, nearest
from batchenv.mdp.observations import Column

# Memory of a world in the largest batches, rounded down [bytes].
_LEAST_WORLD = 250_000


def check_whole_number(name: str, value: object, least: int) -> None:
    """InputError unless `value` is a whole number of at least `least`."""
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < least:
        raise InputError(f"{name} is {value!r}; expected a whole number of at least {least}")


def check_memory(num_envs: int) -> None:
    """InputError where so many worlds are more than this machine's memory holds."""
    memory = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if num_envs * _LEAST_WORLD > memory:
        raise InputError(
            f"num_envs is {num_envs}; a world takes {_LEAST_WORLD / 1e6} MB at least, and this machine has "
            f"{memory / 1e9:.1f} GB"
        )


def check_choice(name: str, value: object, choices: Sequence[str]) -> None:
    """InputError unless `value` is one of `choices`."""
    if value not in choices:
        raise InputError(
            f"{name} is {value!r}; expected one of {', '.join(choices)}.{nearest(str(value), choices)}"
        )


def checked_ids(ids: Any, num_envs: int) -> np.ndarray:
    """Numbers of worlds (n,) intp, each named once.

    Raises:
        InputError: there are none, or they are not such numbers.
    """
    array = np.asarray(ids)
    possible = array.ndim == 1 and array.size > 0 and array.dtype.kind in "iu"
    if not possible or len(np.unique(array)) < array.size or not 0 <= array.min() <= array.max() < num_envs:
        raise InputError(f"ids are {ids!r}; expected (n,) different whole numbers from 0 to {num_envs - 1}")
    return array.astype(np.intp)


def checked_steps(steps: Any, num_envs: int, most: int) -> np.ndarray:
    """Steps of each world's episode (num_envs,), whole numbers from 0 to below `most`.

    Raises:
        InputError: they are not.
    """
    array = np.asarray(steps)
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
    array = np.asarray(mask)
    if array.shape != (num_envs,) or array.dtype != np.bool_ or not array.any():
        raise InputError(
            f"the reset mask has shape {array.shape}, dtype {array.dtype} and {np.count_nonzero(array)} "
            f"worlds in it; expected (num_envs,) = ({num_envs},) of bool, one of them True at least"
        )
    return np.flatnonzero(array)


def checked_actions(actions: Any, num_envs: int, layout: Sequence[Column]) -> np.ndarray:
    """Actions as an array (num_envs, A) of finite real numbers, whatever its memory layout.

    Raises:
        InputError: they have another shape, are not numbers, or not finite.
    """
    array, expected = np.asarray(actions), (num_envs, len(layout))
    if array.shape != expected:
        raise InputError(f"actions have shape {array.shape}, expected (num_envs, action_dim) = {expected}")
    if array.dtype.kind not in "fiub":
        raise InputError(f"actions have dtype {array.dtype}, expected real numbers")
    finite = np.isfinite(array)
    if not finite.all():
        world, column = np.argwhere(~finite)[0]
        raise InputError(
            f"actions hold {array[world, column]} for world {world}, "
            f"{layout[column].name} (column {column}); expected finite numbers"
        )
    return array
