"""Recordings of walks, .npz, .h5 and .mot: damaged, cut, with odd arrays; read and judged."""

import io
import shutil
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from batchenv.evaluate import judge, load_recording, save_recording
from batchenv.evaluate.recording import LAYOUT, Recording, save_npz
from batchenv.evaluate.rollout import roll_out
from batchenv.evaluate.walker import load_walker
from tests.fuzz.checks import same
from tests.fuzz.damage import damaged_bytes, damaged_file
from tests.fuzz.outcomes import Fault

_FILES = ("walk.npz", "walk.h5")
_TABLES = ("walk.mot", "walk_grf.mot")
_LINES = 12  # of a table, that are damaged at once: all of the header, or some of the rows
_REQUIRED = [name for name, layout in LAYOUT.items() if not layout.optional]


def prepare(materials: Path) -> None:
    """Record a walk in all formats, and judge it."""
    roll_out(load_walker("walk"), materials / "walk.h5", 4, None, 0, 1)
    save_npz(load_recording(materials / "walk.h5"), materials / "walk.npz")
    save_recording(load_recording(materials / "walk.h5"), materials / "walk.mot")
    for name in (*_FILES, "walk.mot"):
        judge(load_recording(materials / name), "walk")


def make(rng: np.random.Generator, materials: Path, folder: Path) -> dict[str, Any]:
    """Write a damaged recording."""
    if rng.random() < 0.3:
        return _odd_table(rng, materials, folder)
    name = str(rng.choice(_FILES))
    data = (materials / name).read_bytes()
    if rng.random() < 0.6:
        (folder / name).write_bytes(damaged_bytes(rng, data))
        return {"what": "bytes", "file": name, "damaged": True, "names": [name]}
    array = str(rng.choice(_REQUIRED if rng.random() < 0.7 else list(LAYOUT)))
    (folder / name).write_bytes(data)
    odd = _odd_npz if name == "walk.npz" else _odd_h5
    return {
        "what": f"{array}: {odd(rng, folder / name, array)}",
        "file": name,
        "damaged": False,
        "names": [name, array],
    }


def _odd_table(rng: np.random.Generator, materials: Path, folder: Path) -> dict[str, Any]:
    """Damage the motion, or the forces of the ground; its text does not tell one number from another."""
    damaged = str(rng.choice(_TABLES))
    for name in _TABLES:
        shutil.copy(materials / name, folder / name)
    lines = (folder / damaged).read_bytes().split(b"\n")
    start = 0 if rng.random() < 0.5 else int(rng.integers(len(lines)))
    part = damaged_file(rng, b"\n".join(lines[start : start + _LINES]))
    (folder / damaged).write_bytes(b"\n".join([*lines[:start], part, *lines[start + _LINES :]]))
    return {"what": damaged, "file": "walk.mot", "damaged": False, "names": list(_TABLES)}


def attempt(spec: dict[str, Any], materials: Path) -> str | None:
    """Read and judge; damage may not go unnoticed."""
    file = spec["file"]
    read = load_recording(file)
    if spec["damaged"]:
        if not same(asdict(read), asdict(load_recording(materials / file))):
            raise Fault("silent", f"{file} was read with other values than were written")
        return "the damage was nowhere that matters"
    _check_numbers(read, judge(read, "walk").numbers)
    return None


def _check_numbers(read: Recording, numbers: Any, path: str = "") -> None:
    """What a report says is finite, or None."""
    items = (
        numbers.items()
        if isinstance(numbers, dict)
        else enumerate(numbers)
        if isinstance(numbers, list)
        else ()
    )
    for key, value in items:
        _check_numbers(read, value, f"{path}.{key}")
    if isinstance(numbers, float) and not np.isfinite(numbers):
        raise Fault("non-finite", f"the report's {path.lstrip('.')} is {numbers}")


def _odd_array(rng: np.random.Generator, values: np.ndarray) -> tuple[str, Any]:
    """Another array in the place of one, and what it is."""
    numeric = values.dtype.kind in "fiu"
    scale = float(rng.choice([-1.0, 0.0, 1e-300, 1e6, 1e30, 1e300]))
    kinds: dict[str, Any] = {
        "nothing": None,
        "no row": values[:0] if values.ndim else values,
        "shorter": values[:-1] if values.ndim else values,
        "flat": values.ravel(),
        "texts": np.full(values.shape, "x"),
        "complex": values.astype(complex) if numeric else values,
        "scaled": values * scale if numeric else values,
        "nan": np.full(values.shape, np.nan),
        "zeros": np.zeros(values.shape),
        "huge number": np.full(values.shape, 1e300),
        "whole": values.astype(np.uint8) if numeric else values,
        "half": values.astype(np.float16) if numeric else values,
        "reversed": values[::-1] if values.ndim else -values if numeric else values,
        "dates": np.full(values.shape, np.datetime64("2020-01-01")),
    }
    how = str(rng.choice(list(kinds)))
    return how if how != "scaled" else f"times {scale}", kinds[how]


def _odd_npz(rng: np.random.Generator, path: Path, array: str) -> str:
    """Change an array of an .npz, or what its header says."""
    with np.load(path) as file:
        arrays = {name: file[name] for name in file.files}
    how, value = _odd_array(rng, arrays.pop(array, np.zeros(3)))
    if value is not None:
        arrays[array] = value
    choice = rng.random()
    if choice < 0.1:
        how, arrays[array] = "objects", np.array([{"a": 1}, None], object)
    elif choice < 0.15:
        how, arrays["odd_array"] = "unknown array", np.zeros(3)
    np.savez_compressed(path, allow_pickle=True, **arrays)
    if 0.15 <= choice < 0.3:
        how = f"a header of {_lying_header(rng, path, array)} rows"
    return how


def _lying_header(rng: np.random.Generator, path: Path, array: str) -> int:
    """Let the header of one member promise more rows than there are."""
    rows = int(rng.choice([10**5, 10**9, 10**12, 2**62]))
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, {"descr": "<f8", "fortran_order": False, "shape": (rows,)})
    member.write(bytes(800))
    with zipfile.ZipFile(path) as old:
        kept = {name: old.read(name) for name in old.namelist()}
    kept[f"{array}.npy"] = member.getvalue()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in kept.items():
            new.writestr(name, data)
    return rows


def _odd_h5(rng: np.random.Generator, path: Path, array: str) -> str:
    """Change a dataset of an .h5."""
    with h5py.File(path, "r") as file:
        values = {name: item[()] for name, item in file.items()}
    old = np.asarray(values.pop(array, np.zeros(3)))
    how, value = _odd_array(rng, old)
    path.unlink()
    with h5py.File(path, "w") as file:
        for name, item in values.items():
            file[name] = item
        choice = rng.random()
        if choice < 0.1:
            how = "external"
            file[array] = h5py.ExternalLink(str(rng.choice(["/etc/passwd", path.name, "gone.h5"])), array)
        elif choice < 0.2:
            how = "huge"
            file.create_dataset(array, (10**9, *old.shape[1:]), np.float32, chunks=True, compression="gzip")
        elif choice < 0.25:
            how = "group"
            file.create_group(array)
        elif choice < 0.3:
            how = "empty"
            file[array] = h5py.Empty("f")
        elif value is not None:
            kind = np.asarray(value).dtype.kind
            file[array] = np.asarray(value).astype("S") if kind in "UM" else value
        if rng.random() < 0.1:
            how += ", committed odd"
            del file["committed"]
            file["committed"] = rng.choice([-1, 10**9, 2**62])
    return how
