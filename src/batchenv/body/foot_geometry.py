"""Where the feet are below an upright root, and how low they reach, exact for each shape of geom."""

import mujoco
import numpy as np

from batchenv.body.body import Body
from batchenv.body.planar import wrapped

FOOT_SHAPES = (
    mujoco.mjtGeom.mjGEOM_SPHERE,
    mujoco.mjtGeom.mjGEOM_CAPSULE,
    mujoco.mjtGeom.mjGEOM_ELLIPSOID,
    mujoco.mjtGeom.mjGEOM_BOX,
    mujoco.mjtGeom.mjGEOM_CYLINDER,
    mujoco.mjtGeom.mjGEOM_MESH,
)


def foot_geoms(body: Body) -> np.ndarray:
    """Return the ids (G,) of the geoms of heels and toes that can touch the floor."""
    model, floor = body.model, body.floor_geom
    feet = np.isin(model.geom_bodyid, [*body.foot_body, *body.toe_body])
    touching = (model.geom_contype & model.geom_conaffinity[floor]) != 0
    touching |= (model.geom_contype[floor] & model.geom_conaffinity) != 0
    pairs = np.stack([model.pair_geom1, model.pair_geom2], axis=1)
    touching[pairs[(pairs == floor).any(axis=1)]] = True
    return np.flatnonzero(feet & touching)


def lowest_point(model: mujoco.MjModel, data: mujoco.MjData, geom: int) -> np.ndarray:
    """Return the lowest point (3,) [m] of a geom, in the world: its support point in the direction -z.

    Args:
        model: of the geom.
        data: kinematics done.
        geom: its id; of one of the types in `FOOT_SHAPES`.
    """
    rotation = data.geom_xmat[geom].reshape(3, 3)
    return data.geom_xpos[geom] + rotation @ _support(model, geom, -rotation[2])


def _support(model: mujoco.MjModel, geom: int, direction: np.ndarray) -> np.ndarray:
    """Return the point (3,) of a geom, in its frame, farthest along a unit direction (3,)."""
    size = model.geom_size[geom]
    match model.geom_type[geom]:
        case mujoco.mjtGeom.mjGEOM_SPHERE:
            return size[0] * direction
        case mujoco.mjtGeom.mjGEOM_CAPSULE:
            return size[0] * direction + [0.0, 0.0, np.sign(direction[2]) * size[1]]
        case mujoco.mjtGeom.mjGEOM_ELLIPSOID:
            return size**2 * direction / np.linalg.norm(size * direction)
        case mujoco.mjtGeom.mjGEOM_BOX:
            return np.sign(direction) * size
        case mujoco.mjtGeom.mjGEOM_CYLINDER:
            radial = direction[:2] / max(np.linalg.norm(direction[:2]), np.finfo(float).tiny)
            return np.array([*(size[0] * radial), np.sign(direction[2]) * size[1]])
        case _:
            mesh = model.geom_dataid[geom]
            start = model.mesh_vertadr[mesh]
            vertices = model.mesh_vert[start : start + model.mesh_vertnum[mesh]]
            return vertices[np.argmax(vertices @ direction)].astype(float)


def lowest_heights(body: Body, joint_pos: np.ndarray) -> np.ndarray:
    """Return how high the lowest point of the feet is above an upright root (P,) [m], a negative number.

    Args:
        body: with feet that can touch the floor.
        joint_pos: (P, J) [rad].

    Raises:
        BodyError: no geom of the feet can touch the floor, or one has a shape that is no foot's.
    """
    geoms = foot_geoms(body)
    if not geoms.size:
        bodies = ", ".join((*body.names.foot_bodies, *body.names.toe_bodies))
        raise body.error(f"no geom of the bodies {bodies} can touch the floor.")
    for geom in geoms[~np.isin(body.model.geom_type[geoms], [int(shape) for shape in FOOT_SHAPES])]:
        kind = mujoco.mjtGeom(int(body.model.geom_type[geom])).name.removeprefix("mjGEOM_").lower()
        raise body.error(
            f"geom {body.model.geom(geom).name!r} of a foot is of the type {kind}; expected a sphere,"
            " capsule, ellipsoid, box, cylinder or mesh."
        )
    data = mujoco.MjData(body.model)
    heights = np.empty(len(joint_pos))
    for i, qpos in enumerate(_standing_upright(body, joint_pos)):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(body.model, data)
        heights[i] = min(lowest_point(body.model, data, geom)[2] for geom in geoms)
    return heights


def relative_positions(body: Body, bodies: np.ndarray, joint_pos: np.ndarray) -> np.ndarray:
    """Return where bodies are relative to an upright root (P, K, 3) [m], along forward, left, up.

    Args:
        body: that they belong to.
        bodies: ids (K,).
        joint_pos: (P, J) [rad].
    """
    data = mujoco.MjData(body.model)
    positions = np.empty((len(joint_pos), len(bodies), 3))
    for qpos, out in zip(_standing_upright(body, joint_pos), positions, strict=True):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(body.model, data)
        out[:] = data.xpos[bodies]
    return positions @ np.stack([body.forward, body.left, body.up], axis=1)


def foot_axes(body: Body, joint_pos: np.ndarray) -> np.ndarray:
    """Return vectors from the heels to the toes below an upright root (P, F, 3), along forward, left, up.

    Those of feet without toes are unit vectors that point forward where all joints are at 0.

    Args:
        body: with feet.
        joint_pos: (P, J) [rad].
    """
    if not body.toe_body.size:
        return foot_directions(body, joint_pos)
    places = relative_positions(body, np.concatenate([body.foot_body, body.toe_body]), joint_pos)
    heels, toes = np.split(places, [len(body.foot_body)], axis=1)
    return toes - heels


def foot_progression(axes: np.ndarray, way: np.ndarray | float = 0.0) -> np.ndarray:
    """Return angles of the axes of the feet from a way, seen from above, toes inward positive (P, 2) [rad].

    Args:
        axes: of right and left foot, along forward, left, up (P, 2, 3).
        way: how far it turns to the left (P,) [rad].
    """
    left = np.arctan2(axes[..., 1], axes[..., 0]) - np.reshape(way, (-1, 1))
    return wrapped(left) * [1.0, -1.0]


def foot_directions(body: Body, joint_pos: np.ndarray) -> np.ndarray:
    """Return where the feet point below an upright root (P, F, 3), unit vectors along forward, left, up.

    Args:
        body: with feet, which point forward where all joints are at 0.
        joint_pos: (P, J) [rad].
    """
    data, pointing = mujoco.MjData(body.model), np.empty((len(joint_pos), len(body.foot_body), 3))

    def turned(qpos: np.ndarray) -> np.ndarray:
        data.qpos[:] = qpos
        mujoco.mj_kinematics(body.model, data)
        return data.xmat[body.foot_body].reshape(-1, 3, 3)

    straight = _standing_upright(body, np.zeros((1, joint_pos.shape[1])))[0]
    forward = body.forward @ turned(straight)
    for qpos, out in zip(_standing_upright(body, joint_pos), pointing, strict=True):
        out[:] = (turned(qpos) @ forward[..., None])[..., 0]
    return pointing @ np.stack([body.forward, body.left, body.up], axis=1)


def _standing_upright(body: Body, joint_pos: np.ndarray) -> np.ndarray:
    """Generalised positions (P, nq) of an upright root and joints (P, J) [rad]."""
    return body.qpos(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), joint_pos)
