"""Rollouts on disk: an HDF5 file written while the walk goes on, and reading of either format.

Memory does not grow with the length of the rollout, and a file whose writer was killed still opens: samples
are appended in chunks under HDF5's single-writer-multiple-reader mode, and `committed` counts those that are
whole. Samples of several episodes may interleave, as worlds that walk side by side write them; reading sorts
them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.errors import InputError, UsageError, nearest
from batchenv.evaluate.recording import ENDINGS, LAYOUT, Recording, from_arrays, load_npz

PER_SAMPLE = tuple(name for name, layout in LAYOUT.items() if layout.shape[:1] == ("T",))
HDF5_SUFFIXES = (".h5", ".hdf5")
RECORDING_SUFFIXES = (".npz", *HDF5_SUFFIXES)
CHUNK_BYTES = 1 << 18  # of one dataset; a chunk cache of HDF5 (1 MiB) holds several


def _h5py() -> Any:
    try:
        import h5py
    except ImportError as error:
        raise UsageError("HDF5 files need h5py: pip install 'batchenv[evaluate]'") from error
    return h5py


class RecordingWriter:
    """Append samples to an HDF5 file with named datasets, units and compression.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/walk.h5"
    >>> with RecordingWriter(path, dt=0.01, mass=75.0, joint_names=("hip_flexion_r",)) as writer:
    ...     writer.append(episode=[0], time=[0.0], joint_pos=[[0.1]], grf=np.zeros((1, 2, 3)),
    ...                   foot_pos=np.zeros((1, 2, 3)), root_pos=np.zeros((1, 3)))
    ...     writer.end_episode(0, "completed")
    >>> load_recording(path).ended
    ('completed',)
    """

    def __init__(
        self,
        path: str | Path,
        *,
        dt: float,
        mass: float,
        joint_names: Sequence[str],
        muscle_names: Sequence[str] = (),
        muscle_peak_force: Any = None,
        optimal_fiber_length: Any = None,
        gravity: float = 9.81,
        parameter_names: Sequence[str] = (),
        attributes: Mapping[str, str | float] | None = None,
        chunk_samples: int = 512,
    ) -> None:
        """Create the file, replacing one of the same name.

        Args:
            path: the file to write.
            dt: time between two samples [s].
            mass: of the body [kg].
            joint_names: (J,).
            muscle_names: (M,).
            muscle_peak_force: (M,) [N], or None.
            optimal_fiber_length: (M,) [m], or None.
            gravity: [m/s^2].
            parameter_names: of the numbers that `end_episode` takes, as of a sweep.
            attributes: where the rollout comes from: command, seed, configuration.
            chunk_samples: samples held in memory before they are written; a killed writer loses no more.
        """
        self._file: Any = _h5py().File(path, "w", libver="latest")
        self._lengths = {"J": len(joint_names), "M": len(muscle_names)}
        self._chunk_samples = chunk_samples
        self._pending: dict[str, list[np.ndarray]] = {}
        self._pending_samples = 0
        self._columns: tuple[str, ...] = ()
        self._written = 0
        self._parameter_names = tuple(parameter_names)
        self._file.attrs.update({"format": "batchenv-recording-1", **dict(attributes or {})})
        for name, value in (("dt", dt), ("mass", mass), ("gravity", gravity)):
            self._constant(name, np.float64(value))
        for name, value in (
            ("muscle_peak_force", muscle_peak_force),
            ("optimal_fiber_length", optimal_fiber_length),
        ):
            if value is not None:
                self._constant(name, np.asarray(value, dtype=float))
        for name, value in (("joint_names", joint_names), ("muscle_names", muscle_names)):
            if len(value):
                self._constant(name, np.asarray([str(item).encode() for item in value]))

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def append(self, **samples: Any) -> None:
        """Append K samples.

        Args:
            samples: arrays of `LAYOUT` whose first length is T, as (K, ...); the first call settles which.

        Raises:
            InputError: a name is unknown or missing, or a shape is wrong.
            UsageError: the writer is closed.
        """
        if self._file is None:
            raise UsageError("append after close: the rollout file is complete")
        if not self._columns:
            self._start(tuple(samples))
        if set(samples) != set(self._columns):
            odd = sorted(set(samples) ^ set(self._columns))
            raise InputError(
                f"append got or lacks {odd}, expected the arrays of the first call: {self._columns}"
            )
        count = len(samples["episode"])
        arrays = {name: np.asarray(value) for name, value in samples.items()}
        for name, array in arrays.items():
            expected = (count, *self._shape(name))
            if array.shape != expected:
                raise InputError(f"append: {name!r} has shape {array.shape}, expected {expected}")
        for name, array in arrays.items():
            self._pending[name].append(array.astype(self._file[name].dtype, copy=True))
        self._pending_samples += count
        if self._pending_samples >= self._chunk_samples:
            self.flush()

    def end_episode(self, episode: int, ended: str, parameters: Sequence[float] | None = None) -> None:
        """Say how an episode ended.

        Args:
            episode: its index.
            ended: 'completed' or 'fell'.
            parameters: the numbers named `parameter_names`, those that the episode was run with.
        """
        if ended not in ENDINGS:
            raise InputError(f"end_episode: {ended!r}, expected one of {ENDINGS}.{nearest(ended, ENDINGS)}")
        if not self._columns:
            raise UsageError("end_episode before append: an episode has at least one sample")
        self._reserve_episodes(episode + 1)
        self._file["ended"][episode] = ended.encode()
        if parameters is not None:
            self._file["parameters"][episode] = parameters
        self.flush()

    def flush(self) -> None:
        """Write what is pending; from here on a reader sees it."""
        if self._pending_samples:
            stop = self._written + self._pending_samples
            for name, parts in self._pending.items():
                dataset = self._file[name]
                dataset.resize(stop, axis=0)
                dataset[self._written : stop] = np.concatenate(parts)
                parts.clear()
            self._reserve_episodes(int(self._file["episode"][self._written : stop].max()) + 1)
            self._written, self._pending_samples = stop, 0
            self._file.flush()
            self._file["committed"][...] = stop
        self._file.flush()

    def close(self) -> None:
        """Write what is pending and close the file."""
        if self._file is not None:
            self.flush()
            self._file.close()
            self._file = None

    def _shape(self, name: str) -> tuple[int, ...]:
        return tuple(
            self._lengths[axis] if isinstance(axis, str) else axis for axis in LAYOUT[name].shape[1:]
        )

    def _constant(self, name: str, value: Any) -> None:
        self._file.create_dataset(name, data=value)
        self._describe(name)

    def _describe(self, name: str) -> None:
        attributes = self._file[name].attrs
        attributes["units"], attributes["description"] = LAYOUT[name].unit, LAYOUT[name].meaning

    def _start(self, columns: tuple[str, ...]) -> None:
        for name in columns:
            if name not in PER_SAMPLE:
                raise InputError(
                    f"append: no array {name!r} has a sample per row.{nearest(name, PER_SAMPLE)}"
                )
        required = [name for name in PER_SAMPLE if not LAYOUT[name].optional and name not in columns]
        if required:
            raise InputError(f"append lacks {required}, which every sample has")
        for name in columns:
            shape = self._shape(name)
            kind = {"episode": np.int32, "time": np.float64}.get(name, np.float32)
            rows = int(
                np.clip(CHUNK_BYTES // (np.dtype(kind).itemsize * max(1, int(np.prod(shape)))), 16, 1 << 13)
            )
            self._file.create_dataset(
                name,
                (0, *shape),
                kind,
                maxshape=(None, *shape),
                chunks=(rows, *(max(1, length) for length in shape)),
                compression="gzip",
                shuffle=True,
            )
            self._describe(name)
        self._start_episodes()
        self._file.create_dataset("committed", data=np.int64(0))
        self._columns = columns
        self._pending = {name: [] for name in columns}
        self._file.swmr_mode = True  # no dataset or attribute can be created from here on

    def _start_episodes(self) -> None:
        self._file.create_dataset(
            "ended", (0,), "S11", maxshape=(None,), chunks=(1024,), fillvalue=b"interrupted"
        )
        self._describe("ended")
        if self._parameter_names:
            width = len(self._parameter_names)
            parameters = self._file.create_dataset(
                "parameters", (0, width), float, maxshape=(None, width), chunks=(256, width), fillvalue=np.nan
            )
            parameters.attrs["names"] = [name.encode() for name in self._parameter_names]

    def _reserve_episodes(self, count: int) -> None:
        for name in ("ended", "parameters"):
            if name in self._file and len(self._file[name]) < count:
                self._file[name].resize(count, axis=0)


def load_recording(path: str | Path) -> Recording:
    """Read a recording from an NPZ file or an HDF5 file, also one whose writer was interrupted.

    Raises:
        InputError: the file is neither, or an array is missing or wrong.
    """
    path = Path(path)
    if path.suffix not in RECORDING_SUFFIXES:
        raise InputError(f"{path}: suffix {path.suffix!r}, expected a recording as .npz, .h5 or .hdf5")
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    return load_npz(path) if path.suffix == ".npz" else _load_hdf5(path)


def _open(path: Path) -> Any:
    file = _h5py().File
    try:
        return file(path, "r", locking=False)
    except OSError:
        # A killed writer leaves the file marked as being written, which only a SWMR reader accepts.
        return file(path, "r", libver="latest", swmr=True, locking=False)


def _load_hdf5(path: Path) -> Recording:
    try:
        with _open(path) as file:
            arrays = {name: file[name][()] for name in LAYOUT if name in file}
            committed = int(file["committed"][()]) if "committed" in file else None
    except OSError as error:
        raise InputError(f"{path}: not a readable HDF5 file ({error})") from error
    if "episode" not in arrays:
        raise InputError(f"{path}: holds no samples, expected the arrays of a recording")
    for name in ("joint_names", "muscle_names", "ended"):
        if name in arrays:
            arrays[name] = np.char.decode(arrays[name].astype("S"))
    order = np.argsort(arrays["episode"][:committed], kind="stable")
    for name in PER_SAMPLE:
        if name in arrays:
            arrays[name] = arrays[name][:committed][order]
    return from_arrays(arrays, str(path))
