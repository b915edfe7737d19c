"""Damaged files of every format are refused with a sentence that says what they lack."""

import re
from dataclasses import replace

import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.motion import load_clip, read_motion, write_motion
from batchenv.motion.joint_tables import load_joint_table
from tests.motion.actors import ASF, trajectory, write_actor, write_amc

PELVIS = "pelvis_tx\tpelvis_ty\tpelvis_tz\tpelvis_tilt\tpelvis_list\tpelvis_rotation"
MOT = "walk\nversion=1\nendheader\ntime\t{}\n0\t{}\n0.1\t{}\n"


def degrees(said: str, height: float = 0.9, end: float = 0.1) -> str:
    """A motion of OpenSim with a knee at 40, and what its header says of degrees."""
    row = f"0\t{height}\t0\t0\t0\t0\t40"
    names = f"time\t{PELVIS}\tknee_angle_r"
    return f"walk\nversion=1\ninDegrees={said}\nendheader\n{names}\n0\t{row}\n{end}\t{row}\n"


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("a.mot", "time knee\n0 1\n", "no line 'endheader' after a header"),
        ("a.mot", MOT.format("knee_angle_r", 1, 2), "lacks the columns 'pelvis_tx', 'pelvis_ty'"),
        ("a.sto", MOT.format(PELVIS, "0\t" * 5 + "0", "0\t" * 5 + "0"), "lacks angles of joints, such as"),
        ("a.csv", "phase,knee\n0,1\n1,2\n", r"lacks a column 'time' \[s\]. It has phase, knee"),
        ("a.csv", "time,knee_angle_r\n0,1\n1\n", "a.csv:3: 1 values for 2 columns"),
        ("a.csv", "time,knee_angle_r\n0,1\n1,x\n", "a.csv:3: could not convert string to float: 'x'"),
        ("a.csv", "time,a,a\n0,1,1\n1,1,1\n", "column 'a' occurs twice"),
        ("a.csv", "time,joint_pos/a\n0,1\n1,1\n", "lacks the columns 'root_pos/forward'"),
        ("a.csv", "time;knee_angle_r\n0;1\n1;1\n", "two rows of numbers, separated by commas"),
        ("a.mot", degrees("no"), "joint knee_angle_r reaches 40 rad, as if it were in degrees"),
        ("a.mot", degrees("maybe"), "its header says inDegrees=maybe; expected yes or no"),
        ("a.mot", degrees("yes", height=950.0), "its pelvis is 950 m high .*expected metres and seconds"),
        ("a.mot", degrees("yes", end=200.0), "2 samples in 200 s; expected one a second at least"),
        ("a.mot", degrees("yes", end=0.0), "time is 0 in row 2, after 0; expected at least two rows of incr"),
        ("a.mot", degrees("no\nnRows=2").replace("\t40\n0.1", "\t1\n0.1\t1\n0.2"), r"from 8 to 2 at row 2\)"),
        (
            "a.mot",
            degrees("yes").replace("0.9\t0\t0", "0.9\t0\t1e30"),
            "its pelvis turns to .* 10000 at most",
        ),
        ("a.h5", "hello\n", "a.h5' is not HDF5 that can be read"),
        ("a.bvh", "HIERARCHY\nROOT a\n{\nOFFSET 0 0\n", "a.bvh:4"),
        ("a.amc", "1\nroot 0 0 0 0 0 0\n", "has no skeleton beside it, as a.asf; name its file"),
        ("a.trc", "hello\n", "no header of a TRC file, whose first word is PathFileType"),
        ("a.xyz", "", r"suffix '.xyz'; motions are read from .amc, .bvh, .c3d, .csv"),
    ],
)
def test_a_damaged_text_is_refused(tmp_path, name, text, message):
    (tmp_path / name).write_text(text)
    with pytest.raises(InputError, match=message):
        read_motion(tmp_path / name)


def test_a_joint_called_speed_is_kept(tmp_path):
    (tmp_path / "a.mot").write_text(degrees("yes").replace("knee_angle_r", "speed"))
    assert read_motion(tmp_path / "a.mot").joint_names == ("speed",)


def test_frames_out_of_order_are_refused(tmp_path):
    file = write_amc(tmp_path, 10.0, 10.0)
    file.write_text(re.sub("^2$", "3", file.read_text(), flags=re.MULTILINE))
    with pytest.raises(InputError, match=r"actor.amc:\d+: frame 3 comes after frame 1"):
        read_motion(file)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"joint_names": np.array(["root"])}, r"qpos has the shape \(10, 9\), and there are 1 names"),
        ({"split_points": np.array([0, 99])}, r"split_points are \[0, 99\], and there are 10 samples"),
        ({"frequency": np.array(0.0)}, "its rate is 0 Hz"),
        ({"qpos": np.full((10, 9), np.nan)}, "qpos is not finite in row 0"),
        ({"qpos": np.zeros((10, 9))}, "the orientation of its free joint is four zeros"),
        ({"frequency": np.array("fast")}, r"frequency is \['fast'\]; expected a number \[Hz\]"),
        (
            {"split_points": np.array(["a", "b"])},
            r"split_points are \['a', 'b'\]; expected numbers of samples",
        ),
        ({"split_points": np.array([0.0, np.nan])}, r"split_points are \[0.0, nan\]; expected numbers"),
        ({"joint_names": np.array(["root", "a", "a"])}, "joint 'a' occurs twice in joint_names"),
        ({"qpos": np.array(["a"])}, "qpos and jnt_type hold <U1 and int64; expected numbers"),
        ({"jnt_type": np.array([1, 1, 1])}, "that take 12 numbers"),
    ],
)
def test_a_damaged_trajectory_is_refused(tmp_path, change, message):
    np.savez(tmp_path / "walk.npz", **trajectory(**change), allow_pickle=True)
    with pytest.raises(InputError, match=message):
        read_motion(tmp_path / "walk.npz")


def test_columns_of_text_in_an_old_trajectory_are_left_out(tmp_path):
    names = [*PELVIS.split("\t"), "knee_angle_r"]
    arrays = {f"q_{name}": np.full(9, 0.5) for name in names} | {"q_note": np.array(["a"] * 9)}
    np.savez(tmp_path / "walk.npz", **arrays)
    assert read_motion(tmp_path / "walk.npz", rate=100.0).joint_names == ("knee_angle_r",)


def test_npz_files_of_no_format_are_refused(tmp_path):
    np.savez(tmp_path / "other.npz", speed=np.ones(3))
    with pytest.raises(InputError, match="its contents are none of a motion of GaitNet.*a clip of batchenv"):
        read_motion(tmp_path / "other.npz")
    with pytest.raises(InputError, match="no clip of batchenv; it has the arrays speed"):
        load_clip(tmp_path / "other.npz")
    np.savez(tmp_path / "half.npz", batchenv_clip=1, times=np.arange(3.0))
    with pytest.raises(InputError, match="the clip lacks joint_names, joint_pos, root_pos"):
        read_motion(tmp_path / "half.npz")
    np.savez(tmp_path / "walk.npz", **trajectory(), allow_pickle=True)
    with pytest.raises(InputError, match="trajectory 3; it holds the trajectories 0 to 1"):
        read_motion(tmp_path / "walk.npz", episode=3)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (":hierarchy", ":hierarchies", "lacks ':root' with its order, or ':hierarchy'"),
        ("dof rx ry rz", "dof rx ry rw", "has the degree of freedom 'rw'; expected rx, ry, rz"),
        ("lfemur ltibia", "lfemur ltibiae", "there is no bone 'ltibiae'. Did you mean 'ltibia'"),
        ("length 7.2", "length long", "could not convert string to float: 'long'"),
        ("rhipjoint rfemur", "lhipjoint lfemur", "bone lfemur has two parents in its skeleton"),
    ],
)
def test_a_damaged_skeleton_is_refused(tmp_path, old, new, message):
    file = write_amc(tmp_path, 10.0, 10.0)
    (tmp_path / "actor.asf").write_text(ASF.replace(old, new))
    with pytest.raises(InputError, match=message):
        read_motion(file)


def test_frames_that_lack_a_bone_are_refused(tmp_path):
    file = write_amc(tmp_path, 10.0, 10.0)
    whole = file.read_text()
    file.write_text(whole.replace("rtibia 10.0\n", "", 1))
    with pytest.raises(InputError, match="bone rtibia occurs twice in a frame, or not in each"):
        read_motion(file)
    file.write_text(whole.replace("rtibia", "tibia"))
    with pytest.raises(InputError, match="there is no bone 'tibia' in its skeleton. Did you mean '.tibia'"):
        read_motion(file)
    file.write_text(whole.replace("rtibia 10.0", "rtibia nan"))
    with pytest.raises(InputError, match=r"actor.amc:\d+: nan; expected numbers of at most 1e\+06"):
        read_motion(file)
    file.write_text(whole.replace("rtibia 10.0", "rtibia 10.0 5"))
    with pytest.raises(InputError, match=r"actor.amc:\d+: 2 values, expected 1"):
        read_motion(file)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"- a\n", "expected a line for each segment, such as femur_r: thigh.right"),
        (b"femur_r: 3\n", "expected a line for each segment"),
        (b"", "expected a line for each segment"),
        (b"\xff\xfe", "it is not text in UTF-8"),
        (b"a: [", "joints.yaml"),
        (None, "joints.yaml: No such file"),
    ],
)
def test_a_damaged_table_of_joints_is_refused(tmp_path, content, message):
    if content is not None:
        (tmp_path / "joints.yaml").write_bytes(content)
    with pytest.raises(InputError, match=message):
        load_joint_table(tmp_path / "joints.yaml")


def test_a_table_of_joints_is_read(tmp_path):
    (tmp_path / "joints.yaml").write_text("femur_r: thigh.right\n")
    assert load_joint_table(tmp_path / "joints.yaml") == {"femur_r": "thigh.right"}


@pytest.mark.parametrize(
    ("suffix", "option", "message"),
    [
        (
            ".bvh",
            {"episode": 1},
            r"--episode, in Python episode=, is 1, and means nothing for BVH; leave it out",
        ),
        (".bvh", {"rate": 50.0}, r"--hz, in Python rate=, is 50.0.*for it: --unit, --rest-frame, --joints"),
        (".mot", {"unit": 0.01}, "means nothing for a motion of OpenSim; leave it out. Options for it: none"),
        (".csv", {"up": "z"}, "--up, in Python up=, is 'z', and means nothing for CSV"),
        (".npz", {"episode": 1}, "--episode.*means nothing for a clip of batchenv"),
    ],
)
def test_an_option_that_a_format_does_not_heed_is_refused(tmp_path, stroll, suffix, option, message):
    write_motion(stroll, tmp_path / f"stroll{suffix}")
    with pytest.raises(InputError, match=message):
        read_motion(tmp_path / f"stroll{suffix}", **option)


def test_a_motion_in_csv_is_one_episode(tmp_path):
    names, row = f"time,{PELVIS},knee_angle_r".replace("\t", ","), "0,0.9,0,0,0,0,0.7"
    (tmp_path / "a.csv").write_text(f"{names}\n0,{row}\n0.1,{row}\n")
    assert read_motion(tmp_path / "a.csv").joint("knee_angle_r")[0] == 0.7
    with pytest.raises(InputError, match="a.csv: episode 1; it holds one motion, as it has no columns of a"):
        read_motion(tmp_path / "a.csv", episode=1)


def test_a_directory_is_no_motion(tmp_path):
    (tmp_path / "a.mot").mkdir()
    with pytest.raises(InputError, match="a.mot: a directory; expected a file"):
        read_motion(tmp_path / "a.mot")


@pytest.mark.parametrize(
    ("suffix", "name", "message"),
    [
        (".mot", "time", "a joint is called time, as another column of OpenSim's files is"),
        (".sto", "pelvis_tilt", "a joint is called pelvis_tilt, as another column"),
        (".mot", None, "the clip has no joints; only .npz keeps a clip of markers alone"),
        (".csv", None, "the clip has no joints"),
    ],
)
def test_what_a_format_cannot_hold_is_not_written(tmp_path, stroll, suffix, name, message):
    kept = 1 if name else 0
    clip = replace(stroll, joint_names=(name,) * kept, joint_pos=stroll.joint_pos[:, :kept])
    with pytest.raises(InputError, match=message):
        write_motion(clip, tmp_path / f"a{suffix}")
    assert not any(tmp_path.iterdir())


def test_options_and_names_of_files_are_checked(tmp_path):
    file = write_actor(tmp_path / "a.bvh", {})
    with pytest.raises(InputError, match="option 'units': expected some of unit, rate.*Did you mean 'unit'"):
        read_motion(file, units=0.01)
    with pytest.raises(InputError, match="unit is 'cm'; expected a number"):
        read_motion(file, unit="cm")
    with pytest.raises(InputError, match="episode is 1.5; expected a whole number"):
        read_motion(file, episode=1.5)
    for joints in (3, ["a"], {"femur_r": 3}, {3: "RightUpLeg"}):
        with pytest.raises(InputError, match="joints is .*; expected names by segment, such as"):
            read_motion(file, joints=joints)
    with pytest.raises(InputError, match="skeleton is of type int; expected text or a pathlib.Path"):
        read_motion(write_amc(tmp_path, 10.0, 10.0), skeleton=3)
    assert read_motion(write_amc(tmp_path, 10.0, 10.0), skeleton=str(tmp_path / "actor.asf")).joint_names
    with pytest.raises(InputError, match="up is 'w'; expected x, y or z"):
        read_motion(file, up="w")
    with pytest.raises(InputError, match="no such file"):
        read_motion(tmp_path / "b.bvh")
    with pytest.raises(InputError, match="rest frame 7; expected one from 0 to 2"):
        read_motion(file, rest_frame=7)
