"""Factors of GaitNet's reward against arithmetic by hand."""

import numpy as np
import pytest

from batchenv.body.gaitnet import matrix_from_vector
from batchenv.tasks.gaitnet import rewards


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
