import io
import os
import struct
import zipfile
from pathlib import Path

import numpy as np
import pytest

from batchenv.errors import InputError
from batchenv.files import read_npz, sealed


def saved(path: Path, **arrays: np.ndarray) -> Path:
    with path.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)
    return path


def with_member(path: Path, name: str, contents: bytes, method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        archive.writestr(name, contents)
    return path


def npy_header(shape: str, kind: str = "<f8") -> bytes:
    text = f"{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}}}\n".encode()
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text


def test_arrays_are_read_as_numpy_reads_them(tmp_path: Path):
    rng = np.random.default_rng(0)
    arrays = {
        "a": rng.normal(size=(3, 4)),
        "columns": np.asfortranarray(rng.normal(size=(3, 4))),
        "half": rng.normal(size=5).astype(np.float16),
        "none": np.zeros((0, 3), np.float32),
        "number": np.int64(7),
        "names": np.array(["hip", "knee"]),
    }
    read = read_npz(saved(tmp_path / "a.npz", **arrays))
    assert read.keys() == arrays.keys()
    for name, array in arrays.items():
        np.testing.assert_array_equal(read[name], array, strict=True)
    read["a"][0, 0] = 1.0  # as from `np.load`, arrays are the caller's own


def test_a_small_file_of_much_data_is_refused_before_it_is_unpacked(tmp_path: Path):
    file = saved(tmp_path / "bomb.npz", a=np.zeros(4_000_000))
    assert file.stat().st_size < 50_000
    with pytest.raises(InputError, match=r"bomb\.npz .*take 32,000,128 bytes, more than the 1,000,000"):
        read_npz(file, most_bytes=1_000_000)
    assert read_npz(file)["a"].shape == (4_000_000,)


def test_a_header_of_a_million_million_rows_is_not_believed(tmp_path: Path):
    file = with_member(tmp_path / "rows.npz", "a.npy", npy_header("(1000000000000, 35)") + bytes(80))
    with pytest.raises(InputError, match=r"'a': its header promises 35,000,000,000,000 values of float64"):
        read_npz(file)
    file = with_member(tmp_path / "rows.npz", "a.npy", npy_header("(-1,)") + bytes(80))
    with pytest.raises(InputError, match="'a': its header promises -1 values"):
        read_npz(file)


def test_objects_are_not_unpickled(tmp_path: Path):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, np.array([{}], object), allow_pickle=True)
    file = with_member(tmp_path / "objects.npz", "a.npy", stream.getvalue())
    with pytest.raises(InputError, match="'a': it holds Python objects"):
        read_npz(file)


@pytest.mark.parametrize(
    ("name", "contents", "method", "message"),
    [
        ("a.txt", b"x", zipfile.ZIP_STORED, "its member 'a.txt' is no .npy file"),
        ("a.npy", b"x", zipfile.ZIP_STORED, "'a': EOF"),
        ("a.npy", b"not numpy at all", zipfile.ZIP_STORED, "'a': the magic string is not correct"),
        ("a.npy", b"\x93NUMPY\x09\x00", zipfile.ZIP_STORED, r"'a': .*version"),
        ("a.npy", npy_header("(1,)") + bytes(8), zipfile.ZIP_LZMA, "'a' is compressed by a method"),
    ],
)
def test_other_members_are_named(tmp_path: Path, name, contents, method, message):
    with pytest.raises(InputError, match=message):
        read_npz(with_member(tmp_path / "odd.npz", name, contents, method))


def test_every_truncation_and_every_flipped_bit_of_data_is_noticed(tmp_path: Path):
    whole = saved(tmp_path / "a.npz", a=np.random.default_rng(0).normal(size=20)).read_bytes()
    file = tmp_path / "damaged.npz"
    for size in range(len(whole)):
        file.write_bytes(whole[:size])
        with pytest.raises(InputError, match=r"damaged\.npz cannot be read as an NPZ file"):
            read_npz(file)
    start = whole.index(b"a.npy") + 5 + 20  # the name, and an extra field that is not read
    for place in range(start, start + 150):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 16]) + whole[place + 1 :])
        with pytest.raises(InputError, match="cannot be read as an NPZ file"):
            read_npz(file)


def test_a_sealed_file_notices_any_flipped_bit(tmp_path: Path):
    file = saved(tmp_path / "a.npz", a=np.arange(4.0))
    whole = sealed(file.read_bytes())
    file.write_bytes(whole)
    np.testing.assert_array_equal(read_npz(file)["a"], np.arange(4.0))
    with np.load(file) as plain:
        np.testing.assert_array_equal(plain["a"], np.arange(4.0))
    for place in range(len(whole)):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        with pytest.raises(InputError, match="cannot be read as an NPZ file"):
            read_npz(file)


def test_what_is_no_ordinary_file_is_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.npz")
    for path in (tmp_path, tmp_path / "pipe.npz"):
        with pytest.raises(InputError, match="it is not a regular file"):
            read_npz(path)
    with pytest.raises(InputError, match=r"none\.npz .*No such file"):
        read_npz(tmp_path / "none.npz")
    os.truncate(saved(tmp_path / "sparse.npz", a=np.zeros(1)), 10**12)
    with pytest.raises(InputError, match="it has 1,000,000,000,000 bytes, more than"):
        read_npz(tmp_path / "sparse.npz")
