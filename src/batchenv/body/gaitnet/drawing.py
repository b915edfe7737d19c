"""A GaitNet body for the eye: z up, x forward, bones or boxes, muscles as tendons without force."""

import logging
from pathlib import Path

import mujoco
import numpy as np

from batchenv.body.files import MEGABYTE, check_file
from batchenv.body.gaitnet.gaitnet_body import GaitNetBody
from batchenv.body.gaitnet.model_spec import FLOOR
from batchenv.body.gaitnet.rotations import quat_from_matrix, quat_product
from batchenv.body.gaitnet.skeleton import inverse
from batchenv.body.gaitnet.tendons import on_heaviest_body
from batchenv.body.gaitnet.turned import add_tendons, turn_spec
from batchenv.body.sources import add_sky, add_tracking_light, compile_spec, floor_material
from batchenv.errors import BodyError

Array = np.ndarray

_log = logging.getLogger(__name__)

# Meshes are in centimetres, where they are in the zero pose.
_MESH_SCALE, _MOST_BYTES = 0.01, 100 * MEGABYTE
_BONE = (0.92, 0.89, 0.82, 1.0)
# MuJoCo draws groups 0 to 2 unless told otherwise.
_MESH_GROUP, _HIDDEN_GROUP = 2, 3


def drawn_model(body: GaitNetBody) -> mujoco.MjModel:
    """Compile a model of a body to draw: joints and coordinates are those of the body, but for the root's.

    Bodies whose file names a mesh that is there are drawn as that, others as their shape. The floor is at
    z = 0. An anchor of a muscle is on the body that has most of it.

    Raises:
        BodyError: MuJoCo cannot read a mesh.
    """
    spec = body.spec(visual=True)
    turn_spec(spec, 0.0)
    spec.option.timestep = body.timestep
    add_sky(spec)
    add_tracking_light(spec, -0.4, 0.4)
    spec.geom(FLOOR).material = floor_material(spec)
    spec.geom(FLOOR).rgba[:] = 1.0
    for i, mesh in enumerate(body.skeleton.mesh):
        if mesh:
            _add_mesh(spec, body, i, mesh)
    add_tendons(spec, body.skeleton, on_heaviest_body(body.paths))
    model = compile_spec(spec)
    _hide(model)
    return model


def turned_root(pose: Array, axes: Array) -> tuple[Array, Array]:
    """Return place (3,) [m] and quaternion (4,) of a root in the turned world.

    Args:
        pose: place and quaternion in GaitNet's world (7,).
        axes: forward, left and up in that world (3, 3).
    """
    return axes @ pose[:3], quat_product(quat_from_matrix(axes), pose[3:])


def _add_mesh(spec: mujoco.MjSpec, body: GaitNetBody, i: int, file: str) -> None:
    """Draw body i as a mesh in the place of its shape, which still touches the floor if it did."""
    name = body.skeleton.names[i]
    try:
        check_file(Path(file), _MOST_BYTES)
    except OSError as error:
        raise BodyError(f"mesh {file!r} of body {name!r} cannot be read: {error.strerror}") from None
    # A mesh need not be closed, and its volume means nothing here.
    spec.add_mesh(
        name=name, file=file, scale=[_MESH_SCALE] * 3, inertia=mujoco.mjtMeshInertia.mjMESH_INERTIA_SHELL
    )
    from_world = inverse(body.skeleton.T_joint[i])
    spec.body(name).add_geom(
        name=f"{name}-mesh",
        type=mujoco.mjtGeom.mjGEOM_MESH,
        meshname=name,
        pos=from_world[:3, 3].tolist(),
        quat=quat_from_matrix(from_world[:3, :3]).tolist(),
        contype=0,
        conaffinity=0,
        group=_MESH_GROUP,
        rgba=_BONE,
    )


def _hide(model: mujoco.MjModel) -> None:
    """Hide the shapes of bodies that have a mesh, or a mesh that does not reach the middle of its body."""
    for mesh in np.flatnonzero(model.geom_group == _MESH_GROUP):
        body = model.geom_bodyid[mesh]
        shape = int(model.geom(model.body(body).name).id)
        elsewhere = np.linalg.norm(model.geom_pos[mesh] - model.body_ipos[body]) > model.geom_rbound[mesh]
        if elsewhere:
            _log.warning("the mesh of body %r lies elsewhere: its shape is drawn", model.body(body).name)
        model.geom_group[mesh if elsewhere else shape] = _HIDDEN_GROUP
