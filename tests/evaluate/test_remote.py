"""Keys of both viewers, and what they do to walkers that know commands."""

import math

import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.evaluate.remote import KEYS, Remote, keys_of
from batchenv.evaluate.shutter import Shutter
from batchenv.evaluate.stage import Stage
from batchenv.evaluate.viewer import Keyboard
from tests.evaluate.untrained import untrained
from tests.tasks.test_command import CONFIG

UP, DOWN, LEFT, PUSH_RIGHT, SPACE = 265, 264, 263, 57, 32


@pytest.fixture(scope="module")
def stage():
    """Two walkers that are told where to go, and pushed by nobody but a spectator."""
    config = {"environment": {**CONFIG["environment"], "events": {"start_on_reference": {}, "push": {}}}}
    with Stage(untrained(config), (1, 2), num_threads=1) as made:
        yield made


def test_keys_change_speed_and_turning_of_all_walkers_within_their_range(stage):
    remote = Remote(stage)
    keyboard = Keyboard(remote, stage)
    stage.ask({"speed": 1.85, "yaw_rate": 0.0})
    for code in (UP, UP, UP, LEFT, 1):
        keyboard(code)
    assert stage.env.commands[:, 0].tolist() == [1.85, 1.85]  # keys wait for the next step
    remote.obey()
    assert stage.env.commands.tolist() == [[2.0, 0.1], [2.0, 0.1]]
    for _ in range(30):
        keyboard(DOWN)
    remote.obey()
    assert stage.env.commands[:, 0].tolist() == [0.0, 0.0]
    names, meanings = keyboard.help()
    assert names.splitlines()[0] == "Up" and "speed" in names and "0.00 m/s" in meanings


def test_a_wish_that_cannot_be_is_said_and_ends_nothing(stage, caplog):
    remote, done = Remote(stage), []
    remote.next_push.newtons = math.nan
    for wish in (lambda: remote.push("up"), lambda: remote.push("left"), lambda: done.append(1)):
        remote.wish(wish)
    remote.obey()
    assert done == [1]
    assert "no direction 'up'" in caplog.text and "newtons is nan" in caplog.text


def test_what_was_asked_lasts_beyond_a_fall(stage):
    stage.ask({"speed": 0.7})
    stage.falls = 0
    while stage.falls < 2:
        stage.step()
        assert stage.env.commands[:, 0].tolist() == [0.7, 0.7]
    stage.ask(None)
    assert stage.asked == {} and (stage.env.commands[:, 0] != 0.7).any()


def test_space_pauses_and_goes_on(stage):
    remote = Remote(stage)
    keyboard = Keyboard(remote, stage)
    for paused in (True, False):
        keyboard(SPACE)
        remote.obey()
        assert remote.paused is paused


def test_a_push_acts_for_its_time_into_its_direction_and_no_event_takes_it_away(stage):
    stage.restart()
    applied = stage.env.worlds.bind("xfrc_applied")[:, stage.env.body.trunk_body, :3]
    remote = Remote(stage)
    Keyboard(remote, stage)(PUSH_RIGHT)
    remote.obey()
    facing = stage._headings()
    pushed = []
    for _ in range(8):
        stage.step()
        pushed.append(applied.copy())
    assert [bool(force.any()) for force in pushed] == [True] * 6 + [False] * 2
    assert np.linalg.norm(pushed[0], axis=1) == pytest.approx([60.0, 60.0])
    assert (pushed[0] * facing).sum(axis=1) == pytest.approx([0.0, 0.0], abs=1e-9)
    assert pushed[0] @ stage.env.task.axes[1] == pytest.approx([-60.0, -60.0], rel=0.1)
    with pytest.raises(InputError, match="newtons is -1; expected a number from 0 to 10000 N"):
        stage.push(-1, 0.0, 0.2)


def test_the_ranges_are_those_of_the_configuration(stage):
    assert stage.command_range("speed") == (0.0, 2.0) and stage.command_range("yaw_rate") == (-0.8, 0.8)
    assert stage.command_range("side_speed") is None


def test_walkers_without_commands_have_keys_for_pushes_alone():
    with Stage(untrained(), num_threads=1) as walking:
        assert [key.does for key in keys_of(walking)] == [key.does for key in KEYS[4:]]
        Remote(walking).nudge("speed", 0.1)
        assert walking.asked == {}


@pytest.mark.parametrize(("slow", "drawn"), [(1.0, 1), (5.0, 5), (2.5, 2.5), (50.0, 10)])
def test_slow_motion_draws_equal_parts_of_a_step(stage, slow, drawn):
    stage.restart()
    times = []
    shutter = Shutter(stage, lambda: times.append(stage.env.worlds.time[0]))
    for _ in range(4):
        shutter.step(slow)
    assert len(times) == 4 * drawn and stage.seconds == pytest.approx(4 / 30)
    parts = np.diff(times)
    assert np.ptp(parts) < 1e-9 and parts.mean() == pytest.approx(stage.env.control_dt / drawn)


def test_slow_motion_moves_walkers_as_usual(stage):
    ends = []
    for slow in (1.0, 5.0):
        stage.restart()
        shutter = Shutter(stage, lambda: None)
        for _ in range(5):
            shutter.step(slow)
        ends.append(stage.env.worlds.qpos.copy())
    assert np.array_equal(*ends)


def test_the_camera_keeps_up_with_a_steady_walker_and_turns_with_none():
    from batchenv.evaluate.camera import FollowingCamera, check_view

    camera = FollowingCamera("left", np.array([0.0, -1.0, 0.0]), np.zeros(3), 1.0, 0.0)
    assert math.remainder(camera.mujoco.azimuth, 360.0) == pytest.approx(-180.0)
    for k in range(1, 300):
        camera.follow(np.array([0.05 * k, 0.0, 0.9]), 1 / 30)
    assert camera.mujoco.lookat == pytest.approx([0.05 * 299, 0.0, 0.9], abs=1e-3)
    with pytest.raises(InputError, match="view is 'behnd'; expected one of .*Did you mean 'behind'"):
        check_view("view", "behnd")
