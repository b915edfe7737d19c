from pathlib import Path

import mujoco
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batchenv.body import Body, load_body
from batchenv.errors import BodyError, InputError
from tests.body.small_bodies import biped

UPRIGHT = np.array([1.0, 0.0, 0.0, 0.0])
KINDS = (
    "hip_flexion",
    "hip_adduction",
    "hip_rotation",
    "knee_angle",
    "ankle_angle",
    "subtalar_angle",
    "mtp_angle",
)
KP = dict(zip(KINDS, (250, 250, 120, 250, 150, 60, 15), strict=True))


def load(tmp_path: Path, text: str) -> Body:
    (tmp_path / "body.xml").write_text(text)
    return load_body(str(tmp_path / "body.xml"), timestep=0.002)


@pytest.fixture
def small(tmp_path: Path) -> Body:
    return load(tmp_path, biped())


def poses(body: Body, n: int, seed: int = 0) -> np.ndarray:
    reach = np.clip(body.joint_range, -1, 1)
    return np.random.default_rng(seed).uniform(*reach.T, (n, len(body.joint_names)))


def kinematics(body: Body, qpos: np.ndarray) -> mujoco.MjData:
    data = mujoco.MjData(body.model)
    data.qpos = qpos
    mujoco.mj_forward(body.model, data)
    return data


def test_joints_are_right_then_left_in_clinical_order(body: Body):
    assert body.joint_names == tuple(f"{kind}_{side}" for side in "rl" for kind in KINDS)
    assert len(body.bound_joint) == 14 and len(body.muscle_names) == 80


def test_a_pelvis_is_tilted_along_its_iliac_spines():
    seen = load_body("myo_sim:myolegs", timestep=0.002, visual=True)
    model, data = seen.model, kinematics(seen, seen.qpos(np.zeros(3), UPRIGHT, np.zeros(14)))
    mesh = model.mesh("r_pelvis")
    (geom,) = np.flatnonzero(
        (model.geom_dataid == mesh.id) & (model.geom_type == int(mujoco.mjtGeom.mjGEOM_MESH))
    )
    bone = model.mesh_vert[mesh.vertadr[0] :][: mesh.vertnum[0]] @ data.geom_xmat[geom].reshape(3, 3).T
    spines = bone[[np.argmax(bone @ seen.forward), np.argmin(bone @ seen.forward)]]
    ahead, rise = (spines[0] - spines[1]) @ np.stack([seen.forward, seen.up], axis=1)
    assert seen.pelvis_tilt == pytest.approx(np.arctan2(-rise, ahead), abs=1e-3)
    assert seen.pelvis_tilt == pytest.approx(np.deg2rad(6.9), abs=1e-3)


def test_a_pelvis_of_another_body_is_tilted_as_is_said(tmp_path: Path, small: Body):
    assert small.pelvis_tilt == 0.0
    assert load_body(small.file, timestep=0.002, pelvis_tilt=0.2).pelvis_tilt == 0.2
    with pytest.raises(InputError, match="pelvis_tilt is 2.0; expected a number from -1 to 1"):
        load_body(small.file, timestep=0.002, pelvis_tilt=2.0)


def test_addresses_are_those_of_the_named_joints_and_sensors(body: Body):
    model = body.model
    for name, qposadr, dofadr, reach in zip(
        body.joint_names, body.joint_qposadr, body.joint_dofadr, body.joint_range, strict=True
    ):
        joint = model.joint(name)
        assert (joint.qposadr[0], joint.dofadr[0]) == (qposadr, dofadr)
        assert np.array_equal(joint.range, reach)
    for name, adr in zip(body.foot_sensor_names, body.foot_sensor_adr, strict=True):
        assert model.sensor(name).adr[0] == adr
    assert [model.body(i).name for i in (*body.foot_body, *body.toe_body)] == [
        "calcn_r",
        "calcn_l",
        "toes_r",
        "toes_l",
    ]


def test_mass_and_weight_are_those_of_an_adult(body: Body):
    assert body.mass == pytest.approx(75, abs=0.1)
    assert body.weight == pytest.approx(body.mass * 9.81)


def test_toes_point_forward_and_the_left_foot_is_to_the_left(body: Body):
    data = kinematics(body, body.model.qpos0)
    heel, toe = data.xpos[body.foot_body], data.xpos[body.toe_body]
    assert ((toe - heel) @ body.forward > 0.1).all()
    assert (heel[1] - heel[0]) @ body.left > 0.1
    assert np.array_equal(np.cross(body.forward, body.left), body.up)


def test_timestep_integrator_and_friction_are_set():
    body = load_body("myo_sim:myolegs", timestep=0.001, integrator="euler", friction=0.7)
    assert body.model.opt.timestep == 0.001
    assert body.model.opt.integrator == mujoco.mjtIntegrator.mjINT_EULER
    assert body.model.geom_friction[body.floor_geom, 0] == 0.7


@pytest.mark.parametrize("which", ["body", "small"])
def test_couplings_leave_no_residual_in_mujocos_own_constraints(which: str, request: pytest.FixtureRequest):
    body = request.getfixturevalue(which)
    for pose in poses(body, 20):
        data = kinematics(body, body.qpos(np.array([0.0, 0, 2]), UPRIGHT, pose))
        assert data.ne == len(body.bound_joint)
        # Rounding of a polynomial whose terms are below 10.
        np.testing.assert_allclose(data.efc_pos[: data.ne], 0, atol=1e-14)


@pytest.mark.parametrize("which", ["body", "small"])
def test_bound_velocities_satisfy_mujocos_own_constraints(which: str, request: pytest.FixtureRequest):
    body, rng = request.getfixturevalue(which), np.random.default_rng(1)
    for pose in poses(body, 20):
        data = mujoco.MjData(body.model)
        data.qpos = body.qpos(np.array([0.0, 0, 2]), UPRIGHT, pose)
        data.qvel = body.qvel(*rng.normal(size=(2, 3)), pose, rng.normal(size=pose.shape))
        mujoco.mj_forward(body.model, data)
        np.testing.assert_allclose(data.efc_vel[: data.ne], 0, atol=1e-13)


@pytest.mark.parametrize("which", ["body", "small"])
def test_bound_slope_is_the_derivative_of_the_bound_position(which: str, request: pytest.FixtureRequest):
    body, step = request.getfixturevalue(which), 1e-5
    pose = poses(body, 50)
    difference = (body.bound_pos(pose + step) - body.bound_pos(pose - step)) / (2 * step)
    # Central differences: step^2 times the third derivative (below 10), and rounding / step.
    np.testing.assert_allclose(body.bound_slope(pose), difference, atol=1e-8)


def test_reference_positions_shift_the_couplings(small: Body):
    model = small.model
    pose = np.zeros(len(small.joint_names))
    pose[small.joint_names.index("knee_angle_r")] = 0.8
    offset = 0.8 - 0.3
    expected = 0.02 + 0.01 + 0.5 * offset - 0.3 * offset**2 + 0.2 * offset**3 + 0.1 * offset**4
    assert small.bound_pos(pose) == pytest.approx([expected])
    assert "patella_r" not in small.joint_names
    assert model.qpos0[small.bound_qposadr] == pytest.approx([0.02])


def test_equality_that_is_not_active_binds_nothing(tmp_path: Path):
    idle = '<joint joint1="knee_angle_l" joint2="hip_l" active="false"/>'
    assert "knee_angle_l" in load(tmp_path, biped(equality=idle)).joint_names


def test_every_coordinate_lands_in_its_place(body: Body):
    pose = poses(body, 6).reshape(2, 3, -1)
    rate = pose + 10
    qpos = body.qpos(np.array([1.0, 2, 3]), np.array([0.0, 1, 0, 0]), pose)
    qvel = body.qvel(np.array([4.0, 5, 6]), np.array([7.0, 8, 9]), pose, rate)
    assert qpos.shape == (2, 3, 35) and qvel.shape == (2, 3, 34)
    assert np.array_equal(qpos[1, 2, :7], [1, 2, 3, 0, 1, 0, 0])
    assert np.array_equal(qvel[0, 1, :6], [4, 5, 6, 7, 8, 9])
    assert np.array_equal(qpos[..., body.joint_qposadr], pose)
    assert np.array_equal(qvel[..., body.joint_dofadr], rate)
    assert np.array_equal(qpos[..., body.bound_qposadr], body.bound_pos(pose))


def test_poses_in_a_batch_equal_those_alone(body: Body):
    pose = poses(body, 5)
    batch = body.qpos(np.arange(15.0).reshape(5, 3), np.tile(UPRIGHT, (5, 1)), pose)
    for i, row in enumerate(batch):
        assert np.array_equal(row, body.qpos(np.arange(15.0).reshape(5, 3)[i], UPRIGHT, pose[i]))


def test_coordinates_nobody_steers_stay_at_rest(tmp_path: Path):
    ball = '<geom type="plane" size="0 0 1"/><body pos="2 0 1"><joint type="ball"/><geom size=".1"/></body>'
    text = biped(floor='<geom type="plane" size="0 0 1"/>').replace("</worldbody>", ball + "</worldbody>")
    body = load(tmp_path, text)
    pose = poses(body, 3)
    qpos = body.qpos(np.zeros(3), UPRIGHT, pose)
    qvel = body.qvel(np.zeros(3), np.zeros(3), pose, pose + 1)
    assert np.array_equal(qpos[:, -4:], np.tile(UPRIGHT, (3, 1)))
    assert np.array_equal(qvel[:, -3:], np.zeros((3, 3)))


def test_torch_tensors_stay_torch_tensors(body: Body):
    torch = pytest.importorskip("torch")
    pose = poses(body, 4)
    tensor = torch.asarray(pose, dtype=torch.float32)
    qpos = body.qpos(torch.zeros(4, 3), torch.asarray(np.tile(UPRIGHT, (4, 1)), dtype=torch.float32), tensor)
    qvel = body.qvel(torch.zeros(4, 3), torch.zeros(4, 3), tensor, tensor)
    assert qpos.dtype == qvel.dtype == torch.float32
    # float32 against float64.
    np.testing.assert_allclose(qpos, body.qpos(np.zeros(3), UPRIGHT, pose), atol=1e-6)
    np.testing.assert_allclose(qvel, body.qvel(np.zeros(3), np.zeros(3), pose, pose), atol=1e-5)


def test_mirroring_swaps_sides_and_is_its_own_inverse(body: Body):
    mirror = body.mirror_joint
    assert np.array_equal(mirror[mirror], np.arange(14)) and not (mirror == np.arange(14)).any()
    assert body.joint_names[mirror[0]] == "hip_flexion_l"
    muscle = body.mirror_muscle
    assert np.array_equal(muscle[muscle], np.arange(80))
    assert {(body.muscle_names[i], body.muscle_names[j]) for i, j in enumerate(muscle)} >= {
        ("soleus_r", "soleus_l"),
        ("soleus_l", "soleus_r"),
    }
    assert (body.mirror_joint_sign == 1).all()


@pytest.mark.parametrize("which", ["body", "small"])
def test_a_mirrored_pose_puts_the_feet_at_mirrored_places(which: str, request: pytest.FixtureRequest):
    body = request.getfixturevalue(which)
    reflect = np.eye(3) - 2 * np.outer(body.left, body.left)
    reference = body.model.qpos0[body.joint_qposadr]
    for offset in poses(body, 20) * 0.5:
        mirrored = body.mirror_joint_sign * offset[body.mirror_joint]
        data, other = (
            kinematics(body, body.qpos(np.zeros(3), UPRIGHT, reference + each)) for each in (offset, mirrored)
        )
        # myo_sim's legs face 0.8 mrad away from -Y: a mirror turns that into 1.6 mm at 1 m.
        np.testing.assert_allclose(
            other.xpos[body.foot_body], data.xpos[body.foot_body[::-1]] @ reflect, atol=1.6e-3
        )


def test_mirrored_muscles_have_mirrored_lengths(body: Body):
    for pose in poses(body, 5):
        data, other = (
            kinematics(body, body.qpos(np.zeros(3), UPRIGHT, each))
            for each in (pose, pose[body.mirror_joint])
        )
        lengths = data.actuator_length[body.muscle_id]
        # Wrapping may choose the other side of a cylinder by a rounded coordinate; none does at these poses.
        np.testing.assert_allclose(
            other.actuator_length[body.muscle_id], lengths[body.mirror_muscle], atol=2e-3
        )


def test_turning_sideways_changes_sign_in_a_mirror(small: Body):
    assert small.joint_names == ("waist", "hip_r", "knee_angle_r", "hip_l", "knee_angle_l")
    assert small.mirror_joint.tolist() == [0, 3, 4, 1, 2]
    # The hips turn about opposite axes, both outward; the waist bends to one side.
    assert small.mirror_joint_sign.tolist() == [-1, 1, 1, 1, 1]
    assert small.left.tolist() == [0, 1, 0] and small.forward.tolist() == [1, 0, 0]


@given(st.floats(1e-3, 1e4))
def test_one_gain_serves_all_joints(body: Body, kp: float):
    stiffness, damping = body.default_gains(kp, None)
    assert (stiffness == kp).all() and damping == pytest.approx(0.08 * stiffness)


def test_gains_by_name_reach_both_sides(body: Body):
    stiffness, damping = body.default_gains(KP, {kind: value / 10 for kind, value in KP.items()})
    assert stiffness.tolist() == [*KP.values(), *KP.values()]
    assert damping == pytest.approx(stiffness / 10)


def test_gain_of_an_unknown_joint_is_refused_with_the_nearest_name(body: Body):
    with pytest.raises(
        BodyError, match=r"kp names 'knee_angel', .* Did you mean 'knee_angle'\? Joints: hip_"
    ):
        body.default_gains(KP | {"knee_angel": 1.0}, None)


def test_joint_without_a_gain_is_named(body: Body):
    with pytest.raises(BodyError, match=r"kv has no value for subtalar_angle, mtp_angle; expected one"):
        body.default_gains(KP, {kind: 1.0 for kind in KINDS[:5]})


def test_body_that_is_not_free_is_refused(tmp_path: Path):
    text = "<mujoco><worldbody><body><joint name='hinge'/><geom size='.1'/></body></worldbody></mujoco>"
    with pytest.raises(BodyError, match=r"body.xml': the first joint of the body must be a free joint"):
        load(tmp_path, text)


@pytest.mark.parametrize(
    ("equality", "message"),
    [
        ('<joint joint1="patella_r" joint2="hip_r"/>', "'patella_r' is bound by more than one equality"),
        (
            '<joint joint1="hip_r" joint2="patella_r"/>',
            "'hip_r' is bound to 'patella_r', which is itself bound",
        ),
    ],
)
def test_couplings_that_are_not_a_function_of_free_joints_are_refused(
    tmp_path: Path, equality: str, message: str
):
    with pytest.raises(BodyError, match=message):
        load(tmp_path, biped(equality=equality))
