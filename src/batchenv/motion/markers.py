"""Files of markers, .trc and .c3d, read into clips without joints; `solve_markers` finds the joints."""

import logging
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

from batchenv.body.files import MEGABYTE, check_file, read_file
from batchenv.errors import InputError
from batchenv.extras import import_extra
from batchenv.files import read_npz
from batchenv.motion.clip import Clip
from batchenv.motion.opensim_frame import from_opensim
from batchenv.motion.registry import ReadOptions

Array = np.ndarray

_log = logging.getLogger(__name__)

_MOST_BYTES = 512 * MEGABYTE
_UNITS = {"mm": 1e-3, "cm": 1e-2, "dm": 0.1, "m": 1.0, "meters": 1.0, "millimeters": 1e-3}
_MOST_SECONDS = 120.0  # for a C3D file [s]
_READ_C3D = """
import resource, sys
import ezc3d, numpy as np
resource.setrlimit(resource.RLIMIT_AS, (int(sys.argv[3]),) * 2)
content = ezc3d.c3d(sys.argv[1])
point, data = content["parameters"]["POINT"], content["data"]
keys = [key for key in sorted(point) if key.startswith("LABELS")]
labels = np.array([label for key in keys for label in point[key]["value"]], str)
first = lambda key, none: (list(point.get(key, {}).get("value", [])) or [none])[0]
rate, unit = first("RATE", 0.0), str(first("UNITS", ""))
residuals = data["meta_points"]["residuals"]
np.savez(sys.argv[2], rate=rate, unit=unit, labels=labels, points=data["points"], residuals=residuals)
"""
_BLOCK, _BIG_ENDIAN = 512, 86  # bytes of a block of a C3D file; its code for processors of that kind
_TRC_HEADER = 5  # lines before the first row
_LARGEST = 100.0  # of the extent of the markers in a frame [m]
_LYING = 0.5  # of the largest extent of all markers, under which the height of a standing person is not


def read_trc(path: Path, options: ReadOptions) -> Clip:
    """Read a TRC file; its axes are OpenSim's, y up, unless `options.up` says otherwise.

    Raises:
        InputError: the file is damaged; says the line or what its header lacks.
    """
    try:
        lines = read_file(path, _MOST_BYTES).decode("utf-8-sig", errors="replace").splitlines()
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    if len(lines) < _TRC_HEADER or not lines[0].startswith("PathFileType"):
        raise InputError(f"{path}: no header of a TRC file, whose first word is PathFileType")
    header = dict(zip(lines[1].split("\t"), lines[2].split("\t"), strict=False))
    unit = _unit(path, header.get("Units", "").strip())
    names = [name.strip() for name in lines[3].split("\t")[2:] if name.strip()]
    said = header.get("NumMarkers", "").strip()
    if said.isdigit() and int(said) != len(names):
        raise InputError(f"{path}: its header says {said} markers, and names {len(names)} in its fourth line")
    rows = [_row(path, number, line, len(names)) for number, line in enumerate(lines[5:], 6) if line.strip()]
    said = header.get("NumFrames", "").strip()
    if said.isdigit() and int(said) != len(rows):
        _log.warning("%s: its header says %s frames, and there are %d", path, said, len(rows))
    if not names or len(rows) < 2:
        raise InputError(f"{path}: {len(names)} markers and {len(rows)} frames; expected 1 and 2 at least")
    values = np.array(rows)
    places = unit * values[:, 1:].reshape(len(values), len(names), 3)
    return _clip(path, values[:, 0], names, places, options.up or "y")


def _row(path: Path, number: int, line: str, markers: int) -> list[float]:
    """Time and coordinates of a frame; an empty cell is a hidden marker's."""
    cells = line.rstrip("\r\n").split("\t")[1 : 2 + 3 * markers]
    cells += [""] * (1 + 3 * markers - len(cells))
    try:
        row = [float(cell) if cell.strip() else np.nan for cell in cells]
    except ValueError as error:
        raise InputError(f"{path}:{number}: {str(error)[:80]}") from None
    if np.isinf(row).any():
        raise InputError(
            f"{path}:{number}: a value is not finite; expected an empty cell for a hidden marker"
        )
    return row


def read_c3d(path: Path, options: ReadOptions) -> Clip:
    """Read the points of a C3D file; z is up unless `options.up` says otherwise.

    Raises:
        InputError: the file is damaged, or has no points.
        UsageError: ezc3d is not installed.
    """
    import_extra("ezc3d", "a C3D file")
    try:
        check_file(path, _MOST_BYTES)
    except OSError as error:
        raise InputError(f"{path}: {error.strerror}") from None
    found = _points(path)
    rate, unit, data = float(found["rate"]), str(found["unit"]), found["points"]
    labels = [str(label) for label in found["labels"]]
    if rate <= 0 or data.shape[1] == 0 or data.shape[2] < 2:
        raise InputError(f"{path}: {data.shape[1]} points and {data.shape[2]} frames at {rate:g} Hz")
    promised = _promised_frames(path)
    if len(data[0, 0]) < promised:
        _log.warning("%s: its header says %d frames, and there are %d", path, promised, len(data[0, 0]))
    places = _unit(path, unit) * data[:3].transpose(2, 1, 0)
    hidden = (places == 0).all(axis=2) | (found["residuals"][0].T < 0)
    places[hidden] = np.nan
    return _clip(path, np.arange(len(places)) / rate, labels[: places.shape[1]], places, options.up or "z")


def _points(path: Path) -> dict[str, Array]:
    """Rate, unit, labels, points (4, M, T) and residuals (1, M, T) of a C3D file.

    Another process reads it: ezc3d takes its process with it where a file is damaged.
    """
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "points.npz"
        words = [sys.executable, "-c", _READ_C3D, str(path.absolute()), str(out), str(8 * _MOST_BYTES)]
        try:
            done = subprocess.run(words, capture_output=True, text=True, timeout=_MOST_SECONDS)
        except subprocess.TimeoutExpired:
            raise InputError(f"{path}: not read within {_MOST_SECONDS:g} s") from None
        if done.returncode:
            said = done.stderr.strip().splitlines()
            reason = said[-1][:120] if said and done.returncode > 0 else "it is damaged"
            raise InputError(f"{path}: not a C3D file that can be read, or only its beginning ({reason})")
        return read_npz(out, 8 * _MOST_BYTES)


def _promised_frames(path: Path) -> int:
    """Number of frames in the header of a C3D file, which ezc3d corrects to those that it finds.

    The header counts up to 65,535; longer files have more.
    """
    with path.open("rb") as file:
        header = file.read(_BLOCK)
        file.seek((header[0] - 1) * _BLOCK + 3)  # of the first block of parameters
        order = ">" if file.read(1) == bytes([_BIG_ENDIAN]) else "<"
    first, last = struct.unpack_from(f"{order}2H", header, 6)
    return last - first + 1


def _unit(path: Path, name: str) -> float:
    if name.lower() not in _UNITS:
        raise InputError(f"{path}: its unit is {name[:20]!r}, expected one of {', '.join(_UNITS)}")
    return _UNITS[name.lower()]


def _clip(path: Path, time: Array, names: list[str], places: Array, up: str) -> Clip:
    """A clip of markers (T, M, 3) [m] in a file's axes."""
    repeated = [name for name in names if name and names.count(name) > 1]
    if repeated:
        raise InputError(f"{path}: marker {repeated[0][:80]!r} occurs twice")
    extents = np.ptp(np.ma.masked_invalid(places), axis=1).filled(0.0)
    extent, usual = extents.max(axis=0), np.median(extents, axis=0).max()
    if usual > _LARGEST:
        raise InputError(f"{path}: the markers are {usual:g} m apart; is its unit of lengths right?")
    height = "xyz".index(up)
    if extent[height] < _LYING * extent.max():
        raise InputError(
            f"{path}: the markers reach over {', '.join(f'{each:.2f}' for each in extent)} m along x, y and"
            f" z, and {up} is taken for up; say which it is with --up, in Python with up="
        )
    if up == "y":
        places = from_opensim(places)
    elif up == "x":
        places = places[:, :, [1, 2, 0]]
    bare = [name.split(":")[-1] for name in names]
    bare = bare if len(set(bare)) == len(bare) else names
    count = len(time)
    return Clip(
        times=time,
        joint_names=(),
        joint_pos=np.zeros((count, 0)),
        root_pos=np.zeros((count, 3)),
        root_quat=np.tile([1.0, 0.0, 0.0, 0.0], (count, 1)),
        source=str(path),
        markers={name: places[:, i] for i, name in enumerate(bare) if name},
    )
