"""Arrays and numbers that callers hand in, of whatever library they are."""

import operator
from typing import Any

import array_api_compat
import numpy as np

from batchenv.errors import InputError

_SHOWN = 80


def array_namespace(array: Any) -> Any:
    """The array-API namespace of an array; NumPy's own, which needs no wrapper, without the search for it."""
    return np if type(array) is np.ndarray else array_api_compat.array_namespace(array)


def summed(array: Any, axis: int | tuple[int, ...] = -1) -> Any:
    """Sum of an array over axes, as the array-API namespace of the array has it."""
    if type(array) is np.ndarray:
        return np.add.reduce(array, axis=axis)
    return array_api_compat.array_namespace(array).sum(array, axis=axis)


def shown(value: object) -> str:
    """A value as messages show it: in one line, not too long, whatever it is."""
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a number of thousands of digits, or an object that cannot describe itself
        return f"of type {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[: _SHOWN - 3]}..."


def whole_number(value: Any) -> int | None:
    """The whole number that a value is: Python's, NumPy's, or that of a 0-d array; None for others.

    >>> whole_number(np.array(5)), whole_number(5.0), whole_number(True), whole_number(np.timedelta64(5))
    (5, None, None, None)
    """
    try:
        kind = str(getattr(value, "dtype", ""))
        if isinstance(value, bool) or "bool" in kind or "datetime" in kind or "timedelta" in kind:
            return None
        return operator.index(value)
    except Exception:  # whatever an object of the caller's raises
        return None


def is_real(value: Any) -> bool:
    """Whether a value is a number of Python's or NumPy's; truth values and lengths of time are none.

    >>> is_real(1), is_real(np.float32(0.5)), is_real(True), is_real(np.timedelta64(3)), is_real("1")
    (True, True, False, False, False)
    """
    number = isinstance(value, int | float | np.integer | np.floating)
    return number and not isinstance(value, bool | np.timedelta64)


def is_whole(value: Any) -> bool:
    """Whether a value is a whole number of Python's or NumPy's, by its type."""
    return isinstance(value, int | np.integer) and is_real(value)


def numpy_array(name: str, value: Any) -> np.ndarray:
    """Make a NumPy array of what a caller hands in: nested lists, arrays, Torch tensors of any type.

    Args:
        name: how messages call it.

    Raises:
        InputError: no array can be made of it, or some of it is masked.
    """
    if type(value) is np.ndarray:
        return value
    try:
        if hasattr(value, "detach"):  # a Torch tensor; NumPy knows no bfloat16
            value = value.detach().cpu()
            value = value.float() if "bfloat16" in str(value.dtype) else value
        masked = np.ma.is_masked(value)
        array = np.asarray(value)
    except Exception as error:  # whatever an object of the caller's raises
        raise InputError(
            f"{name}: no array can be made of this {type(value).__name__} ({type(error).__name__}: {error}); "
            "expected numbers in a rectangle"
        ) from error
    if masked:
        raise InputError(f"{name}: {np.ma.count_masked(value)} values are masked; expected values everywhere")
    return array
