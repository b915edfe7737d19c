from dataclasses import replace

import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet import (
    anchor_positions,
    frames,
    length_gradients,
    lowest_heights,
    path_lengths,
)
from tests.body.gaitnet.small_gaitnet import SKELETON, small_body


@pytest.fixture(scope="module")
def body(tmp_path_factory):
    return small_body(tmp_path_factory.mktemp("small"))


@pytest.fixture(scope="module")
def poses(body):
    """Poses and velocities (20, D), the root anywhere."""
    rng = np.random.default_rng(0)
    return rng.uniform(-1, 1, (20, body.skeleton.num_dof)), rng.normal(size=(20, body.skeleton.num_dof))


def moved(body, q, dq, step):
    """GaitNet's coordinates after a small step along its velocities, by MuJoCo."""
    model = body.model()
    qpos = body.to_qpos(q)
    qvel = body.to_qvel(qpos, dq)
    for one, velocity in zip(qpos, qvel, strict=True):
        mujoco.mj_integratePos(model, one, velocity, step)
    return body.from_qpos(qpos)


def test_coordinates_and_velocities_survive_the_way_to_mujoco_and_back(body, poses):
    q, dq = poses
    qpos = body.to_qpos(q)
    np.testing.assert_allclose(body.from_qpos(qpos), q, atol=1e-14)
    np.testing.assert_allclose(body.from_qvel(qpos, body.to_qvel(qpos, dq)), dq, atol=1e-14)
    np.testing.assert_array_equal(body.to_qpos(q[3]), qpos[3])


def test_bodies_of_mujoco_are_where_those_of_gaitnet_are(body, poses):
    model = body.model()
    data = mujoco.MjData(model)
    at = frames(body.skeleton, poses[0])
    for n, qpos in enumerate(body.to_qpos(poses[0])):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(model, data)
        np.testing.assert_allclose(data.xipos[body.body_id], at.body_p[n], atol=1e-13)
        np.testing.assert_allclose(data.ximat[body.body_id].reshape(-1, 3, 3), at.body_R[n], atol=1e-13)
        np.testing.assert_allclose(data.xpos[body.body_id], at.joint_p[n], atol=1e-13)
        np.testing.assert_allclose(data.xmat[body.body_id].reshape(-1, 3, 3), at.joint_R[n], atol=1e-13)


def test_the_root_may_be_turned_in_its_zero_pose(tmp_path, poses):
    turned = SKELETON.replace(
        '<Joint type="Free" bvh="Hips">\n      <Transformation linear="1 0 0 0 1 0 0 0 1"',
        '<Joint type="Free" bvh="Hips">\n      <Transformation linear="0 0 1 0 1 0 -1 0 0"',
    )
    assert turned != SKELETON
    body = small_body(tmp_path, skeleton=turned)
    test_coordinates_and_velocities_survive_the_way_to_mujoco_and_back(body, poses)
    test_bodies_of_mujoco_are_where_those_of_gaitnet_are(body, poses)


def test_masses_limits_and_damping_are_the_models(body):
    model = replace(body, timestep=1 / 300).model(nuserdata=7)
    assert (model.opt.timestep, model.nuserdata) == (1 / 300, 7)
    np.testing.assert_array_equal(model.body_mass[body.body_id], body.skeleton.mass)
    np.testing.assert_array_equal(model.body_inertia[body.body_id], body.skeleton.inertia)
    assert (model.dof_damping == 0.4).all()
    knee, hip, root = (model.joint(name) for name in ("TibiaR", "FemurR", "Pelvis"))
    assert knee.range.tolist() == body.skeleton.lower[9:10].tolist() + body.skeleton.upper[9:10].tolist()
    assert hip.range[1] == pytest.approx(np.linalg.norm([1.2, 0.5, 0.6]))
    assert (knee.limited[0], hip.limited[0], root.limited[0]) == (1, 1, 0)


def test_joints_without_room_between_their_limits_are_locked(tmp_path):
    locked = SKELETON.replace('lower="-0.1" upper="2.3"', 'lower="0.5" upper="0.5"')
    locked = locked.replace('lower="-1 -0.5 -0.4" upper="1.2 0.5 0.6"', 'lower="0 0 0" upper="0 0 0"')
    model = small_body(tmp_path, skeleton=locked).model()
    assert model.joint("TibiaR").range == pytest.approx([0.5, 0.5], abs=1e-4)
    assert 0 < model.joint("FemurR").range[1] <= 1e-4


def test_a_hinge_may_be_limited_on_one_side(tmp_path):
    model = small_body(
        tmp_path, skeleton=SKELETON.replace('lower="-0.1" upper="2.3"', 'lower="-0.1"')
    ).model()
    knee = model.joint("TibiaR")
    assert knee.limited[0] == 1 and knee.range[0] == pytest.approx(-0.1) and knee.range[1] > 100


def test_only_marked_bodies_touch_and_only_the_ground(body):
    model = body.model()
    data = mujoco.MjData(model)
    assert [model.geom(g).name for g in body.contact_geom] == ["TalusR", "TalusL"]
    q = np.zeros((1, body.skeleton.num_dof))
    # Both feet in the ground, and crossed so that they are in one another.
    q[0, 4], q[0, 6:9], q[0, 11:14] = -0.05, [0, 0, 0.12], [0, 0, -0.12]
    data.qpos[:] = body.to_qpos(q)[0]
    mujoco.mj_forward(model, data)
    touching = {frozenset(pair) for pair in data.contact.geom[: data.ncon].tolist()}
    assert touching == {frozenset((body.floor_geom, int(g))) for g in body.contact_geom}
    np.testing.assert_allclose(data.contact.frame[0, :3], [0, 1, 0], atol=1e-12)


def test_lowest_heights_are_those_of_the_feets_corners(body, poses):
    data = mujoco.MjData(body.model())
    heights = lowest_heights(body.skeleton, frames(body.skeleton, poses[0]))
    corners = np.array(np.meshgrid(*[[-1, 1]] * 3)).reshape(3, -1)
    for n, qpos in enumerate(body.to_qpos(poses[0])):
        data.qpos[:] = qpos
        mujoco.mj_kinematics(data.model, data)
        for k, geom in enumerate(body.contact_geom):
            places = data.geom_xmat[geom].reshape(3, 3) @ (data.model.geom_size[geom][:, None] * corners)
            assert heights[n, k] == pytest.approx(data.geom_xpos[geom][1] + places[1].min(), abs=1e-13)


def test_visual_shapes_change_no_motion(tmp_path, body, poses):
    seen = type(body)(body.skeleton, body.paths, visual=True)
    ends = []
    for one in (body, seen):
        data = mujoco.MjData(one.model())
        data.qpos[:] = one.to_qpos(poses[0])[0]
        mujoco.mj_step(data.model, data, 20)
        ends.append(data.qpos.copy())
    assert seen.model().ngeom == 8 > body.model().ngeom == 3
    np.testing.assert_array_equal(*ends)


def test_gradients_are_differences_of_lengths_also_where_way_points_are_blended(body, poses):
    q, _ = poses
    gradient = length_gradients(body.skeleton, body.paths, frames(body.skeleton, q))
    step = 1e-6
    for dof in range(body.skeleton.num_dof):
        dq = np.zeros_like(q)
        dq[:, dof] = 1.0
        ahead, behind = (
            path_lengths(
                body.paths, anchor_positions(body.paths, frames(body.skeleton, moved(body, q, dq, s)))
            )
            for s in (step, -step)
        )
        np.testing.assert_allclose(gradient[:, :, dof], (ahead - behind) / (2 * step), atol=1e-8)


def test_first_body_forces_are_gradients_only_where_nothing_is_blended(body, poses):
    at = frames(body.skeleton, poses[0])
    exact = length_gradients(body.skeleton, body.paths, at)
    quirk = length_gradients(body.skeleton, body.paths, at, first_body=True)
    rigid, blended = [0, 1, 4, 5], [2, 3]
    np.testing.assert_allclose(quirk[:, rigid], exact[:, rigid], atol=1e-15)
    assert (np.abs(quirk - exact)[:, blended].max(axis=(0, 2)) > 1e-3).all()


def test_no_muscle_pushes_the_whole_body(body, poses):
    at = frames(body.skeleton, poses[0])
    for first_body in (False, True):
        gradient = length_gradients(body.skeleton, body.paths, at, first_body)
        np.testing.assert_allclose(gradient[:, :, :6], 0, atol=1e-14)
