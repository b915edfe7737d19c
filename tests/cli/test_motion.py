import re

import numpy as np
import pytest

from batchenv.cli import main
from batchenv.motion import read_motion
from tests.motion.actors import HANGING, write_actor

LEGS = "myo_sim:myolegs"


def test_a_motion_becomes_a_clip_for_a_body(tmp_path, capsys):
    turns = HANGING | {"RightUpLeg": {"X": -30.0}}
    file, out = write_actor(tmp_path / "actor.bvh", turns, frames=40), tmp_path / "actor.npz"
    main(["import", str(file), "--body", LEGS, "--out", str(out), "--rate", "50", "--cutoff", "6", "--loop"])
    printed = capsys.readouterr().out
    assert re.search(r"actor.bvh: 0.39 s at 5\d Hz, 14 joints, 0.00 m, 0.00 m/s, loops", printed)
    assert re.search(r"hip_flexion_r +30.0 to +30.0 deg", printed)
    assert "on the floor: right foot 0 %, left foot 100 % of the time" in printed
    clip = read_motion(out)
    assert (clip.body, clip.loops) == (LEGS, True)
    with pytest.raises(SystemExit, match=r"actor.npz: the clip is fitted to .*; import .* from, .*actor.bvh"):
        main(["import", str(out), "--out", str(tmp_path / "again.mot")])
    assert clip.root_pos[0, :2] == pytest.approx([0.0, 0.0], abs=1e-9)


def test_a_motion_is_converted_for_other_programs(tmp_path, capsys):
    file, out = write_actor(tmp_path / "actor.bvh", HANGING), tmp_path / "actor.mot"
    main(["import", str(file), "--out", str(out), "--mirror", "--start", "0", "--end", "0.01"])
    assert f"clip: {out}" in capsys.readouterr().out
    assert read_motion(out).joint("arm_add_r") == pytest.approx(np.zeros(2), abs=1e-6)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["import", "{}/none.bvh", "--out", "{}/a.npz"], "none.bvh: no such file"),
        (["import", "{}/actor.bvh", "--out", "{}/a.fbx"], "a.fbx: expected a name that ends with .npz, .mot"),
        (["import", "{}/actor.bvh", "--out", "{}/a.npz", "--cycle", "0"], "a gait cycle needs a body"),
        (
            ["import", "{}/actor.bvh", "--out", "{}/a.npz", "--end", "9"],
            "the part from 0 to 9 s; it is 0.02 s long, and a part begins before it ends",
        ),
        (
            ["import", "{}/actor.bvh", "--out", "{}/a.npz", "--joints", "{}/none.yaml"],
            "none.yaml: No such file",
        ),
        (["import", "{}/actor.bvh", "--out", "{}/a.npz", "--episode", "1"], "--episode, in Python episode=,"),
        (
            ["import", "{}/actor.bvh", "--out", "{}/a.npz", "--static", "{}/none.trc"],
            "actor.bvh holds joints, no markers; leave out --markers and --static",
        ),
        (["show", "{}/actor.bvh"], "expected one of --video FILE.mp4 and --browser"),
        (["show", "{}/actor.bvh", "--video", "a.avi"], "a.avi"),
    ],
)
def test_what_is_missing_is_told_before_anything_is_written(tmp_path, capsys, words, message):
    write_actor(tmp_path / "actor.bvh", HANGING)
    with pytest.raises(SystemExit) as ended:
        main([word.format(tmp_path) for word in words])
    assert message in f"{ended.value.code}{capsys.readouterr().err}"
    assert sorted(file.name for file in tmp_path.iterdir()) == ["actor.bvh"]


@pytest.mark.slow
def test_a_motion_is_filmed_on_the_legs_that_follow_it(tmp_path, capsys):
    file, video = write_actor(tmp_path / "actor.bvh", HANGING), tmp_path / "actor.gif"
    main(["show", str(file), "--video", str(video), "--seconds", "0.2", "--width", "96", "--height", "64"])
    assert f"6 frames: {video}" in capsys.readouterr().out
    assert video.read_bytes().startswith(b"GIF89a")
