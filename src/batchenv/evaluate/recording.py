"""Recording of a walk: one frozen set of arrays, whether simulated or measured.

Frame: x forward (the direction of travel), y to the left, z up. Of two legs the right one comes first.
T samples of E episodes, one after another; J joints; M muscles (0 for a walker without muscles); L joints of
the legs whose centres and loads are known.
`LAYOUT` names every array with its shape, unit and meaning; NPZ and HDF5 files hold them under these names.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.arrays import shown
from batchenv.errors import InputError, nearest
from batchenv.evaluate.hdf5_file import most_bytes
from batchenv.evaluate.recording_layout import (
    ENDINGS,
    LAYOUT,
    MOST_EPISODES,
    MOST_NAMES,
    TEXTS,
    ArrayLayout,
    describe_layout,
)
from batchenv.files import read_npz, write_atomically
from batchenv.files.paths import checked_path, file_to_read

Array = np.ndarray

NOT_GIVEN: Any = None  # __post_init__ fills it in, so that the array is always there


@dataclass(frozen=True, eq=False)
class Recording:
    """One or more episodes of walking, validated; the arrays are those of `LAYOUT`.

    An optional array that is not given is NaN throughout, see `measured`, or derived as `LAYOUT` says.

    Raises:
        InputError: an array has a wrong shape, type or value; the message names it.
    """

    dt: float
    mass: float
    joint_names: tuple[str, ...]
    ended: tuple[str, ...]
    episode: Array
    time: Array
    joint_pos: Array
    grf: Array
    foot_pos: Array
    root_pos: Array
    gravity: float = 9.81
    leg_length: float | None = None
    pelvis_tilt: float = 0.0
    joint_vel: Array = NOT_GIVEN
    joint_torque: Array = NOT_GIVEN
    root_vel: Array = NOT_GIVEN
    root_quat: Array = NOT_GIVEN
    toe_pos: Array = NOT_GIVEN
    angular_momentum: Array = NOT_GIVEN
    cop: Array = NOT_GIVEN
    free_moment: Array = NOT_GIVEN
    joint_center_names: tuple[str, ...] = ()
    joint_center: Array = NOT_GIVEN
    joint_load: Array = NOT_GIVEN
    muscle_names: tuple[str, ...] = ()
    activation: Array = NOT_GIVEN
    excitation: Array = NOT_GIVEN
    muscle_force: Array = NOT_GIVEN
    fiber_velocity: Array = NOT_GIVEN
    fiber_length: Array = NOT_GIVEN
    muscle_peak_force: Array = NOT_GIVEN
    optimal_fiber_length: Array = NOT_GIVEN

    def __post_init__(self) -> None:
        for name in ("dt", "mass", "gravity", "pelvis_tilt"):
            self._set(name, _number(name, getattr(self, name)))
        if self.leg_length is not None:
            self._set("leg_length", _number("leg_length", self.leg_length))
        for name in TEXTS:
            self._set(name, _texts(name, getattr(self, name)))
        _check_names(self)
        self._set("episode", _integers("episode", self.episode))
        lengths = {
            "T": len(self.episode),
            "J": len(self.joint_names),
            "L": len(self.joint_center_names),
            "M": len(self.muscle_names),
            "E": len(self.ended),
        }
        for name, layout in LAYOUT.items():
            if layout.shape and name not in (*TEXTS, "episode"):
                self._set(name, _array(name, getattr(self, name), layout, lengths))
        _check_episodes(self)
        _check_units(self)
        self._derive()

    def _set(self, name: str, value: object) -> None:
        object.__setattr__(self, name, value)

    def _derive(self) -> None:
        if not self.measured("joint_vel"):
            self._set("joint_vel", self._rate(self.joint_pos))
        if not self.measured("root_vel"):
            self._set("root_vel", self._rate(self.root_pos))
        if self.measured("activation") and not self.measured("excitation"):
            self._set("excitation", self.activation)

    def _rate(self, values: Array) -> Array:
        rate = np.zeros(values.shape)
        for _, rows in self.episodes():
            if rows.stop - rows.start > 1:
                rate[rows] = np.gradient(values[rows].astype(float), self.dt, axis=0)
        return rate

    @property
    def weight(self) -> float:
        """Body weight [N]."""
        return self.mass * self.gravity

    @property
    def seconds(self) -> float:
        """Recorded time of all episodes together [s]."""
        return len(self.time) * self.dt

    def measured(self, name: str) -> bool:
        """Return whether the array `name` holds values."""
        values = getattr(self, name)
        return values.size > 0 and not np.isnan(values.flat[0])

    def episodes(self) -> Iterator[tuple[int, slice]]:
        """Yield each episode that has samples, and their rows."""
        first = np.flatnonzero(np.diff(self.episode, prepend=-1))
        for start, stop in pairwise([*first, len(self.episode)]):
            yield int(self.episode[start]), slice(int(start), int(stop))

    def joint_columns(self, joint: str) -> tuple[int, int]:
        """Return the columns of the right and the left `joint`, a name without its side."""
        return self._columns(joint, self.joint_names, "joint_names")

    def muscle_columns(self, muscle: str) -> tuple[int, int]:
        """Return the columns of the right and the left `muscle`, a name without its side."""
        return self._columns(muscle, self.muscle_names, "muscle_names")

    @staticmethod
    def _columns(name: str, names: tuple[str, ...], array: str) -> tuple[int, int]:
        for side in ("r", "l"):
            if f"{name}_{side}" not in names:
                hint = nearest(f"{name}_{side}", names)
                raise InputError(f"Recording array {array!r} lacks '{name}_{side}'.{hint}")
        return names.index(f"{name}_r"), names.index(f"{name}_l")


def from_arrays(arrays: Mapping[str, Any], source: str | Path = "recording") -> Recording:
    """Return the recording that `arrays`, named as in `LAYOUT`, make up.

    Raises:
        InputError: a name is unknown or missing, or an array is wrong.
    """
    if not isinstance(arrays, Mapping):
        raise InputError(f"arrays is of type {type(arrays).__name__}; expected a mapping of names to arrays")
    for name in arrays:
        if name not in LAYOUT:
            close = nearest(name, LAYOUT) if isinstance(name, str) else ""
            raise InputError(f"{source}: unknown array {shown(name)}.{close}")
    missing = [name for name, layout in LAYOUT.items() if not layout.optional and name not in arrays]
    if missing:
        raise InputError(
            f"{source}: lacks the arrays {', '.join(map(repr, missing))}. The layout is\n{describe_layout()}"
        )
    try:
        return Recording(**arrays)
    except InputError as error:
        raise InputError(f"{source}: {error}") from error


def save_npz(recording: Recording, path: str | Path) -> None:
    """Write the recording as a compressed NPZ file; arrays that were not measured are left out.

    Raises:
        InputError: it is no recording, or no path.
        OutputError: the file cannot be written.
    """
    check_recording(recording)
    arrays = {}
    for item in fields(recording):
        if getattr(recording, item.name) is None:
            continue
        value = np.asarray(getattr(recording, item.name))
        if value.dtype.kind == "f" and value.ndim and (value.size == 0 or np.isnan(value.flat[0])):
            continue
        arrays[item.name] = value
    # np.savez would append .npz to another suffix
    write_atomically(checked_path("path", path), lambda file: np.savez_compressed(file, **arrays))


def load_npz(path: str | Path) -> Recording:
    """Read a recording from an NPZ file whose arrays are named as in `LAYOUT`.

    Raises:
        InputError: the file is no NPZ file, or an array is missing, unknown or wrong.
    """
    path = file_to_read("path", path)
    try:
        arrays = read_npz(path, most_bytes(path))
    except InputError as error:
        raise InputError(f"{path}: not a readable NPZ file ({error.__cause__})") from error
    return from_arrays(arrays, str(path))


def check_recording(value: object) -> None:
    """InputError unless a caller hands in a recording."""
    if not isinstance(value, Recording):
        raise InputError(f"{shown(value)} is no Recording; load_recording and from_arrays return one")


def check_values(name: str, array: Array) -> None:
    """InputError unless all values of an array of `LAYOUT` are finite and in their range."""
    layout = LAYOUT[name]
    finite = np.isfinite(array)
    if not finite.all():
        first = tuple(int(i) for i in np.argwhere(~finite)[0])
        raise InputError(
            f"Recording array {name!r}: {int((~finite).sum())} values are not finite, the first at {first};"
            " expected finite numbers" + (", or NaN throughout where not measured" if layout.optional else "")
        )
    possible = (array >= layout.low) & (array <= layout.high)
    if not possible.all():
        first = tuple(int(i) for i in np.argwhere(~possible)[0])
        raise InputError(
            f"Recording array {name!r}: {array[first]:g} at {first},"
            f" expected {layout.low:g} to {layout.high:g} {layout.unit}".rstrip()
        )


def as_array(name: str, values: object) -> Array:
    """Return values as an array; InputError names those that are none."""
    try:
        return np.asarray(values)
    except Exception as error:  # ragged lists, or an object whose __array__ raises
        raise InputError(f"Recording array {name!r} is no array ({error})") from error


def _number(name: str, value: object) -> float:
    number, layout = as_array(name, value), LAYOUT[name]
    real = number.shape == () and number.dtype.kind in "fiu"
    if not (real and np.isfinite(number) and layout.low <= number <= layout.high):
        kind = "positive number" if layout.low > 0.0 else "number"
        raise InputError(
            f"Recording value {name!r} is {value!r}, expected one {kind}"
            f" from {layout.low:g} to {layout.high:g} {layout.unit}"
        )
    return float(number)


def _texts(name: str, values: object) -> tuple[str, ...]:
    array = as_array(name, values)
    if array.ndim != 1 or (array.size and array.dtype.kind != "U"):
        raise InputError(
            f"Recording array {name!r}: shape {array.shape} of {array.dtype},"
            f" expected ({LAYOUT[name].shape[0]},) of texts"
        )
    most = MOST_EPISODES if name == "ended" else MOST_NAMES
    if len(array) > most:
        raise InputError(f"Recording array {name!r}: {len(array):,} texts, expected at most {most:,}")
    return tuple(map(str, array))


def _integers(name: str, values: object) -> Array:
    array = as_array(name, values)
    if array.ndim != 1 or (array.size and array.dtype.kind not in "iu"):
        raise InputError(
            f"Recording array {name!r}: shape {array.shape} of {array.dtype}, expected (T,) of integers"
        )
    return array.astype(np.int64)


def _array(name: str, values: object, layout: ArrayLayout, lengths: Mapping[str, int]) -> Array:
    shape = tuple(lengths[axis] if isinstance(axis, str) else axis for axis in layout.shape)
    if values is None and layout.optional:
        return np.broadcast_to(np.nan, shape)
    array = as_array(name, values)
    if array.dtype.kind not in "fiub":
        raise InputError(f"Recording array {name!r}: type {array.dtype}, expected numbers [{layout.unit}]")
    if array.shape != shape:
        axes = ", ".join(map(str, layout.shape))
        raise InputError(f"Recording array {name!r}: shape {array.shape}, expected ({axes}) = {shape}")
    if array.dtype not in (np.float32, np.float64):
        array = array.astype(float)
    if not (layout.optional and array.size and np.isnan(array.flat[0]) and np.isnan(array).all()):
        check_values(name, array)
    return array


def _check_names(recording: Recording) -> None:
    for array in ("joint_names", "muscle_names", "joint_center_names"):
        names = getattr(recording, array)
        repeated = [name for name, count in Counter(names).items() if count > 1]
        if repeated:
            raise InputError(
                f"Recording array {array!r}: {repeated[0]!r} occurs twice, expected distinct names"
            )
    for index, ending in enumerate(recording.ended):
        if ending not in ENDINGS:
            hint = nearest(ending, ENDINGS)
            raise InputError(
                f"Recording array 'ended': {ending!r} at {index}, expected one of {ENDINGS}.{hint}"
            )


def _check_episodes(recording: Recording) -> None:
    episode, time, dt = recording.episode, recording.time, recording.dt
    if episode.size == 0:
        return
    if episode.min() < 0 or episode.max() >= len(recording.ended) or np.any(np.diff(episode) < 0):
        raise InputError(
            f"Recording array 'episode': values {episode.min()} to {episode.max()},"
            f" expected indices into 'ended' ({len(recording.ended)} episodes) that do not decrease"
        )
    step = np.diff(time)[np.diff(episode) == 0]
    wrong = np.abs(step - dt) > 0.05 * dt
    if wrong.any():
        raise InputError(
            f"Recording array 'time': advances by {step[wrong][0]:g} s, expected 'dt' = {dt:g} s"
        )


def _check_units(recording: Recording) -> None:
    if recording.joint_pos.size and np.abs(recording.joint_pos).max() > 2 * np.pi:
        largest = np.abs(recording.joint_pos).max()
        raise InputError(f"Recording array 'joint_pos': {largest:g} exceeds 2 pi, expected angles in radians")
    if recording.measured("root_quat"):
        norm = np.linalg.norm(recording.root_quat, axis=1)
        wrong = np.abs(norm - 1.0) > 0.01
        if wrong.any():
            raise InputError(
                f"Recording array 'root_quat': length {norm[wrong][0]:g} at {int(wrong.argmax())}, expected"
                " quaternions of length 1"
            )
    lowest = recording.grf[:, :, 2].min(initial=0.0)
    if lowest < -0.5 * recording.weight:
        raise InputError(
            f"Recording array 'grf': vertical force of {lowest:g} N, expected the force ON the foot, up"
        )
