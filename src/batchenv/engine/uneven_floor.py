"""Bumps and steps under each world: which height field is its floor, where it lies, and how it follows."""

from typing import Any

import mujoco
import numpy as np

from batchenv.body.uneven_floor import HEIGHT_STEP, KINDS, PERIOD, field_name, height_level
from batchenv.engine.worlds import Worlds

Array = np.ndarray

FLOOR_FIELDS = ("geom_type", "geom_dataid", "geom_pos", "geom_quat", "geom_sameframe", "geom_rbound")
"""Fields of a model in which the floors of worlds differ."""

_FIELD = int(mujoco.mjtGeom.mjGEOM_HFIELD)
_OWN_FRAME = 0  # mjSAMEFRAME_NONE: MuJoCo places the geom where geom_pos and geom_quat say
_REACH = np.hypot(PERIOD, PERIOD) + 1.0  # of a field from its middle [m]


def set_relief(worlds: Worlds[Any], bumps: Array, steps: Array, ids: Array | None = None) -> None:
    """Give worlds a floor with bumps or steps, whichever are higher; without either, the model's level floor.

    The mean height of the floor is 0. The body needs a model `with_uneven_floor`.

    Args:
        bumps, steps: from the lowest to the highest point of the floor (n,) [m], rounded to `HEIGHT_STEP`.
        ids: worlds (n,), or None for all.
    """
    rows = np.arange(worlds.num_worlds) if ids is None else ids
    levels = np.stack([height_level(bumps), height_level(steps)])
    level, kind = levels.max(axis=0), levels.argmax(axis=0)
    model, floor = worlds.model, worlds.body.floor_geom
    first = [
        model.hfield(field_name(name, 1)).id if own.any() else 0
        for name, own in zip(KINDS, levels, strict=True)
    ]
    pos, quat = (worlds.expand(name)[rows, floor] for name in ("geom_pos", "geom_quat"))
    pos[:, 2] = -level * HEIGHT_STEP / 2
    fields: dict[str, Any] = {
        "geom_type": _FIELD,
        "geom_dataid": np.array(first)[kind] + level - 1,
        "geom_pos": pos,
        "geom_quat": quat,
        "geom_sameframe": _OWN_FRAME,
        "geom_rbound": _REACH,
    }
    for name in FLOOR_FIELDS:
        usual = getattr(model, name)[floor]
        uneven = (level > 0).reshape(-1, *[1] * np.ndim(usual))
        worlds.expand(name)[rows, floor] = np.where(uneven, fields[name], usual)


def lay_floor(worlds: Worlds[Any], ids: Array, places: Array, turns: Array) -> None:
    """Lay the uneven floors of some worlds so that a level clearing is where a walker starts.

    Args:
        ids: worlds (n,).
        places: where walkers start (n, 2) [m].
        turns: by which floors are turned about the vertical, as a share of a whole turn (n,).
    """
    floor = worlds.body.floor_geom
    uneven = worlds.expand("geom_type")[ids, floor] == _FIELD
    ids, half = ids[uneven], np.pi * turns[uneven]
    worlds.expand("geom_pos")[ids, floor, :2] = places[uneven]
    worlds.expand("geom_quat")[ids, floor] = np.stack(
        [np.cos(half), np.zeros(len(ids)), np.zeros(len(ids)), np.sin(half)], axis=1
    )


def keep_floor_below(worlds: Worlds[Any]) -> None:
    """Move uneven floors by whole periods to where walkers are."""
    floor = worlds.body.floor_geom
    pos, quat = worlds.expand("geom_pos")[:, floor], worlds.expand("geom_quat")[:, floor]
    cos, sin = quat[:, 0] ** 2 - quat[:, 3] ** 2, 2.0 * quat[:, 0] * quat[:, 3]
    x, y = (worlds.qpos[:, :2] - pos[:, :2]).T / PERIOD
    along, across = np.rint(cos * x + sin * y), np.rint(cos * y - sin * x)
    moved = PERIOD * np.stack([cos * along - sin * across, sin * along + cos * across], axis=1)
    uneven = worlds.expand("geom_type")[:, floor] == _FIELD
    pos[:, :2] += np.where(uneven[:, None], moved, 0.0)
