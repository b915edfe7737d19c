"""Checks of what a `RecordingWriter` is given before it creates a file."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from batchenv.arrays import is_real, shown
from batchenv.errors import InputError, nearest
from batchenv.evaluate.recording import Recording
from batchenv.evaluate.recording_layout import LAYOUT, PER_SAMPLE


def checked_constants(**constants: Any) -> dict[str, np.ndarray]:
    """Constants of a recording as they are stored; a recording without samples checks them."""
    count, none = len(constants["joint_names"]), np.zeros((0, 2, 3))
    empty = Recording(
        **constants,
        ended=(),
        episode=np.zeros(0, int),
        time=np.zeros(0),
        joint_pos=np.zeros((0, count)),
        grf=none,
        foot_pos=none,
        root_pos=none[:, 0],
    )
    stored = {}
    for name, value in constants.items():
        if name.endswith("_names"):
            if len(value):
                stored[name] = np.array([text.encode() for text in getattr(empty, name)])
        elif value is not None:
            stored[name] = np.asarray(getattr(empty, name), float)
    return stored


def checked_names(name: str, values: Any) -> tuple[str, ...]:
    """Names that a file can hold."""
    try:
        names = tuple(values)
        possible = not isinstance(values, str) and all(isinstance(text, str) for text in names)
        "".join(names if possible else ()).encode()
    except Exception as error:  # whatever an object of the caller's raises
        raise InputError(f"{name} is {shown(values)}; expected texts ({error})") from error
    if not possible:
        raise InputError(f"{name} is {shown(values)}; expected texts")
    return names


def checked_attributes(attributes: Any) -> dict[str, str | float]:
    """Attributes that a file can hold, by name."""
    checked = {} if attributes is None else attributes
    if not isinstance(checked, Mapping):
        raise InputError(f"attributes is {shown(attributes)}; expected texts and numbers by name")
    checked_names("attributes", checked)
    for name, value in checked.items():
        if isinstance(value, str):
            checked_names(f"the attribute {shown(name)}", (value,))
        elif not is_real(value):
            raise InputError(f"the attribute {shown(name)} is {shown(value)}; expected a text or a number")
    return dict(checked)


def checked_columns(columns: tuple[str, ...]) -> tuple[str, ...]:
    """Names of arrays with a row for each sample, those that every sample has among them."""
    for name in columns:
        if name not in PER_SAMPLE:
            raise InputError(f"append: no array {name!r} has a sample per row.{nearest(name, PER_SAMPLE)}")
    required = [name for name in PER_SAMPLE if not LAYOUT[name].optional and name not in columns]
    if required:
        raise InputError(f"append lacks {required}, which every sample has")
    return columns
