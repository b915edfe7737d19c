"""Stepping: legs of a body that turns faster than it walks."""

import numpy as np
import pytest

from batchenv.body import Body
from batchenv.body.foot_geometry import lowest_heights, relative_positions
from batchenv.body.gait_by_speed import GaitBySpeed, load_gait_by_speed
from batchenv.body.leg_poses import feet_places
from batchenv.body.stepping import Stepping


@pytest.fixture(scope="module")
def gait(body: Body) -> GaitBySpeed:
    return load_gait_by_speed(body, {"hip_rotation": 0.0})


@pytest.fixture(scope="module")
def stepping(body: Body, gait: GaitBySpeed) -> Stepping:
    return Stepping.of(body, gait)


def on_the_spot(stepping: Stepping, phase: np.ndarray) -> np.ndarray:
    still, steps = np.zeros(len(phase)), np.full(len(phase), stepping.gait.speeds[1])
    rows, cadence = stepping.gait.rows(phase, still), stepping.cadence(still, steps)
    return stepping.stepped(rows, phase, still, steps, cadence)


def test_feet_go_up_and_down_below_the_hips(body: Body, stepping: Stepping):
    phase = np.linspace(0.0, 0.99, 25)
    rows = on_the_spot(stepping, phase)
    joints = len(body.joint_names)
    places, still = (
        feet_places(body, each[:, :joints]) for each in (rows, stepping.gait.rows(np.zeros(1), np.zeros(1)))
    )
    assert places[..., [0, 3]] == pytest.approx(np.tile(still[..., [0, 3]], (25, 1, 1)), abs=2e-3)
    lift = places[..., 2] - places[..., 2].min()
    # One foot after the other, as high as humans lift them in slow walking.
    assert (lift.max(axis=0) > 0.05).all() and (lift.min(axis=1) < 0.01).all()


def test_rows_are_of_the_poses_that_they_hold(body: Body, stepping: Stepping):
    rows, joints = on_the_spot(stepping, np.linspace(0.0, 0.95, 9)), len(body.joint_names)
    heels = relative_positions(body, body.foot_body, rows[:, :joints])
    assert rows[:, 2 * joints + 2 : -2] == pytest.approx(heels.reshape(9, -1), abs=1e-3)
    assert rows[:, 2 * joints] == pytest.approx(-lowest_heights(body, rows[:, :joints]), abs=1e-3)


def test_velocities_are_those_of_the_positions(body: Body, stepping: Stepping):
    cadence = stepping.cadence(np.zeros(1), stepping.gait.speeds[1:2])[0]
    rows, joints = on_the_spot(stepping, np.array([0.7, 0.7005])), len(body.joint_names)
    moved = (rows[1, :joints] - rows[0, :joints]) * cadence / 0.0005
    assert rows[0, joints : 2 * joints] == pytest.approx(moved, abs=0.05) and np.abs(moved).max() > 1.0


def test_who_steps_on_the_spot_steps_more_often_than_in_the_slowest_gait(stepping: Stepping):
    slowest, usual = stepping.gait.speeds[1], stepping.gait.cadences[1]
    speeds, steps = np.array([0.0, 0.0, 0.5, 1.0]) * slowest, np.array([0.0, 1.0, 1.0, 1.0]) * slowest
    assert stepping.cadence(speeds, steps) == pytest.approx([0.0, 1.0, 0.5 * (1.0 + usual), usual])


def test_the_left_leg_steps_half_a_cycle_later(body: Body, stepping: Stepping):
    phase, joints = np.linspace(0.0, 0.99, 12), len(body.joint_names)
    now, later = (on_the_spot(stepping, each)[:, :joints] for each in (phase, phase + 0.5))
    assert now == pytest.approx(body.mirror_joint_sign * later[:, body.mirror_joint], abs=1e-3)


def test_who_walks_or_does_not_turn_steps_as_before(stepping: Stepping):
    phase, slowest = np.linspace(0.0, 0.9, 7), stepping.gait.speeds[1]
    for speed, yaw_rate in ((0.0, 0.0), (0.2, 0.0), (slowest, 0.8), (1.3, -0.8)):
        speeds, rates = np.full(7, speed), np.full(7, yaw_rate)
        steps, rows = stepping.speed(speeds, rates), stepping.gait.rows(phase, speeds)
        assert (steps == speeds).all()
        cadence = stepping.cadence(speeds, steps)
        assert (stepping.stepped(rows.copy(), phase, speeds, steps, cadence) == rows).all()


def test_who_turns_faster_steps_higher(stepping: Stepping):
    rates = np.array([0.0, 0.1, -0.2, 0.4, -0.8, 4.0])
    steps = stepping.speed(np.full(6, 0.05), rates)
    assert (np.diff(steps[:5]) > 0.0).all() and steps[5] == stepping.gait.speeds[1]


def test_feet_come_down_within_a_second_after_a_stop(stepping: Stepping):
    steps = np.array([0.0, 0.5, 1.0, 4.0]) * stepping.gait.speeds[1]
    heights = [
        (stepping.rested(steps, seconds) / stepping.gait.speeds[1]) ** 2 for seconds in (0.0, 0.5, 1.1)
    ]
    assert np.array(heights) == pytest.approx(
        np.array([[0.0, 0.25, 1.0, 1.0], [0.0, 0.0, 0.5, 0.5], [0.0] * 4])
    )
