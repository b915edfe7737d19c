import threading
import warnings
from pathlib import Path

import mujoco
import numpy as np
import pytest

from batchenv.body import Body, load_body
from batchenv.body.sources import compile_spec, load_spec
from batchenv.errors import BodyError

ARM = (
    "<mujoco><worldbody><geom type='plane' size='0 0 1'/><body pos='0 0 1'><freejoint/><geom size='.1'/>"
    "<body><joint name='elbow'/><geom size='.1'/></body></body></worldbody></mujoco>"
)


@pytest.fixture(scope="module")
def seen() -> Body:
    """The legs with all that the eye needs."""
    return load_body("myo_sim:myolegs", timestep=1 / 300, visual=True)


def statue(body: Body) -> tuple[mujoco.MjModel, mujoco.MjData]:
    """Stiff joints, leaning forward until the centre of mass is above the feet."""
    model = compile_spec(body.spec)
    data = mujoco.MjData(model)
    pose = np.zeros(len(body.joint_names))
    pose[[i for i, name in enumerate(body.joint_names) if name.startswith("ankle")]] = 0.1
    pose[[i for i, name in enumerate(body.joint_names) if name.startswith("knee")]] = 0.05
    data.qpos = body.qpos(np.array([0.0, 0, 0.94]), np.array([1.0, 0, 0, 0]), pose)
    model.qpos_spring = data.qpos
    model.jnt_stiffness[model.dof_jntid[body.joint_dofadr]] = 5000
    model.dof_damping[body.joint_dofadr] = 100
    return model, data


def contact_forces(body: Body, data: mujoco.MjData) -> np.ndarray:
    """Forces (2, 3) of the floor on right and left foot, from mj_contactForce."""
    model, total, wrench = data.model, np.zeros((2, 3)), np.zeros(6)
    for i, contact in enumerate(data.contact):
        mujoco.mj_contactForce(model, data, i, wrench)
        first, second = model.geom_bodyid[contact.geom]
        for side, (heel, toe) in enumerate(zip(body.foot_body, body.toe_body, strict=True)):
            if {first, second} & {heel, toe} and 0 in (first, second):
                sign = 1 if second in (heel, toe) else -1
                total[side] += sign * contact.frame.reshape(3, 3).T @ wrench[:3]
    return total


def test_ground_reaction_of_a_standing_body_carries_its_weight(body: Body):
    model, data = statue(body)
    mujoco.mj_step(model, data, 1200)
    grf = np.stack([data.sensordata[adr : adr + 3] for adr in body.grf_sensor_adr])
    # It still rocks a little: accelerations of 0.005 g.
    assert grf[:, 2].sum() == pytest.approx(body.weight, rel=5e-3)
    assert (grf[:, 2] > 0.4 * body.weight).all()
    assert np.abs(grf[:, :2]).max() < 0.02 * body.weight


def test_ground_reaction_is_the_global_contact_force_on_each_foot_while_it_slides(body: Body):
    model, data = statue(body)
    data.qvel[:2] = [0.3, -1.0]
    loaded = 0
    for _ in range(60):
        mujoco.mj_step(model, data)
        mujoco.mj_forward(model, data)
        grf = np.stack([data.sensordata[adr : adr + 3] for adr in body.grf_sensor_adr])
        # Both sum the same solver forces; only the order of the sums differs.
        np.testing.assert_allclose(grf, contact_forces(body, data), atol=1e-9 * body.weight)
        loaded += np.abs(grf).min() > 1
    assert loaded > 10


def test_floor_is_endless_at_zero_and_the_pedestal_and_the_room_are_gone(body: Body):
    model = body.model
    world = np.flatnonzero(model.geom_bodyid == 0)
    assert [model.geom(i).name for i in world] == ["floor"] == [model.geom(body.floor_geom).name]
    assert model.geom_pos[body.floor_geom, 2] == 0
    assert (model.geom_size[body.floor_geom, :2] == 0).all()


def test_body_stands_as_well_a_kilometre_away(body: Body):
    model, data = statue(body)
    data.qpos[:2] = [1000.0, -1000.0]
    mujoco.mj_step(model, data, 300)
    assert 0.9 < data.qpos[2] < 0.96
    assert contact_forces(body, data)[:, 2].sum() > 0.5 * body.weight


def test_what_only_the_eye_needs_changes_no_bit_of_the_motion(body: Body, seen: Body):
    data, other = mujoco.MjData(body.model), mujoco.MjData(seen.model)
    rng = np.random.default_rng(0)
    for each in (data, other):
        each.qpos[2] = 0.95
    for _ in range(100):
        data.ctrl[:] = other.ctrl[:] = rng.uniform(size=body.model.nu)
        mujoco.mj_step(body.model, data)
        mujoco.mj_step(seen.model, other)
    assert np.array_equal(data.qpos, other.qpos) and np.array_equal(data.act, other.act)
    assert data.nbuffer < other.nbuffer / 2
    assert body.model.nmesh == 0 < seen.model.nmesh


def test_scene_to_look_at_has_a_light_and_a_camera_that_follows_the_root(seen: Body):
    model, data = seen.model, mujoco.MjData(seen.model)
    assert model.nlight == 1
    data.qpos[:3] = [0.5, -7.0, 0.95]
    mujoco.mj_forward(model, data)
    camera = model.camera("side").id
    away = data.cam_xpos[camera] - data.qpos[:3]
    assert away @ seen.left == pytest.approx(-3.2) and away @ seen.forward == pytest.approx(0)
    right_of_picture = data.cam_xmat[camera].reshape(3, 3)[:, 0]
    np.testing.assert_allclose(right_of_picture, seen.forward, atol=1e-12)


def test_loading_and_compiling_leave_no_log_file_and_no_warning(tmp_path: Path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    before = mujoco.get_mju_user_warning()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        compile_spec(load_spec("myo_sim:myolegs"))
    assert list(tmp_path.iterdir()) == []
    assert mujoco.get_mju_user_warning() is before


def test_unknown_myo_sim_model_is_refused_with_the_nearest_name():
    with pytest.raises(BodyError, match=r"no model 'myolegz'. Did you mean 'myolegs'\? Available: elbow, "):
        load_spec("myo_sim:myolegz")


def test_missing_file_is_refused_with_the_nearest_name(tmp_path: Path):
    (tmp_path / "biped.xml").touch()
    with pytest.raises(BodyError, match=r"bipod.xml' does not exist. Did you mean 'biped.xml'\?"):
        load_spec(str(tmp_path / "bipod.xml"))


@pytest.mark.parametrize("text", ["not xml", "<mujoco><worldbody><bodi/></worldbody></mujoco>"])
def test_file_that_is_not_mjcf_is_refused(tmp_path: Path, text: str):
    (tmp_path / "broken.xml").write_text(text)
    with pytest.raises(BodyError, match=r"broken.xml(' is not MJCF that MuJoCo can read|:1: not XML)"):
        load_spec(str(tmp_path / "broken.xml"))


def test_body_that_does_not_compile_is_refused(tmp_path: Path):
    (tmp_path / "light.xml").write_text(
        "<mujoco model='light'><worldbody><body><freejoint/></body></worldbody></mujoco>"
    )
    with pytest.raises(BodyError, match=r"light.xml': MuJoCo cannot compile the body 'light': .*mass"):
        load_body(str(tmp_path / "light.xml"), timestep=0.002)


def test_mjcf_file_without_feet_has_empty_foot_arrays(tmp_path: Path):
    (tmp_path / "arm.xml").write_text(ARM)
    body = load_body(str(tmp_path / "arm.xml"), timestep=0.002)
    for array in (body.foot_body, body.toe_body, body.foot_sensor_adr, body.grf_sensor_adr):
        assert array.shape == (0,)
    assert body.foot_sensor_names == () and body.joint_names == ("elbow",)
    assert body.trunk_body == body.root_body


def slide(tmp_path: Path, friction: float) -> float:
    """How far a box slides that starts at 1 m/s on a floor [m]; the box itself would grip."""
    (tmp_path / "box.xml").write_text(
        "<mujoco><worldbody><geom type='plane' size='0 0 1'/><body pos='0 0 .1'><freejoint/>"
        "<geom type='box' size='.5 .5 .1' friction='2'/>"
        "<body><joint name='pin' damping='1'/><geom size='.01' contype='0'/></body>"
        "</body></worldbody></mujoco>"
    )
    body = load_body(str(tmp_path / "box.xml"), timestep=0.002, friction=friction)
    data = mujoco.MjData(body.model)
    mujoco.mj_step(body.model, data, 100)
    start = data.qpos[0]
    data.qvel[0] = 1
    mujoco.mj_step(body.model, data, 2000)
    return data.qpos[0] - start


@pytest.mark.parametrize("friction", [0.1, 0.5])
def test_friction_of_the_floor_acts_whatever_touches_it(tmp_path: Path, friction: float):
    # v^2 / 2 mu g, but for the slip of MuJoCo's soft friction.
    assert slide(tmp_path, friction) == pytest.approx(1 / (2 * friction * 9.81), rel=0.1)


def test_a_ball_sinks_into_a_soft_floor_as_mujocos_impedance_says(tmp_path: Path):
    (tmp_path / "ball.xml").write_text(
        "<mujoco><worldbody><geom type='plane' size='0 0 1'/><body pos='0 0 .1'><freejoint/>"
        "<geom type='sphere' size='.1'/><body><joint name='pin' damping='1'/>"
        "<geom size='.01' contype='0'/></body></body></worldbody></mujoco>"
    )
    time, (least, most, width) = 0.025, (0.6, 0.95, 0.015)
    soft = {"solref": (time, 1.0), "solimp": (least, most, width, 0.5, 1.0)}
    body = load_body(str(tmp_path / "ball.xml"), timestep=0.002, **soft)
    data = mujoco.MjData(body.model)
    mujoco.mj_step(body.model, data, 1000)
    depth = 0.1 - data.qpos[2]
    impedance = least + (most - least) * depth / width
    expected = 9.81 * (1.0 - impedance) * (most * time / impedance) ** 2
    assert 0.003 < depth < 0.005 and depth == pytest.approx(expected, rel=0.01)


def test_bodies_built_in_two_threads_write_no_log_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    threads = [threading.Thread(target=load_spec, args=("myo_sim:myolegs",)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not list(tmp_path.iterdir()) and mujoco.get_mju_user_warning() is None
