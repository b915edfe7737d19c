"""What GaitNet's own program computed on its own files, and what the task computes from the same states."""

import numpy as np
import pytest

from batchenv.tasks.gaitnet import gait, starts
from batchenv.tasks.gaitnet.rewards import (
    ENERGY,
    LOCOMOTION,
    STRIDE_LENGTH,
    combined,
    target_speed,
    window_velocity,
)
from tests.gaitnet_files import oracle
from tests.tasks.gaitnet.real_scene import put, real_task, real_worlds

EPISODES = ("ep0", "ep1")
STEPS, SUBSTEPS, HZ = 40, 16, 480
_TERMS = dict(
    zip(
        (*LOCOMOTION, *ENERGY),
        (
            "r_head_linear_acc",
            "r_head_rot_diff",
            "r_avg",
            "r_step",
            "r_drag_x",
            "r_phase",
            "r_metabolic",
            "r_torque",
        ),
        strict=True,
    )
)


@pytest.mark.parametrize(("prefix", "count"), [("r", 11), ("ep0", 41), ("ep1", 41)])
def test_observations_are_the_original_s_mirrored_ones_too(prefix: str, count: int):
    stored = oracle()
    task, batch = real_worlds(count)
    put(task, batch, prefix)
    observed = np.empty((count, 506))
    task.compute_observations(task.quantities(batch), observed)
    expected = stored[f"{prefix}_obs"][:count]
    assert stored[f"{prefix}_mirror"].any() and not stored[f"{prefix}_mirror"].all()
    np.testing.assert_array_equal(
        batch.worlds.slot("mirrored")[:, -1] > 0, stored[f"{prefix}_mirror"][:count] > 0
    )
    # Episodes are stored in single precision.
    np.testing.assert_allclose(observed, expected, rtol=0, atol=1e-9 if prefix == "r" else 1e-5)


def test_layout_names_every_column_of_an_observation():
    task = real_task()
    assert len(task.obs_layout) == 506 and len(task.action_layout) == 51
    names = [column.name for column in task.obs_layout]
    assert names[351:354] == ["phase/global", "phase/local", "next_foothold"]
    assert names[504:] == ["parameter/stride", "parameter/cadence"] and len(set(names)) == 506


def walk_of(prefix: str) -> dict[str, np.ndarray]:
    """Quantities that the reward looks at, from the logs of an episode."""
    stored, task = oracle(), real_task()
    values = {name: stored[f"{prefix}_{name}"] for name in ("param_state", "current_foot", "com_log")}
    stride, cadence = values["param_state"][1:].T
    cycle = task.motion.period / cadence
    window, last = (HZ * cycle).astype(int), SUBSTEPS * np.arange(1, STEPS + 1) - 1
    com, head = values["com_log"], stored[f"{prefix}_head_vel_log"]
    speed = target_speed(STRIDE_LENGTH * stride, cycle)
    earlier = com[np.maximum(last + 1 - window, 0)]
    frames = rotations(prefix)
    activation, torque = (stored[f"{prefix}_{name}"].astype(float) for name in ("act", "upper_tau"))
    return dict(
        head_velocity=head[last],
        head_velocity_before=head[last - 15],
        head_known=np.ones(STEPS, bool),
        head_rotation=frames,
        mean_velocity=window_velocity(com[last], earlier, last + 1 > window, speed, window / HZ),
        target_speed=speed,
        foot_z=values["current_foot"][1:, 2],
        target_z=stored[f"{prefix}_current_target_foot"][1:, 2],
        com=com[last],
        start_x=com[last, 0],
        stride_time=np.full((STEPS, 2), np.nan),
        cycle_time=cycle,
        metabolic=(activation**2).sum(axis=2).mean(axis=1),
        ideal_torque=np.abs(torque).sum(axis=2).mean(axis=1),
        knee_load=np.zeros(STEPS),
        knee_peak=np.zeros(STEPS),
        episode_step=np.arange(1, STEPS + 1),
        ratio=np.ones(STEPS),
    )


def rotations(prefix: str) -> np.ndarray:
    """Rotations of the head after each step (40, 3, 3)."""
    task, batch = real_worlds(STEPS + 1)
    put(task, batch, prefix)
    return task.quantities(batch)["head_rotation"][1:]


@pytest.mark.parametrize("prefix", EPISODES)
def test_rewards_and_their_factors_are_the_original_s(prefix: str):
    stored = oracle()
    walk, task = walk_of(prefix), real_task()
    factors = {term.name: term(walk) for term in task.reward_terms}
    reward = combined(task.environment.reward, factors)
    names = stored[f"{prefix}_term_names"].tolist()
    for name, theirs in _TERMS.items():
        expected = stored[f"{prefix}_terms"][:, names.index(theirs)]
        np.testing.assert_allclose(factors[name], expected, rtol=1e-6, err_msg=name)
    np.testing.assert_allclose(reward, stored[f"{prefix}_reward"], rtol=1e-6)
    # The window of the mean velocity is full, and the walker has fallen, before the episode ends.
    assert factors["avg_vel"].min() < 1e-3 and factors["avg_vel"].max() == 1.0


@pytest.mark.parametrize("prefix", EPISODES)
def test_walker_is_over_where_the_original_s_was(prefix: str):
    stored = oracle()
    task, batch = real_worlds(STEPS + 1)
    put(task, batch, prefix)
    terms = stored[f"{prefix}_terms"][:, stored[f"{prefix}_term_names"].tolist().index("terminated")]
    np.testing.assert_array_equal(task.compute_terminations(task.quantities(batch))[1:], terms > 0)


@pytest.mark.parametrize("prefix", EPISODES)
def test_targets_are_the_original_s_in_the_mirror_too(prefix: str):
    stored = oracle()
    task, batch = real_worlds(STEPS)
    put(task, batch, prefix)
    state = batch.state
    batch.episodes.action[:] = stored[f"{prefix}_action"]
    task.apply_actions(batch)
    assert stored[f"{prefix}_mirror_at_action"].any()
    target = batch.worlds.slot("target")[:, 6:]
    np.testing.assert_allclose(target, stored[f"{prefix}_pd_target"][1:, 6:], rtol=0, atol=1e-6)
    # The action speeds up the local clock, which is then kept in the cycle of the global one.
    for clock in ("global_time", "local_time"):
        np.testing.assert_allclose(getattr(state, clock), stored[f"{prefix}_{clock}"][1:], rtol=0, atol=1e-12)
    assert (state.local_time != state.global_time).any()


@pytest.mark.parametrize("prefix", EPISODES)
def test_gait_by_phase_changes_feet_and_targets_where_the_original_s_does(prefix: str):
    stored, task = oracle(), real_task()
    end = stored[f"{prefix}_local_time"][1:]
    substep = np.arange(1, SUBSTEPS + 1) / SUBSTEPS
    begin = stored[f"{prefix}_local_time"][:-1, None]
    local_time = begin + (end[:, None] - begin) * substep
    body_com = centres(prefix)
    feet = np.stack([body_com[:, task.body.skeleton.index(name)] for name in ("TalusL", "TalusR")], axis=1)
    left, foot, current, following = (
        stored[f"{prefix}_{name}"].astype(kind).copy()
        for name, kind in (
            ("left_stance", bool),
            ("current_foot", float),
            ("current_target_foot", float),
            ("next_target_foot", float),
        )
    )
    # Feet are stored between steps only; on the way they moved about evenly.
    logs = feet[:-1, None] + (feet[1:] - feet[:-1])[:, None] * substep[:, None, None]
    state = [array[:-1].copy() for array in (left, foot, current, following)]
    clocks = np.full((STEPS, 2), np.nan), np.full((STEPS, 2), np.nan)
    cycle = np.full(STEPS, task.motion.period)
    way = np.full(STEPS, STRIDE_LENGTH)
    gait.follow_phase(local_time, logs, cycle, way, 1 / HZ, *state, *clocks)
    np.testing.assert_array_equal(state[0], left[1:])
    np.testing.assert_allclose(state[1], foot[1:], atol=1e-9)
    np.testing.assert_allclose(state[2], current[1:], atol=1e-9)
    switched = left[1:] != left[:-1]
    assert switched.sum() >= 3
    np.testing.assert_allclose(state[3][~switched], following[1:][~switched], atol=1e-9)
    np.testing.assert_allclose(state[3][switched], following[1:][switched], atol=0.02)


def centres(prefix: str) -> np.ndarray:
    """Centres of mass of the bodies before each step (41, 23, 3)."""
    task, batch = real_worlds(STEPS + 1)
    put(task, batch, prefix)
    return batch.worlds.bind("xipos")[:, task.body.body_id].copy()


def test_starts_are_the_original_s_but_for_how_far_feet_are_lifted():
    stored = oracle()
    n = len(stored["r_phase_arg"])
    task, batch = real_worlds(n)
    worlds, state = batch.worlds, batch.state
    stride, cadence = stored["r_param_state"].T
    task.begin_at(worlds, state, np.arange(n), stored["r_phase_arg"], {"stride": stride, "cadence": cadence})
    q = task.body.from_qpos(worlds.qpos)
    height = q[:, 4].copy()
    q[:, 4] = stored["r_q"][:, 4]
    np.testing.assert_allclose(q, stored["r_q"], atol=1e-9)
    # The original lifts a millimetre at a time until nothing touches.
    np.testing.assert_allclose(height, stored["r_q"][:, 4], atol=1.1e-3)
    np.testing.assert_allclose(task.body.from_qvel(worlds.qpos, worlds.qvel), stored["r_dq"], atol=1e-6)
    for clock in ("global_time", "local_time"):
        np.testing.assert_allclose(getattr(state, clock), stored[f"r_{clock}"], atol=1e-9)
    ahead = state.next_target[:, 2] - state.current_foot[:, 2]
    np.testing.assert_allclose(ahead, 0.5 * STRIDE_LENGTH * stride)


def test_first_stance_is_the_original_s_on_the_corners_of_its_feet():
    # Its feet have the corners of their pictures, too, which worlds have not.
    stored = oracle()
    corners = stored["r_feet_world_bbmin"][:, :, None]
    is_left = np.array([name.endswith("L") for name in stored["s_footshape_body"].astype(str)])
    left, _, foot = starts.lowest_foot(corners, is_left, stored["r_local_phase"] < starts.RIGHT_UNTIL)
    np.testing.assert_array_equal(left, stored["r_left_stance"] > 0)
    np.testing.assert_allclose(foot, stored["r_current_foot"], atol=1e-12)
