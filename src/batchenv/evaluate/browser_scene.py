"""Walkers in the three-dimensional scene of a browser: a mesh for every body, rods for muscles and forces."""

from collections.abc import Iterator
from typing import Any

import mujoco
import numpy as np
import trimesh
import viser

from batchenv.evaluate.drawing import (
    FORCE_COLOUR,
    FORCE_LEAST,
    FORCE_LENGTH,
    FORCE_WIDTH,
    foot_forces,
)
from batchenv.evaluate.stage import LOOK_AT_HEIGHT, Scenery

Array = np.ndarray
_PULLEY = -2  # in MuJoCo's wrap_obj
_HEAD = 0.09  # length of an arrow's head [m]
_GROUND, _LINES = (226, 229, 234), (196, 201, 209)
_TILE = 1.0  # distance of the floor's lines [m]


class BrowserScene:
    """Draws a stage into a server's scene; the camera stays, and the world moves past it.

    Args:
        server: of the page.
        stage: the walkers.

    Attributes:
        forces: of the floor on each foot of each walker, as last drawn (N, F, 3) [N].
        following: whether the walkers stay in the middle.
    """

    def __init__(self, server: viser.ViserServer, stage: Scenery):
        self._server, self._stage = server, stage
        model, count = stage.model, stage.count
        self.following = True
        self._middle = np.zeros(3)  # what is drawn in the origin
        self._floor = _add_floor(server)
        self._bodies, self._meshes = [], []
        for body, colour, mesh in _body_meshes(model, stage):
            opaque = {"opacity": colour[3]} if colour[3] < 1.0 else {}
            self._bodies.append(body)
            self._meshes.append(
                _add_batch(server, f"bodies/{len(self._meshes)}", mesh, count, _as_bytes(colour), **opaque)
            )
        self._room = most_segments(model)
        self._muscles = _add_batch(server, "muscles", _cylinder(), count * self._room, (128, 128, 128))
        feet, colour = count * len(stage.look.feet), _as_bytes(FORCE_COLOUR)
        self._shafts = _add_batch(server, "forces/shafts", _cylinder(), feet, colour)
        self._heads = _add_batch(server, "forces/heads", _cone(), feet, colour)
        self.forces = np.zeros((count, len(stage.look.feet), 3))
        # An environment map is beautiful, and takes seconds a picture without a graphics card.
        server.scene.configure_environment_map(None)
        server.scene.add_light_hemisphere("/sky", ground_color=(90, 90, 100), intensity=1.4)
        server.scene.add_light_directional("/lamp", intensity=1.2, position=(-2.0, -3.0, 4.0))
        _aim(server, stage)
        self.update()

    def show(self, muscles: bool, forces: bool) -> None:
        """Choose what is drawn beside the bodies."""
        self._muscles.visible = muscles
        self._shafts.visible = self._heads.visible = forces

    def update(self) -> None:
        """Draw the walkers as they are."""
        stage, bodies = self._stage, self._bodies
        if self.following:
            self._middle[:2] = stage.camera.mujoco.lookat[:2]
        count = stage.count
        places, turns = np.empty((count, len(bodies), 3)), np.empty((count, len(bodies), 4))
        ends, radius = np.zeros((count, self._room, 2, 3)), np.zeros((count, self._room))
        colours, pressed = np.zeros((count, self._room, 3)), np.zeros_like(self.forces)
        for world in range(count):
            stage.pose(world)
            places[world], turns[world] = stage.data.xpos[bodies], stage.data.xquat[bodies]
            found, tendon, width = muscle_segments(stage.model, stage.data)
            ends[world, : len(found)], radius[world, : len(found)] = found, width
            colours[world, : len(found)] = stage.model.tendon_rgba[tendon, :3]
            self.forces[world], pressed[world] = foot_forces(stage.look, stage.data)
        with self._server.atomic():
            for k, mesh in enumerate(self._meshes):
                mesh.batched_positions, mesh.batched_wxyzs = places[:, k] - self._middle, turns[:, k]
            _place_rods(self._muscles, ends.reshape(-1, 2, 3) - self._middle, radius.ravel())
            self._muscles.batched_colors = _as_bytes(colours.reshape(-1, 3))
            self._draw_forces(self.forces.reshape(-1, 3), pressed.reshape(-1, 3) - self._middle)
            self._floor.position = (*(-self._middle[:2] % _TILE), 0.0)

    def _draw_forces(self, forces: Array, places: Array) -> None:
        tips = places + FORCE_LENGTH * forces
        size = np.linalg.norm(tips - places, axis=1)
        drawn = forces[:, 2] > FORCE_LEAST
        neck = tips - np.minimum(1.0, _HEAD / np.maximum(size, 1e-9))[:, None] * (tips - places)
        _place_rods(self._shafts, np.stack([places, neck], axis=1), np.where(drawn, 0.6 * FORCE_WIDTH, 0.0))
        _place_rods(self._heads, np.stack([neck, tips], axis=1), np.where(drawn, 1.7 * FORCE_WIDTH, 0.0))


def most_segments(model: mujoco.MjModel) -> int:
    """Straight pieces that all tendons together have at most: around a geom, a path has two points."""
    around = mujoco.mjtWrap.mjWRAP_SPHERE.value, mujoco.mjtWrap.mjWRAP_CYLINDER.value
    bent = np.isin(model.wrap_type, around)
    return int(model.nwrap + bent.sum())


def muscle_segments(model: mujoco.MjModel, data: mujoco.MjData) -> tuple[Array, Array, Array]:
    """Straight pieces of all tendons; around a geom, from where they meet it to where they leave it.

    Returns:
        Their ends (n, 2, 3) [m], the tendon that each is of (n,), and their radius (n,) [m].
    """
    tendon = np.repeat(np.arange(model.ntendon), data.ten_wrapnum)
    points = data.wrap_xpos.reshape(-1, 3)[: len(tendon)]
    around = data.wrap_obj.ravel()[: len(tendon)]
    joined = (tendon[1:] == tendon[:-1]) & (around[1:] != _PULLEY) & (around[:-1] != _PULLEY)
    tendon = tendon[:-1][joined]
    return np.stack([points[:-1], points[1:]], axis=1)[joined], tendon, model.tendon_width[tendon]


def _place_rods(handle: viser.BatchedMeshHandle, ends: Array, radius: Array) -> None:
    """Put unit cylinders or cones along z between ends (n, 2, 3), with radii (n,); radius 0 hides one."""
    along = ends[:, 1] - ends[:, 0]
    length = np.linalg.norm(along, axis=1)
    x, y, z = (along / np.maximum(length, 1e-9)[:, None]).T
    # The shortest rotation from z; any half-turn where they are opposite.
    turns = np.stack([1.0 + z, -y, x, np.zeros_like(z)], axis=1)
    turns[z < -1.0 + 1e-6] = (0.0, 1.0, 0.0, 0.0)
    handle.batched_positions = ends.mean(axis=1)
    handle.batched_wxyzs = turns / np.linalg.norm(turns, axis=1, keepdims=True)
    handle.batched_scales = np.where(radius[:, None] > 0.0, np.stack([radius, radius, length], axis=1), 0.0)


def _body_meshes(model: mujoco.MjModel, stage: Scenery) -> Iterator[tuple[int, Array, trimesh.Trimesh]]:
    """Bodies with what is visible of them, in one mesh for each colour."""
    seen = stage.option.geomgroup[model.geom_group].astype(bool)
    seen[stage.look.floor_geom] = False
    colours = np.array([_colour(model, geom) for geom in range(model.ngeom)]).reshape(-1, 4)
    seen &= colours[:, 3] > 0.0
    for body in range(model.nbody):
        own = np.flatnonzero(seen & (model.geom_bodyid == body))
        for colour in np.unique(colours[own], axis=0):
            parts = [_mesh_of(model, geom) for geom in own.tolist() if (colours[geom] == colour).all()]
            mesh = trimesh.util.concatenate([part for part in parts if part is not None])
            if isinstance(mesh, trimesh.Trimesh) and len(mesh.faces):
                yield body, colour, mesh


def _colour(model: mujoco.MjModel, geom: int) -> Array:
    """Colour (4,) of a geom, its material's where it has none of its own."""
    own, material = model.geom_rgba[geom], model.geom_matid[geom]
    return model.mat_rgba[material] if material >= 0 and (own == (0.5, 0.5, 0.5, 1.0)).all() else own


def _mesh_of(model: mujoco.MjModel, geom: int) -> trimesh.Trimesh | None:
    """Mesh of a geom in the frame of its body; None of those that no body has."""
    kind, size = mujoco.mjtGeom(model.geom_type[geom]), model.geom_size[geom]
    if kind == mujoco.mjtGeom.mjGEOM_MESH:
        mesh = model.mesh(model.geom_dataid[geom])
        vertices, faces = mesh.vertadr[0], mesh.faceadr[0]
        shape = trimesh.Trimesh(
            model.mesh_vert[vertices : vertices + mesh.vertnum[0]],
            model.mesh_face[faces : faces + mesh.facenum[0]],
            process=False,
        )
    elif kind == mujoco.mjtGeom.mjGEOM_BOX:
        shape = trimesh.creation.box(2.0 * size)
    elif kind in (mujoco.mjtGeom.mjGEOM_SPHERE, mujoco.mjtGeom.mjGEOM_ELLIPSOID):
        shape = trimesh.creation.icosphere(3)
        shape.apply_scale(size if kind == mujoco.mjtGeom.mjGEOM_ELLIPSOID else size[0])
    elif kind == mujoco.mjtGeom.mjGEOM_CYLINDER:
        shape = trimesh.creation.cylinder(size[0], 2.0 * size[1])
    elif kind == mujoco.mjtGeom.mjGEOM_CAPSULE:
        shape = trimesh.creation.capsule(2.0 * size[1], size[0])
        shape.apply_translation(-shape.bounds.mean(axis=0))
    else:
        return None
    turn = np.eye(4)
    turn[:3, 3] = model.geom_pos[geom]
    mujoco.mju_quat2Mat(rotation := np.empty(9), model.geom_quat[geom])
    turn[:3, :3] = rotation.reshape(3, 3)
    return shape.apply_transform(turn)


def _add_batch(
    server: viser.ViserServer,
    name: str,
    mesh: trimesh.Trimesh,
    count: int,
    colour: Any,
    **options: Any,
) -> viser.BatchedMeshHandle:
    """Add a mesh that stands in `count` places, hidden at first."""
    return server.scene.add_batched_meshes_simple(
        f"/{name}",
        mesh.vertices,
        mesh.faces,
        batched_wxyzs=np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)),
        batched_positions=np.zeros((count, 3)),
        batched_scales=np.ones((count, 3)),
        batched_colors=np.tile(colour, (count, 1)),
        lod="off",
        **options,
    )


def _cylinder() -> trimesh.Trimesh:
    return trimesh.creation.cylinder(1.0, 1.0, sections=10)


def _cone() -> trimesh.Trimesh:
    cone = trimesh.creation.cone(1.0, 1.0, sections=16)
    return cone.apply_translation(-cone.bounds.mean(axis=0))


def _as_bytes(colours: Array) -> Array:
    """Colours (..., >= 3) from 0 to 1 as bytes (..., 3)."""
    return np.rint(255.0 * np.clip(colours[..., :3], 0.0, 1.0)).astype(np.uint8)


def _add_floor(server: viser.ViserServer) -> viser.GridHandle:
    return server.scene.add_grid(
        "/floor",
        infinite_grid=True,
        cell_size=_TILE / 2,
        section_size=_TILE,
        cell_color=_LINES,
        section_color=_LINES,
        plane_color=_GROUND,
        plane_opacity=1.0,
        fade_distance=25.0,
        shadow_opacity=0.25,
    )


def _aim(server: viser.ViserServer, stage: Scenery) -> None:
    """Let a new page's camera stand where the stage's does."""
    camera = stage.camera.mujoco
    azimuth, elevation = np.radians([camera.azimuth, camera.elevation])
    towards = [np.cos(elevation) * np.cos(azimuth), np.cos(elevation) * np.sin(azimuth), np.sin(elevation)]
    middle = np.array([0.0, 0.0, LOOK_AT_HEIGHT])
    server.initial_camera.look_at = middle
    server.initial_camera.position = middle - 1.1 * camera.distance * np.array(towards)
    server.initial_camera.fov = np.radians(45.0)
    server.scene.set_up_direction("+z")
