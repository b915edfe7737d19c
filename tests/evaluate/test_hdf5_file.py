import os
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.evaluate import RecordingWriter, load_recording
from batchenv.evaluate.hdf5_file import end_of_data, lookup3, read_hdf5
from tests.evaluate.synthetic_walk import human_walk
from tests.evaluate.test_rollout_file import assert_same, rows_of, writer_for


def test_checksums_are_those_of_the_published_function():
    # Of lookup3.c, its own test of hashlittle with a seed of 0.
    assert lookup3(b"Four score and seven years ago") == 0x17770551


@pytest.fixture(scope="module")
def killed(tmp_path_factory) -> bytes:
    """What a writer leaves that is killed after 200 samples."""
    path = tmp_path_factory.mktemp("killed") / "walk.h5"
    walk = human_walk(seconds=1.0)
    writer: RecordingWriter = writer_for(walk, path, chunk_samples=50)
    writer.append(**rows_of(walk, slice(None)))
    left = path.read_bytes()
    writer.close()
    return left


def test_a_file_that_is_still_marked_as_being_written_is_read(tmp_path, killed):
    (tmp_path / "walk.h5").write_bytes(killed)
    assert len(load_recording(tmp_path / "walk.h5").time) == 200


def test_a_marked_file_that_was_cut_or_damaged_is_refused_at_once_or_read_right(tmp_path, killed):
    path = tmp_path / "walk.h5"
    path.write_bytes(killed)
    whole = load_recording(path)
    end = end_of_data(killed)
    assert end is not None
    rng = np.random.default_rng(0)
    refused = 0
    for trial in range(60):
        damaged = bytearray(killed)
        if trial % 2:
            del damaged[rng.integers(end) :]
        else:
            damaged[rng.integers(end)] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            assert_same(load_recording(path), whole)
        except InputError as error:
            assert str(path) in str(error)
            refused += 1
    assert 30 <= refused < 60


def external_link(file: h5py.File) -> None:
    file["grf"] = h5py.ExternalLink("/etc/passwd", "/")


def soft_link(file: h5py.File) -> None:
    file["grf"] = h5py.SoftLink("/episode")


def virtual(file: h5py.File) -> None:
    layout = h5py.VirtualLayout((2, 2, 3), float)
    layout[:] = h5py.VirtualSource("other.h5", "x", (2, 2, 3))
    file.create_virtual_dataset("grf", layout)


def raw_file(file: h5py.File) -> None:
    file.create_dataset("grf", (2, 2, 3), float, external=[("/etc/passwd", 0, 96)])


def huge(file: h5py.File) -> None:
    file.create_dataset("grf", (10**12, 2, 3), "f4", chunks=(1000, 2, 3))


def bomb(file: h5py.File) -> None:
    file.create_dataset("grf", (2 * 10**7, 2, 3), "i1", chunks=(10**5, 2, 3), compression="gzip")


def group(file: h5py.File) -> None:
    file.create_group("grf")


def reference(file: h5py.File) -> None:
    file.create_dataset("grf", (2, 2, 3), h5py.ref_dtype)


def crowd(file: h5py.File) -> None:
    for number in range(1200):
        file.create_group(f"g{number}")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (external_link, "'grf' is a link, which is not followed"),
        (soft_link, "'grf' is a link, which is not followed"),
        (virtual, "'grf' holds data of other files"),
        (raw_file, "'grf' holds data of other files"),
        (huge, r"'grf' has the shape \(1000000000000, 2, 3\)"),
        (bomb, "would take 960,000,016 bytes"),
        (group, "'grf' is no dataset"),
        (reference, "'grf' holds neither numbers nor a few texts"),
        (crowd, "it has 1,2.. entries, more than 1,000"),
    ],
)
def test_files_that_reach_out_or_blow_up_are_refused(tmp_path: Path, make: Callable, message: str):
    path = tmp_path / "walk.h5"
    with h5py.File(path, "w") as file:
        file["episode"] = np.zeros(2, int)
        make(file)
    with pytest.raises(InputError, match=rf"walk.h5: not a readable HDF5 file .*{message}"):
        read_hdf5(path, ("episode", "grf"))


def test_texts_of_either_kind_are_decoded(tmp_path):
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["joint_names"] = ["knie_ä", "b"]
        file["ended"] = np.array([b"fell"])
    arrays = read_hdf5(tmp_path / "x.h5", ("joint_names", "ended", "dt"))
    assert arrays["joint_names"].tolist() == ["knie_ä", "b"] and arrays["ended"].tolist() == ["fell"]
    assert set(arrays) == {"joint_names", "ended"}


def test_no_file_descriptor_stays_open(tmp_path, killed):
    path = tmp_path / "walk.h5"
    path.write_bytes(killed[:50_000])
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        with pytest.raises(InputError):
            load_recording(path)
    assert len(os.listdir("/proc/self/fd")) == before
