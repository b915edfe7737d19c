"""Clips written and read again; angles come back to 1e-4 rad, as files say no more than what is printed."""

import numpy as np
import pytest

from batchenv.motion import common_clip, fit_clip, read_motion, write_motion
from batchenv.motion.rotations import angles_about, rotation_about

CLOSE = 1e-4  # [rad], [m]


@pytest.mark.parametrize("suffix", [".mot", ".sto", ".bvh", ".csv", ".npz"])
def test_a_clip_comes_back_from_a_file(tmp_path, stroll, suffix):
    write_motion(stroll, tmp_path / f"stroll{suffix}")
    again = read_motion(tmp_path / f"stroll{suffix}")
    assert again.joint_names == stroll.joint_names
    assert again.joint_pos == pytest.approx(stroll.joint_pos, abs=CLOSE)
    assert again.root_pos == pytest.approx(stroll.root_pos, abs=CLOSE)
    assert np.abs((again.root_quat * stroll.root_quat).sum(axis=1)) == pytest.approx(1.0, abs=1e-8)
    assert again.times == pytest.approx(stroll.times, abs=1e-6)


def test_a_clip_comes_back_from_a_body(body, stroll):
    fitted = fit_clip(stroll, body, scale=1.0)
    again = common_clip(fitted, body)
    assert fitted.joint_names == body.joint_names
    # The stroll travels along x, the body faces -y.
    assert fitted.root_linvel[10] == pytest.approx([0.05, -1.2, 0.0], abs=0.4)
    for name in again.joint_names:
        low, high = body.joint_range[body.joint_names.index(name)]
        assert again.joint(name) == pytest.approx(np.clip(stroll.joint(name), low, high), abs=1e-12)
    way = again.root_pos - stroll.root_pos
    assert way == pytest.approx(np.tile([0.0, 0.0, way[0, 2]], (41, 1)), abs=1e-12)
    assert np.abs((again.root_quat * stroll.root_quat).sum(axis=1)) == pytest.approx(1.0)


def test_angles_about_axes_that_are_not_square_come_back():
    axes = np.array([[-0.105, -0.979, -0.174], [0.787, 0.121, 0.605], [0.0, 0.0, 1.0]])
    axes /= np.linalg.norm(axes, axis=1, keepdims=True)
    angles = np.random.default_rng(0).uniform(-1.0, 1.0, (200, 3))
    for count in (1, 2, 3):
        found, left = angles_about(axes[:count], rotation_about(axes[:count], angles[:, :count]))
        assert found == pytest.approx(angles[:, :count], abs=1e-7)
        assert left == pytest.approx(np.zeros(200), abs=1e-7)


def test_an_arm_that_is_above_the_head_all_the_time_was_raised_sideways():
    axes = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    wave = np.sin(np.linspace(0.0, 6.0, 60))
    angles = np.stack([0.3 * wave, 0.4 * wave - 2.4, 0.2 + 0.1 * wave], axis=1)
    found, left = angles_about(axes, rotation_about(axes, angles))
    assert found == pytest.approx(angles, abs=CLOSE)
    assert left == pytest.approx(np.zeros(60), abs=CLOSE)


def test_angles_do_not_jump_where_axes_fall_together():
    """An arm that is raised beside the body beyond the level, through the pose in which two axes are one."""
    axes = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    angles = np.stack([0.1 * np.ones(60), np.linspace(0.0, -2.2, 60), 0.2 * np.ones(60)], axis=1)
    found, left = angles_about(axes, rotation_about(axes, angles))
    assert left == pytest.approx(np.zeros(60), abs=1e-4)
    assert np.abs(np.diff(found, axis=0)).max() < 0.5
