"""Floors with bumps or steps: height fields that a model holds beside its level floor.

A pattern repeats itself every `PERIOD`, and a field is two periods wide: moved by whole periods, it stays
under a walker wherever it goes, and has no end for it. All worlds of a model share its fields, of which there
is one for every height; each world's floor is one of them (`batchenv.engine.uneven_floor`).
"""

from collections.abc import Mapping
from dataclasses import replace

import mujoco
import numpy as np

from batchenv.body.body import Body
from batchenv.body.sources import compile_spec, find_floor, floor_material
from batchenv.rng import uniform

KINDS = ("bumps", "steps")
PERIOD = 6.4  # [m]
HEIGHT_STEP = 0.0025  # [m]
# A walker starts in the middle of it, in any phase of a long stride [m].
_CLEARING = 0.7
# Between nodes of the field [m]. People who walked over uneven ground in Voloshina et al. (J. Exp. Biol. 216
# (2013) 3963) had blocks 15 cm wide.
_CELL = {"bumps": 0.16, "steps": 0.05}
_STEP_CELLS = 16  # to a step, the last of which is its edge
# Of the solid ground under the lowest point [m]; our fields are known by it.
DEPTH = 0.4375
_SEED = 0


def height_level(height: float | np.ndarray) -> np.ndarray:
    """Which field has a height [m], from 1; 0 where the floor is level."""
    return np.rint(np.asarray(height) / HEIGHT_STEP).astype(int)


def field_name(kind: str, level: int) -> str:
    """Name of a field in the model."""
    return f"batchenv_{kind}_{level}"


def relief(kind: str) -> np.ndarray:
    """Heights of a period of a pattern (n, n), 0 to 1, in rows along y; around its first node it is level.

    Bumps have a height of their own at every node, steps at all nodes of a square of 0.8 m.
    """
    n = round(PERIOD / _CELL[kind])
    count = n if kind == "bumps" else n // _STEP_CELLS
    drawn = uniform(_SEED, np.array([KINDS.index(kind)]), np.zeros(1, int), count * count).reshape(
        count, count
    )
    drawn = (drawn - drawn.min()) / np.ptp(drawn)
    heights = drawn.repeat(n // count, axis=0).repeat(n // count, axis=1)
    away = PERIOD / n * np.minimum(np.arange(n), n - np.arange(n))
    heights[np.hypot(away[:, None], away) < _CLEARING] = 0.5
    return heights


def with_uneven_floor(body: Body, highest: Mapping[str, float]) -> Body:
    """Return a body whose model holds height fields beside its level floor.

    Args:
        body: on a level floor.
        highest: height from the lowest to the highest point of the floor, by kind [m].
    """
    spec = body.spec.copy()
    # MuJoCo looks for contacts in boxes that it made when it compiled the model, and floors move.
    spec.option.disableflags |= int(mujoco.mjtDisableBit.mjDSBL_MIDPHASE)
    for kind, most in highest.items():
        heights = np.pad(np.tile(relief(kind), (2, 2)), (0, 1), "wrap")
        for level in range(1, int(height_level(most)) + 1):
            spec.add_hfield(
                name=field_name(kind, level),
                nrow=len(heights),
                ncol=len(heights),
                size=[PERIOD, PERIOD, level * HEIGHT_STEP, DEPTH],
                userdata=heights.ravel().tolist(),
            )
    if not spec.compiler.discardvisual:
        _add_horizon(spec, max(highest.values(), default=0.0))
    return replace(body, spec=spec, model=compile_spec(spec))


def _add_horizon(spec: mujoco.MjSpec, highest: float) -> None:
    """Add what is seen beyond the field: an endless floor just below it that nothing touches."""
    floor = find_floor(spec)
    spec.worldbody.add_geom(
        name="batchenv_horizon",
        type=mujoco.mjtGeom.mjGEOM_PLANE,
        size=[0, 0, 1],
        pos=[0, 0, -highest / 2 - 0.01],
        material=(floor.material if floor is not None else "") or floor_material(spec),
        contype=0,
        conaffinity=0,
    )
