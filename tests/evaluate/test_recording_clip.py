import dataclasses

import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.evaluate.recording import save_npz
from batchenv.evaluate.recording_clip import clip_of_recording
from batchenv.motion import read_motion
from tests.evaluate.open_walk import open_walk


def test_an_episode_of_a_recording_is_a_clip_with_forces(tmp_path):
    walk = open_walk()
    save_npz(walk, tmp_path / "walk.npz")
    clip = read_motion(tmp_path / "walk.npz")
    rows = dict(walk.episodes())[0]
    assert clip.joint_names == tuple(walk.joint_names)
    assert clip.joint_pos == pytest.approx(walk.joint_pos[rows])
    assert clip.forces["grf"] == pytest.approx(walk.grf[rows])
    assert np.abs((clip.root_quat * walk.root_quat[rows]).sum(axis=1)) == pytest.approx(1.0, abs=1e-6)
    with pytest.raises(InputError, match="walk.npz: episode 9; it holds the episodes 0"):
        read_motion(tmp_path / "walk.npz", episode=9)


def test_a_recording_without_orientation_of_the_pelvis_is_refused():
    walk = open_walk()
    blind = dataclasses.replace(walk, root_quat=np.full_like(walk.root_quat, np.nan))
    with pytest.raises(InputError, match="lacks 'root_quat', the orientation of the pelvis"):
        clip_of_recording(blind)
