"""Paths that callers hand in, to functions that read."""

import os
from pathlib import Path

import pytest

from batchenv import InputError
from batchenv.evaluate import load_npz, load_recording
from batchenv.evaluate.sweep import read_sweep
from batchenv.evaluate.walker import load_walker
from batchenv.files import read_npz
from batchenv.files.paths import checked_path, is_directory, is_file, path_to_read
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.policy import load_policy

READERS = (
    load_checkpoint,
    load_npz,
    load_policy,
    load_recording,
    load_walker,
    read_npz,
    lambda path: read_sweep(path, ()),
)
LONG = "a" * 5000


@pytest.mark.parametrize("read", READERS)
@pytest.mark.parametrize(
    ("path", "message"),
    [
        (LONG + ".npz", "'aaa.*cannot be read: File name too long"),
        ("a/" * 3000 + "b.npz", "'a/a/.*cannot be read: File name too long"),
        ("\ud800.npz", r"'\\ud800.npz' is not a path: .*surrogates not allowed"),
        ("circle.npz", "'circle.npz' cannot be read: Too many levels of symbolic links"),
        ("a\nb.npz", r"'a\\nb.npz' holds a control character"),
        (b"a.npz", "of type bytes; expected text or a pathlib.Path"),
        (None, "of type NoneType; expected text or a pathlib.Path"),
    ],
)
def test_readers_refuse_what_no_file_can_be(tmp_path: Path, monkeypatch, read, path, message: str):
    monkeypatch.chdir(tmp_path)
    Path("circle.npz").symlink_to("circle.npz")
    with pytest.raises(InputError, match=message) as caught:
        read(path)
    assert len(str(caught.value)) < 200


@pytest.mark.skipif(os.geteuid() == 0, reason="root may look everywhere")
def test_a_directory_that_may_not_be_searched_is_named(tmp_path: Path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with pytest.raises(InputError, match="closed/run' cannot be read: Permission denied"):
        load_checkpoint(closed / "run")


def test_paths_that_are_not_there_are_paths(tmp_path: Path):
    assert path_to_read("path", tmp_path / "gone" / "file") == tmp_path / "gone" / "file"
    assert path_to_read("path", Path(__file__) / "below") == checked_path("path", Path(__file__) / "below")
    assert not is_file(Path(LONG)) and not is_directory(Path(LONG)) and not is_directory(Path("\ud800"))
