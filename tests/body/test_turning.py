"""Turning: hips rotate over the standing foot."""

import mujoco
import numpy as np
import pytest

from batchenv.body import Body
from batchenv.body.foot_geometry import relative_positions
from batchenv.body.gait_by_speed import GaitBySpeed, load_gait_by_speed
from batchenv.body.turning import Turning


@pytest.fixture(scope="module")
def gait(body: Body) -> GaitBySpeed:
    return load_gait_by_speed(body, {"hip_rotation": 0.0, "hip_adduction": 0.0})


def test_heels_are_where_the_turned_legs_have_them(body: Body, gait: GaitBySpeed):
    turning, phase, ones = Turning.of(body), np.linspace(0.0, 0.95, 8), np.ones(8)
    before = gait.rows(phase, 1.2 * ones)
    after = turning.turned(before.copy(), phase, 0.785 * ones, gait.cadence(1.2 * ones))
    joints = len(body.joint_names)
    found = [relative_positions(body, body.foot_body, rows[:, :joints]) for rows in (before, after)]
    moved = (after - before)[:, 2 * joints + 2 : -2].reshape(-1, 2, 3)
    assert moved == pytest.approx(found[1] - found[0], abs=0.015) and np.abs(moved).max() > 0.05


@pytest.mark.parametrize("yaw_rate", [0.4, -0.785])
def test_the_standing_foot_keeps_its_direction_while_the_pelvis_turns(
    body: Body, gait: GaitBySpeed, yaw_rate: float
):
    ones, cadence = np.ones(2), gait.cadence(np.array([1.2]))[0]
    phase = np.array([0.2, 0.4])
    straight = gait.rows(phase, 1.2 * ones)
    turned = Turning.of(body).turned(straight.copy(), phase, yaw_rate * ones, cadence * ones)
    yaw = [_yaw_of_the_right_foot(body, rows) for rows in (straight, turned)]
    pelvis = yaw_rate * np.diff(phase)[0] / cadence
    assert np.diff(yaw[1] - yaw[0])[0] + pelvis == pytest.approx(0.0, abs=0.1 * abs(pelvis))


def _yaw_of_the_right_foot(body: Body, rows: np.ndarray) -> np.ndarray:
    """Angle of the foot about the vertical, to the left of an upright root (N,) [rad]."""
    data, angles = mujoco.MjData(body.model), []
    for pose in rows[:, : len(body.joint_names)]:
        data.qpos[:] = body.qpos(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), pose[None])[0]
        mujoco.mj_kinematics(body.model, data)
        toes = data.xpos[body.toe_body[0]] - data.xpos[body.foot_body[0]]
        angles.append(np.arctan2(toes @ body.left, toes @ body.forward))
    return np.array(angles)


def test_turning_right_mirrors_turning_left(body: Body, gait: GaitBySpeed):
    turning, phase, ones = Turning.of(body), np.linspace(0.0, 0.99, 12), np.ones(12)
    cadence = gait.cadence(1.2 * ones)
    left = turning.turned(gait.rows(phase, 1.2 * ones), phase, 0.6 * ones, cadence)
    later = (phase + 0.5) % 1.0
    right = turning.turned(gait.rows(later, 1.2 * ones), later, -0.6 * ones, cadence)
    joints = len(body.joint_names)
    mirrored = body.mirror_joint_sign * right[:, :joints][:, body.mirror_joint]
    assert left[:, :joints] == pytest.approx(mirrored, abs=1e-3)
    assert np.abs(left[:, turning.joints[2]]).max() > 0.15


def test_velocities_are_those_of_the_positions(body: Body, gait: GaitBySpeed):
    turning, ones = Turning.of(body), np.ones(2)
    cadence = gait.cadence(1.2 * ones)
    phase = np.array([0.3, 0.3001])
    rows = turning.turned(gait.rows(phase, 1.2 * ones), phase, 0.6 * ones, cadence)
    joints, hip = len(body.joint_names), int(turning.joints[2, 0])
    moved = (rows[1, hip] - rows[0, hip]) * cadence[0] / 1e-4
    assert rows[0, joints + hip] == pytest.approx(moved, rel=1e-3) and abs(moved) > 0.3
