from dataclasses import replace

import numpy as np
import pytest

from batchenv.evaluate.by_speed import cheapest_speed, compare_at_speed, compare_curve, human_cost
from batchenv.evaluate.clinical_curves import MUSCLES, clinical_curves
from batchenv.evaluate.gait_cycles import find_cycles
from batchenv.evaluate.human import Band
from batchenv.evaluate.joint_loads import joint_load_peaks
from batchenv.evaluate.judge import judge
from batchenv.evaluate.norms import Norms, curve_units, free_vertical_force, norms_at
from batchenv.evaluate.page import render_page
from batchenv.evaluate.plots import figures
from batchenv.evaluate.targets import Target, verdicts
from tests.evaluate.norm_walk import LEG, MASS, norm_walk
from tests.evaluate.synthetic_walk import human_walk

POWERS = {"hip_power", "knee_power", "ankle_power"}  # follow from the others
FREE_SPEED = 0.4294 * np.sqrt(9.81 * LEG)


@pytest.fixture(scope="module")
def norms() -> Norms:
    return norms_at(FREE_SPEED, LEG)


def test_norms_at_a_measured_speed_are_the_published_numbers(norms):
    assert norms.speed == pytest.approx(0.4294) and norms.measured
    assert norms.curves["knee_angle"].mean[0] == pytest.approx(5.5537)
    assert norms.curves["vertical_force"].mean[14] == pytest.approx(1.097)
    assert norms.curves["vertical_force"].sd[14] == pytest.approx(0.1246)
    assert np.array_equal(norms.curves["vertical_force"].mean, free_vertical_force().mean)
    assert norms.measures["stance_percent"] == (59.0, 2.0)
    assert norms.measures["step_length_m"].mean == pytest.approx(0.7596 * LEG)
    assert norms.measures["cadence_steps_min"].mean == pytest.approx(60 * 0.5648 * np.sqrt(9.81 / LEG))
    assert set(curve_units()) == set(norms.curves) and min(b.sd.min() for b in norms.curves.values()) >= 0.0


def test_norms_between_two_speeds_are_between_their_numbers():
    slow, free = 0.2902, 0.4294
    found = norms_at((0.25 * slow + 0.75 * free) * np.sqrt(9.81 * LEG), LEG)
    assert found.measures["stance_percent"].mean == pytest.approx(0.25 * 62 + 0.75 * 59)
    low, high = (norms_at(v * np.sqrt(9.81 * LEG), LEG).curves["hip_moment"] for v in (slow, free))
    assert found.curves["hip_moment"].sd == pytest.approx(0.25 * low.sd + 0.75 * high.sd)


def test_norms_beyond_the_measured_speeds_are_the_nearest():
    slowest, crawl = norms_at(0.1721 * np.sqrt(9.81 * LEG), LEG), norms_at(0.1, LEG)
    assert not crawl.measured and slowest.measures.keys() == crawl.measures.keys()
    assert [*crawl.measures.values()] == [pytest.approx(spread) for spread in slowest.measures.values()]


@pytest.mark.parametrize(("speed", "heading"), [(FREE_SPEED, 0.0), (0.9, 0.4)])
def test_a_walk_made_of_the_norms_equals_them(speed, heading):
    """Nearly: strikes are where the force exceeds 3 % of the weight, and both legs share one pelvis."""
    found = compare_at_speed(norm_walk(speed, heading=heading), speed)
    assert found.numbers["strides"] > 10
    assert found.numbers["speed_m_s"] == pytest.approx(speed)
    for name, compared in found.numbers["curves"].items():
        if name not in POWERS:
            assert compared["r"] > (0.98 if name == "pelvis_tilt" else 0.998), name
            assert compared["rmse_sd"] < 0.25 and compared["within_1_5sd"] > 0.98, name


def test_the_norms_equal_themselves(norms):
    for band in norms.curves.values():
        found = compare_curve(band.mean, band)
        assert found["r"] == pytest.approx(1.0, abs=1e-12)
        assert found["rmse"] == found["rmse_sd"] == found["offset"] == 0.0
        assert found["within_1_5sd"] == found["within_2sd"] == 1.0


def test_measures_of_a_walk_made_of_the_norms(norms):
    numbers = compare_at_speed(norm_walk(FREE_SPEED)).numbers
    for name in ("cadence_steps_min", "step_length_m", "opposite_foot_contact_percent", "valley_bw"):
        assert abs(numbers["measures"][name]["deviation_sd"]) < 0.6, name
    # The mean force of many people ends later than the mean of their feet does.
    assert numbers["measures"]["stance_percent"]["walker"] == pytest.approx(61.5, abs=1.0)
    for name in ("dip_bw", "valley_percent", "peak2_percent"):
        shape = numbers["force_shape"][name]
        assert shape["walker"] == pytest.approx(shape["human"], abs=0.02 if name == "dip_bw" else 1.0)
    assert numbers["angular_momentum"]["sagittal"] == pytest.approx(0.2, rel=0.01)
    assert numbers["angular_momentum"]["frontal"] == pytest.approx(0.1, rel=0.01)
    assert numbers["cost"] is None


def test_a_walk_whose_curves_come_late_does_not_equal_them():
    found = compare_at_speed(norm_walk(FREE_SPEED, shift=0.15))
    for name in ("hip_flexion", "knee_angle", "ankle_moment", "fore_aft_force", "pelvis_rotation"):
        assert found.numbers["curves"][name]["r"] < 0.85, name
        assert found.numbers["curves"][name]["rmse_sd"] > 0.7, name
    failed = {verdict.target.label for verdict in found.verdicts if verdict.passed is False}
    assert {"knee angle within 1.5 SD", "fore-aft force, correlation", "hip moment, correlation"} <= failed


def test_a_pelvis_turns_with_its_own_leg():
    """Right side up and forward in the right leg's cycles is left side down and back in the left leg's."""
    quat = np.zeros((len(norm_walk(1.0).time), 4))
    quat[:] = [np.cos(0.05), -np.sin(0.05), 0.0, 0.0]  # 0.1 rad about forward: the right side is up
    walk = norm_walk(1.0, root_quat=quat)
    found = compare_at_speed(walk)
    assert found.curves["pelvis_obliquity"].mean == pytest.approx(0.0, abs=1.0)
    assert found.curves["pelvis_obliquity"].sd.max() == pytest.approx(np.rad2deg(0.1), rel=0.01)
    assert found.curves["pelvis_tilt"].mean == pytest.approx(0.0, abs=1e-6)


def test_tilt_and_hips_are_measured_along_the_iliac_spines():
    curves = {}
    for tilt in (0.0, np.deg2rad(7.0)):
        walk = norm_walk(1.0, pelvis_tilt=tilt)
        curves[tilt] = clinical_curves(walk, find_cycles(walk))
    plain, tilted = curves.values()
    for name, curve in plain.items():
        assert tilted[name] == pytest.approx(curve + (7.0 if name in ("pelvis_tilt", "hip_flexion") else 0.0))


def test_a_spike_of_the_heel_is_seen():
    walk = norm_walk(FREE_SPEED)
    grf = walk.grf.copy()
    period = 120.0 / norms_at(FREE_SPEED, LEG).measures["cadence_steps_min"].mean
    phase = (walk.time[:, None] / period + np.array([0.0, 0.5])) % 1.0
    grf[:, :, 2] += MASS * 9.81 * 1.2 * np.exp(-(((phase - 0.02) / 0.004) ** 2))
    shape = compare_at_speed(norm_walk(FREE_SPEED, grf=grf)).numbers["force_shape"]
    assert shape["spike_bw"]["walker"] == pytest.approx(0.47 + 1.2, abs=0.15)
    assert shape["dip_bw"]["walker"] > 0.9 > 0.1 > shape["dip_bw"]["human"]


def test_a_curve_is_compared_by_hand():
    human = Band(np.zeros(101), np.full(101, 2.0))
    curve = np.where(np.arange(101) < 50, 1.0, 3.5)
    found = compare_curve(curve, human)
    assert found["within_1_5sd"] == pytest.approx(50 / 101) and found["within_2sd"] == 1.0
    assert found["rmse"] == pytest.approx(np.sqrt((50 * 1.0 + 51 * 3.5**2) / 101))
    assert found["rmse_sd"] == pytest.approx(0.5 * found["rmse"])
    assert found["offset"] == pytest.approx((50 * 1.0 + 51 * 3.5) / 101)
    assert np.isnan(found["r"])


def test_muscles_are_compared_as_shares_of_their_own_maxima():
    walk = norm_walk(FREE_SPEED)
    whole, half = (
        compare_at_speed(replace(walk, activation=share * walk.activation)).numbers["curves"]
        for share in (1.0, 0.5)
    )
    for name in MUSCLES:
        assert half[name]["high"] == half[name]["human_high"] == 1.0
        assert half[name]["rmse"] == pytest.approx(whole[name]["rmse"])


def test_a_number_that_falls_short_is_not_shown_as_its_mark():
    target = Target("force", ("force",), 0.9)
    values = (0.904, 0.9, 0.8976, 0.899996)
    shown = {value: verdicts({"force": value}, (target,))[0].shown for value in values}
    assert shown == {0.904: "0.90", 0.9: "0.90", 0.8976: "0.898", 0.899996: "0.899996"}


def test_the_cost_of_humans_is_least_where_ralston_found_it():
    speeds = np.linspace(0.4, 2.2, 181)
    costs = [human_cost(speed) for speed in speeds]
    assert speeds[np.argmin(costs)] == pytest.approx(np.sqrt(29 / 0.0053) / 60, abs=0.01)
    assert cheapest_speed([0.5, 2.0, 0.9, 1.3, 1.7], [human_cost(v) for v in (0.5, 2.0, 0.9, 1.3, 1.7)]) == (
        pytest.approx(1.23, abs=0.1)
    )
    assert cheapest_speed([0.5, 0.9, 1.3], [5.0, 4.0, 3.0]) == 1.3
    assert cheapest_speed([0.5, 0.9], [5.0, 4.0]) is None
    assert human_cost(0.0) is None


def test_what_was_rewarded_is_no_pass():
    asked = {"hip_flexion": "pose", "vertical_force": "ground_reaction"}
    found = compare_at_speed(norm_walk(FREE_SPEED), followed=asked)
    hip, knee = (
        next(v for v in found.verdicts if v.target.label == f"{joint} angle within 1.5 SD")
        for joint in ("hip", "knee")
    )
    assert hip.passed and not hip.met and hip.word == "as rewarded"
    assert knee.met and knee.word == "pass"


def test_without_the_length_of_a_leg_there_are_no_norms():
    assert compare_at_speed(norm_walk(1.0, leg_length=None)) is None
    assert judge(human_walk()).by_speed == ()


def test_a_page_shows_humans_beside_each_speed():
    speeds = [0.9, 1.3]
    walks = [compare_at_speed(norm_walk(speed), speed, {"knee_angle": "pose"}) for speed in speeds]
    report = judge(norm_walk(1.3), "<it>", followed={"knee_angle": "pose"}, by_speed=walks)
    assert [each["asked_speed_m_s"] for each in report.numbers["by_speed"]] == speeds
    made = figures(report)
    assert {"speed_angles", "speed_forces", "speed_moments", "speed_muscles"} <= set(made)
    page = render_page(report, {name: b"" for name in made})
    assert "<summary>0.9 m/s: " in page and "<th class=n>1.3 m/s</th>" in page
    assert "&#9670;" in page and "<td>pose</td>" in page and 'td class="n bad"' in page


def test_loads_on_joints_are_those_of_the_own_leg():
    walk = norm_walk(FREE_SPEED)
    load = np.zeros((len(walk.time), 2, 3))
    period = 120.0 / norms_at(FREE_SPEED, LEG).measures["cadence_steps_min"].mean
    for leg, late in enumerate((0.0, 0.5)):
        phase = (walk.time / period + late) % 1.0
        load[:, leg, 1] = -2.0 * walk.weight * np.exp(-(((phase - 0.4) / 0.1) ** 2))
    names = ("knee_r", "knee_l")
    loaded = norm_walk(FREE_SPEED, joint_center_names=names, joint_center=0 * load, joint_load=load)
    assert joint_load_peaks(loaded, find_cycles(loaded)) == pytest.approx({"knee": 2.0}, rel=1e-3)
    loads = {"knee": {"walker": 2.0, "human": 2.6}, "hip": {"walker": 4.1, "human": 2.5}}
    found = {v.target.label: v.passed for v in judge(walk, joint_loads=loads).verdicts}
    assert found["knee contact force, peak"] and not found["hip contact force, peak"]


def test_a_walker_that_falls_at_once_is_beside_humans_at_the_speed_asked():
    faller = human_walk(episodes=2, seconds=0.8, ended=("fell", "fell"), leg_length=LEG)
    found = compare_at_speed(faller, 1.3)
    assert found.numbers["completed"] == 0.0 and found.numbers["speed_m_s"] is None
    assert found.human.speed == pytest.approx(1.3 / np.sqrt(9.81 * LEG))
    assert {verdict.passed for verdict in found.verdicts} == {None}
    report = judge(faller, by_speed=[found])
    assert "speed_angles" not in figures(report)
    assert "<summary>1.3 m/s: 0 strides of 2 walks" in render_page(report, {})
    assert compare_at_speed(faller) is None
