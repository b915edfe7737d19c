import os
import resource
import signal
import subprocess
import sys
from pathlib import Path
from typing import BinaryIO

import pytest

from batchenv.errors import OutputError
from batchenv.files.atomic import check_writable, remove_partials, write_atomically


def test_file_holds_what_was_written(tmp_path: Path):
    write_atomically(tmp_path / "a", lambda file: file.write(b"old"))
    write_atomically(tmp_path / "a", lambda file: file.write(b"new"))
    assert (tmp_path / "a").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path):
    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    write_atomically(tmp_path / "a", lambda file: file.write(b"old"))
    with pytest.raises(KeyboardInterrupt):
        write_atomically(tmp_path / "a", fail)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_a_full_disk_is_named_and_leaves_the_old_file(tmp_path: Path):
    write_atomically(tmp_path / "a", lambda file: file.write(b"old"))
    limits, ignored = resource.getrlimit(resource.RLIMIT_FSIZE), signal.getsignal(signal.SIGXFSZ)
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(OutputError, match=r"/a cannot be written: File too large"):
            write_atomically(tmp_path / "a", lambda file: file.write(bytes(20_000)))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, ignored)
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_links_laid_out_by_others_are_not_followed(tmp_path: Path):
    victim, run = tmp_path / "victim", tmp_path / "run"
    victim.write_text("precious")
    run.mkdir()
    for name in ("a", ".a.partial"):
        (run / name).symlink_to(victim)
    write_atomically(run / "a", lambda file: file.write(b"new"))
    assert victim.read_text() == "precious"
    assert (run / "a").read_bytes() == b"new" and not (run / "a").is_symlink()


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path):
    code = (
        "import os, sys; from batchenv.files.atomic import write_atomically; "
        "write_atomically(sys.argv[1], lambda file: os.kill(os.getpid(), 9))"
    )
    killed = subprocess.run([sys.executable, "-c", code, str(tmp_path / "a")], timeout=60)
    assert killed.returncode == -signal.SIGKILL
    left = [path.name for path in tmp_path.iterdir()]
    assert len(left) == 1 and left[0].startswith(".a.") and left[0].endswith(".partial")
    (tmp_path / "a.partial").touch()
    (tmp_path / ".b.partial").symlink_to(tmp_path / "a.partial")
    (tmp_path / ".a.partial").symlink_to(tmp_path / "a.partial")
    remove_partials(tmp_path / "a")
    assert {path.name for path in tmp_path.iterdir()} == {"a.partial", ".b.partial"}


def test_a_place_that_cannot_be_written_to_is_named(tmp_path: Path):
    with pytest.raises(OutputError, match=r"/no/a cannot be written: No such file or directory"):
        write_atomically(tmp_path / "no" / "a", lambda file: None)
    (tmp_path / "folder").mkdir()
    with pytest.raises(OutputError, match=r"/folder cannot be written: Is a directory"):
        write_atomically(tmp_path / "folder", lambda file: None)
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_devices_and_streams_are_written_to_and_never_replaced(tmp_path: Path):
    write_atomically("/dev/null", lambda file: file.write(b"new"))
    with pytest.raises(OutputError, match="/dev/full cannot be written: No space left on device"):
        write_atomically("/dev/full", lambda file: file.write(b"new"))
    read, write = os.pipe()
    for folder in ("/dev/fd", "/proc/self/fd"):
        write_atomically(f"{folder}/{write}", lambda file: file.write(b"new"))
        assert os.read(read, 10) == b"new"
    os.close(read)
    os.close(write)
    assert Path("/dev/null").is_char_device() and Path("/dev/full").is_char_device()
    (tmp_path / "link").symlink_to("/dev/null")
    for name in ("link", "pipe"):
        if name == "pipe":
            os.mkfifo(tmp_path / name)
        for act in (check_writable, lambda path: write_atomically(path, lambda file: None)):
            with pytest.raises(OutputError, match=f"/{name} cannot be written: it is not a regular file"):
                act(tmp_path / name)


def test_whether_a_file_can_be_written_is_found_out_before(tmp_path: Path):
    check_writable(tmp_path / "a")
    check_writable("/dev/stdout")
    for path in (tmp_path / "no" / "a", Path("/proc/a")):
        with pytest.raises(OutputError, match=f"{path} cannot be written: No such file"):
            check_writable(path)
    assert not any(tmp_path.iterdir())
