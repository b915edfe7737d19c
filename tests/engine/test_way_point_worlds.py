"""Worlds of GaitNet's small body, whose muscles and constraints are the engine's own."""

import mujoco
import numpy as np
import pytest

from batchenv.errors import InputError
from tests.engine.bits import SPEC, bits
from tests.engine.small_worlds import SUBSTEPS, build, drive, pose, stand, targets

ACTUATORS = ("mass_lower", "mass", "pd", "tor", "muscle")


@pytest.mark.parametrize("actuator", ACTUATORS)
def test_worlds_equal_a_loop_of_one_mjdata_each_bit_for_bit(small, actuator):
    worlds = build(small, 3, actuator=actuator)
    stand(worlds)
    start = worlds.batch.state.copy()
    drive(worlds, 3)
    at = worlds.layout.starts["excitation" if actuator == "muscle" else "target"]
    mirrored = worlds.layout.columns("mirrored")
    for world in range(3):
        data, twin = mujoco.MjData(worlds.model), np.zeros_like(start[world])
        mujoco.mj_setState(worlds.model, data, start[world], SPEC)
        for k in range(3):
            values = targets(worlds, k)[world]
            data.userdata[at : at + values.size] = values
            data.userdata[mirrored][SUBSTEPS // 2 :] = 1.0
            data.userdata[worlds._cleared] = 0.0
            for _ in range(SUBSTEPS):
                mujoco.mj_step(worlds.model, data)
            mujoco.mj_forward(worlds.model, data)
        mujoco.mj_getState(worlds.model, data, twin, SPEC)
        assert np.array_equal(twin, worlds.batch.state[world])
    assert worlds.slot("contact_log").any()


def test_bits_do_not_depend_on_threads(small):
    states = []
    for num_threads in (1, 2, 4):
        worlds = build(small, 5, num_threads)
        stand(worlds)
        drive(worlds, 3)
        states.append(bits(worlds))
    assert np.array_equal(states[0], states[1]) and np.array_equal(states[0], states[2])


def test_a_world_has_the_same_bits_in_batches_of_3_and_8(small):
    rows = []
    for num_worlds in (3, 8):
        worlds = build(small, num_worlds)
        stand(worlds)
        drive(worlds, 3)
        rows.append(bits(worlds, [2]))
    assert np.array_equal(*rows)


@pytest.mark.parametrize("actuator", ACTUATORS)
def test_a_step_that_is_watched_has_the_same_bits(small, actuator):
    whole, watched = build(small, 3, actuator=actuator), build(small, 3, actuator=actuator)
    heights = []
    for worlds, watch in ((whole, None), (watched, lambda: heights.append(watched.qpos[:, 1].copy()))):
        stand(worlds)
        drive(worlds, 3, watch=watch)
    assert np.array_equal(bits(whole), bits(watched))
    assert len(np.unique(heights, axis=0)) == 3 * SUBSTEPS


def test_a_snapshot_brings_the_same_future(small):
    worlds = build(small, 3)
    stand(worlds)
    drive(worlds, 2)
    snapshot = worlds.snapshot()
    drive(worlds, 3)
    state, places = worlds.batch.state.copy(), worlds.bind("xpos").copy()
    stand(worlds, first=9)
    drive(worlds, 2)
    worlds.restore(snapshot)
    drive(worlds, 3)
    assert np.array_equal(worlds.batch.state, state)
    assert np.array_equal(worlds.bind("xpos"), places)


def test_a_snapshot_of_other_worlds_is_refused(small):
    three, two = build(small, 3), build(small, 2)
    before = two.batch.state.copy()
    with pytest.raises(InputError, match="snapshot holds state rows"):
        two.restore(three.snapshot())
    assert np.array_equal(two.batch.state, before)


def test_a_failed_world_leaves_others_untouched(small):
    quiet, hurt = build(small, 4), build(small, 4)
    for worlds in (quiet, hurt):
        stand(worlds)
        drive(worlds, 1)
    hurt.qvel[1, 3:6] = np.nan
    for worlds in (quiet, hurt):
        drive(worlds, 2)
    assert hurt.failed.tolist() == [False, True, False, False]
    assert np.isnan(hurt.coordinator.samples.torque[1]).all()
    others = [0, 2, 3]
    assert np.array_equal(bits(hurt, others), bits(quiet, others))
    q, dq = pose(small, 1)
    hurt.reset(np.array([1]), small.to_qpos(q[None]), dq[None])
    drive(hurt, 1)
    assert np.isfinite(hurt.qpos).all() and not hurt.failed.any()


def test_a_reset_leaves_nothing_of_the_past(small):
    fresh, used = build(small, 2), build(small, 2)
    stand(used, first=7)
    drive(used, 5)
    for worlds in (fresh, used):
        stand(worlds)
        drive(worlds, 2)
    assert np.array_equal(bits(fresh), bits(used))


def test_a_masked_reset_moves_only_its_worlds(small):
    worlds = build(small, 4)
    stand(worlds)
    drive(worlds, 2)
    before = worlds.batch.state.copy()
    q, dq = pose(small, 40)
    worlds.reset(np.array([1, 3]), small.to_qpos(np.array([q, q])), np.array([dq, dq]))
    assert np.array_equal(worlds.batch.state[[0, 2]], before[[0, 2]])
    assert np.array_equal(worlds.qpos[[1, 3]], small.to_qpos(np.array([q, q])))
    assert worlds.time.tolist() == [before[0, 0], 0.0, before[2, 0], 0.0]


def test_derived_fields_are_current_after_a_step_and_a_reset(small):
    worlds = build(small, 2)
    for move in (stand, lambda worlds: drive(worlds, 2)):
        move(worlds)
        data = mujoco.MjData(worlds.model)
        data.qpos[:], data.qvel[:] = worlds.qpos[1], worlds.qvel[1]
        mujoco.mj_kinematics(worlds.model, data)
        mujoco.mj_comPos(worlds.model, data)
        mujoco.mj_comVel(worlds.model, data)
        assert np.array_equal(worlds.bind("xpos")[1], data.xpos)
        assert np.array_equal(worlds.bind("cvel")[1], data.cvel)
    assert worlds.slot("position_log")[1, -1] == pytest.approx(
        data.xipos[small.body_id[[3, 6]]][::-1], abs=1e-15
    )
