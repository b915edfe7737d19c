import mujoco
import numpy as np
import pytest

from batchenv.body import Body, load_body
from batchenv.engine import ControlLaw, Worlds
from batchenv.engine.block import BLOCK_AT
from batchenv.engine.moment_arms import moment_arms, moment_structure
from batchenv.engine.muscles import effective_moment_arms
from batchenv.errors import BodyError, InputError

SUBSTEPS = 10
KP = {
    "hip_flexion": 250.0,
    "hip_adduction": 250.0,
    "hip_rotation": 120.0,
    "knee_angle": 250.0,
    "ankle_angle": 150.0,
    "subtalar_angle": 60.0,
    "mtp_angle": 15.0,
}


@pytest.fixture(scope="module")
def body() -> Body:
    return load_body("myo_sim:myolegs", timestep=1 / 300)


def build(body, num_worlds, actuator="mass", num_threads=2, **law):
    return Worlds(
        body, ControlLaw(actuator, *body.default_gains(KP, None), **law), num_worlds, SUBSTEPS, num_threads
    )


def apart(body, angle=0.1):
    """A pose with the legs apart, that touches nothing when in the air."""
    return np.array([-0.15 if name.startswith("hip_adduction") else angle for name in body.joint_names])


def hang(worlds):
    """All worlds in the same pose in the air."""
    qpos = pose(worlds.body, 0, apart(worlds.body), height=2.0)[0]
    n = worlds.num_worlds
    worlds.reset(np.arange(n), np.tile(qpos, (n, 1)), np.zeros((n, worlds.body.model.nv)))


def pose(body, world, joint_pos=None, height=0.95):
    """A standing pose that differs from world to world."""
    rng = np.random.default_rng(world)
    joints = np.clip(rng.normal(0.1, 0.1, len(body.joint_names)), *body.joint_range.T)
    joints = joints if joint_pos is None else joint_pos
    qpos = body.qpos(np.array([0.0, 0.0, height]), np.array([1.0, 0.0, 0.0, 0.0]), joints)
    return qpos, rng.normal(0.0, 0.05, body.model.nv)


def stand(worlds, first=0):
    poses = [pose(worlds.body, first + i) for i in range(worlds.num_worlds)]
    worlds.reset(np.arange(worlds.num_worlds), *(np.array(x) for x in zip(*poses, strict=True)))


def _block_column(worlds):
    spec = int(mujoco.mjtState.mjSTATE_INTEGRATION)
    before = spec & (int(mujoco.mjtState.mjSTATE_USERDATA) - 1)
    return mujoco.mj_stateSize(worlds.model, before) + BLOCK_AT


def bits(worlds, rows=slice(None)):
    """All state but the address of the control block, which is that of the process."""
    return np.delete(worlds.batch.state[rows], _block_column(worlds), axis=1)


def drive(worlds, steps, first=0, watch=None):
    """Targets that differ from world to world and step to step, by world number and not by batch."""
    for k in range(steps):
        rngs = [np.random.default_rng((k, first + i)) for i in range(worlds.num_worlds)]
        n = len(worlds.body.muscle_names) if worlds.law.actuator == "muscle" else len(worlds.body.joint_names)
        targets = np.array([rng.uniform(0.0, 0.3, n) for rng in rngs])
        worlds.set_targets(targets, np.zeros((worlds.num_worlds, len(worlds.body.joint_names))))
        worlds.step(watch)


@pytest.mark.parametrize("dynamics", [True, False])
@pytest.mark.parametrize("actuator", ["mass", "muscle", "pd", "tor"])
def test_worlds_equal_a_loop_of_one_mjdata_each_bit_for_bit(body, actuator, dynamics):
    worlds = build(body, 3, actuator, activation_dynamics=dynamics)
    stand(worlds)
    start = worlds.batch.state.copy()
    drive(worlds, 4)
    spec = int(mujoco.mjtState.mjSTATE_INTEGRATION)
    for world in range(3):
        data = mujoco.MjData(worlds.model)
        mujoco.mj_setState(worlds.model, data, start[world], spec)
        twin = np.zeros_like(start[world])
        for k in range(4):
            user = data.userdata
            for cleared in worlds.layout.sums:
                user[cleared] = 0.0
            rng = np.random.default_rng((k, world))
            n = 80 if actuator == "muscle" else 14
            at = worlds.layout.target[0]
            user[at : at + n] = rng.uniform(0.0, 0.3, n)
            for _ in range(SUBSTEPS):
                mujoco.mj_step(worlds.model, data)
        mujoco.mj_getState(worlds.model, data, twin, spec)
        assert np.array_equal(twin, worlds.batch.state[world])


def test_packed_moments_are_all_moments_and_move_worlds_as_mujoco_alone_does(body):
    """Against MuJoCo without our callback: the moments that are left out are zero but for rounding."""
    worlds = build(body, 1, "muscle")
    stand(worlds)
    model, data, dense = worlds.model, mujoco.MjData(worlds.model), np.zeros((2, 80, worlds.model.nv))
    data.qpos[:], data.qvel[:], data.ctrl[:] = worlds.qpos[0], worlds.qvel[0], np.linspace(0.0, 0.5, 80)
    worlds.set_targets(data.ctrl[None])
    worlds.step()
    for _ in range(SUBSTEPS):  # userdata without our signature: the callback leaves it alone
        mujoco.mj_step(model, data)
    assert worlds.qpos[0] == pytest.approx(data.qpos, abs=1e-12)
    assert worlds.qvel[0] == pytest.approx(data.qvel, abs=1e-9)
    names = ("actuator_moment", "moment_rownnz", "moment_rowadr", "moment_colind")
    for out, fields in zip(
        dense,
        ([worlds.bind(name)[0] for name in names], [getattr(data, name) for name in names]),
        strict=True,
    ):
        mujoco.mju_sparse2dense(out, *(np.ascontiguousarray(field) for field in fields))
    assert dense[0] == pytest.approx(dense[1], abs=1e-12)
    assert worlds.bind("moment_rownnz").sum() < 0.4 * model.nJmom


@pytest.mark.parametrize("actuator", ["mass", "muscle"])
def test_bits_do_not_depend_on_threads(body, actuator):
    states = []
    for num_threads in (1, 2, 4):
        worlds = build(body, 6, actuator, num_threads)
        stand(worlds)
        drive(worlds, 5)
        states.append(np.c_[worlds.qpos, worlds.qvel, worlds.act])
    assert np.array_equal(states[0], states[1]) and np.array_equal(states[0], states[2])


@pytest.mark.parametrize("actuator", ["mass", "muscle", "pd", "tor"])
def test_a_step_that_is_watched_has_the_same_bits(body, actuator):
    whole, watched = build(body, 3, actuator), build(body, 3, actuator)
    loads = [worlds.bind("sensordata") for worlds in (whole, watched)]
    heights = []
    for worlds, watch in ((whole, None), (watched, lambda: heights.append(watched.qpos[:, 2].copy()))):
        stand(worlds)
        drive(worlds, 4, watch=watch)
    assert np.array_equal(bits(whole), bits(watched))
    assert np.array_equal(whole.bind("actuator_length"), watched.bind("actuator_length"))
    assert np.array_equal(*loads) and loads[0][:, body.grf_sensor_adr + 2].max() > 0
    assert len(np.unique(heights, axis=0)) == 4 * SUBSTEPS


def test_a_world_has_the_same_bits_in_batches_of_3_8_and_32(body):
    rows = []
    for num_worlds in (3, 8, 32):
        worlds = build(body, num_worlds)
        stand(worlds)
        drive(worlds, 3)
        rows.append(np.r_[worlds.qpos[2], worlds.qvel[2], worlds.act[2]])
    assert np.array_equal(rows[0], rows[1]) and np.array_equal(rows[0], rows[2])


def test_a_snapshot_brings_the_same_future(body):
    worlds = build(body, 3)
    stand(worlds)
    worlds.set_muscle_strength(np.array([[0.8], [1.0], [1.2]]))
    drive(worlds, 2)
    snapshot = worlds.snapshot()
    drive(worlds, 3)
    state, lengths = worlds.batch.state.copy(), worlds.bind("actuator_length").copy()
    worlds.set_muscle_strength(np.ones((3, 1)))
    worlds.restore(snapshot)
    drive(worlds, 3)
    assert np.array_equal(worlds.batch.state, state)
    assert np.array_equal(worlds.bind("actuator_length"), lengths)


def test_a_snapshot_of_other_worlds_is_refused(body):
    three, two = build(body, 3), build(body, 2)
    before = two.batch.state.copy()
    with pytest.raises(InputError, match="snapshot holds state rows"):
        two.restore(three.snapshot())
    assert np.array_equal(two.batch.state, before)


def test_a_failed_world_leaves_others_untouched(body):
    quiet, hurt = build(body, 4), build(body, 4)
    for worlds in (quiet, hurt):
        stand(worlds)
        drive(worlds, 1)
    hurt.qvel[1, 3:6] = 1e12
    for worlds in (quiet, hurt):
        drive(worlds, 3)
    assert hurt.failed.tolist() == [False, True, False, False]
    others = [0, 2, 3]
    assert np.array_equal(bits(hurt, others), bits(quiet, others))
    hurt.reset(np.array([1]), *(x[None] for x in pose(body, 1)))
    assert not hurt.failed.any()
    drive(hurt, 1)
    assert np.isfinite(hurt.qpos).all() and not hurt.failed.any()


def test_a_masked_reset_moves_only_its_worlds(body):
    worlds = build(body, 4)
    stand(worlds)
    drive(worlds, 2)
    before = worlds.batch.state.copy()
    poses = [pose(body, 40), pose(body, 41)]
    worlds.reset(np.array([1, 3]), *(np.array(x) for x in zip(*poses, strict=True)))
    assert np.array_equal(worlds.batch.state[[0, 2]], before[[0, 2]])
    assert np.array_equal(worlds.qpos[[1, 3]], [p[0] for p in poses])
    assert worlds.time.tolist() == [before[0, 0], 0.0, before[2, 0], 0.0]


def test_a_reset_leaves_nothing_of_the_past(body):
    fresh, used = build(body, 2), build(body, 2)
    stand(used, first=7)
    drive(used, 5)
    for worlds in (fresh, used):
        stand(worlds)
        drive(worlds, 2)
    assert np.array_equal(bits(fresh), bits(used))


def test_effective_moment_arms_equal_finite_differences_of_muscle_length(body):
    """Through the coupling: the bound joints follow the knee while it is moved."""
    joints = np.random.default_rng(0).uniform(0.05, 0.3, 14)
    arms, step = moment_arms(body, body.model, joints), 1e-6
    for j in range(14):
        lengths = []
        for sign in (1, -1):
            data = mujoco.MjData(body.model)
            data.qpos[:] = pose(body, 0, joints + sign * step * np.eye(14)[j])[0]
            mujoco.mj_fwdPosition(body.model, data)
            lengths.append(data.actuator_length.copy())
        numeric = (lengths[0] - lengths[1]) / (2 * step)
        # Central differences of lengths of 0.3 m err by about 1e-16 * 0.3 / 1e-6.
        assert arms[:, j] == pytest.approx(numeric, abs=2e-7)


def test_the_compiled_moment_arms_equal_the_plain_ones(body):
    joints, model = np.random.default_rng(1).uniform(0.05, 0.5, 14), body.model
    data = mujoco.MjData(model)
    data.qpos[:] = pose(body, 0, joints)[0]
    mujoco.mj_fwdPosition(model, data)
    structure = moment_structure(body, model)
    slope, arms = np.ones(model.nv), np.zeros(structure.joint.size)
    slope[body.bound_dofadr] = body.bound_slope(joints)
    entries = (structure.entry, structure.dof, structure.place)
    effective_moment_arms(*entries, slope, data.actuator_moment, arms)
    muscle, joint = np.repeat(np.arange(model.nu), np.diff(structure.ptr)), structure.joint
    plain = moment_arms(body, model, joints)
    assert arms == pytest.approx(plain[muscle, joint], abs=1e-15)
    assert np.abs(plain).sum() == pytest.approx(np.abs(arms).sum(), abs=1e-9)  # nothing is left out


def test_static_optimization_makes_the_torques_that_were_asked(body):
    worlds = build(body, 2, activation_dynamics=False, regularization=1.0)
    hang(worlds)
    worlds.set_targets(np.tile(apart(body, 0.12), (2, 1)), np.zeros((2, 14)))
    worlds.step()
    residual = np.sqrt(worlds.mean_of("residual_squared_sum"))
    strong = [name not in ("mtp_angle_r", "mtp_angle_l") for name in body.joint_names]
    assert residual[:, strong].max() < 1.0  # [Nm]
    assert np.abs(worlds.mean_of("desired_sum")).max() > 1.0


def test_pd_applies_its_law_and_moves_the_muscles_of_none(body):
    worlds = build(body, 1, "pd")
    stand(worlds)
    drive(worlds, 1)
    assert not worlds.bind("actuator_force").any()
    assert np.array_equal(worlds.mean_of("desired_sum"), worlds.mean_of("achieved_sum"))
    qpos, qvel = worlds.qpos[0].copy(), worlds.qvel[0].copy()
    target = np.full((1, 14), 0.2)
    worlds.set_targets(target, rate := np.full((1, 14), 0.5))
    for cleared in worlds.layout.sums:
        worlds.bind("userdata")[:, cleared] = 0.0
    worlds.batch.step(nstep=1)
    law = worlds.law
    expected = law.kp * (target - qpos[body.joint_qposadr]) + law.kv * (rate - qvel[body.joint_dofadr])
    assert worlds.slot("desired") == pytest.approx(expected, rel=1e-14)
    damped = worlds.bind("qfrc_applied")[:, body.joint_dofadr] - law.kv * qvel[body.joint_dofadr]
    assert damped == pytest.approx(expected, rel=1e-12)  # the damping is the model's own
    assert worlds.model.dof_damping[body.joint_dofadr] == pytest.approx(
        law.kv + body.model.dof_damping[body.joint_dofadr]
    )


def test_torques_are_applied_as_given(body):
    worlds = build(body, 1, "tor")
    stand(worlds)
    torque = np.linspace(-3.0, 3.0, 14)
    worlds.set_targets(torque[None])
    worlds.step()
    assert np.array_equal(worlds.bind("qfrc_applied")[0, body.joint_dofadr], torque)


def test_strength_of_a_world_acts_in_its_own_coordinator(body):
    worlds = build(body, 2, activation_dynamics=False)
    for _ in range(2):
        hang(worlds)
        worlds.set_muscle_strength(np.array([[1.0], [0.5]]))
        worlds.set_targets(np.tile(apart(body, 0.2), (2, 1)), np.zeros((2, 14)))
        worlds.step()
    strong, weak = worlds.mean_squared_activation
    assert weak > 1.2 * strong  # what passive forces do not make, takes twice the activation
    assert worlds.mean_of("achieved_sum")[0] == pytest.approx(worlds.mean_of("achieved_sum")[1], abs=2.0)


def test_mass_and_friction_are_each_worlds_own(body):
    worlds = build(body, 2)
    worlds.set_mass(np.array([1.0, 1.3]))
    worlds.set_friction(np.array([1.0, 0.2]))
    light, heavy = (worlds.batch.get_model(i) for i in range(2))
    assert heavy.body_mass.sum() == pytest.approx(1.3 * light.body_mass.sum())
    assert heavy.body_subtreemass[0] == pytest.approx(1.3 * light.body_subtreemass[0])
    assert heavy.geom_friction[body.floor_geom, 0] == 0.2


def test_the_coordinator_may_run_in_every_other_substep(body):
    often, seldom = build(body, 1), build(body, 1, inference_per_sim=5)
    for worlds in (often, seldom):
        hang(worlds)
        worlds.set_targets(apart(body, 0.2)[None], np.zeros((1, 14)))
        worlds.step()
    assert not np.array_equal(often.qpos, seldom.qpos)
    assert often.qpos == pytest.approx(seldom.qpos, abs=0.05)


def test_sums_are_of_the_last_step_alone(body):
    worlds = build(body, 1, "muscle", activation_dynamics=True)
    stand(worlds)
    worlds.set_targets(np.ones((1, 80)))
    for _ in range(5):
        worlds.step()
    assert worlds.mean_squared_activation[0] == pytest.approx(1.0, abs=0.02)
    worlds.set_targets(np.zeros((1, 80)))
    for _ in range(12):
        worlds.step()
    assert worlds.mean_squared_activation[0] < 0.01


def test_another_control_callback_is_not_overwritten(body):
    mujoco.set_mjcb_control(None)
    mujoco.set_mjcb_control(lambda model, data: None)
    try:
        with pytest.raises(RuntimeError, match="another mjcb_control is installed"):
            build(body, 1)
    finally:
        mujoco.set_mjcb_control(None)


def test_actuators_that_are_no_muscles_are_refused(tmp_path):
    xml = """<mujoco><worldbody><geom type="plane" size="1 1 1"/><body pos="0 0 1"><freejoint/><geom size=".1"/>
      <body><joint name="j"/><geom size=".1" pos="0 0 .2"/></body></body></worldbody>
      <actuator><motor name="m" joint="j"/></actuator></mujoco>"""
    (tmp_path / "body.xml").write_text(xml)
    body = load_body(str(tmp_path / "body.xml"), timestep=0.002)
    with pytest.raises(BodyError, match="actuators m are not muscles"):
        Worlds(body, ControlLaw("mass", np.ones(1), np.ones(1)), 1, 2)


def test_a_joint_of_no_weight_is_left_to_itself(body):
    weight = np.array([0.0 if name.startswith("mtp") else 1.0 for name in body.joint_names])
    residuals = []
    for torque_weight in (None, weight):
        worlds = build(body, 1, activation_dynamics=False, torque_weight=torque_weight)
        hang(worlds)
        worlds.set_targets(apart(body, 0.3)[None], np.zeros((1, 14)))
        worlds.step()
        residuals.append(np.sqrt(worlds.mean_of("residual_squared_sum")[0]))
    toes = weight == 0.0
    assert (residuals[1][toes] > 1.1 * residuals[0][toes]).all()
    assert residuals[1][~toes].sum() < residuals[0][~toes].sum()
