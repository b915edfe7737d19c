"""Climbing: feet follow the floor up and down a slope."""

import mujoco
import numpy as np
import pytest

from batchenv.body import Body, load_body
from batchenv.body.climbing import Climbing
from batchenv.body.foot_geometry import relative_positions
from batchenv.body.gait_by_speed import GaitBySpeed, load_gait_by_speed

PHASE, SPEED = np.linspace(0.0, 0.95, 20), np.full(20, 1.3)


@pytest.fixture(scope="module")
def gait(body: Body) -> GaitBySpeed:
    return load_gait_by_speed(body)


@pytest.fixture(scope="module")
def climbing(body: Body, gait: GaitBySpeed) -> Climbing:
    return Climbing.of(body, gait)


def rows_on(climbing: Climbing, rise: float) -> np.ndarray:
    return climbing.climbed(climbing.gait.rows(PHASE, SPEED), PHASE, SPEED, np.full(len(PHASE), rise))


def right_foot(body: Body, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Places of the right heel, forward, left and up (N, 3) [m], and how far its toes point up (N,) [rad]."""
    data, tilts = mujoco.MjData(body.model), []
    joint_pos = rows[:, : len(body.joint_names)]
    for pose in joint_pos:
        data.qpos[:] = body.qpos(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), pose)
        mujoco.mj_kinematics(body.model, data)
        toes = data.xpos[body.toe_body[0]] - data.xpos[body.foot_body[0]]
        tilts.append(np.arctan2(toes @ body.up, toes @ body.forward))
    return relative_positions(body, body.foot_body, joint_pos)[:, 0], np.array(tilts)


@pytest.mark.parametrize("rise", [0.1, -0.1])
def test_a_foot_that_stands_follows_the_floor(body: Body, climbing: Climbing, rise: float):
    standing = PHASE < 0.5
    (level, flat), (sloping, tilted) = (right_foot(body, rows_on(climbing, each)) for each in (0.0, rise))
    # Heels rise and fall with the floor, part of the way, and feet are tilted as it is.
    along, higher = level[standing, 0], (sloping - level)[standing, 2]
    assert 0.2 < np.polyfit(along, higher, 1)[0] / np.tan(rise) < 1.0
    assert (tilted - flat)[standing].mean() == pytest.approx(rise, rel=0.3)
    assert np.abs(sloping - level)[:, :2].max() < 0.03


@pytest.mark.parametrize("rise", [0.1, -0.1])
def test_no_knee_bends_backwards(body: Body, climbing: Climbing, rise: float):
    knee = body.joint_names.index("knee_angle_r")
    assert rows_on(climbing, rise)[:, knee].min() > -0.02


def test_uphill_a_leg_comes_down_more_bent_and_the_table_has_its_heel(body: Body, climbing: Climbing):
    level, up = rows_on(climbing, 0.0), rows_on(climbing, 0.05)
    hip, knee, ankle = (
        body.joint_names.index(name) for name in ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")
    )
    assert (up - level)[0, [hip, knee, ankle]].min() > 0.02
    heel = 2 * len(body.joint_names) + 2
    moved = right_foot(body, up)[0] - right_foot(body, level)[0]
    assert (up - level)[:, heel : heel + 3] == pytest.approx(moved, abs=0.006)


def test_feet_without_toes_follow_the_floor_too(body: Body, climbing: Climbing):
    toeless = load_body("myo_sim:myolegs", timestep=0.002, held=("mtp_angle",))
    assert not toeless.toe_body.size
    other = Climbing.of(toeless, load_gait_by_speed(toeless))
    hips, knees, ankles = (
        [names.index(f"{joint}_r") for names in (body.joint_names, toeless.joint_names)]
        for joint in ("hip_flexion", "knee_angle", "ankle_angle")
    )
    for joint, same in (hips, knees, ankles):
        expected = rows_on(climbing, 0.1)[:, joint] - rows_on(climbing, 0.0)[:, joint]
        found = rows_on(other, 0.1)[:, same] - rows_on(other, 0.0)[:, same]
        assert found == pytest.approx(expected, abs=0.01) and np.abs(found).max() > 0.03


def test_velocities_are_those_of_the_positions(body: Body, climbing: Climbing):
    phase, speed, rise = np.array([0.3, 0.31]), np.full(2, 1.3), np.full(2, 0.1)
    rows = climbing.climbed(climbing.gait.rows(phase, speed), phase, speed, rise)
    joints, knee = len(body.joint_names), body.joint_names.index("knee_angle_r")
    moved = (rows[1] - rows[0])[knee] * climbing.gait.cadence(speed)[0] / 0.01
    assert rows[:, joints + knee].mean() == pytest.approx(moved, rel=0.05) and abs(moved) > 0.3


def test_level_ground_changes_no_bit(gait: GaitBySpeed, climbing: Climbing):
    rise = np.where(np.arange(20) % 2, 0.1, 0.0)
    rows = climbing.climbed(gait.rows(PHASE, SPEED), PHASE, SPEED, rise)
    assert (
        np.array_equal(rows[::2], gait.rows(PHASE, SPEED)[::2])
        and (rows[1::2] != gait.rows(PHASE, SPEED)[1::2]).any()
    )
    steep, steepest = (rows_on(climbing, each) for each in (0.15, 0.4))
    assert np.array_equal(steep, steepest)


def test_reference_stays_within_its_stated_range(body: Body, gait: GaitBySpeed, climbing: Climbing):
    added = np.abs(rows_on(climbing, 0.15) - rows_on(climbing, 0.0))[:, : len(body.joint_names)]
    assert (added <= climbing.most + 1e-9).all() and climbing.most.max() < 1.0
