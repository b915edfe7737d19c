import numpy as np
import pytest

from batchenv.evaluate.gait_cycles import RIGHT, find_cycles
from batchenv.evaluate.spatiotemporal import STRIDES_OF_A_SPREAD, spatiotemporal, symmetry, symmetry_index
from tests.evaluate.synthetic_walk import HALF_WIDTH, PERIOD, SPEED, STANCE, human_walk


def test_measures_are_those_the_walk_was_made_with():
    walk = human_walk(seconds=12.0)
    found = spatiotemporal(walk, find_cycles(walk))
    assert found["speed_m_s"] == pytest.approx(SPEED, rel=1e-9)
    assert found["cadence_steps_min"] == pytest.approx(120 / PERIOD, rel=1e-3)
    assert found["stride_length_m"] == pytest.approx(SPEED * PERIOD, rel=1e-9)
    assert found["stride_length_cv_percent"] == pytest.approx(0.0, abs=1e-9)
    # The thresholds of contact lie within 1 % of the cycle of heel strike and foot off.
    assert found["stance_percent"] == pytest.approx(100 * STANCE, abs=1.0)
    assert found["double_support_percent"] == pytest.approx(2 * (100 * STANCE - 50), abs=2.0)
    assert found["step_width_m"] == pytest.approx(2 * HALF_WIDTH, rel=1e-9)


def test_a_few_strides_have_no_variation():
    walk = human_walk(seconds=5.0)
    cycles = find_cycles(walk)
    assert 0 < len(cycles) < STRIDES_OF_A_SPREAD
    assert np.isnan(spatiotemporal(walk, cycles)["stride_length_cv_percent"])


def test_stride_length_varies_as_the_feet_do():
    walk = human_walk(seconds=20.0)
    foot_pos = walk.foot_pos.copy()
    foot_pos[:, :, 0] *= 1 + 0.01 * walk.time[:, None]  # strides grow with the square of time
    longer = human_walk(seconds=20.0, foot_pos=foot_pos)
    assert spatiotemporal(longer, find_cycles(longer))["stride_length_cv_percent"] > 5.0


def test_even_walk_is_symmetric():
    walk = human_walk()
    assert symmetry(walk, find_cycles(walk))["symmetry_percent"] == pytest.approx(0.0, abs=0.1)


def test_limp_shows_in_step_length():
    walk = human_walk()
    foot_pos = walk.foot_pos.copy()
    foot_pos[:, RIGHT, 0] += 0.05  # right steps 5 cm longer, left ones 5 cm shorter
    step = SPEED * PERIOD / 2
    found = symmetry(human_walk(foot_pos=foot_pos), find_cycles(walk))
    assert found["step_length_percent"] == pytest.approx(100 * 0.10 / step, rel=1e-6)
    assert found["step_time_percent"] == pytest.approx(0.0, abs=0.1)
    assert found["symmetry_percent"] == pytest.approx(found["step_length_percent"] / 3, rel=0.01)


def test_one_legged_walk_has_no_symmetry():
    walk = human_walk()
    grf = walk.grf.copy()
    grf[:, 1] = 0.0
    found = symmetry(walk, find_cycles(human_walk(grf=grf)))
    assert np.isnan(found["symmetry_percent"])


@pytest.mark.parametrize(("right", "left", "expected"), [(1.0, 1.0, 0.0), (1.1, 0.9, 20.0), (0.9, 1.1, 20.0)])
def test_symmetry_index_by_hand(right: float, left: float, expected: float):
    assert symmetry_index(right, left) == pytest.approx(expected)
