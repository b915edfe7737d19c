import os
from pathlib import Path

import pytest

from batchenv.errors import OutputError
from batchenv.files import check_output_directory, check_output_file


def test_files_and_directories_that_can_be_written_leave_nothing_behind(tmp_path):
    (tmp_path / "old").write_text("kept")
    check_output_file(tmp_path / "old", room=1 << 16)
    check_output_file(tmp_path / "new.h5")
    check_output_directory(tmp_path)
    check_output_directory(tmp_path / "a" / "b")
    assert [file.name for file in tmp_path.iterdir()] == ["old"]
    assert (tmp_path / "old").read_text() == "kept"


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("", "it is a directory, expected the name of a file"),
        ("no/x.json", "there is no directory .*no"),
        ("file/x.json", "there is no directory .*file"),
        ("link", "it is a symbolic link; name the file .*victim itself"),
        ("dangling", "it is a symbolic link"),
        ("pipe", "it is no ordinary file"),
        ("n" * 300, "cannot be written: File name too long"),
        ("n" * 250, "cannot be written: File name too long"),  # which names of partial files would be
        ("a\0b", "cannot be written: embedded null"),
    ],
)
def test_files_that_cannot_be_written_are_refused_by_name(tmp_path: Path, name, message):
    (tmp_path / "file").touch()
    (tmp_path / "link").symlink_to(tmp_path / "victim")
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "dangling").symlink_to(tmp_path / "nobody")
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OutputError, match=f"--out .*{message}"):
        check_output_file(tmp_path / name, "--out")
    assert (tmp_path / "victim").read_text() == "precious"


def test_directories_that_cannot_be_made_are_refused_by_name(tmp_path):
    (tmp_path / "file").touch()
    (tmp_path / "dangling").symlink_to(tmp_path / "nobody")
    for name in ("file", "file/below", "dangling/below"):
        with pytest.raises(OutputError, match=rf"--out .*{name}: .* is no directory"):
            check_output_directory(tmp_path / name, "--out")
    with pytest.raises(OutputError, match="File name too long"):
        check_output_directory(tmp_path / ("n" * 300))
    with pytest.raises(OutputError, match="/proc"):
        check_output_directory("/proc/nothing/can/be/made")


def test_a_disk_without_room_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        check_output_file(tmp_path / "x", room=1 << 55)
    assert not list(tmp_path.iterdir())
