import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from batchenv.errors import CheckpointError, OutputError
from batchenv.learn.run_directory import LOCK_FILE, RunDirectory

HOLD = (
    "import sys, time; from batchenv.learn.run_directory import RunDirectory; "
    "held = RunDirectory(sys.argv[1]); print('held', flush=True); time.sleep(600)"
)


def test_a_directory_is_held_by_one_process_until_it_dies(tmp_path: Path):
    with subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None and other.stdout.readline() == b"held\n"
        with pytest.raises(CheckpointError, match="is in use: another process trains in it"):
            RunDirectory(tmp_path)
        other.send_signal(signal.SIGKILL)
    with RunDirectory(tmp_path) as directory, pytest.raises(CheckpointError, match="is in use"):
        RunDirectory(directory.path)
    RunDirectory(tmp_path).close()


def test_runs_of_one_second_get_directories_of_their_own(tmp_path: Path):
    runs = [RunDirectory.numbered(tmp_path / "runs" / "walk") for _ in range(3)]
    assert [run.path.name for run in runs] == ["walk", "walk-2", "walk-3"]
    for run in runs:
        run.close()


def test_a_directory_that_nothing_was_put_into_is_removed_again(tmp_path: Path):
    with RunDirectory(tmp_path / "runs" / "walk"):
        pass
    assert not any(tmp_path.iterdir())
    with RunDirectory(tmp_path / "runs" / "walk") as directory:
        (directory.path / "a").touch()
    assert {path.name for path in (tmp_path / "runs" / "walk").iterdir()} == {"a", LOCK_FILE}
    (tmp_path / "empty").mkdir()
    with RunDirectory(tmp_path / "empty"):
        pass
    assert (tmp_path / "empty").is_dir()


def test_what_cannot_be_a_directory_is_named(tmp_path: Path):
    (tmp_path / "file").touch()
    for path, reason in (
        (tmp_path / "file", "it is a file"),
        (tmp_path / "file" / "run", "Not a directory"),
        (Path("/proc/none/run"), "No such file or directory"),
        (tmp_path / ("x" * 300), "File name too long"),
    ):
        with pytest.raises(OutputError, match=f"{path} cannot be the directory of a run: {reason}"):
            RunDirectory(path)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_a_lock_that_is_a_link_is_not_followed(tmp_path: Path):
    (tmp_path / LOCK_FILE).symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError, match="directory of a run: Too many levels of symbolic links"):
        RunDirectory(tmp_path)
    assert not os.path.lexists(tmp_path / "victim")
