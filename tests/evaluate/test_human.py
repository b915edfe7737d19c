import numpy as np
import pytest
from scipy.interpolate import PchipInterpolator

from batchenv.body.ground_reaction import (
    SCHWARTZ_BW,
    SCHWARTZ_PERCENT,
    pchip,
    vertical_ground_reaction,
)
from batchenv.evaluate.gait_cycles import PERCENT, find_cycles
from batchenv.evaluate.human import (
    Band,
    compare_to_band,
    human_angles,
    human_muscles,
    is_on,
    joint_angle_cycles,
    muscle_cycles,
    pearson,
    timing_overlap,
)
from tests.evaluate.synthetic_walk import human_walk


@pytest.mark.parametrize("joint", ["hip", "knee", "ankle"])
def test_human_mean_itself_is_human(joint: str):
    band = human_angles()[joint]
    found = compare_to_band(band.mean, band)
    assert found["rmse_deg"] == 0.0
    assert found["r"] == pytest.approx(1.0, abs=1e-12)
    assert found["within_1sd"] == found["within_2sd"] == 1.0


def test_measures_of_a_shifted_curve_by_hand():
    band = Band(mean=np.sin(2 * np.pi * PERCENT / 100), sd=np.where(PERCENT < 50, 2.0, 4.0))
    found = compare_to_band(band.mean + 3.0, band)
    assert found["rmse_deg"] == pytest.approx(3.0)
    assert found["r"] == pytest.approx(1.0)
    assert found["within_1sd"] == pytest.approx(51 / 101)  # where the SD is 4
    assert found["within_2sd"] == 1.0


def test_inverted_curve_correlates_negatively_and_a_constant_not_at_all():
    curve = np.sin(PERCENT)
    assert pearson(curve, -curve) == pytest.approx(-1.0)
    assert np.isnan(pearson(curve, np.ones(101)))


def test_recorded_human_walk_is_human():
    walk = human_walk()
    angles = joint_angle_cycles(walk, find_cycles(walk))
    for joint, band in human_angles().items():
        found = compare_to_band(angles[joint].mean(axis=0), band)
        # Heel strike is found where the force exceeds 3 % of body weight, 0.25 % of the cycle late, and the
        # ankle turns by 4 degrees per percent at foot off.
        assert found["rmse_deg"] < 0.7
        assert found["r"] > 0.999


def test_left_cycles_take_the_left_leg():
    walk = human_walk()
    columns = [walk.joint_names.index(f"{name}_l") for name in ("hip_flexion", "knee_angle", "ankle_angle")]
    joint_pos = walk.joint_pos.copy()
    joint_pos[:, columns] = 0.1
    cycles = find_cycles(walk)
    angles = joint_angle_cycles(human_walk(joint_pos=joint_pos), cycles)
    assert np.rad2deg(0.1) == pytest.approx(angles["knee"][cycles.side == 1])
    assert angles["knee"][cycles.side == 0].max() > 60


def test_schwartz_curve_goes_through_the_published_knots():
    curve = vertical_ground_reaction(PERCENT / 100)
    assert curve[SCHWARTZ_PERCENT.astype(int)] == pytest.approx(SCHWARTZ_BW, abs=1e-12)
    assert np.argmax(curve) == 14
    assert curve.min() == 0.0
    assert np.all(curve[59:] == 0.0)


@pytest.mark.parametrize(
    ("x", "y"),
    [
        (SCHWARTZ_PERCENT, SCHWARTZ_BW),
        (np.array([0.0, 1, 3, 4, 7]), np.array([0.0, 5, 5.1, 9, 9])),
        (np.array([0.0, 1, 2]), np.array([1.0, -2, 4])),
        (np.array([0.0, 0.1, 2, 5]), np.array([3.0, 2, 1.9, -7])),
    ],
)
def test_pchip_equals_scipy(x: np.ndarray, y: np.ndarray):
    at = np.linspace(x[0], x[-1], 237)
    assert pchip(x, y, at) == pytest.approx(PchipInterpolator(x, y)(at), abs=1e-12)


def test_muscle_timing_reads_all_groups_and_spans():
    timings = {timing.title: timing for timing in human_muscles()}
    assert len(timings) == 28
    assert timings["soleus"].spans == ((7.0, 51.0),)
    assert timings["adductor magnus"].muscles == ("addmagDist", "addmagIsch", "addmagMid", "addmagProx")
    assert np.array_equal(np.flatnonzero(timings["soleus"].on), np.arange(7, 52))


def test_muscle_is_on_above_a_share_of_its_peak():
    activation = np.concatenate([np.full(51, 0.5), np.full(50, 0.09)])
    assert is_on(activation).sum() == 51
    assert not is_on(np.zeros(101)).any()


def test_overlap_counts_agreement_in_on_and_off():
    human_on = PERCENT < 50  # 50 of 101 points
    assert timing_overlap(np.where(human_on, 0.4, 0.01), human_on) == 100.0
    assert timing_overlap(np.where(human_on, 0.01, 0.4), human_on) == 0.0
    assert timing_overlap(np.full(101, 0.3), human_on) == pytest.approx(100 * 50 / 101)  # always on


def test_muscle_groups_average_their_muscles_and_skip_what_is_not_there():
    walk = human_walk()
    keep = [i for i, name in enumerate(walk.muscle_names) if name.startswith(("gas", "soleus"))]
    names = [walk.muscle_names[i] for i in keep]
    activation = np.zeros((len(walk.time), len(keep)))
    for index, name in enumerate(names):
        activation[:, index] = {"gasmed": 0.2, "gaslat": 0.4, "soleus": 0.6}[name[:-2]]
    few = human_walk(
        muscle_names=names,
        activation=activation,
        muscle_force=None,
        fiber_length=None,
        fiber_velocity=None,
        muscle_peak_force=None,
        optimal_fiber_length=None,
    )
    groups = muscle_cycles(few, find_cycles(few))
    assert set(groups) == {"gastrocnemius", "soleus"}
    assert groups["gastrocnemius"] == pytest.approx(np.full_like(groups["soleus"], 0.3))
