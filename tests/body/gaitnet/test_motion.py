import os

import h5py
import numpy as np
import pytest

from batchenv.body.gaitnet import Motion, follow, frames, load_motion, lowest_heights, vector_from_matrix
from batchenv.body.gaitnet.bvh import read_bvh
from batchenv.body.gaitnet.bvh_poses import about_axis
from batchenv.body.gaitnet.motion import first_phase
from batchenv.body.gaitnet.rotations import matrix_from_vector
from batchenv.errors import ConfigError
from tests.body.gaitnet.small_gaitnet import small_body

BVH = """HIERARCHY
ROOT Hips
{
  OFFSET 0 100 0
  CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
  JOINT RightHip
  {
    OFFSET -10 -10 0
    CHANNELS 3 Yrotation Zrotation Xrotation
    JOINT RightKnee
    {
      OFFSET 0 -40 0
      CHANNELS 3 Zrotation Xrotation Yrotation
      JOINT RightAnkle
      {
        OFFSET 0 -40 0
        CHANNELS 3 Zrotation Xrotation Yrotation
        End Site
        {
          OFFSET 0 -5 10
        }
      }
    }
  }
  JOINT LeftHip
  {
    OFFSET 10 -10 0
    CHANNELS 3 Zrotation Xrotation Yrotation
    JOINT LeftKnee
    {
      OFFSET 0 -40 0
      CHANNELS 1 Xrotation
      JOINT LeftAnkle
      {
        OFFSET 0 -40 0
        CHANNELS 3 Zrotation Xrotation Yrotation
        JOINT LeftToe
        {
          OFFSET 0 0 10
          CHANNELS 1 Xrotation
        }
      }
    }
  }
}
MOTION
Frames: 3
Frame Time: 0.5
"""
# Hips, right hip, right knee, right ankle, left hip, left knee, left ankle, left toe.
FRAMES = [
    "0 101 0  0 0 0  0 0 0   0 0 0  0 0 0  0 0 0  0   0 0 0  0",
    "50 99 0  0 0 90  10 20 30  0 45 0  0 0 0  0 0 0  60  0 0 0  15",
    "100 101 0  0 0 90  0 0 0  5 45 0  0 0 0  0 0 0  170  0 0 0  30",
]


@pytest.fixture(scope="module")
def skeleton(tmp_path_factory):
    return small_body(tmp_path_factory.mktemp("small")).skeleton


@pytest.fixture
def bvh_file(tmp_path):
    file = tmp_path / "walk.bvh"
    file.write_text(BVH + "\n".join(FRAMES) + "\n")
    return file


def rotation(axis, degrees):
    return matrix_from_vector(np.radians(degrees) * np.eye(3)["XYZ".index(axis)])


def write_hdf5(file, **datasets):
    with h5py.File(file, "w") as stream:
        for name, values in datasets.items():
            stream[name] = values
    return file


def test_channels_are_multiplied_in_the_order_of_the_file(bvh_file):
    bvh = read_bvh(bvh_file)
    expected = rotation("Y", 10) @ rotation("Z", 20) @ rotation("X", 30)
    np.testing.assert_allclose(bvh.rotations("RightHip")[1], expected, atol=1e-15)
    assert bvh.positions("Hips")[1].tolist() == [50, 99, 0]
    assert bvh.positions("LeftToe")[1].tolist() == [0, 0, 10]
    assert bvh.frame_time == 0.5 and [joint.parent for joint in bvh.joints] == [-1, 0, 1, 2, 0, 4, 5, 6]


def test_joints_follow_the_bvh_joints_they_name(bvh_file, skeleton):
    motion = load_motion(bvh_file, skeleton)
    hip = vector_from_matrix(rotation("Y", 10) @ rotation("Z", 20) @ rotation("X", 30))
    np.testing.assert_allclose(motion.poses[1, 6:9], hip, atol=1e-14)
    np.testing.assert_allclose(motion.poses[1, [9, 14]], np.radians([45, 60]), atol=1e-14)
    assert motion.period == 1.0 and motion.unmapped == ("LeftToe",)


def test_what_a_hinge_cannot_follow_is_its_residual(bvh_file, skeleton):
    motion = load_motion(bvh_file, skeleton)
    # Rz(5) Rx(45) is as far from the nearest turn about x as its swing is.
    angle, left = about_axis((rotation("Z", 5) @ rotation("X", 45))[None], np.array([1.0, 0, 0]))
    assert motion.poses[2, 9] == pytest.approx(angle[0]) == pytest.approx(np.radians(45), abs=0.002)
    assert motion.residual[2, 2] == pytest.approx(left[0]) == pytest.approx(np.radians(5), abs=0.002)
    assert motion.residual[:2].max() < 1e-12


def test_a_bvh_motion_travels_forward_with_its_feet_on_the_ground(bvh_file, skeleton):
    motion = load_motion(bvh_file, skeleton)
    # It goes along +x, to the left: turned by -90 degrees about y, that is +z.
    np.testing.assert_allclose(motion.poses[:, [3, 5]], [[0, 0], [0, 0.5], [0, 1.0]], atol=1e-14)
    np.testing.assert_allclose(motion.poses[:, 1], [-np.pi / 2, 0, 0], atol=1e-14)
    np.testing.assert_allclose(np.diff(motion.poses[:, 4]), [-0.02, 0.02], atol=1e-14)
    lowest = lowest_heights(skeleton, frames(skeleton, motion.poses)).min(axis=1)
    assert np.median(lowest) == pytest.approx(0, abs=1e-14)


def test_lengths_of_a_bvh_file_have_the_unit_that_is_said(bvh_file, skeleton):
    assert load_motion(bvh_file, skeleton, unit=0.02).poses[2, 5] == pytest.approx(2.0)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("Frames: 3", "Frames: 4", "walk.bvh:48: the file has 3 frames, but says Frames: 4."),
        ("Frames: 3", "Frames: 1.5", "walk.bvh:47: 1.5: expected a whole number from 2 to 10000000."),
        ("Frame Time: 0.5", "Frame Time: 33", "walk.bvh:48: 33: expected a frame time of at most 1 s."),
        ("Frame Time: 0.5\n", "Frame Time: 0.5\n1 2 3\n", "walk.bvh:49: a frame of 3 values; expected 23"),
        ("50 99 0 ", "50 99 1e9", "walk.bvh:50: a value is 1e+09; expected degrees and lengths."),
        (
            "100 101 0 ",
            "1e5 101 0 ",
            "the root travels at 1000 m/s; expected at most 20. Are lengths in metres?",
        ),
        ("OFFSET 0 -40 0", "OFFSET 0 -4e4 0", "its joints reach over 400.5 m, at a unit of 0.01 m, and the"),
        ("ROOT Hips", "ROOT", "walk.bvh:2: a joint has no name."),
        ("Frame Time: 0.5", "Frame Time: 0", "walk.bvh:48: 0: expected a frame time above 0."),
        ("50 99 0", "50 99", "walk.bvh:50: a frame of 22 values; expected 23, one for each channel."),
        ("50 99 0 ", "50 99 0 1 ", "walk.bvh:50: a frame of 24 values"),
        ("50 99 0 ", "50 99 inf", "walk.bvh:50: a value is not finite."),
        ("50 99 0 ", "50 99 up", "walk.bvh:50: could not convert string to float"),
        (
            "Yrotation Zrotation",
            "Yrotation Zrotatoin",
            "walk.bvh:9: channel 'Zrotatoin': expected one of Xposition",
        ),
        ("JOINT RightKnee", "JOINT RightHip", "walk.bvh:10: there is a second joint 'RightHip'"),
        ("OFFSET -10 -10 0", "OFFSET -10 -10 o", "walk.bvh:8: 'o': expected a finite number."),
        ("JOINT LeftHip", "JOIN LeftHip", "walk.bvh:25: 'JOIN': expected JOINT or END or }."),
        ("HIERARCHY", "HIRARCHY", "walk.bvh:1: 'HIRARCHY': expected HIERARCHY."),
        ("RightKnee", "RightKne", "walk.bvh has no joint 'RightKnee'. Did you mean 'RightKne'?"),
    ],
)
def test_a_bvh_file_that_cannot_be_meant_is_refused_with_its_line(bvh_file, skeleton, old, new, message):
    text = bvh_file.read_text()
    assert old in text
    bvh_file.write_text(text.replace(old, new, 1))
    with pytest.raises(ConfigError) as caught:
        load_motion(bvh_file, skeleton)
    assert message in str(caught.value)


def test_a_bvh_file_that_ends_too_early_is_refused(tmp_path):
    file = tmp_path / "a.bvh"
    file.write_text("HIERARCHY\nROOT Hips\n{\n  OFFSET 0 0")
    with pytest.raises(ConfigError, match="a.bvh:4: the file ends too early."):
        read_bvh(file)


def test_phases_go_from_the_first_pose_to_the_last_and_wrap(skeleton):
    poses = np.zeros((5, skeleton.num_dof))
    poses[:, 9] = [0, 0.1, 0.2, 0.3, 0.4]
    poses[:, 5] = [0, 1, 2, 3, 4]
    motion = Motion(skeleton, poses, 1.0, np.zeros((5, 7)))
    found = motion.pose(np.array([0.0, 0.25, 0.6, 0.999999, 1.0, -0.75, 2.5]))
    np.testing.assert_allclose(found[:, 9], [0, 0.1, 0.24, 0.4, 0, 0.1, 0.2], atol=1e-6)
    np.testing.assert_allclose(found[:, 5], [0, 1, 2.4, 4, 0, 1, 2], atol=1e-5)


def test_between_poses_rotations_go_the_shortest_way(skeleton):
    poses = np.zeros((2, skeleton.num_dof))
    poses[:, 6:9] = [[3.0, 0, 0], [-3.0, 0, 0]]
    halfway = Motion(skeleton, poses, 1.0, np.zeros((2, 7))).pose(np.array([0.5]))
    np.testing.assert_allclose(np.abs(halfway[0, 6:9]), [np.pi, 0, 0], atol=1e-12)


def test_hdf5_has_poses_and_as_many_time_steps(tmp_path, skeleton):
    poses = np.random.default_rng(0).normal(size=(4, skeleton.num_dof)).astype(np.float32)
    file = write_hdf5(tmp_path / "walk.h5", motions=poses, time=5 + 0.25 * np.arange(4), phase=np.zeros(4))
    motion = load_motion(file, skeleton)
    np.testing.assert_array_equal(motion.poses, poses.astype(float))
    assert motion.period == 1.0


SPACINGS = {
    "a byte order mark": lambda text: "\ufeff" + text,
    "no space behind colons": lambda text: text.replace(": ", ":"),
    "tabs": lambda text: text.replace(": ", ":\t").replace("  ", "\t"),
    "space before colons": lambda text: text.replace(": ", " : "),
    "braces behind names": lambda text: text.replace("\n{", "{").replace("\n  {", "{").replace("0\n}", "0}"),
    "lines of Windows": lambda text: text.replace("\n", "\r\n"),
    "lines of old Macs": lambda text: text.replace("\n", "\r"),
    "frames over several lines": lambda text: text.replace("0 101 0 ", "0 101 0\n"),
    "frames on one line": lambda text: text.replace(FRAMES[0] + "\n", FRAMES[0] + " "),
    "small letters": lambda text: text.replace("MOTION", "motion").replace("Xrotation", "xrotation"),
    "lines between": lambda text: text.replace("\n", "\n\n"),
}


@pytest.mark.parametrize("changed", SPACINGS.values(), ids=SPACINGS)
def test_a_bvh_file_is_read_in_any_spacing(bvh_file, changed):
    usual, text = read_bvh(bvh_file), bvh_file.read_text()
    assert changed(text) != text
    bvh_file.write_bytes(changed(text).encode())
    other = read_bvh(bvh_file)
    assert np.array_equal(usual.values, other.values) and usual.frame_time == other.frame_time
    assert [joint.name for joint in usual.joints] == [joint.name for joint in other.joints]


def test_names_of_a_bvh_file_may_have_colons_and_spaces(bvh_file):
    bvh_file.write_text(bvh_file.read_text().replace("LeftToe", "mixamorig:Left Toe"))
    assert read_bvh(bvh_file).joints[-1].name == "mixamorig:Left_Toe"


def test_a_bvh_file_cut_anywhere_is_refused(bvh_file):
    text = bvh_file.read_text()
    for end in [*range(0, text.index("0 101 0"), 40), text.index("50 99") + 20, text.index("100 101") - 1]:
        bvh_file.write_text(text[:end])
        with pytest.raises(ConfigError, match=r"walk.bvh:\d+: "):
            read_bvh(bvh_file)


def test_small_angles_of_a_bvh_file_are_remarked_on(bvh_file, skeleton, caplog):
    text = BVH + "\n".join(["0 101 0" + " 1.5" * 20] * 3)
    bvh_file.write_text(text)
    load_motion(bvh_file, skeleton)
    assert "no joint turns by more than 1.5 degrees. Are its angles in radians?" in caplog.text


@pytest.mark.parametrize(
    ("datasets", "message"),
    [
        (
            {"motions": np.full((3, 16), 60.0)},
            "pose 0, coordinate Pelvis_rot_x is 60, far outside its limits",
        ),
        (
            {"time": [0.0, 16.7, 33.3], "motions": np.zeros((3, 16))},
            "its poses are 16.65 s apart; expected 1e-05 to 1 s. Is its time in s",
        ),
        ({"time": [0.0, 1e308, np.inf], "motions": np.zeros((3, 16))}, "time has to be 3 increasing numbers"),
        (
            {"time": [0.0, 1.0, 2.0], "motions": np.outer([0, 1, 2], [0] * 5 + [120] + [0] * 10)},
            "the root travels at 80 m/s",
        ),
        ({"motions": np.zeros((3, 16), complex)}, "motions holds no numbers, but complex128"),
        ({"motion": np.zeros((4, 16))}, "has no dataset 'motions'. Did you mean 'motion'?"),
        (
            {"motions": np.zeros((4, 15))},
            "motions has the shape (4, 15); expected at least 2 poses of the 16",
        ),
        ({"motions": np.zeros((1, 16)), "time": [0.0]}, "motions has the shape (1, 16)"),
        ({"motions": np.zeros((3, 16)), "time": [0.0, 1.0, 1.0]}, "time has to be 3 increasing numbers"),
        ({"motions": np.full((3, 16), np.nan)}, "pose 0, coordinate Pelvis_rot_x is not finite."),
        ({"motions": [b"a", b"b"]}, "motions holds no numbers"),
    ],
)
def test_hdf5_that_is_no_motion_is_refused(tmp_path, skeleton, datasets, message):
    file = write_hdf5(tmp_path / "walk.h5", **{"time": np.arange(3.0), **datasets})
    with pytest.raises(ConfigError) as caught:
        load_motion(file, skeleton)
    assert message in str(caught.value)


def test_hdf5_with_numbers_elsewhere_or_without_end_is_refused(tmp_path, skeleton):
    write_hdf5(tmp_path / "other.h5", motions=np.zeros((3, 16)), time=np.arange(3.0))
    layout = h5py.VirtualLayout((3, 16), float)
    layout[:] = h5py.VirtualSource(tmp_path / "other.h5", "motions", (3, 16))
    writers = {
        "motions is a link": lambda f: f.__setitem__("motions", h5py.ExternalLink("other.h5", "motions")),
        "motions is a link;": lambda f: f.__setitem__("motions", h5py.SoftLink("/motions")),
        "motions is no dataset": lambda f: f.create_group("motions"),
        "motions lies in another file": lambda f: f.create_virtual_dataset("motions", layout),
        "motions lies in another file;": lambda f: f.create_dataset(
            "motions", (3, 16), float, external=[("/etc/passwd", 0, 384)]
        ),
        "motions has a shape of (1000000000000, 16)": lambda f: f.create_dataset(
            "motions", (10**12, 16), "f4", chunks=(4, 16)
        ),
        "motions has a shape of (100000000, 16)": lambda f: f.create_dataset(
            "motions", (3, 16), "i1", maxshape=(None, 16), chunks=(10**8, 16)
        ),
    }
    for message, write in writers.items():
        with h5py.File(tmp_path / "walk.h5", "w") as file:
            file["time"] = np.arange(3.0)
            write(file)
        with pytest.raises(ConfigError) as caught:
            load_motion(tmp_path / "walk.h5", skeleton)
        assert f"walk.h5': {message}" in str(caught.value)


def test_hdf5_cut_anywhere_is_refused_at_once(tmp_path, skeleton):
    file = write_hdf5(tmp_path / "walk.h5", motions=np.zeros((9, 16)), time=np.arange(9.0))
    data = file.read_bytes()
    for share in range(0, 100, 5):
        file.write_bytes(data[: share * len(data) // 100])
        with pytest.raises(ConfigError, match=r"walk.h5' is not HDF5 that can be read"):
            load_motion(file, skeleton)


def test_phase_of_the_first_pose_is_checked(tmp_path):
    assert first_phase(write_hdf5(tmp_path / "walk.h5", phase=[0.25, 0.5])) == 0.25
    assert first_phase(write_hdf5(tmp_path / "walk.h5", time=[0.0])) == 0.0
    for phase in ([], [np.nan], [1e300], 0.5, [[0.5]]):
        with pytest.raises(ConfigError, match="phase has to be a number for each pose, in cycles"):
            first_phase(write_hdf5(tmp_path / "walk.h5", phase=phase))


def test_paths_that_are_no_files_are_refused_without_waiting(tmp_path, skeleton):
    for suffix in (".h5", ".bvh"):
        os.mkfifo(tmp_path / f"pipe{suffix}")
        (tmp_path / f"folder{suffix}").mkdir()
        for name, message in (("pipe", "no regular file"), ("folder", "a directory")):
            with pytest.raises(ConfigError, match=message):
                load_motion(tmp_path / f"{name}{suffix}", skeleton)


def test_files_that_are_no_motion_are_refused(tmp_path, skeleton):
    (tmp_path / "walk.h5").write_text("no")
    for name, message in (
        ("walk.h5", "is not HDF5"),
        ("wlk.bvh", "does not exist"),
        ("a.npz", "expected .h5"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_motion(tmp_path / name, skeleton)


def test_following_names_limits_residuals_and_feet(bvh_file, skeleton):
    found = follow(load_motion(bvh_file, skeleton))
    assert set(found.beyond_limits) == {"TibiaL"}
    beyond, share = found.beyond_limits["TibiaL"]
    assert beyond == pytest.approx(np.radians(170) - 2.3, abs=1e-6) and share == pytest.approx(1 / 3)
    assert set(found.residual) == {"TibiaR"} and found.unmapped == ("LeftToe",)
    assert found.deepest <= 0 <= found.highest
    assert found.speed == pytest.approx(1.0 / (2 * found.period / 3))
    assert found.closure == pytest.approx(np.radians(170))
    # In the last of three steps, each a third of a period, the left knee turns by 110 degrees.
    assert found.fastest == (pytest.approx(3 * np.radians(110)), "TibiaL")
    lines = "\n".join(found.lines())
    assert "beyond its limits: TibiaL by 38.2 degrees, in 33% of the poses" in lines
    assert (
        "not followed: TibiaR leaves up to 5.0 degrees" in lines and "followed by nothing: LeftToe" in lines
    )
