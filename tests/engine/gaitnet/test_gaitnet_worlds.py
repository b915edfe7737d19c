import mujoco
import numpy as np
import pytest

from batchenv.engine import ControlLaw, Worlds
from batchenv.engine.block import BLOCK_AT, SUBSTEP_AT
from batchenv.engine.gaitnet import GaitNetLaw, GaitNetWorlds
from batchenv.engine.gaitnet.block import MEASURED
from batchenv.errors import BodyError, EngineError, InputError, UsageError
from tests.body.gaitnet.small_gaitnet import small_body
from tests.engine.gaitnet.small_worlds import CYCLE, SUBSTEPS, build, drive, pose, stand, targets

SPEC = int(mujoco.mjtState.mjSTATE_INTEGRATION)
ACTUATORS = ("mass_lower", "mass", "pd", "tor", "muscle")


def bits(worlds, rows=slice(None)):
    """All state but the address of the control block, which is that of the process."""
    before = SPEC & (int(mujoco.mjtState.mjSTATE_USERDATA) - 1)
    column = mujoco.mj_stateSize(worlds.model, before) + BLOCK_AT
    return np.delete(worlds.batch.state[rows], column, axis=1)


@pytest.mark.parametrize("actuator", ACTUATORS)
def test_worlds_equal_a_loop_of_one_mjdata_each_bit_for_bit(small, actuator):
    worlds = build(small, 3, actuator=actuator)
    stand(worlds)
    start = worlds.batch.state.copy()
    drive(worlds, 3)
    layout = worlds.layout
    at = (layout.excitation if actuator == "muscle" else layout.target)[0]
    for world in range(3):
        data, twin = mujoco.MjData(worlds.model), np.zeros_like(start[world])
        mujoco.mj_setState(worlds.model, data, start[world], SPEC)
        for k in range(3):
            values = targets(worlds, k)[world]
            data.userdata[at : at + values.size] = values
            data.userdata[layout.phase_action[0]] = 0.1
            for slot in (layout.metabolic_sum, layout.torque_sum, (SUBSTEP_AT, 1)):
                data.userdata[slot[0]] = 0.0
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
    assert np.isnan(hurt.coordinator.tuples.torque[1]).all()
    others = [0, 2, 3]
    assert np.array_equal(bits(hurt, others), bits(quiet, others))
    q, dq = pose(small, 1)
    hurt.reset(np.array([1]), small.to_qpos(q[None]), dq[None], cycle=CYCLE)
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
    worlds.reset(np.array([1, 3]), small.to_qpos(np.array([q, q])), np.array([dq, dq]), global_time=0.4)
    assert np.array_equal(worlds.batch.state[[0, 2]], before[[0, 2]])
    assert worlds.slot("global_time").tolist()[1::2] == [0.4, 0.4]


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
    assert worlds.slot("foot_log")[1, -1] == pytest.approx(data.xipos[small.body_id[[3, 6]]][::-1], abs=1e-15)


def test_mirror_images_move_as_mirror_images(small):
    """One world in the first half of its cycle, its mirror image in the second: the network sees the same."""
    worlds, skeleton = build(small, 2), small.skeleton
    sign, twin = skeleton.mirror_sign, skeleton.mirror_dof
    q, dq = (np.array([x, sign * x[twin]]) for x in pose(small, 2))
    qpos = small.to_qpos(q)
    times = {"global_time": [0.2 * CYCLE, 0.7 * CYCLE], "local_time": [0.2 * CYCLE, 0.7 * CYCLE]}
    worlds.reset(np.arange(2), qpos, small.to_qvel(qpos, dq), cycle=CYCLE, **times)
    for name in ("negative_torque", "positive_torque", "passive_torque"):
        assert worlds.slot(name)[1] == pytest.approx(worlds.slot(name)[0], abs=1e-10)
    assert worlds.slot("mirror").tolist() == [0.0, 1.0]
    for k in range(2):
        target = targets(worlds, k)[0]
        worlds.set_targets(np.array([target, sign * target[twin]]))
        worlds.step()
    q = small.from_qpos(worlds.qpos)
    # Contacts amplify rounding; 1e-16 grows to less than this in 16 substeps.
    assert q[1] == pytest.approx(sign * q[0][twin], abs=1e-7)
    assert worlds.slot("activation")[1] == pytest.approx(
        worlds.slot("activation")[0][small.paths.mirror], abs=1e-4
    )
    assert worlds.slot("activation")[0].max() > 0.01


@pytest.mark.parametrize("clipping", ["hard", "none"])
def test_clocks_advance_and_keep_the_same_cycle_only_if_clipped(small, clipping):
    worlds, dt = build(small, 2, clipping=clipping), 1 / 480
    stand(worlds, global_time=CYCLE - 4 * dt, local_time=np.array([CYCLE - 10 * dt, CYCLE - 1.5 * dt]))
    worlds.set_targets(targets(worlds, 0), np.array([0.0, 0.5]))
    worlds.step()
    whole = CYCLE + (SUBSTEPS - 4) * dt
    assert worlds.slot("global_time") == pytest.approx([whole, whole])
    free = [CYCLE + (SUBSTEPS - 10) * dt, CYCLE + (1.5 * SUBSTEPS - 1.5) * dt]
    if clipping == "none":
        assert worlds.slot("local_time") == pytest.approx(free)
    else:  # the late one leaps to the global clock, the early one waits for it at the border
        log = worlds.slot("local_time_log")
        assert log[1, :3] == pytest.approx([CYCLE] * 3)
        assert worlds.slot("local_time")[0] == pytest.approx(whole)
        assert CYCLE < worlds.slot("local_time")[1] < free[1]
    assert np.array_equal(worlds.slot("local_time_log")[:, -1], worlds.slot("local_time"))


def test_logs_are_of_the_start_and_the_end_of_each_substep(small):
    worlds, seen = build(small, 2), {"com": [], "head": [], "foot": []}
    stand(worlds, height=0.3)
    head, feet = small.body_id[8], small.body_id[[6, 3]]

    def watch():
        data = mujoco.MjData(worlds.model)
        data.qpos[:], data.qvel[:] = worlds.qpos[0], worlds.qvel[0]
        mujoco.mj_fwdPosition(worlds.model, data)
        mujoco.mj_fwdVelocity(worlds.model, data)
        velocity = np.zeros(6)
        kind = mujoco.mjtObj.mjOBJ_BODY
        mujoco.mj_objectVelocity(worlds.model, data, kind, head, velocity, 0)
        seen["com"].append(data.subtree_com[0].copy())
        seen["head"].append(velocity[3:].copy())
        seen["foot"].append(data.xipos[feet].copy())

    watch()
    drive(worlds, 1, watch=watch)
    assert worlds.slot("com_log")[0] == pytest.approx(np.array(seen["com"][:-1]), abs=1e-13)
    assert worlds.slot("head_velocity_log")[0] == pytest.approx(np.array(seen["head"][:-1]), abs=1e-12)
    assert worlds.slot("foot_log")[0] == pytest.approx(np.array(seen["foot"][1:]), abs=1e-13)


def test_contacts_are_logged_by_foot(small):
    worlds = build(small, 2, actuator="pd")
    q = np.zeros((2, small.skeleton.num_dof))
    q[0, 3:6], q[1, 3:6] = (0.0, 0.5, 0.0), (0.0, -0.002, 0.0)
    qpos = small.to_qpos(q)
    worlds.reset(np.arange(2), qpos, np.zeros((2, worlds.model.nv)))
    worlds.set_targets(q)
    worlds.step()
    assert not worlds.slot("contact_log")[0].any()
    assert worlds.slot("contact_log")[1].all()


def test_torques_of_the_upper_body_and_of_the_muscles_fall_where_they_belong(small):
    worlds = build(small, 2, actuator="mass_lower")
    stand(worlds, height=0.5)
    upper, applied = np.arange(16, 22), []
    assert worlds._block.arrays["torque_dof"].tolist() == upper.tolist()
    worlds.set_targets(targets(worlds, 0))
    worlds.step(lambda: applied.append(worlds.bind("qfrc_applied")[0].copy()))
    assert not np.array(applied)[:, :6].any()  # muscles and torques are internal
    assert np.abs(np.array(applied)[:, upper]).min() > 0.0
    assert worlds.slot("torque_sum")[0] == pytest.approx(np.abs(np.array(applied)[:, upper]).sum())


@pytest.mark.parametrize(("metabolic", "power"), [("A", 1), ("A2", 2), ("MA", 1), ("MA2", 2)])
def test_the_cost_of_activations_is_summed_over_substeps(small, metabolic, power):
    worlds = build(small, 1, actuator="muscle", metabolic=metabolic)
    stand(worlds)
    activation = np.linspace(-0.5, 1.5, 6)
    worlds.set_targets(activation[None])
    worlds.step()
    weight = small.paths.mass if metabolic.startswith("M") else 1.0
    expected = (weight * np.clip(activation, 0, 1) ** power).sum()
    assert worlds.mean_metabolic[0] == pytest.approx(expected, rel=1e-12)


def test_a_tuple_is_the_problem_that_the_network_was_given(small):
    worlds = build(small, 2)
    stand(worlds)
    worlds.set_targets(targets(worlds, 0))
    worlds.choose_tuples(np.array([0.0, 0.99]))
    seen = []
    worlds.step(lambda: seen.append(worlds.slot("activation").copy()))
    tuples, coordinator = worlds.coordinator.tuples, worlds.coordinator
    given = coordinator.activations(tuples.jta_reduced.astype(float), tuples.torque.astype(float))
    # The tuple is in single precision, as are the sums of the network.
    assert given[0] == pytest.approx(seen[0][0], abs=1e-5)
    assert given[1] == pytest.approx(seen[-1][1], abs=1e-5)
    joint = small.paths.related_dof - 6
    assert np.array_equal(tuples.jta[:, joint, small.paths.related_muscle], tuples.jta_reduced)


def test_the_network_may_run_in_every_fourth_substep(small):
    worlds, seen = build(small, 1, inference_per_sim=4), []
    stand(worlds)
    worlds.set_targets(targets(worlds, 0))
    worlds.step(lambda: seen.append(worlds.slot("activation").copy()))
    assert len(np.unique(np.array(seen)[:, 0], axis=0)) == 2


def test_foreseen_passive_forces_change_what_the_network_is_asked(small):
    asked = []
    for passive_in_pd in (False, True):
        worlds = build(small, 1, passive_in_pd=passive_in_pd)
        q = np.zeros((1, small.skeleton.num_dof))
        worlds.reset(np.arange(1), small.to_qpos(q), np.zeros((1, worlds.model.nv)), cycle=CYCLE)
        assert np.abs(worlds.slot("passive_torque")).max() > 0.5
        worlds.set_targets(q)
        worlds.choose_tuples(np.zeros(1))
        worlds.step()
        asked.append(worlds.coordinator.tuples.torque.copy())
    assert np.abs(asked[1] - asked[0]).max() > 0.1


def test_worlds_of_both_kinds_live_side_by_side(small, body):
    alone = build(small, 2)
    stand(alone)
    drive(alone, 2)
    together = build(small, 2)
    other = Worlds(body, ControlLaw("pd", *body.default_gains(250.0, None)), 2, 4)
    stand(together)
    for k in range(2):
        other.step()
        together.set_targets(targets(together, k), 0.1)
        together.choose_tuples(np.full(2, 0.4))
        together.step()
    assert np.array_equal(bits(alone), bits(together))


def test_a_block_of_other_sources_is_left_alone_and_the_step_says_so(small):
    worlds = build(small, 1, actuator="pd")
    stand(worlds)
    worlds._block.record["digest"] += 2
    worlds.set_targets(targets(worlds, 0))
    with pytest.raises(EngineError, match="its count is 0, expected -2"):
        worlds.step()
    assert not worlds.bind("qfrc_applied").any() and worlds.bind("userdata")[0, SUBSTEP_AT] == 0.0
    worlds._block.record["digest"] -= 2
    worlds.step()
    assert worlds.bind("qfrc_applied").any() and worlds.bind("userdata")[0, SUBSTEP_AT] == MEASURED


def test_a_world_diverges_every_time(small):
    quiet, hurt = build(small, 3, actuator="tor"), build(small, 3, actuator="tor")
    for k in range(4):
        for worlds in (quiet, hurt):
            stand(worlds)
            torque = np.ones((3, small.skeleton.num_dof))
            torque[1] = 1e14 if worlds is hurt else 1.0
            worlds.set_targets(torque)
            worlds.step()
        assert hurt.failed.tolist() == [False, True, False] and not quiet.failed.any(), k
        assert np.array_equal(bits(hurt, [0, 2]), bits(quiet, [0, 2]))
        assert np.isfinite(hurt.batch.state).all()


def test_a_law_without_its_network_is_refused(small):
    with pytest.raises(UsageError, match="actuator 'mass_lower' needs a muscle network"):
        GaitNetWorlds(small, GaitNetLaw(), 1)


def test_a_body_without_a_head_is_refused(tmp_path):
    with pytest.raises(BodyError, match="no body 'Head' in the skeleton; its bodies are Pelvis, FemurR"):
        build(small_body(tmp_path), 1)
