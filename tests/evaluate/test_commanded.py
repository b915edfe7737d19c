from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from batchenv.config import load_config
from batchenv.env import BatchEnv
from batchenv.errors import InputError
from batchenv.evaluate.commanded import (
    Followed,
    Trial,
    _running_mean,
    _Walk,
    follow_commands,
    held_command,
    is_commanded,
    trials,
)
from batchenv.evaluate.evaluation import evaluate
from batchenv.evaluate.intervals import wilson
from batchenv.evaluate.judge import judge
from batchenv.evaluate.page import render_page
from batchenv.evaluate.told import command_ranges
from batchenv.evaluate.walker import Walker, load_walker
from batchenv.learn.policy import Policy
from tests.evaluate.synthetic_walk import human_walk

_UP_TO_1_M_S = {"environment.commands.walking_velocity.speed": [0.0, 1.0]}


@pytest.fixture(scope="module")
def still() -> Walker:
    """A walker that follows the reference and does nothing else, on tendons, which are built at once."""
    config = load_config("command").replace({"environment.muscle.paths": "mujoco"})
    with BatchEnv(config, 1, 1, seed=0) as env:
        observations = tuple(column.name for column in env.obs_layout)
        actions = tuple(column.name for column in env.action_layout)
    n, m = len(observations), len(actions)
    policy = Policy(
        np.zeros(n, np.float32),
        np.ones(n, np.float32),
        (np.zeros((m, n), np.float32),),
        (np.zeros(m, np.float32),),
        observations,
        actions,
        0,
    )
    return Walker("still", policy, config)


def test_intervals_of_wilson():
    # Of Newcombe, Stat. Med. 17:857 (1998), table I, method 3.
    assert wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=5e-5)
    assert wilson(0 / 20, 20) == pytest.approx((0.0, 0.1611), abs=5e-5)
    assert wilson(1 / 29, 29) == pytest.approx((0.0061, 0.1718), abs=5e-5)


def test_running_means():
    values = np.array([[0.0], [2.0], [4.0], [0.0]])
    assert _running_mean(values, 2).ravel().tolist() == [1.0, 3.0, 2.0]
    assert _running_mean(values, 9).ravel().tolist() == [1.5]


def test_what_is_seen_last_is_the_end_of_the_walk_and_no_new_start(still):
    seen = []
    for seconds in (0.2, 0.4):
        trial = Trial("slow", seconds, ((0.0, 0.5, 0.0),))
        with still.worlds(2, seconds, 1, still.config.lenient() | held_command(still, 0.5)) as env:
            seen.append(_Walk(env, still, trial, 0, lambda: None, 0).speed)
    assert len(seen[0]) == 6 and np.array_equal(seen[0], seen[1][:6])


def walked(commands, seconds, speed, turning):
    """Walks at speeds and rates of turning (T, 1), ten times a second."""
    walk = object.__new__(_Walk)
    walk._trial, walk._dt = Trial("own", seconds, commands), 0.1
    walk.speed, walk.turning, walk.up = speed, turning, np.array([True])
    walk.walking = np.ones(speed.shape, bool)
    walk.asked = np.zeros((len(speed), 2, 1)) + np.array(commands[0][1:])[:, None]
    return bool(walk.keeps()[0])


def test_each_of_several_commands_is_to_be_kept():
    told = ((0.0, 1.0, 0.0), (4.0, 0.0, 0.0), (9.0, 1.5, 30.0))
    still, speed = np.zeros((130, 1)), np.repeat([1.0, 0.0, 1.5], [50, 50, 30])[:, None]
    turning = np.repeat([0.0, 30.0], [100, 30])[:, None]
    assert walked(told, 13.0, speed, turning)
    assert not walked(told, 13.0, speed, still)
    assert not walked(told, 13.0, np.where(speed == 1.5, 1.3, speed), turning)
    assert not walked(told, 13.0, np.where(speed == 0.0, 0.11, speed), turning)
    assert not walked(told, 13.0, np.where(speed == 1.0, 0.89, speed), turning)


def test_who_turns_on_the_spot_may_move_a_little():
    told, speed, turning = ((0.0, 0.0, 45.0),), np.full((130, 1), 0.08), np.full((130, 1), 43.0)
    assert walked(told, 13.0, speed, turning) and not walked(told, 13.0, 2.0 * speed, turning)


@pytest.mark.parametrize(
    "commands",
    [(), ((1.0, 1.0, 0.0),), ((0.0, 1.0, 0.0), (1.5, 0.0, 0.0)), ((0.0, 1.0, 0.0), (19.0, 0.0, 0.0))],
)
def test_commands_of_a_trial_that_cannot_be_judged_are_refused(commands):
    with pytest.raises(InputError, match="trial 'own': its commands come at"):
        Trial("own", 20.0, commands)


def test_a_walker_that_was_not_trained_to_turn_is_told_to_all_the_same(still, caplog):
    straight = still.with_changes({"environment.commands.walking_velocity.yaw_rate": None})
    changes = held_command(straight, 1.2, 45.0)
    assert changes["environment.commands"]["walking_velocity"]["yaw_rate"] == [np.pi / 4.0] * 2
    assert command_ranges(straight.config)["walking_velocity"]["yaw_rate"] == (0.0, 0.0)
    with straight.worlds(2, 1.0, 1, changes) as env:
        env.reset(3)
        assert np.allclose(env.commands, [1.2, np.pi / 4.0])


def test_what_is_no_range_is_no_range():
    own = {"speed": [0.5, 1.0], "standing": 0.1, "places": ["left", "right"], "steps": [True, False]}
    config = SimpleNamespace(model_dump=lambda: {"environment": {"commands": {"my.py:go": own}}})
    assert command_ranges(config) == {"my.py:go": {"speed": (0.0, 1.0)}}


def test_walks_that_end_before_they_are_measured_are_refused(still):
    with pytest.raises(
        InputError, match="seconds is 1; expected more than 1: whether still does as it is told"
    ):
        evaluate(still, walks=1, seconds=1.0, strides=1, num_threads=1)


def test_a_walker_is_asked_what_the_trial_says(still):
    seen = []
    still = replace(still, config=still.config.replace(_UP_TO_1_M_S))
    chosen = [
        Trial("slow", 1.2, ((0.0, 0.5, 0.0),)),
        Trial("turn", 4.2, ((0.0, 1.2, 45.0), (2.1, 0.0, 0.0))),
        Trial("course", 0.2, None),
    ]
    slow, turn, course = found = follow_commands(still, 3, 0, 1, chosen, seen.append, recorded=5)
    assert seen == found and [each.walks for each in found] == [3, 3, 3]
    # What only follows the reference falls within a second or two.
    assert slow.kept == 0.0 and course.completed == 1.0
    assert slow.numbers["asked_speed_m_s"] == 0.5 and course.numbers["asked_speed_m_s"] is None
    assert turn.speed is None and turn.kept == 0.0
    assert turn.recording is course.recording is None
    assert slow.untrained == course.untrained == ""
    assert turn.untrained == "was trained for speed 0 m/s to 1 m/s, and is told 1.2 m/s"
    assert turn.line.endswith(f"({turn.untrained})")
    walks = slow.recording
    assert len(walks.ended) == 3 and set(walks.ended) <= {"fell", "completed"}
    assert slow.completed == walks.ended.count("completed") / 3
    assert walks.time[walks.episode == 0][:2] == pytest.approx([1 / 150, 2 / 150])
    assert walks.leg_length == pytest.approx(0.868, abs=0.01)
    assert walks.pelvis_tilt == pytest.approx(np.deg2rad(6.9), abs=1e-3)
    assert walks.measured("toe_pos") and walks.measured("angular_momentum")
    report = judge(human_walk(episodes=1, seconds=4.0), "still", commands=[each.numbers for each in found])
    page = render_page(report, {})
    assert "<td>turn *</td>" in page and "* The walker was not trained for this." in page
    assert "<h2>Commands</h2>" in page and '<td>slow</td><td class="n v">3</td>' in page


@pytest.mark.slow
def test_a_walker_that_takes_commands_is_judged_at_each_speed(still, tmp_path):
    report = evaluate(still, tmp_path, walks=2, seconds=0.4, strides=1, num_threads=1, quick=True)
    assert [each["asked_speed_m_s"] for each in report.numbers["by_speed"]] == [0.5, 0.9, 1.3, 1.7, 2.0]
    assert len(report.numbers["commands"]) == 13 and report.numbers["episodes"] == 3
    assert report.numbers["followed"]["pelvis_tilt"] == "pelvis"
    assert not any(each["passed"] for each in report.numbers["commands"][-2:])
    assert (tmp_path / "report.html").is_file()


def test_marks_of_a_trial():
    straight, turn = Trial("1", 20.0, ((0.0, 1.0, 0.0),)), Trial("2", 20.0, ((0.0, 1.2, 30.0),))
    course = Trial("3", 60.0, None)

    def passed(trial, completed, speed, kept):
        return Followed(trial, 20, completed, 0.0, 1.0, speed, 0.0, kept).passed

    assert passed(straight, 0.95, 1.04, 0.2) and not passed(straight, 0.95, 1.06, 1.0)
    assert not passed(straight, 0.9, 1.0, 0.9) and not passed(straight, 0.0, None, 0.0)
    assert passed(turn, 1.0, 1.5, 0.95) and not passed(turn, 1.0, 1.2, 0.9)
    assert passed(course, 0.9, 1.0, 0.0) and not passed(course, 0.85, 1.0, 0.9)


def test_a_turn_may_change_the_speed_by_a_tenth():
    errors = {trial.name: trial.speed_error for trial in trials()}
    assert errors["1.2 m/s, +45 deg/s"] == pytest.approx(0.12)
    assert errors["1.3 m/s"] == errors["course of 60 s"] == 0.05


def test_a_held_command_is_all_that_is_drawn(still):
    with still.worlds(4, 1.0, 1, held_command(still, 1.3, -30.0)) as env:
        env.reset(3)
        assert np.allclose(env.commands, [1.3, -np.pi / 6.0])


def test_there_are_as_many_trials_as_the_table_has_rows():
    assert len({trial.name for trial in trials()}) == len(trials()) == 13


def test_who_takes_no_commands_is_not_asked():
    walk = load_walker("walk")
    assert not is_commanded(walk)
    with pytest.raises(InputError, match="walk takes no command walking_velocity"):
        follow_commands(walk, 1)
