from pathlib import Path
from typing import BinaryIO

import pytest

from batchenv.learn.atomic import write_atomically


def test_file_holds_what_was_written(tmp_path: Path):
    write_atomically(tmp_path / "a", lambda file: file.write(b"old"))
    write_atomically(tmp_path / "a", lambda file: file.write(b"new"))
    assert (tmp_path / "a").read_bytes() == b"new"
    assert [path.name for path in tmp_path.iterdir()] == ["a"]


def test_failed_write_leaves_the_old_file(tmp_path: Path):
    def fail(file: BinaryIO) -> None:
        file.write(b"half")
        raise OSError("disk full")

    write_atomically(tmp_path / "a", lambda file: file.write(b"old"))
    with pytest.raises(OSError, match="disk full"):
        write_atomically(tmp_path / "a", fail)
    assert (tmp_path / "a").read_bytes() == b"old"
