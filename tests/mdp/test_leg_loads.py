"""What floors press and joints carry, against MuJoCo's own sums and Newton's law."""

import mujoco
import numpy as np
import pytest

from batchenv.engine.world_parameters import set_slope
from batchenv.evaluate.record import record
from batchenv.evaluate.walker import load_walker
from batchenv.mdp.capture import angular_momentum
from batchenv.mdp.leg_loads import LegLoads, pressure


@pytest.fixture(scope="module")
def walking():
    """A step of the shipped walker: what was measured, MuJoCo's data and velocities after every substep."""
    walker, seen = load_walker("walk"), []
    with walker.worlds(1, 2.0, 1) as env:
        obs = env.reset(0)
        loads = LegLoads(env.worlds, env.task.axes)

        def watch():
            seen.append((loads.measure(), env.worlds.batch.get_data(0)))
            loads.keep()

        for _ in range(3):
            obs, *_ = env.step(walker.policy(obs), watch)
        yield env, loads.names, seen


def pulls(model: mujoco.MjModel, data: mujoco.MjData) -> np.ndarray:
    """Pull of the muscles' tendons on each body (nbody, 3) [N], point by point along their paths."""
    out = np.zeros((model.nbody, 3))
    sites = iter(model.wrap_objid[model.wrap_type == mujoco.mjtWrap.mjWRAP_SITE])
    points, touched = data.wrap_xpos.reshape(-1, 3), data.wrap_obj.ravel()
    for muscle, tendon in enumerate(model.actuator_trnid[:, 0]):
        first = data.ten_wrapadr[tendon]
        path = range(first, first + data.ten_wrapnum[tendon])
        bodies = [
            model.site_bodyid[next(sites)] if touched[p] < 0 else model.geom_bodyid[touched[p]] for p in path
        ]
        for p, one, other in zip(path, bodies, bodies[1:], strict=False):
            along = points[p + 1] - points[p]
            pull = -data.actuator_force[muscle] * along / max(1e-12, np.linalg.norm(along))
            out[one] += pull
            out[other] -= pull
    return out


def test_a_pressed_floor_answers_as_a_force_plate_does():
    """A force at a place, with a twist, on a floor that is higher than the origin."""
    place, force, twist, height = np.array([0.4, -0.2, 0.3]), np.array([30.0, -20.0, 500.0]), 4.0, 0.3
    moment = np.cross(place, force) + np.array([0.0, 0.0, twist])
    wrenches = np.zeros((1, 2, 2, 3))
    wrenches[0, 1] = force, moment
    found = pressure(wrenches, np.eye(3), height)
    assert found["cop"][0, 1] == pytest.approx([0.4, -0.2, 0.0])
    assert found["free_moment"][0] == pytest.approx([0.0, twist])
    assert found["cop"][0, 0].tolist() == [0.0, 0.0, 0.0]
    turned = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    assert pressure(wrenches, turned, height)["cop"][0, 1] == pytest.approx([0.2, 0.4, 0.0])


def test_pressure_is_under_the_feet_and_moves_from_heel_to_toe(walking):
    env, _, seen = walking
    axes, feet = env.task.axes, env.body.foot_body
    behind = np.array([found["cop"][0] - data.xpos[feet] @ axes.T for found, data in seen])
    force = np.array([data.sensordata[env.body.grf_sensor_adr + 2] for _, data in seen])
    bearing = force > 20.0
    assert bearing.any()
    assert (np.abs(behind[bearing] - [0.1, 0.0, 0.0])[:, :2] < [0.2, 0.1]).all()  # a foot is 0.25 m long
    free = np.array([found["free_moment"][0] for found, _ in seen])
    assert (np.abs(free) < 0.05 * force + 1e-9).all()  # friction on so short a foot twists no more


def test_joints_carry_what_newton_says(walking):
    """Momentum by `mj_subtreeVel` in successive states, the ground by the sensors, muscles by their paths."""
    env, names, seen = walking
    model, axes = env.worlds.model, env.task.axes
    below = [model.body(f"{bone}_{side}").id for side in "rl" for bone in ("femur", "tibia", "talus")]
    carried = [np.flatnonzero([in_subtree(model, b, root) for b in range(model.nbody)]) for root in below]
    assert names == tuple(f"{joint}_{side}" for side in "rl" for joint in ("hip", "knee", "ankle"))
    momentum = []
    for _, data in seen:
        mujoco.mj_subtreeVel(model, data)
        momentum.append(model.body_subtreemass[below, None] * data.subtree_linvel[below])
    for k in range(3, 28):
        found, data = seen[k]
        change = (momentum[k + 1] - momentum[k]) / env.worlds.timestep
        weight = model.body_subtreemass[below, None] * model.opt.gravity
        ground = data.sensordata[env.body.grf_sensor_adr[[0, 0, 0, 1, 1, 1], None] + np.arange(3)]
        pull = pulls(model, data)
        for slide in np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE):
            tibia = [b for b in range(model.nbody) if in_subtree(model, b, model.jnt_bodyid[slide])]
            moved = pull[tibia].sum(axis=0) @ data.xaxis[slide]
            assert moved == pytest.approx(data.qfrc_actuator[model.jnt_dofadr[slide]], abs=1e-6)
        muscles = np.array([pull[bodies].sum(axis=0) for bodies in carried])
        expected = (change - weight - ground - muscles) @ axes.T
        # Velocities turn with the pose while it moves on by a substep: 1 % of some thousand newtons.
        assert found["joint_load"][0] == pytest.approx(expected, rel=0.01, abs=20.0)


def test_on_a_slope_the_legs_weigh_in_another_direction(walking):
    env, _, _ = walking
    worlds, axes, level = env.worlds, env.task.axes, np.zeros(1)
    model, loads = worlds.model, LegLoads(worlds, axes)
    below = [model.body(f"{bone}_{side}").id for side in "rl" for bone in ("femur", "tibia", "talus")]
    flat = loads.measure()["joint_load"][0]
    set_slope(worlds, np.array([0.1]), level)
    lean = worlds.expand("opt.gravity")[0] - model.opt.gravity
    leaning = loads.measure()["joint_load"][0]
    set_slope(worlds, level, level)
    assert leaning - flat == pytest.approx(-model.body_subtreemass[below, None] * (lean @ axes.T), abs=1e-6)
    assert np.abs(lean).max() > 0.9


def test_angular_momentum_is_that_of_mujoco(walking):
    env, _, seen = walking
    root = env.worlds.model.body_rootid[env.body.trunk_body]
    for _, data in seen[::10]:
        mujoco.mj_subtreeVel(env.worlds.model, data)
        found = angular_momentum(data.cinert[None], data.cvel[None])
        assert found[0] == pytest.approx(data.subtree_angmom[root], rel=1e-9, abs=1e-9)


def in_subtree(model: mujoco.MjModel, body: int, root: int) -> bool:
    while body > root:
        body = model.body_parentid[body]
    return body == root


def test_a_knee_carries_more_than_the_body_weighs_while_it_stands():
    """Instrumented knees carry 2 to 3 body weights in walking; Bergmann et al., PLoS ONE 9:e86035 (2014)."""
    recording = record(load_walker("walk"), 1, 2.0, num_threads=1, loads=True)
    knee = np.linalg.norm(recording.joint_load[:, recording.joint_center_names.index("knee_r")], axis=1)
    standing = recording.grf[:, 0, 2] > 0.5 * recording.weight
    assert 2.0 < knee[standing].max() / recording.weight < 6.0
    assert knee[standing].mean() > 1.5 * knee[~standing].mean()
    assert recording.joint_center[:, 1, 2].mean() == pytest.approx(0.5, abs=0.1)  # height of a knee [m]


@pytest.mark.slow
def test_loads_are_left_out_where_muscles_are_no_tendons_of_mujoco():
    walker = load_walker("walk").with_changes({"environment.muscle.paths": "polynomial"})
    with walker.worlds(1, 1.0, 1) as env:
        env.reset(0)
        assert set(LegLoads(env.worlds, env.task.axes).measure()) == {"cop", "free_moment", "joint_center"}
