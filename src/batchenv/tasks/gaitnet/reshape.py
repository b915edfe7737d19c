"""Bodies of their own, written into worlds."""

import mujoco
import numpy as np

from batchenv.body.gaitnet import GaitNetBody, Skeleton
from batchenv.body.gaitnet.reshaped import Reshaped, bounding_boxes
from batchenv.body.gaitnet.shapes import Shape, geom_size
from batchenv.engine import Worlds

Array = np.ndarray


def reshape(worlds: Worlds[GaitNetBody], ids: Array, shape: Reshaped, *, weighed: bool) -> None:
    """Give some worlds (n,) bodies of their own.

    Args:
        worlds: of the body that these differ from.
        ids: worlds (n,).
        shape: of them.
        weighed: whether the cost of activations is weighed by the muscles' masses.
    """
    body, model = worlds.body, worlds.model
    rows = np.ix_(ids, body.body_id)
    for name, values in (
        ("body_pos", shape.pos),
        ("body_quat", shape.quat),
        ("body_ipos", shape.ipos),
        ("body_iquat", shape.iquat),
        ("body_mass", shape.mass),
        ("body_inertia", shape.inertia),
    ):
        worlds.expand(name)[rows] = values
    # The inertial frames are no longer those that MuJoCo found at compilation.
    for name in ("body_sameframe", "geom_sameframe"):
        worlds.expand(name)[:] = 0
    _write_geoms(worlds, ids, shape)
    damping = model.dof_damping * shape.damping[:, None]
    worlds.expand("dof_damping")[ids] = damping
    # The engine counts damping among the inertia, see `adapt_model`.
    implicit = model.opt.timestep * (damping - model.dof_damping)
    worlds.expand("dof_armature")[ids] = model.dof_armature + implicit
    worlds.own("diagonal")[ids] = worlds.usual("diagonal") - implicit
    worlds.batch.set_const(ids)
    balls = body.dofadr[np.array(body.skeleton.joint_type) == "ball"]
    worlds.own("ball_weight")[ids] = worlds.expand("dof_invweight0")[np.ix_(ids, balls)]
    worlds.own("entry_pos")[ids] = shape.entry_pos
    worlds.own("reference_length")[ids] = shape.reference_length
    paths = body.paths
    force = paths.f0 * np.cos(paths.pen) * shape.peak_force
    worlds.own("peak_force")[ids] = force
    if weighed:
        weight = paths.f0 * shape.peak_force * (1.0 - paths.lt) * shape.reference_length / 100.0
        worlds.own("effort_weight")[ids] = weight


def _write_geoms(worlds: Worlds[GaitNetBody], ids: Array, shape: Reshaped) -> None:
    """Write sizes and places of the shapes that touch anything."""
    skeleton: Skeleton = worlds.body.skeleton
    model = worlds.model
    found = [mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_GEOM, name) for name in skeleton.names]
    solid = [i for i, geom in enumerate(found) if geom >= 0]
    shapes: list[Shape] = [skeleton.shape[i] for i in solid]
    rows = np.ix_(ids, np.array([found[i] for i in solid]))
    size = shape.size[:, solid]
    worlds.expand("geom_pos")[rows] = shape.ipos[:, solid]
    worlds.expand("geom_quat")[rows] = shape.iquat[:, solid]
    worlds.expand("geom_size")[rows] = [
        [geom_size(kind, edges) for kind, edges in zip(shapes, one, strict=True)] for one in size
    ]
    worlds.expand("geom_rbound")[rows] = 0.5 * np.linalg.norm(bounding_boxes(shapes, size), axis=-1)
