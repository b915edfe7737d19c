import mujoco
import numpy as np
import pytest

from batchenv import BatchEnv
from batchenv.body import load_body
from batchenv.body.polynomial_paths import with_polynomial_paths
from batchenv.config import load_config, parse_changes
from batchenv.engine import ControlLaw, Worlds
from batchenv.engine.law import Records
from batchenv.engine.paths.polynomials import term_starts
from batchenv.engine.world_parameters import set_muscle_strength
from batchenv.errors import UsageError
from tests.engine.walking_worlds import KP, build, drive, hang, pose, stand


def dense_moments(worlds):
    """Moments of the muscles of the first world (M, nv) [m]."""
    number, start, dof, value = (
        worlds.bind(name)[0]
        for name in ("moment_rownnz", "moment_rowadr", "moment_colind", "actuator_moment")
    )
    dense = np.zeros((number.size, worlds.model.nv))
    for m in range(number.size):
        row = slice(start[m], start[m] + number[m])
        dense[m, dof[row]] = value[row]
    return dense


def expected_paths(body, qpos):
    """Lengths (n, M) [m] and moments (n, M, nv) [m] of the polynomials, couplings that give way included."""
    paths, joint_pos = body.polynomials, qpos[:, body.joint_qposadr]
    length, moments = np.zeros((len(qpos), 80)), np.zeros((len(qpos), 80, body.model.nv))
    for m in range(80):
        length[:, m], arms = paths.evaluate(m, joint_pos)
        for joint, arm in arms.items():
            moments[:, m, body.joint_dofadr[joint]] = arm
    bound = paths.bound
    arms, slopes = bound.evaluate((joint_pos - paths.center) / paths.half)
    given, course = qpos[:, body.bound_qposadr] - body.bound_pos(joint_pos), body.bound_slope(joint_pos)
    for k, (m, b, joint) in enumerate(zip(bound.muscle, bound.bound, bound.driver, strict=True)):
        length[:, m] += arms[:, k] * given[:, b]
        moments[:, m, body.bound_dofadr[b]] = arms[:, k]
        by_driver = slopes[:, k] / paths.half[joint] * given[:, b] - arms[:, k] * course[:, b]
        moments[:, m, body.joint_dofadr[joint]] += by_driver
    return length, moments


@pytest.mark.parametrize("actuator", ["mass", "muscle", "tor"])
def test_lengths_velocities_and_moments_are_those_of_the_polynomials(polynomial_body, actuator):
    worlds = build(polynomial_body, 2, actuator)
    stand(worlds)
    drive(worlds, 3)
    worlds.measure(np.arange(2))
    length, moments = expected_paths(polynomial_body, worlds.qpos)
    assert worlds.bind("actuator_length") == pytest.approx(length, abs=1e-13)
    assert dense_moments(worlds) == pytest.approx(moments[0], abs=1e-12)
    assert worlds.bind("actuator_velocity")[0] == pytest.approx(moments[0] @ worlds.qvel[0], abs=1e-13)


def test_moments_are_the_gradient_of_the_length_where_couplings_give_way(polynomial_body):
    body, step = polynomial_body, 1e-6
    qpos = pose(body, 0)[0]
    qpos[body.bound_qposadr] += np.random.default_rng(0).normal(0.0, 0.005, body.bound_qposadr.size)
    dofs = np.concatenate([body.joint_dofadr, body.bound_dofadr])
    moved = np.zeros((dofs.size, qpos.size))
    moved[np.arange(dofs.size), np.concatenate([body.joint_qposadr, body.bound_qposadr])] = step
    length, moments = expected_paths(body, np.concatenate([qpos + moved, qpos - moved, qpos[None]]))
    high, low = length[: dofs.size], length[dofs.size : -1]
    found = moments[-1][:, dofs].T
    assert found == pytest.approx((high - low) / (2 * step), abs=1e-7)


def test_lengths_follow_tendons_where_couplings_give_way(body, polynomial_body):
    """A patella is off by a centimetre, as in a walk."""
    qpos = pose(body, 0)[0][None]
    data = mujoco.MjData(body.model)
    data.qpos[:] = qpos[0]
    kept = expected_paths(polynomial_body, qpos)[0][0]
    names = [body.model.joint(body.model.dof_jntid[dof]).name for dof in body.bound_dofadr]
    adr = body.bound_qposadr[[names.index(f"knee_angle_beta_translation{i}_r") for i in (1, 2)]]
    data.qpos[adr] += 0.008, -0.004
    mujoco.mj_fwdPosition(body.model, data)
    found = expected_paths(polynomial_body, data.qpos[None])[0][0]
    vasti = [body.muscle_names.index(f"vas{part}_r") for part in ("int", "lat", "med")]
    assert np.abs(data.actuator_length - kept)[vasti].min() > 0.005
    assert found[vasti] == pytest.approx(data.actuator_length[vasti], abs=0.001)


def test_forces_come_near_those_of_tendons(body, polynomial_body):
    """At the joints, through the couplings, in a pose that keeps these."""
    torques = []
    for each in (body, polynomial_body):
        worlds = build(each, 1, "muscle", activation_dynamics=False)
        stand(worlds)
        worlds.act[:], worlds.qvel[:] = 0.2, 0.0
        worlds.measure(np.arange(1))
        force = worlds.bind("actuator_force")[0].copy()
        slope = np.ones(worlds.model.nv)
        joint_pos = worlds.qpos[:, body.joint_qposadr]
        slope[body.bound_dofadr] = body.bound_slope(joint_pos)[0]
        by_dof = worlds.bind("qfrc_actuator")[0] * slope
        joint = body.moments.dof_joint
        torques.append([by_dof[joint == j].sum() for j in range(14)] + [force.sum()])
    assert torques[1] == pytest.approx(torques[0], rel=0.01, abs=1.0)  # 1 mm times 1,000 N


def test_strength_scales_the_force_of_a_world_alone(polynomial_body):
    worlds = build(polynomial_body, 2, "muscle", activation_dynamics=False)
    hang(worlds)
    worlds.act[:] = 0.5
    set_muscle_strength(worlds, np.full((1, 80), 0.5), np.array([1]))
    worlds.measure(np.arange(2))
    strong, weak = worlds.bind("actuator_force")
    assert weak == pytest.approx(0.5 * strong, rel=1e-12)


def test_joint_loads_need_tendons(polynomial_body):
    law = ControlLaw("tor", np.ones(14), np.ones(14), records=Records(loaded=(5,)))
    with pytest.raises(UsageError, match=r"records\.loaded needs the paths of MuJoCo's tendons"):
        Worlds(polynomial_body, law, 1, 4, 1)


def test_a_batch_steps_with_polynomials_as_each_world_alone():
    config = load_config("walk").replace(parse_changes(["environment.muscle.paths=polynomial"]))
    together, alone = (BatchEnv(config, n, num_threads=1) for n in (3, 1))
    for env in (together, alone):
        env.reset(seed=5)
    rng = np.random.default_rng(0)
    for _ in range(8):
        actions = rng.normal(0.0, 0.3, (3, together.action_dim)).astype(np.float32)
        both = together.step(actions)[0][0], alone.step(actions[:1])[0][0]
        assert np.array_equal(*both)
    assert np.isfinite(both[0]).all()


@pytest.mark.parametrize("dimension", [0, 1, 3])
def test_terms_of_a_degree_begin_where_those_of_lower_degrees_end(dimension):
    starts = term_starts(dimension, 3)
    assert starts == {0: [0, 1, 1, 1, 1], 1: [0, 1, 2, 3, 4], 3: [0, 1, 4, 10, 20]}[dimension]


def energy(worlds):
    """Kinetic and potential energy of the first world [J]."""
    model, data = worlds.body.model, mujoco.MjData(worlds.body.model)
    data.qpos[:], data.qvel[:] = worlds.qpos[0], worlds.qvel[0]
    for stage in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_makeM, mujoco.mj_comVel):
        stage(model, data)
    mujoco.mj_energyPos(model, data)
    mujoco.mj_energyVel(model, data)
    return data.energy.sum()


def lost_energy(body):
    """Work of the muscles in a fall of 0.1 s, less the energy that the body has gained [J]."""
    worlds = Worlds(body, ControlLaw("muscle", *body.default_gains(KP, None)), 1, 10, 1)
    hang(worlds)
    worlds.act[:] = 0.15
    before, pairs = energy(worlds), []

    def watch():
        pairs.append((worlds.bind("actuator_force")[0].copy(), worlds.bind("actuator_length")[0].copy()))

    for _ in range(15):
        worlds.set_targets(np.full((1, 80), 0.15))
        worlds.step(watch)
    worlds.measure(np.arange(1))
    watch()
    force, length = map(np.array, zip(*pairs, strict=True))
    work = (0.5 * (force[1:] + force[:-1]) * np.diff(length, axis=0)).sum()
    return work - (energy(worlds) - before)


def test_a_fall_without_contact_loses_the_energy_that_it_loses_on_tendons():
    """What is lost, MuJoCo's couplings and limits take, which give way; muscles make none out of nothing."""
    body = load_body("myo_sim:myolegs", timestep=1 / 1500)
    for joint in body.spec.joints:
        joint.damping = [0.0, 0.0, 0.0]
    on_tendons = lost_energy(body)
    on_polynomials = lost_energy(with_polynomial_paths(body, 0.00025))
    assert on_polynomials == pytest.approx(on_tendons, rel=0.05)


@pytest.mark.slow  # a kernel of its own
def test_muscles_are_damped_as_by_the_implicit_integrator(polynomial_body, monkeypatch):
    ours = build(polynomial_body, 2, constraints="tree_newton")
    monkeypatch.setattr("batchenv.engine.law.damps_muscles", lambda mechanism, law: False)
    theirs = build(polynomial_body, 2, constraints="tree_newton")
    assert ours.model.opt.integrator == mujoco.mjtIntegrator.mjINT_EULER
    assert theirs.model.opt.integrator == mujoco.mjtIntegrator.mjINT_IMPLICITFAST
    for worlds in (ours, theirs):
        stand(worlds)
        drive(worlds, 1)
    assert ours.qvel == pytest.approx(theirs.qvel, abs=1e-9)
