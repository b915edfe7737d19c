import dataclasses

import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.motion import Clip, load_clip, save_clip


def circle(turn: float, samples: int = 41) -> Clip:
    """A cycle of 2 s on a circle of radius 3 m, which turns the root by `turn` [rad]."""
    time = np.linspace(0.0, 2.0, samples)
    yaw = turn * time / 2.0
    return Clip(
        times=time,
        joint_names=("knee_angle_r",),
        joint_pos=np.sin(np.pi * time)[:, None],
        root_pos=np.stack([3 * np.sin(yaw), 3 - 3 * np.cos(yaw), np.ones_like(yaw)], axis=1),
        root_quat=np.stack([np.cos(yaw / 2), 0 * yaw, 0 * yaw, np.sin(yaw / 2)], axis=1),
        loops=True,
        source="circle",
    )


def test_a_clip_that_loops_goes_on_along_its_circle_before_and_behind():
    clip = circle(0.6)
    seconds = np.arange(-5.0, 9.0, 0.05)  # the samples of the clip, cycles before and later
    moved = clip.at(seconds)
    yaw = 0.3 * seconds
    expected = np.stack([3 * np.sin(yaw), 3 - 3 * np.cos(yaw), np.ones_like(yaw)], axis=1)
    assert moved.root_pos == pytest.approx(expected, abs=1e-12)
    assert np.abs(moved.joint_pos[:, 0]) == pytest.approx(np.abs(np.sin(np.pi * seconds)), abs=1e-12)
    facing = np.stack([np.cos(yaw / 2), np.sin(yaw / 2)], axis=1)
    assert np.abs((moved.root_quat[:, [0, 3]] * facing).sum(axis=1)) == pytest.approx(1.0)


def test_velocities_of_a_clip_that_loops_have_no_seam():
    clip = circle(0.6)
    assert clip.root_angvel == pytest.approx(np.tile([0.0, 0.0, 0.3], (41, 1)), abs=1e-12)
    # A chord is shorter than its arc by (0.3 * 0.05)^2 / 6.
    assert np.linalg.norm(clip.root_linvel, axis=1) == pytest.approx(0.9, rel=4e-5)
    assert clip.joint_vel[0, 0] == pytest.approx(np.pi, rel=0.005)
    assert clip.joint_vel[0] == pytest.approx(clip.joint_vel[-1])


def test_another_clip_stands_still_beyond_its_ends():
    clip = dataclasses.replace(circle(0.6), loops=False)
    moved = clip.at([-1.0, 0.0, 2.0, 7.0])
    assert moved.root_pos[0] == pytest.approx(moved.root_pos[1])
    assert moved.root_pos[2] == pytest.approx(moved.root_pos[3])


def test_resampling_keeps_the_ends_and_the_loop():
    clip = circle(0.0).resampled(33.3)
    assert (len(clip.times), clip.duration, clip.loops) == (68, pytest.approx(2.0), True)
    assert clip.rate == pytest.approx(33.5)


def test_a_rate_that_leaves_two_samples_is_refused():
    with pytest.raises(InputError, match=r"rate is 0.5, which leaves less than three samples of 2 s"):
        circle(0.0).resampled(0.5)


def test_a_file_keeps_all_of_a_clip(tmp_path, stroll):
    markers = {"RASI": np.where(np.arange(123).reshape(41, 3) == 5, np.nan, 1.0)}
    clip = dataclasses.replace(stroll, markers=markers, forces={"grf": np.ones((41, 2, 3))}, body="a.xml")
    again = load_clip(save_clip(clip, tmp_path / "stroll.npz"))
    for item in dataclasses.fields(Clip):
        own, read = getattr(clip, item.name), getattr(again, item.name)
        if item.name in ("markers", "forces"):
            assert own.keys() == read.keys()
            for key in own:
                np.testing.assert_array_equal(own[key], read[key])
        else:
            np.testing.assert_array_equal(own, read)


def test_a_clip_of_markers_alone_comes_back_from_its_file(tmp_path, stroll):
    marker = {"knee": stroll.root_pos}
    clip = dataclasses.replace(stroll, joint_names=(), joint_pos=np.zeros((41, 0)), markers=marker)
    again = load_clip(save_clip(dataclasses.replace(clip, source=""), tmp_path / "markers.npz"))
    assert again.source == str(tmp_path / "markers.npz")
    assert again.joint_names == () and again.joint_pos.shape == (41, 0)
    np.testing.assert_array_equal(again.markers["knee"], stroll.root_pos)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": np.zeros(41)}, "stroll: its times do not increase"),
        ({"joint_pos": np.zeros((41, 3))}, r"stroll: joint_pos has the shape \(41, 3\), expected \(41, 27\)"),
        ({"root_quat": np.ones((41, 4))}, "stroll: a root_quat has the length 2, not 1"),
        (
            {"root_pos": np.full((41, 3), np.nan)},
            "stroll: root_pos is nan in sample 0; expected numbers of at most 1e",
        ),
        (
            {"joint_names": ("a\tb", *"abcdefghijklmnopqrstuvwxyz")},
            r"joint 'a\\tb'; expected a name of printable",
        ),
        (
            {"joint_names": ("", *"abcdefghijklmnopqrstuvwxyz")},
            "joint ''; expected a name of printable letters",
        ),
        ({"joint_names": ("a",) * 27}, "stroll: joint 'a' occurs twice"),
        ({"forces": {"gfr": np.zeros((41, 2, 3))}}, "stroll: force 'gfr', expected some of grf, cop"),
    ],
)
def test_what_is_no_clip_is_refused(stroll, change, message):
    with pytest.raises(InputError, match=message):
        dataclasses.replace(stroll, **change)


def test_a_joint_that_is_missing_is_told_with_those_that_there_are(stroll):
    with pytest.raises(InputError, match="stroll has no joint 'knee_r'. Did you mean 'knee_angle_r'"):
        stroll.joint("knee_r")
