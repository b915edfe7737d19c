"""The real body against numbers that GaitNet's own program computed; skipped where those files are absent."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet import (
    anchor_positions,
    follow,
    frames,
    length_gradients,
    load_gaitnet_body,
    load_ground,
    load_motion,
    path_lengths,
)
from batchenv.body.gaitnet.mjcf import export_spec
from batchenv.body.gaitnet.symmetry import asymmetries
from batchenv.body.gaitnet.tendons import tendon_paths
from tests.gaitnet_files import gaitnet_data, oracle


@pytest.fixture(scope="module")
def expected():
    return oracle()


@pytest.fixture(scope="module")
def body():
    data = gaitnet_data()
    return load_gaitnet_body(data / "base.xml", data / "distribute_lower_only.xml")


@pytest.fixture(scope="module")
def at(body, expected):
    return frames(body.skeleton, expected["q"])


def relative(found, right):
    """Largest difference over the largest number of each pose."""
    found, right = found.reshape(len(found), -1), right.reshape(len(right), -1)
    return (np.abs(found - right).max(axis=1) / np.abs(right).max(axis=1)).max()


def gaitnet_dynamics(body, model, q, dq):
    """Mass matrix (D, D) and bias (D,) of MuJoCo in GaitNet's velocities.

    qvel = S dq, so M = S^T M_mj S, and the bias takes M_mj times the rate of S dq at fixed dq: R (omega x v)
    for the root's linear velocity R v, nothing for all others.
    """
    data = mujoco.MjData(model)
    data.qpos[:] = body.to_qpos(q)
    data.qvel[:] = body.to_qvel(data.qpos, dq)
    mujoco.mj_forward(model, data)
    full = np.zeros((model.nv, model.nv))
    mujoco.mj_fullM(model, data, full)
    columns = body.to_qvel(data.qpos, np.eye(model.nv)).T
    rate = np.zeros(model.nv)
    rate[:3] = data.xmat[1].reshape(3, 3) @ np.cross(dq[:3], dq[3:6])
    return columns.T @ full @ columns, columns.T @ (data.qfrc_bias + full @ rate)


def test_masses_order_limits_and_gains_are_exact(body, expected):
    skeleton = body.skeleton
    assert skeleton.names == tuple(expected["s_body_names"]) == tuple(expected["s_joint_names"])
    for name, key in (
        ("mass", "s_body_mass"),
        ("parent", "s_body_parent_index"),
        ("dof_start", "s_joint_first_dof"),
        ("num_dofs", "s_joint_num_dofs"),
        ("lower", "s_q_lower"),
        ("upper", "s_q_upper"),
        ("kp", "s_kp"),
        ("kv", "s_kv"),
        ("damping", "s_dof_damping"),
        ("stiffness", "s_dof_stiffness"),
        ("friction", "s_dof_friction"),
        ("dof_names", "s_dof_names"),
        ("axis", "s_joint_axis"),
    ):
        np.testing.assert_array_equal(getattr(skeleton, name), expected[key], err_msg=name)
    assert body.mass == pytest.approx(float(expected["s_total_mass"]), rel=1e-15)
    kinds = [f"{kind.title()}Joint" for kind in skeleton.joint_type]
    assert kinds == list(expected["s_joint_types"])


def test_frames_inertias_and_contact_boxes_are_exact(body, expected):
    skeleton = body.skeleton
    for name, key in (
        ("parent_from_joint", "s_joint_T_parent_body"),
        ("body_from_joint", "s_joint_T_child_body"),
    ):
        found = getattr(skeleton, name)
        flat = np.concatenate([found[:, :3, :3].reshape(-1, 9), found[:, :3, 3]], axis=1)
        np.testing.assert_allclose(flat, expected[key], atol=1e-14)
    inertia = np.array([np.diag(moments).ravel() for moments in skeleton.inertia])
    np.testing.assert_allclose(inertia, expected["s_body_inertia"], atol=1e-16)
    boxes = np.where(skeleton.contact[:, None], skeleton.size, 0)
    np.testing.assert_array_equal(boxes, expected["s_body_collision_box_size"])


def test_foot_boxes_are_those_of_the_original(body, expected):
    model = body.model()
    boxes = expected["s_footshape_type"] == "BoxShape"
    assert [model.geom(g).name for g in body.contact_geom] == list(expected["s_footshape_body"][boxes])
    sizes = model.geom_size[body.contact_geom]
    np.testing.assert_array_equal(sizes, expected["s_footshape_bbmax"][boxes])
    np.testing.assert_array_equal(-sizes, expected["s_footshape_bbmin"][boxes])
    centres = model.body_ipos[body.body_id[body.contact_body]]
    np.testing.assert_allclose(model.geom_pos[body.contact_geom], centres, atol=1e-15)


def test_twins_and_their_signs_are_those_of_the_original(body, expected):
    skeleton = body.skeleton
    probe = skeleton.mirror_sign * (skeleton.mirror_dof + 1)
    np.testing.assert_array_equal(probe, expected["s_mirror_dof_probe"])
    for first, second in zip(expected["s_mirror_pair_first"], expected["s_mirror_pair_second"], strict=True):
        assert skeleton.names[skeleton.mirror[skeleton.index(str(first))]] == second
    np.testing.assert_array_equal(body.paths.mirror, np.arange(164) ^ 1)
    mirrored = skeleton.mirror_sign * expected["q"][:, skeleton.mirror_dof]
    np.testing.assert_array_equal(mirrored, expected["q_mirror"])


def test_bodies_are_where_the_original_has_them(at, expected):
    np.testing.assert_allclose(at.body_p, expected["body_com"], atol=1e-12)
    np.testing.assert_allclose(at.body_R.reshape(-1, 23, 9), expected["body_R"], atol=1e-12)


def test_mujoco_has_bodies_and_velocities_where_the_original_has_them(body, expected):
    model = body.model()
    data = mujoco.MjData(model)
    for n, (q, dq) in enumerate(zip(expected["q"], expected["dq"], strict=True)):
        data.qpos[:] = body.to_qpos(q)
        data.qvel[:] = body.to_qvel(data.qpos, dq)
        mujoco.mj_forward(model, data)
        np.testing.assert_allclose(data.xipos[body.body_id], expected["body_com"][n], atol=1e-12)
        np.testing.assert_allclose(data.ximat[body.body_id], expected["body_R"][n], atol=1e-12)
        np.testing.assert_allclose(data.subtree_com[1], expected["com"][n], atol=1e-12)
        for i, body_id in enumerate(body.body_id):
            velocity = np.zeros(6)
            mujoco.mj_objectVelocity(model, data, mujoco.mjtObj.mjOBJ_BODY, body_id, velocity, 0)
            np.testing.assert_allclose(velocity[:3], expected["body_ang_vel"][n, i], atol=1e-12)
            np.testing.assert_allclose(velocity[3:], expected["body_com_vel"][n, i], atol=1e-11)


def test_muscles_are_bound_as_in_the_original(body, expected):
    paths = body.paths
    assert paths.names == tuple(expected["s_muscle_names"])
    for name in ("f0", "lm", "lt", "pen", "type1"):
        np.testing.assert_array_equal(getattr(paths, name), expected[f"s_muscle_{name}"], err_msg=name)
    np.testing.assert_array_equal(np.diff(paths.anchor_ptr), expected["s_muscle_num_anchors"])
    np.testing.assert_array_equal(np.diff(paths.entry_ptr), expected["s_anchor_num_bodies"])
    np.testing.assert_array_equal(paths.entry_body, expected["s_anchor_body"])
    np.testing.assert_allclose(paths.entry_weight, expected["s_anchor_weight"], atol=1e-14)
    np.testing.assert_allclose(paths.entry_pos, expected["s_anchor_local_pos"], atol=1e-14)
    np.testing.assert_allclose(paths.lmt_ref, expected["s_muscle_lmt_ref"], atol=1e-14)
    np.testing.assert_allclose(paths.mass, expected["s_muscle_mass"], rtol=1e-13)
    np.testing.assert_array_equal(paths.related_dof, expected["s_muscle_related_dofs"])
    np.testing.assert_array_equal(np.diff(paths.related_ptr), expected["s_muscle_num_related"])


def test_anchors_lengths_and_gradients_are_those_of_the_original(body, at, expected):
    anchors = anchor_positions(body.paths, at)
    np.testing.assert_allclose(anchors, expected["anchor_world"], atol=1e-12)
    np.testing.assert_allclose(path_lengths(body.paths, anchors), expected["lmt"], atol=1e-12)
    assert relative(length_gradients(body.skeleton, body.paths, at), expected["dlmt_dq"]) < 1e-10


def test_first_body_forces_are_those_of_the_original(body, at, expected):
    arms = length_gradients(body.skeleton, body.paths, at, first_body=True)
    found = -arms * expected["f_A"][:, :, None]
    assert relative(found.transpose(0, 2, 1), expected["JtA_full"]) < 1e-10


def test_mass_matrix_and_bias_are_those_of_the_original(body, expected):
    model = body.model()
    pairs = zip(expected["q"], expected["dq"], strict=True)
    mass, bias = (
        np.array(found) for found in zip(*(gaitnet_dynamics(body, model, *p) for p in pairs), strict=True)
    )
    assert relative(mass, expected["M"]) < 1e-12
    assert relative(bias, expected["Cg"]) < 1e-12


def test_a_free_flight_is_that_of_the_original(body, expected):
    data = mujoco.MjData(replace(body, timestep=float(expected["s_dt"])).model())
    data.qpos[:] = body.to_qpos(expected["airp_init_q"])
    data.qvel[:] = body.to_qvel(data.qpos, expected["airp_init_dq"])
    for q, dq in zip(expected["airp_q"], expected["airp_dq"], strict=True):
        mujoco.mj_step(data.model, data)
        np.testing.assert_allclose(body.from_qpos(data.qpos), q, atol=1e-6)
        np.testing.assert_allclose(body.from_qvel(data.qpos, data.qvel), dq, atol=1e-5)


def test_reference_poses_are_those_of_the_original(body, expected):
    motion = load_motion(gaitnet_data() / "walk.h5", body.skeleton)
    assert motion.period == float(expected["s_cycle_time"])
    # One control step of 1/30 s ahead of the start.
    cadence = expected["r_param_state"][:, 1]
    phase = expected["r_phase_arg"] + cadence / 30 / motion.period
    at_rest = np.isclose(expected["r_param_state"], 1).all(axis=1)
    assert at_rest.sum() == 9
    np.testing.assert_allclose(motion.pose(phase[at_rest]), expected["r_ref_pose"][at_rest], atol=1e-12)
    ninths = motion.pose(np.arange(9) / 9)
    # On whole frames, here the first, the original shifts the height by an offset.
    ninths[0, 4] = expected["q"][1, 4]
    np.testing.assert_allclose(ninths, expected["q"][1:10], atol=1e-12)


def test_the_ground_is_at_zero():
    assert load_ground(gaitnet_data() / "ground.xml") == 0


def test_both_sides_are_mirror_images(body):
    assert asymmetries(body) == []


def test_the_recorded_gaits_can_be_followed(body):
    recorded = follow(load_motion(gaitnet_data() / "walk.h5", body.skeleton))
    assert not recorded.beyond_limits and recorded.deepest > -0.01 and 1.2 < recorded.speed < 1.4
    captured = follow(load_motion(gaitnet_data() / "walk.bvh", body.skeleton))
    # Captured on a human whose shoulders move more than these may.
    assert {name[:8] for name in captured.beyond_limits} == {"Shoulder", "TibiaR"}
    assert 1.2 < captured.speed < 1.4 and max(captured.residual.values()) < np.radians(3)


def test_the_mjcf_of_the_body_opens_and_moves(body, tmp_path):
    tendons = tendon_paths(body.skeleton, body.paths)
    file = tmp_path / "body.xml"
    file.write_text(export_spec(body, tendons).to_xml())
    model = mujoco.MjModel.from_xml_path(str(file))
    assert (model.nu, model.ntendon, model.nv) == (164, 164, 56)
    data = mujoco.MjData(model)
    mujoco.mj_forward(model, data)
    np.testing.assert_allclose(data.ten_length, body.paths.lmt_ref, atol=1e-6)
    mujoco.mj_step(model, data, 240)
    assert not data.warning.number.any()
    assert np.sqrt((tendons.mean_length_error**2).mean()) < 0.015
    assert np.sqrt((tendons.mean_arm_error**2).mean()) < 0.015
