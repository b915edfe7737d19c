"""State of all worlds that can be restored, and the check that it fits."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import mujoco
import numpy as np
from mujoco.batch import MODEL_FIELDS
from numpy.typing import NDArray

from batchenv.arrays import shown
from batchenv.errors import InputError


@dataclass(frozen=True)
class Snapshot:
    """State of all worlds.

    Attributes:
        state: MuJoCo's state rows (n, nstate).
        fields: per-world model fields by name.
        owned: per-world arrays of the engine's parts by name, see `Worlds.own`.
    """

    state: NDArray[np.float64]
    fields: dict[str, np.ndarray] = field(default_factory=dict)
    owned: dict[str, np.ndarray] = field(default_factory=dict)


def check_snapshot(
    snapshot: Any, state: np.ndarray, model: mujoco.MjModel, shared: Mapping[str, np.ndarray]
) -> None:
    """Refuse a snapshot that worlds cannot take over completely.

    Args:
        snapshot: what a caller hands in.
        state: rows of the worlds (N, nstate).
        model: that they run on.
        shared: arrays of the engine's parts.

    Raises:
        InputError: it is none, of another number of worlds or another body, or damaged.
    """
    if not isinstance(snapshot, Snapshot) or not all(
        isinstance(arrays, Mapping) for arrays in (snapshot.fields, snapshot.owned)
    ):
        raise InputError(f"restore was given {shown(snapshot)}; expected what worlds.snapshot() returned")
    if getattr(snapshot.state, "shape", None) != state.shape:
        raise InputError(
            f"snapshot holds state rows {getattr(snapshot.state, 'shape', None)}, these worlds have "
            f"{state.shape}: restore it into worlds of the same body and number"
        )
    check_array("state", snapshot.state, state)
    for name, array in snapshot.owned.items():
        if name not in shared:
            raise InputError(
                f"owned arrays of the snapshot name {shown(name)}, which is none of the engine's"
            )
        check_array(f"owned.{name}", array, np.broadcast_to(shared[name], (len(state), *shared[name].shape)))
    for name, array in snapshot.fields.items():
        usual = usual_field(model, name)
        if usual is None:
            raise InputError(f"fields of the snapshot name {shown(name)}, which is no field of a model")
        check_array(f"fields.{name}", array, np.broadcast_to(usual, (len(state), *usual.shape)))
        if name in ("body_mass", "body_inertia") and (array < 0.0).any():
            raise InputError(f"fields.{name} of the snapshot holds numbers below zero: it is damaged")


def usual_field(model: mujoco.MjModel, name: str) -> np.ndarray | None:
    """An array of a model that worlds may have of their own, such as body_mass or opt.gravity; None: none."""
    owner, _, field = name.rpartition(".")
    if name in MODEL_FIELDS and not owner:
        value = getattr(model, name, None)
    else:
        value = getattr(model.opt, field, None) if owner == "opt" and not field.startswith("_") else None
    return value if isinstance(value, np.ndarray) else None


def check_array(name: str, array: Any, like: np.ndarray, *, nan: bool = False) -> None:
    """Refuse an array of a snapshot that is of another shape or type than its like, or not finite.

    Args:
        name: how messages call it.
        array: what a caller hands in.
        like: what it is to be like.
        nan: whether it may hold not-a-number.

    Raises:
        InputError: it is not.
    """
    if not isinstance(array, np.ndarray) or array.shape != like.shape or array.dtype != like.dtype:
        given = f"{array.dtype} {array.shape}" if isinstance(array, np.ndarray) else type(array).__name__
        raise InputError(f"{name} of the snapshot is {given}, expected {like.dtype} {like.shape}")
    if like.dtype.kind == "f" and not (np.isfinite(array) | (nan & np.isnan(array))).all():
        raise InputError(f"{name} of the snapshot holds numbers that are not finite: it is damaged")
