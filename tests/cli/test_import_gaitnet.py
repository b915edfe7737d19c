import json
from pathlib import Path

import mujoco
import pytest

from batchenv.cli import main
from tests.body.gaitnet.small_gaitnet import MUSCLES, write_files
from tests.body.gaitnet.test_document import BOMB
from tests.body.gaitnet.test_motion import BVH, FRAMES


def run(*words):
    main(["import-gaitnet", *[str(word) for word in words]])


def test_an_import_reports_and_writes_mjcf_that_mujoco_opens(tmp_path, capsys):
    files = write_files(tmp_path)
    motion = tmp_path / "walk.bvh"
    motion.write_text(BVH + "\n".join(FRAMES) + "\n")
    out, report = tmp_path / "body.xml", tmp_path / "report.json"
    run(*files, "-o", out, "--motion", motion, "--json", report)
    printed = capsys.readouterr().out
    assert "7 bodies, 35.0 kg" in printed and "motion: 3 poses" in printed and f"MJCF: {out}" in printed
    assert mujoco.MjModel.from_xml_path(str(out)).nu == 6
    assert json.loads(report.read_text())["muscles"] == 6


def test_muscles_that_do_not_fit_are_errors_or_left_out(tmp_path, capsys):
    files = write_files(tmp_path, muscles=MUSCLES.replace('body="TibiaR"', 'body="ShankR"'))
    with pytest.raises(SystemExit, match=r"error: .*muscles.xml:18: body = 'ShankR' of muscle 'R_Rectus'"):
        run(*files)
    run(*files, "--drop")
    printed = capsys.readouterr().out
    assert "5 muscles, 1 left out" in printed and "left out: R_Rectus: " in printed


def test_a_hostile_file_is_one_message(tmp_path):
    files = write_files(tmp_path, skeleton=BOMB)
    with pytest.raises(SystemExit, match=r"error: .*skeleton.xml:2: a document type declaration"):
        run(*files)


def test_there_has_to_be_a_place_to_write_to(tmp_path):
    files = write_files(tmp_path)
    with pytest.raises(SystemExit, match="--out .*there is no directory"):
        run(*files, "-o", tmp_path / "no" / "body.xml")


def test_outputs_that_cannot_be_written_are_refused_before_any_work(tmp_path):
    skeleton, muscles = tmp_path / "no_skeleton.xml", tmp_path / "no_muscles.xml"
    for out, message in (
        (tmp_path, "this is a directory"),
        (skeleton, "this is another file of the command"),
        (tmp_path / "no" / "body.xml", "there is no directory"),
    ):
        for option in ("--out", "--json"):
            with pytest.raises(SystemExit, match=f"{option} .*{message}"):
                run(skeleton, muscles, option, out)
    with pytest.raises(SystemExit, match=r"--json .*this is another file of the command"):
        run(skeleton, muscles, "--out", tmp_path / "a", "--json", tmp_path / "a")


def test_a_full_disk_is_one_message(tmp_path):
    with pytest.raises(SystemExit, match=r"--json /dev/full cannot be written: No space left on device"):
        run(*write_files(tmp_path), "--json", "/dev/full")
    assert Path("/dev/full").is_char_device()
