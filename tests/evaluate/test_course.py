"""Courses: moments from a file happen to walkers as their time comes."""

from pathlib import Path

import numpy as np
import pytest

from batchenv import load_config
from batchenv.errors import InputError, UsageError
from batchenv.evaluate.course import Moment, follow_course, load_course
from batchenv.evaluate.stage import Stage
from tests.evaluate.untrained import untrained
from tests.tasks.test_command import CONFIG

EXAMPLE = Path(__file__).parents[2] / "examples" / "course.yaml"


@pytest.fixture(scope="module")
def stage():
    config = {"environment": {**CONFIG["environment"], "events": {"start_on_reference": {}}}}
    with Stage(untrained(load_config(config)), num_threads=1) as made:
        yield made


def test_moments_happen_when_their_time_comes(stage):
    moments = (
        Moment(at=0.0, tell={"speed": 0.5}),
        Moment(at=0.1, tell={"yaw_rate": 0.2}, push="forward", newtons=30.0, seconds=0.1),
    )
    follow_course(stage, moments)
    forces = []
    for _ in range(8):
        stage.step()
        forces.append(stage.env.worlds.bind("xfrc_applied")[0, stage.env.body.trunk_body, :3].copy())
        turn = 0.2 if stage.seconds > 0.1 + 1.5 / 30 else 0.0
        assert stage.env.commands[0, 0] == pytest.approx(0.5)
        if turn:
            assert stage.env.commands[0, 1] == pytest.approx(turn)
    assert np.linalg.norm(forces, axis=1) == pytest.approx([0, 0, 0, 30, 30, 30, 0, 0])


def test_what_the_walkers_do_not_know_is_refused_before_they_walk(stage):
    with pytest.raises(InputError, match="sped"):
        follow_course(stage, (Moment(at=5.0, tell={"sped": 1.0}),))
    with Stage(untrained(), num_threads=1) as deaf, pytest.raises(UsageError, match="command"):
        follow_course(deaf, (Moment(at=5.0, tell={"speed": 1.0}),))


def test_a_course_says_when_it_tells_what_cannot_be_and_nothing_happens_then(stage):
    before = stage.env.commands.copy()
    moments = (Moment(at=0.5, tell={"speed": 1e300}), Moment(at=1.0, tell={"speed": 1.0}))
    with pytest.raises(InputError, match=r"the course, at 0.5 s: command 'speed' is 1e\+300"):
        follow_course(stage, moments)
    assert np.array_equal(stage.env.commands, before)


def test_a_course_warns_of_what_the_walker_was_not_trained_for(stage, caplog):
    follow_course(stage, (Moment(at=0.5, tell={"speed": 12.0, "yaw_rate": 0.1}),))
    assert "at 0.5 s: the walker was trained for speed 0 m/s to 2 m/s, and is told 12 m/s" in caplog.text
    assert "yaw_rate" not in caplog.text


def told_in_two_passes(stage: Stage) -> list[float]:
    """Speeds told in the first four steps after each of two restarts [m/s]."""
    told = []
    for _ in range(2):
        stage.restart()
        for _ in range(4):
            stage.step()
            told.append(float(stage.env.commands[0, 0]))
    return told


def test_a_course_begins_again_with_the_stage(stage):
    follow_course(stage, (Moment(at=0.0, tell={"speed": 0.5}), Moment(at=0.05, tell={"speed": 0.7})))
    told = told_in_two_passes(stage)
    assert told == [0.5, 0.5, 0.7, 0.7] * 2


def test_a_course_that_begins_again_forgets_what_it_told(stage):
    follow_course(stage, (Moment(at=0.05, tell={"speed": 0.77}),))
    told = told_in_two_passes(stage)
    assert told[:4] == told[4:] and 0.77 not in told[:2] and told[2:4] == [0.77, 0.77]


def test_who_falls_is_told_the_same_when_it_begins_again(stage):
    stage.before_step = lambda: None
    stage.ask(None)
    stage.ask({"speed": 0.6})
    turn, falls = stage.env.commands[0, 1], stage.falls
    while stage.falls == falls:
        stage.step()
    assert stage.env.commands[0].tolist() == [0.6, turn]


def test_the_example_is_a_course_in_the_order_of_time():
    moments = load_course(EXAMPLE)
    assert [moment.at for moment in moments] == sorted(moment.at for moment in moments)
    assert {moment.push for moment in moments} == {None, "left"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("course: []", "course"),
        ("course: [{at: 1}]", "expected tell or push"),
        ("course: [{at: 1, tell: {speed: 1}, newtons: 9, seconds: 1}]", "newtons and seconds without push"),
        ("course: [{at: -1, push: left}]", r"course.0.at"),
        ("course: [{at: 1, push: up}]", "forward"),
        ("course: [{at: 1, tel: {speed: 1}}]", "Did you mean 'tell'"),
        ("- at: 3", "begin with `course:`, and list moments below it"),
        ("coarse: [{at: 1, push: up}]", "course: is missing"),
        (
            "course: [{at: 1, tell: {speed: 1}}, {at: 1, tell: {speed: 2}}]",
            "at 1 s, walkers are told a speed of 1 and of 2; keep one",
        ),
        ("{", "course.yaml"),
    ],
)
def test_a_file_that_is_no_course_is_refused_with_its_reason(tmp_path, text, said):
    file = tmp_path / "course.yaml"
    file.write_text(text)
    with pytest.raises(InputError, match=said):
        load_course(file)
