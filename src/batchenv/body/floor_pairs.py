"""Geoms that can touch the floor, paired with it in the model instead of searched for in every substep."""

import functools
import operator

import mujoco
import numpy as np

from batchenv.body.sources import find_floor

MOST_PAIRS = 100  # MuJoCo looks at each of them in every substep
_NAME = "batchenv_floor_pair_"


def name_floor_pairs(spec: mujoco.MjSpec) -> None:
    """Pair the floor with all geoms that can touch it, unless some can touch other geoms by their kind.

    Contacts stay the same to the last bit, and nothing is left for MuJoCo's broad phase to search.
    """
    floor = find_floor(spec)
    others = [geom for geom in spec.geoms if geom != floor and (geom.contype or geom.conaffinity)]
    kinds = functools.reduce(operator.or_, (geom.contype for geom in others), 0)
    affinities = functools.reduce(operator.or_, (geom.conaffinity for geom in others), 0)
    if floor is None or kinds & affinities or spec.excludes or any(body.mocap for body in spec.bodies):
        return
    touching = [geom for geom in others if _meets(floor, geom) and _moves(geom.parent)]
    paired = {name for pair in spec.pairs for name in (pair.geomname1, pair.geomname2)}
    loud = any(geom.priority >= floor.priority for geom in touching)  # its own friction would count too
    if floor.name in paired or loud or len(touching) > MOST_PAIRS:
        return
    sliding, torsional, rolling = floor.friction
    for number, geom in enumerate(touching):
        _give_name(spec, geom, number)
        spec.add_pair(
            name=f"{_NAME}{number}",
            geomname1=floor.name,
            geomname2=geom.name,
            condim=floor.condim,
            friction=[sliding, sliding, torsional, rolling, rolling],
            solref=floor.solref.tolist(),
            solimp=floor.solimp.tolist(),
            margin=floor.margin + geom.margin,
            gap=floor.gap + geom.gap,
        )
    for geom in (floor, *others):
        geom.contype = geom.conaffinity = 0


def floor_pairs(model: mujoco.MjModel) -> np.ndarray:
    """Return the ids of the pairs that `name_floor_pairs` made (P,)."""
    return np.array([i for i in range(model.npair) if model.pair(i).name.startswith(_NAME)], int)


def _meets(floor: mujoco.MjsGeom, geom: mujoco.MjsGeom) -> bool:
    return bool(floor.contype & geom.conaffinity or geom.contype & floor.conaffinity)


def _moves(body: mujoco.MjsBody) -> bool:
    """Whether a joint moves a body; MuJoCo lets nothing that stands still touch the floor."""
    while not body.joints:
        if body.name == "world":
            return False
        body = body.parent
    return True


def _give_name(spec: mujoco.MjSpec, geom: mujoco.MjsGeom, number: int) -> None:
    name = geom.name or f"batchenv_geom_{number}"
    while not geom.name and spec.geom(name) is not None:
        name += "_"
    geom.name = name
