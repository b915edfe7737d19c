import os
from pathlib import Path

import pytest

from batchenv.errors import InputError, OutputError
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
        ("pipe", "it is not a regular file"),
        ("n" * 300, "cannot be written: File name too long"),
        ("n" * 250, "cannot be written: File name too long"),  # which names of partial files would be
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
        with pytest.raises(OutputError, match=rf"--out .*{name}: .* is not a directory"):
            check_output_directory(tmp_path / name, "--out")
    with pytest.raises(OutputError, match="File name too long"):
        check_output_directory(tmp_path / ("n" * 300))
    with pytest.raises(OutputError, match="/proc"):
        check_output_directory("/proc/nothing/can/be/made")


def test_a_disk_without_room_is_refused(tmp_path):
    with pytest.raises(OutputError, match="cannot be written"):
        check_output_file(tmp_path / "x", room=1 << 55)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("name", ["a\0b", "a\nb.npz", "a\x1b[2J.npz"])
def test_names_with_control_characters_are_refused_in_one_line(tmp_path: Path, name):
    for check in (check_output_file, check_output_directory):
        with pytest.raises(InputError, match=r"^--out '.* holds a control character") as refusal:
            check(tmp_path / name, "--out")
        assert str(refusal.value).isprintable()


def test_a_file_with_another_suffix_is_refused(tmp_path: Path):
    check_output_file(tmp_path / "A.NPZ", suffixes=(".npz",))
    with pytest.raises(InputError, match=r"--plot .*w.pdf: expected a name that ends with .png or .svg"):
        check_output_file(tmp_path / "w.pdf", "--plot", suffixes=(".png", ".svg"))
