"""Recordings as CSV and C3D."""

import csv
from pathlib import Path

import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.evaluate import save_recording
from batchenv.evaluate.formats import check_samples
from tests.evaluate.open_walk import open_walk


def test_csv_has_a_column_for_every_number(tmp_path):
    walk = open_walk(episodes=2, seconds=0.5)
    save_recording(walk, tmp_path / "walk.csv")
    with (tmp_path / "walk.csv").open(newline="") as stream:
        names, *rows = csv.reader(stream)
    columns = dict(zip(names, np.array(rows, float).T, strict=True))
    assert columns["episode"].tolist() == walk.episode.tolist()
    assert columns["grf/l/up"] == pytest.approx(walk.grf[:, 1, 2], rel=1e-8)
    assert columns["joint_pos/knee_angle_r"] == pytest.approx(walk.joint_pos[:, 1], rel=1e-8)
    assert columns["joint_load/ankle_l/forward"] == pytest.approx(walk.joint_load[:, 5, 0], rel=1e-8)
    assert columns["root_quat/w"] == pytest.approx(walk.root_quat[:, 0], rel=1e-8)
    assert columns["free_moment/r"] == pytest.approx(walk.free_moment[:, 0], rel=1e-8)
    without = open_walk(seconds=0.5, joint_torque=None)
    save_recording(without, tmp_path / "walk.csv")
    assert "joint_torque" not in (tmp_path / "walk.csv").read_text().splitlines()[0]


def test_c3d_has_joints_as_points_and_plates_that_find_the_ground_forces(tmp_path):
    ezc3d = pytest.importorskip("ezc3d", reason="pip install 'batchenv[mocap]'")
    walk = open_walk(seconds=2.0)
    save_recording(walk, tmp_path / "walk.c3d")
    read = ezc3d.c3d(str(tmp_path / "walk.c3d"), extract_forceplat_data=True)
    labels = read["parameters"]["POINT"]["LABELS"]["value"]
    assert labels == ["pelvis", *walk.joint_center_names, "heel_r", "heel_l"]
    assert read["parameters"]["POINT"]["RATE"]["value"] == pytest.approx([100.0])
    points = read["data"]["points"][:3] / 1000.0  # [m]
    assert pytest.approx(walk.root_pos, abs=1e-5) == points[:, 0].T  # single precision
    assert points[:, 1:7].transpose(2, 1, 0) == pytest.approx(walk.joint_center, abs=1e-5)
    for foot, plate in enumerate(read["data"]["platform"]):
        bearing = walk.grf[:, foot, 2] > 50.0
        assert pytest.approx(walk.grf[:, foot], abs=1e-3) == plate["force"].T
        place = plate["center_of_pressure"].T[bearing] / 1000.0
        assert place == pytest.approx(walk.cop[bearing, foot], abs=1e-4)
        twist = plate["Tz"].T[bearing, 2] / 1000.0
        assert twist == pytest.approx(walk.free_moment[bearing, foot], abs=1e-2)


def test_walks_that_a_format_cannot_hold_are_refused_before_they_are_walked():
    check_samples(Path("walk.csv"), (), 10**6)
    check_samples(Path("walk.c3d"), ("cop", "free_moment"), 65_535)
    with pytest.raises(InputError, match="65,536 samples, and C3D holds 65,535 at most"):
        check_samples(Path("walk.c3d"), ("cop", "free_moment"), 65_536)
    with pytest.raises(InputError, match=r"walk\.mot: .* lack root_quat, free_moment; write \.h5 or \.csv"):
        check_samples(Path("walk.mot"), ("cop",), 10)
