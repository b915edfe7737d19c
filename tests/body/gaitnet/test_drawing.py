import logging

import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet import anchor_positions, frames, load_gaitnet_body
from batchenv.body.gaitnet.drawing import drawn_model, turned_root
from batchenv.errors import BodyError
from tests.body.gaitnet.small_gaitnet import SKELETON, small_body, write_files

AXES = np.array([[0.0, 0.0, 1.0], [1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])
# A tetrahedron about a place of the zero pose [cm].
TETRAHEDRON = """v {x} {y} {z}
v {x} {top} {z}
v {right} {y} {z}
v {x} {y} {front}
f 1 3 2
f 1 2 4
f 1 4 3
f 2 3 4
"""


def mesh(x, y, z):
    return TETRAHEDRON.format(x=x - 5, y=y - 5, z=z - 5, top=y + 15, right=x + 15, front=z + 15)


def with_meshes(folder, **texts):
    """A small body whose pelvis and right foot name meshes."""
    (folder / "OBJ").mkdir()
    for name, text in texts.items():
        (folder / "OBJ" / f"{name}.obj").write_text(text)
    text = SKELETON.replace('mass="10" size', 'mass="10" obj="Pelvis.obj" size')
    foot = 'mass="1" size="0.08 0.06 0.2" contact="On"'
    return load_gaitnet_body(*write_files(folder, text.replace(foot, f'obj="Foot.obj" {foot}', 1)))


def shown(model):
    """Names of the geoms that MuJoCo draws."""
    return {model.geom(i).name for i in range(model.ngeom) if model.geom_group[i] < 3}


def test_a_pose_is_drawn_turned_so_that_z_is_up(tmp_path):
    body = small_body(tmp_path)
    q = np.random.default_rng(0).uniform(-0.3, 0.3, (1, body.skeleton.num_dof))
    model = drawn_model(body)
    data = mujoco.MjData(model)
    data.qpos[:] = body.to_qpos(q)[0]
    data.qpos[:3], data.qpos[3:7] = turned_root(data.qpos[:7].copy(), AXES)
    mujoco.mj_forward(model, data)
    at = frames(body.skeleton, q)
    assert data.xipos[body.body_id] == pytest.approx(at.body_p[0] @ AXES.T, abs=1e-9)
    # Rectus has a blended way-point; the others are where the muscle's are.
    anchors, site = anchor_positions(body.paths, at)[0] @ AXES.T, 0
    blended = np.diff(body.paths.entry_ptr) > 1
    assert blended.sum() == 2
    for m, name in enumerate(body.paths.names):
        for k in range(body.paths.anchor_ptr[m], body.paths.anchor_ptr[m + 1]):
            site = model.site(f"{name}-P{k - body.paths.anchor_ptr[m] + 1}").id
            assert data.site_xpos[site] == pytest.approx(anchors[k], abs=0.05 if blended[k] else 1e-9)
    assert model.nu == 0


def test_bodies_are_drawn_as_their_meshes_where_these_are(tmp_path):
    body = with_meshes(tmp_path, Pelvis=mesh(0, 100, 0), Foot=mesh(-10, 3, 5))
    model = drawn_model(body)
    names = shown(model)
    assert {"Pelvis-mesh", "TalusR-mesh", "TalusL", "FemurR", "floor"} <= names
    assert not {"Pelvis", "TalusR"} & names
    assert model.geom("TalusR").contype[0] == 1  # hidden, it still touches the floor
    data = mujoco.MjData(model)
    data.qpos[:] = body.to_qpos(np.zeros((1, body.skeleton.num_dof)))[0]
    data.qpos[:3], data.qpos[3:7] = turned_root(data.qpos[:7].copy(), AXES)
    mujoco.mj_forward(model, data)
    vertices = model.mesh_vert[model.mesh_vertadr[0] :][: model.mesh_vertnum[0]]
    placed = vertices @ data.geom("Pelvis-mesh").xmat.reshape(3, 3).T + data.geom("Pelvis-mesh").xpos
    assert placed.min(axis=0) @ AXES == pytest.approx([-0.05, 0.95, -0.05], abs=1e-6)  # centimetres
    assert body.model().nmesh == 0  # worlds know nothing of them


def test_a_mesh_that_lies_elsewhere_is_not_drawn(tmp_path, caplog):
    body = with_meshes(tmp_path, Pelvis=mesh(0, 100, 0), Foot=mesh(-10, 100, 5))
    with caplog.at_level(logging.WARNING):
        names = shown(drawn_model(body))
    assert "TalusR" in names and "TalusR-mesh" not in names
    assert "the mesh of body 'TalusR' lies elsewhere" in caplog.text


def test_meshes_are_looked_for_beside_the_skeleton_alone(tmp_path):
    (tmp_path / "far").mkdir()
    (tmp_path / "Pelvis.obj").write_text(mesh(0, 100, 0))
    text = SKELETON.replace('mass="10" size', 'mass="10" obj="../Pelvis.obj" size')
    files = write_files(tmp_path / "far", text)
    assert set(load_gaitnet_body(*files).skeleton.mesh) == {""}


def test_a_mesh_that_is_none_is_an_error_of_the_drawing_alone(tmp_path):
    body = with_meshes(tmp_path, Pelvis="no mesh", Foot=mesh(-10, 3, 5))
    with pytest.raises(BodyError, match="MuJoCo cannot compile the body"):
        drawn_model(body)
