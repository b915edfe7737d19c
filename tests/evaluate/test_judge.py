import json

import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.evaluate.judge import judge, to_plain
from batchenv.evaluate.recording import Recording
from tests.evaluate.synthetic_walk import falling_walk, human_walk


@pytest.fixture(scope="module")
def walk() -> Recording:
    return human_walk(episodes=10, seconds=8.0, noise=1.5)


def test_human_walk_meets_every_target_but_those_it_was_not_made_for(walk: Recording):
    report = judge(walk)
    assert report.numbers["strides"] >= 50
    assert {v.target.label for v in report.verdicts if v.passed is not True} == set()
    assert report.passed
    assert report.numbers["notes"] == []


def test_summary_has_the_promised_keys_and_is_json(walk: Recording):
    numbers = judge(walk).numbers
    again = json.loads(json.dumps(numbers, allow_nan=False))
    for key in ("completed", "speed_m_s", "cadence_steps_min", "stance_percent", "symmetry_percent"):
        assert isinstance(again[key], float), key
    for joint in ("hip", "knee", "ankle"):
        assert set(again["joints"][joint]) == {"rmse_deg", "r", "within_1sd", "within_2sd"}
    assert {"peak1_bw", "valley_bw", "peak2_bw", "r"} <= set(again["grf"])
    assert again["emg"]["overlap_percent"] > 95
    assert again["metabolic_j_kg_m"] > 0
    assert again["push_n"] is None
    assert len(again["cycles"]["angles"]["hip"]["mean"]) == 101


def test_mean_cycles_are_those_of_the_curves(walk: Recording):
    report = judge(walk)
    mean = report.curves["grf"]["vertical"].mean(axis=0)
    assert report.numbers["cycles"]["grf"]["vertical"]["mean"] == pytest.approx(mean.tolist(), abs=1e-5)


def test_faller_is_judged_with_nulls_and_a_sentence():
    report = judge(falling_walk())
    numbers = report.numbers
    assert numbers["completed"] == 0.0
    assert numbers["speed_m_s"] is None
    assert numbers["joints"]["hip"]["rmse_deg"] is None
    assert numbers["grf"]["r"] is None
    assert numbers["cycles"] == {}
    assert numbers["notes"][0] == "The walker fell in 2 of 2 episodes, after 0.8 s on average."
    assert "No gait cycle could be cut" in numbers["notes"][1]
    assert not report.passed
    assert json.dumps(numbers, allow_nan=False)


def test_what_was_not_recorded_is_null_and_said():
    muscles = ("activation", "muscle_force", "fiber_length", "fiber_velocity", "joint_torque")
    parameters = ("muscle_peak_force", "optimal_fiber_length")
    numbers = judge(human_walk(muscle_names=(), **dict.fromkeys((*muscles, *parameters)))).numbers
    assert numbers["emg"]["overlap_percent"] is None
    assert numbers["mean_activation"] is None
    assert numbers["metabolic_j_kg_m"] is None
    assert numbers["kinetics"] is None
    assert numbers["speed_m_s"] == pytest.approx(1.24)
    said = " ".join(numbers["notes"])
    assert all(word in said for word in ("activations", "fibers", "torques"))


def test_numbers_that_few_strides_cannot_give_are_missing_and_said():
    numbers = judge(human_walk(episodes=1, seconds=5.0)).numbers
    said = " ".join(numbers["notes"])
    assert numbers["stride_length_cv_percent"] is None
    assert "The variation of stride length is missing: it takes 10 strides at least." in said
    assert "changes the share of completed episodes by 100 %: they are too few" in said


def test_interrupted_episodes_count_neither_way():
    numbers = judge(human_walk(episodes=4, ended=("completed", "fell", "completed", "interrupted"))).numbers
    assert numbers["completed"] == pytest.approx(2 / 3)


def test_one_legged_walk_says_so():
    grf = human_walk().grf.copy()
    grf[:, 1] = 0.0
    numbers = judge(human_walk(grf=grf)).numbers
    assert numbers["symmetry_percent"] is None
    assert "One leg made no whole cycle: symmetry is missing." in numbers["notes"]


def test_shortfall_is_a_verdict(walk: Recording):
    slow = human_walk(root_pos=human_walk().root_pos * 0.8)
    failed = {v.target.path: v for v in judge(slow).verdicts if v.passed is False}
    assert ("speed_m_s",) in failed
    assert failed[("speed_m_s",)].value == pytest.approx(0.8 * 1.24)


def test_a_walk_that_was_told_its_speed_is_to_keep_that():
    slow = human_walk(root_pos=human_walk().root_pos * 0.8)
    speeds = [
        next(v for v in judge(slow, asked_speed=asked).verdicts if v.target.path == ("speed_m_s",))
        for asked in (0.8 * 1.24 + 0.04, 0.8 * 1.24 - 0.04, 1.24)
    ]
    assert [speed.passed for speed in speeds] == [True, True, False]
    assert speeds[2].target.range == "1.19 to 1.29"


def test_walk_without_the_joints_of_a_leg_is_refused():
    walk = human_walk()
    names = tuple(name.replace("knee_angle", "knee") for name in walk.joint_names)
    with pytest.raises(InputError, match="'joint_names' lacks 'knee_angle_r'"):
        judge(human_walk(joint_names=names))


def test_plain_values_hold_no_nan_and_no_numpy():
    value = {
        "a": np.float32(1.5),
        "b": [np.nan, np.int64(2)],
        "c": np.array([np.inf, 1.0]),
        "d": (True, None, "x"),
    }
    assert to_plain(value) == {"a": 1.5, "b": [None, 2], "c": [None, 1.0], "d": [True, None, "x"]}
