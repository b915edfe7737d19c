"""Factors of GaitNet's reward against arithmetic by hand."""

from pathlib import Path

import numpy as np
import pytest

from batchenv.body.gaitnet import Motion, frames, matrix_from_vector
from batchenv.config.gaitnet import GaitNetReward
from batchenv.tasks.gaitnet import imitation, rewards
from batchenv.tasks.gaitnet.kinematics import Bodies
from tests.engine.small_worlds import body_with_head


def test_head_that_changes_its_velocity_costs_the_mean_square():
    value = rewards.steady_head(
        np.array([[1.0, 2.0, 3.0]]), np.array([[1.0, 1.0, 1.0]]), np.array([True]), weight=4.0
    )
    assert value[0] == pytest.approx(np.exp(-4.0 * 5.0 / 3.0))


@pytest.mark.parametrize("angle", [0.0, 1e-9, 0.3, 3.0])
def test_head_that_leans_costs_the_squared_angle(angle: float):
    rotation = matrix_from_vector(np.array([[0.0, 0.6 * angle, 0.8 * angle]]))
    assert rewards.upright_head(rotation, weight=4.0)[0] == pytest.approx(np.exp(-4.0 * angle**2), rel=1e-9)


def test_speed_within_the_clip_costs_nothing_and_beside_it_all():
    velocity = np.array([[0.3, 0.0, 1.0], [0.3, 0.0, 0.0]])
    found = rewards.mean_speed(velocity, np.array([1.0, 1.0]), weight=6.0, clip=0.5, consider_x=True)
    np.testing.assert_allclose(found, [1.0, np.exp(-6.0 * np.hypot(0.3, 1.0))])
    found = rewards.mean_speed(velocity, np.array([1.0, 1.0]), weight=6.0, clip=-1.0, consider_x=False)
    np.testing.assert_allclose(found, [1.0, np.exp(-6.0)])


def test_foot_beside_its_target_costs_its_distance_along_the_way():
    found = rewards.foothold(np.array([1.0, 1.0]), np.array([1.05, 1.5]), weight=2.0, clip=0.075)
    np.testing.assert_allclose(found, [1.0, np.exp(-1.0)])


def test_leaving_the_line_costs_what_is_beyond_the_threshold():
    com = np.array([[0.1, 1.0, 0.0], [-0.5, 1.0, 0.0]])
    found = rewards.straight_way(com, np.zeros(2), weight=3.0, threshold=0.2)
    np.testing.assert_allclose(found, [1.0, np.exp(-0.9)])


def test_rhythm_counts_once_both_feet_have_made_a_stride():
    times = np.array([[np.nan, 1.0], [1.2, 0.9]])
    found = rewards.stride_times(times, np.ones(2), weight=2.0)
    np.testing.assert_allclose(found, [1.0, np.exp(-0.6)])


def test_velocity_is_the_target_s_until_its_window_is_full():
    now, earlier = np.array([[0.0, 1.0, 5.0]] * 2), np.array([[0.0, 1.0, 3.0]] * 2)
    found = rewards.window_velocity(
        now, earlier, np.array([True, False]), np.array([1.3, 1.3]), np.array([2.0, 2.0])
    )
    np.testing.assert_allclose(found, [[0.0, 0.0, 1.0], [0.0, 0.0, 1.3]])


def test_line_counts_late_and_beyond_twice_the_threshold_as_in_the_original():
    com = np.array([[0.9, 1.0, 0.0], [0.9, 1.0, 0.0], [0.3, 1.0, 0.0]])
    found = rewards.late_straight_way(
        com, np.zeros(3), np.array([523, 524, 524]), np.full(3, 524), weight=3.0, threshold=0.2
    )
    # Of 0.3 m only 0.1 is left, less than the threshold.
    np.testing.assert_allclose(found, [1.0, np.exp(-3.0 * 0.7), 1.0])


def test_rhythm_of_the_original_counts_unknown_times_as_none():
    times = np.array([[np.nan, 1.0], [1.2, 0.9]])
    found = rewards.original_stride_times(times, weight=2.0, period=1.1, by_clock=False)
    np.testing.assert_allclose(found, [np.exp(-2.0 * (1.1 + 0.1)), np.exp(-2.0 * (0.1 + 0.2))])
    found = rewards.original_stride_times(times, weight=2.0, period=1.1, by_clock=True)
    np.testing.assert_allclose(found, np.exp(-4.4))


def test_costs_multiply_or_are_added_one_by_one_and_loads_always_multiply():
    values = {name: np.array([0.9]) for name in rewards.LOCOMOTION}
    values |= {"metabolic": np.array([0.8]), "torque": np.array([0.7]), "knee_load": np.array([0.5])}
    walk = 0.9**6

    def combined(**metabolic: object) -> float:
        return float(rewards.combined(GaitNetReward.model_validate({"metabolic": metabolic}), values)[0])

    separate = {"separate": True}
    assert combined(multiplicative=True) == pytest.approx(walk * 0.8 * 0.7 * 0.5)
    assert combined(scale=0.5, torque=separate) == pytest.approx(walk * 0.5 + 0.5 * (0.8 + 0.7))
    assert combined(scale=0.5) == pytest.approx(walk * 0.5 + 0.5 * 0.8)
    # A scale of nothing makes even a cost that multiplies a summand.
    assert combined(multiplicative=True, scale=0.0, torque=separate) == pytest.approx(walk * 0.5)


def test_reward_is_bounded_before_a_step():
    section = GaitNetReward.model_validate({"clip": {"step": 40, "value": 0.2}})
    found = rewards.clipped(section, np.array([0.5, 0.1, 0.5]), np.array([39, 39, 40]))
    np.testing.assert_array_equal(found, [0.2, 0.1, 0.5])


def test_imitation_combines_its_kernels_as_the_original_does():
    names = ("pose", "velocity", "com", "end_effector", "energy")
    values = {name: np.array([k]) for name, k in zip(names, (0.5, 0.4, 0.3, 0.2, 0.1), strict=True)}
    expected = 0.65 * 0.5 + 0.1 * 0.4 + 0.1 * 0.3 + 0.45 * 0.2 + 0.2 * 0.1
    np.testing.assert_allclose(imitation.deepmimic(values), [expected])
    expected = np.prod([0.1 + 0.9 * k for k in (0.5, 0.4, 0.3, 0.2, 0.1)])
    np.testing.assert_allclose(imitation.scadiver(values), [expected])


def test_errors_of_imitation_are_means_over_coordinates_and_places(tmp_path: Path):
    """Against sums by hand, of a pose that is turned and shifted from the motion's."""
    body = body_with_head(tmp_path)
    skeleton = body.skeleton
    poses = np.zeros((2, skeleton.num_dof))
    poses[:, 5] = 0.0, 1.0
    motion = Motion(skeleton, poses, 1.0, np.zeros((2, len(skeleton.names))))
    knee = int(skeleton.dof_start[skeleton.index("TibiaL")])
    q, dq = np.zeros((1, skeleton.num_dof)), np.zeros((1, skeleton.num_dof))
    q[0, knee], q[0, 3], dq[0, knee], dq[0, 5] = 0.3, 0.1, 2.0, 1.0
    at, rest = frames(skeleton, q), frames(skeleton, np.zeros((1, skeleton.num_dof)))
    share = skeleton.mass / skeleton.mass.sum()
    zero = np.zeros_like(at.body_p)
    seen = Bodies(at.body_p, at.body_R, zero, zero, share @ at.body_p, np.zeros((1, 3)), skeleton.mass)
    qpos = body.to_qpos(q)
    found = imitation.Imitation(body, motion).errors(
        seen, qpos, body.to_qvel(qpos, dq), np.zeros(1), np.full(1, 0.1), 0.1
    )
    count = skeleton.num_dof
    assert found.pose[0] == pytest.approx((0.3**2 + 0.1**2) / count)
    assert found.velocity[0] == pytest.approx(2.0**2 / count)  # the root moves as the motion does
    moved = share @ (at.body_p - rest.body_p)[0]
    assert found.com[0] == pytest.approx((moved**2).sum() / 3)
    foot = skeleton.index("TalusL")
    apart = (at.body_p - at.body_p[:, :1] - rest.body_p + rest.body_p[:, :1])[0, foot]
    assert found.end_effector[0] == pytest.approx((apart**2).sum() / 9)  # of two feet and a head
