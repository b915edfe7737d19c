import collections
import os
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from batchenv.errors import InputError
from batchenv.files import read_torch, sealed


def saved(path: Path, contents: Any) -> Path:
    torch.save(contents, path)
    return path


def test_plain_data_and_tensors_are_read(tmp_path: Path):
    contents = {"a": torch.arange(6.0).reshape(2, 3).T, "b": [1, 2.5, "c", None, True], "d": ({"e": ()},)}
    read = read_torch(saved(tmp_path / "a.pt", contents), "a thing")
    assert torch.equal(read.pop("a"), contents.pop("a")) and read == contents


def test_an_old_pickle_without_an_archive_is_read(tmp_path: Path):
    torch.save({"a": torch.ones(3)}, tmp_path / "a.pt", _use_new_zipfile_serialization=False)
    assert read_torch(tmp_path / "a.pt", "a thing")["a"].tolist() == [1.0, 1.0, 1.0]


def test_damage_of_an_archive_without_a_seal_is_noticed_by_its_checksums(tmp_path: Path):
    file = saved(tmp_path / "a.pt", {"a": torch.arange(300.0)})
    whole = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        start = archive.getinfo("a/data/0").header_offset + 64
    rng = np.random.default_rng(0)
    for place in start + rng.integers(1200, size=30):
        file.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << rng.integers(8)]) + whole[place + 1 :])
        with pytest.raises(InputError, match=r"a\.pt cannot be read as a thing \(its member .* is damaged\)"):
            read_torch(file, "a thing")


def test_every_flipped_bit_and_truncation_of_a_sealed_archive_is_noticed(tmp_path: Path):
    file = saved(tmp_path / "a.pt", {"a": torch.arange(3.0)})
    whole = sealed(file.read_bytes())
    file.write_bytes(whole)
    assert read_torch(file, "a thing")["a"].tolist() == [0.0, 1.0, 2.0]
    for place in range(0, len(whole), 7):
        for damaged in (whole[:place], whole[:place] + bytes([whole[place] ^ 4]) + whole[place + 1 :]):
            file.write_bytes(damaged)
            with pytest.raises(InputError, match=r"a\.pt cannot be read as a thing"):
                read_torch(file, "a thing")


def test_code_is_named_and_not_run(tmp_path: Path):
    class Payload:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(tmp_path / "made"),)

    with pytest.raises(InputError, match=r"\(it asks for posix.mkdir, which is not run\)"):
        read_torch(saved(tmp_path / "a.pt", {"a": Payload()}), "a thing")
    assert not (tmp_path / "made").exists()


def test_tensors_that_claim_more_than_they_have_are_refused(tmp_path: Path):
    wide = torch.ones(1).expand(10**9, 1000)
    with pytest.raises(InputError, match=r"a tensor of shape \(1000000000, 1000\) without so much data"):
        read_torch(saved(tmp_path / "a.pt", {"a": wide}), "a thing")
    with pytest.raises(InputError, match="it has 4,00.,... bytes, more than the 1,000,000 expected"):
        read_torch(saved(tmp_path / "a.pt", torch.ones(1_000_000)), "a thing", 1_000_000)
    with pytest.raises(InputError, match="sparse, quantized or without data"):
        read_torch(saved(tmp_path / "a.pt", torch.ones(3, device="meta")), "a thing")


def test_values_of_other_kinds_are_refused(tmp_path: Path):
    endless: list[Any] = []
    endless.append(endless)
    for value, message in (
        ({"a": {1, 2}}, "it holds a set, which is not read"),
        ({(1, 2): 3}, "a key that is neither a text nor a number"),
        (endless, "more than 200,000 values, or itself"),
    ):
        with pytest.raises(InputError, match=message):
            read_torch(saved(tmp_path / "a.pt", value), "a thing")
    with pytest.raises(InputError, match="which is not run"):
        read_torch(saved(tmp_path / "a.pt", collections.deque([1])), "a thing")


def test_compressed_and_overlapping_archives_are_refused(tmp_path: Path):
    whole = saved(tmp_path / "a.pt", {"a": torch.zeros(1000)})
    with zipfile.ZipFile(whole) as plain:
        members = [(member.filename, plain.read(member)) for member in plain.infolist()]
    with zipfile.ZipFile(tmp_path / "b.pt", "w", zipfile.ZIP_DEFLATED) as archive:
        for member in members:
            archive.writestr(*member)
    with pytest.raises(InputError, match="it is compressed, which Torch's files are not"):
        read_torch(tmp_path / "b.pt", "a thing")
    with zipfile.ZipFile(tmp_path / "c.pt", "w") as archive:
        for member in members:
            archive.writestr(*member)
        archive.filelist += 10 * [archive.filelist[-1]]
        archive.filelist[0].file_size = 10**12
    with pytest.raises(InputError, match="its members are larger than the file"):
        read_torch(tmp_path / "c.pt", "a thing")


def test_what_is_no_ordinary_file_is_refused(tmp_path: Path):
    os.mkfifo(tmp_path / "pipe.pt")
    for path in (tmp_path, tmp_path / "pipe.pt"):
        with pytest.raises(InputError, match="it is not a regular file"):
            read_torch(path, "a thing")
    with pytest.raises(InputError, match="No such file"):
        read_torch(tmp_path / "none.pt", "a thing")
