"""Worlds whose muscles are tendons, with MuJoCo's own solver; see test_way_point_worlds.py for the others."""

import mujoco
import numpy as np
import pytest

from batchenv.body import load_body
from batchenv.engine import ControlLaw, Worlds
from batchenv.engine.world_parameters import set_muscle_strength
from batchenv.errors import BodyError, InputError
from tests.engine.bits import SPEC, bits
from tests.engine.walking_worlds import SUBSTEPS, apart, build, drive, hang, pose, stand


@pytest.mark.parametrize("dynamics", [True, False])
@pytest.mark.parametrize("actuator", ["mass", "muscle", "pd", "tor"])
def test_worlds_equal_a_loop_of_one_mjdata_each_bit_for_bit(each_body, actuator, dynamics):
    worlds = build(each_body, 3, actuator, activation_dynamics=dynamics)
    stand(worlds)
    start = worlds.batch.state.copy()
    drive(worlds, 4)
    for world in range(3):
        data = mujoco.MjData(worlds.model)
        mujoco.mj_setState(worlds.model, data, start[world], SPEC)
        twin = np.zeros_like(start[world])
        for k in range(4):
            user = data.userdata
            user[worlds._cleared] = 0.0
            rng = np.random.default_rng((k, world))
            n = 80 if actuator == "muscle" else 14
            at = worlds.layout.starts["excitation" if actuator == "muscle" else "target"]
            user[at : at + n] = rng.uniform(0.0, 0.3, n)
            for _ in range(SUBSTEPS):
                mujoco.mj_step(worlds.model, data)
        mujoco.mj_getState(worlds.model, data, twin, SPEC)
        assert np.array_equal(twin, worlds.batch.state[world])


@pytest.mark.parametrize("actuator", ["mass", "muscle"])
def test_bits_do_not_depend_on_threads(each_body, actuator):
    states = []
    for num_threads in (1, 2, 4):
        worlds = build(each_body, 6, actuator, num_threads)
        stand(worlds)
        drive(worlds, 5)
        states.append(np.c_[worlds.qpos, worlds.qvel, worlds.act])
    assert np.array_equal(states[0], states[1]) and np.array_equal(states[0], states[2])


@pytest.mark.parametrize("actuator", ["mass", "muscle", "pd", "tor"])
def test_a_step_that_is_watched_has_the_same_bits(each_body, actuator):
    whole, watched = build(each_body, 3, actuator), build(each_body, 3, actuator)
    loads = [worlds.bind("sensordata") for worlds in (whole, watched)]
    heights = []
    for worlds, watch in ((whole, None), (watched, lambda: heights.append(watched.qpos[:, 2].copy()))):
        stand(worlds)
        drive(worlds, 4, watch=watch)
    assert np.array_equal(bits(whole), bits(watched))
    assert np.array_equal(whole.bind("actuator_length"), watched.bind("actuator_length"))
    assert np.array_equal(*loads) and loads[0][:, each_body.grf_sensor_adr + 2].max() > 0
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
    set_muscle_strength(worlds, np.array([[0.8], [1.0], [1.2]]))
    drive(worlds, 2)
    snapshot = worlds.snapshot()
    drive(worlds, 3)
    state, lengths = worlds.batch.state.copy(), worlds.bind("actuator_length").copy()
    set_muscle_strength(worlds, np.ones((3, 1)))
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


def test_the_coordinator_may_run_in_every_other_substep(body):
    often, seldom = build(body, 1), build(body, 1, inference_per_sim=5)
    for worlds in (often, seldom):
        hang(worlds)
        worlds.set_targets(apart(body, 0.2)[None], np.zeros((1, 14)))
        worlds.step()
    assert not np.array_equal(often.qpos, seldom.qpos)
    assert often.qpos == pytest.approx(seldom.qpos, abs=0.05)


def test_actuators_that_are_no_muscles_are_refused(tmp_path):
    xml = """<mujoco><worldbody><geom type="plane" size="1 1 1"/>
      <body pos="0 0 1"><freejoint/><geom size=".1"/>
      <body><joint name="j"/><geom size=".1" pos="0 0 .2"/></body></body></worldbody>
      <actuator><motor name="m" joint="j"/></actuator></mujoco>"""
    (tmp_path / "body.xml").write_text(xml)
    body = load_body(str(tmp_path / "body.xml"), timestep=0.002)
    with pytest.raises(BodyError, match="actuators m are not muscles"):
        Worlds(body, ControlLaw("mass", np.ones(1), np.ones(1)), 1, 2)
