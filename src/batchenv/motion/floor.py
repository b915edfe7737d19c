"""Feet of a clip that is fitted to a body: how high they are, and how far they slide."""

from typing import NamedTuple

import mujoco
import numpy as np

from batchenv.body.body import Body
from batchenv.body.foot_geometry import foot_geoms, lowest_point

Array = np.ndarray

_LOW, _SLOW = 0.03, 0.5  # height and speed under which a foot is on the floor [m], [m/s]
_TOLD = 0.03  # difference of a scale from 1 that rolling feet do not make
_WALKED = 0.3  # shorter ways say nothing of the length of the steps [m]


class Feet(NamedTuple):
    """G geoms of the feet that can touch the floor.

    Attributes:
        right: whether each is of the right foot (G,).
        lowest: heights of their lowest points (T, G) [m], in the world.
        slides: way that the geom goes from each sample to the next (T - 1, G, 3) [m], the root staying.
        roots: way of the root (T - 1, 3) [m].
        places: of the feet's bodies, right and left (T, 2, 3) [m], in the world.
    """

    right: Array
    lowest: Array
    slides: Array
    roots: Array
    places: Array


def feet_of(body: Body, root_pos: Array, root_quat: Array, joint_pos: Array) -> Feet:
    """Return the feet in poses of a body.

    Args:
        body: with feet.
        root_pos: (T, 3) [m].
        root_quat: (T, 4).
        joint_pos: (T, J) [rad].

    Raises:
        BodyError: no geom of the feet can touch the floor.
    """
    geoms = foot_geoms(body)
    if not geoms.size:
        raise body.error("no geom of its feet can touch the floor.")
    model, data = body.model, mujoco.MjData(body.model)
    lowest = np.empty((len(root_pos), len(geoms)))
    centres = np.empty((len(root_pos), len(geoms), 3))
    places = np.empty((len(root_pos), 2, 3))
    for i, qpos in enumerate(body.qpos(root_pos, root_quat, joint_pos)):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        points = [lowest_point(model, data, geom) for geom in geoms]
        lowest[i] = [point[2] for point in points]
        centres[i] = data.geom_xpos[geoms]
        places[i] = data.xpos[body.foot_body]
    moved = np.diff(centres - root_pos[:, None], axis=0)
    right = np.isin(model.geom_bodyid[geoms], [ids[0] for ids in (body.foot_body, body.toe_body) if ids.size])
    return Feet(right, lowest, moved, np.diff(root_pos, axis=0), places)


def on_floor(feet: Feet) -> float:
    """Height [m] by which poses have to be lowered for their feet to stand on the floor.

    The median over time of the lowest point: feet roll over stiff toes that reach deeper in some samples, and
    both may be in the air in others.
    """
    return float(np.median(feet.lowest.min(axis=1)))


def scale_without_sliding(feet: Feet) -> float | None:
    """Factor of the root's way with which feet that stand do not slide; None where the root stays.

    A foot that stands goes backwards in the frame of the root as fast as the root goes forward; one that
    swings goes forward there. So in each sample the geom that goes backwards fastest stands, and the median
    over samples of its speed over the root's is the factor, whatever the height of the feet. Feet that roll
    make it 2 % too small in walks of the body itself; what is nearer to 1 than 3 % is 1.
    """
    way = feet.roots[:, :2].sum(axis=0)
    length = float(np.linalg.norm(way))
    if length < _WALKED:
        return None
    ahead = way / length
    forward = feet.roots[:, :2] @ ahead
    backward = -(feet.slides[..., :2] @ ahead).min(axis=1)
    moves = forward > 0.0
    factor = float(np.median(backward[moves] / forward[moves]))
    return 1.0 if abs(factor - 1.0) < _TOLD else factor


def contacts(feet: Feet, times: Array) -> Array:
    """Whether the right and the left foot are on the floor (T, 2): low and slow.

    A foot is on the floor where a geom of it is lower than 3 cm and, from there to the next sample, slower
    than 0.5 m/s on the level.

    Args:
        feet: of a clip.
        times: of its samples (T,) [s].
    """
    heights = feet.lowest - on_floor(feet)
    speed = np.linalg.norm((feet.slides + feet.roots[:, None])[..., :2], axis=2) / np.diff(times)[:, None]
    speed = np.concatenate([speed, speed[-1:]])
    standing = (heights < _LOW) & (speed < _SLOW)
    return np.stack([standing[:, feet.right].any(axis=1), standing[:, ~feet.right].any(axis=1)], axis=1)
