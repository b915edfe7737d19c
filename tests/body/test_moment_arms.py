import mujoco
import numpy as np
import pytest

from batchenv.body.moment_arms import joints_crossed, moment_arms


def lengths(body, joint_pos):
    """Lengths of all muscles in a pose (M,) [m]."""
    data = mujoco.MjData(body.model)
    data.qpos[:] = body.qpos(np.array([0.0, 0.0, 0.95]), np.array([1.0, 0.0, 0.0, 0.0]), joint_pos)
    mujoco.mj_fwdPosition(body.model, data)
    return data.actuator_length.copy()


def test_effective_moment_arms_equal_finite_differences_of_muscle_length(body):
    """Through the coupling: the bound joints follow the knee while it is moved."""
    joints = np.random.default_rng(0).uniform(0.05, 0.3, 14)
    arms, step = moment_arms(body, body.model, joints), 1e-6
    for j in range(14):
        ends = [lengths(body, joints + sign * step * np.eye(14)[j]) for sign in (1, -1)]
        # Central differences of lengths of 0.3 m err by about 1e-16 * 0.3 / 1e-6.
        assert arms[:, j] == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=2e-7)


def test_joints_crossed_lists_every_arm_above_the_threshold():
    ptr, joint = joints_crossed(np.array([[0.0, 0.05, 0.01], [0.02, 0.0, 1e-12]]))
    assert ptr.tolist() == [0, 2, 3]
    assert joint.tolist() == [1, 2, 0]
