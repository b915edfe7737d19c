"""Rollouts on disk: an HDF5 file written while the walk goes on.

Memory does not grow with the length of the rollout, and a file whose writer was killed still opens: samples
are appended in chunks under HDF5's single-writer-multiple-reader mode, and `committed` counts those that are
whole. Samples of several episodes may interleave, as worlds that walk side by side write them; reading sorts
them.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.arrays import shown
from batchenv.errors import InputError, OutputError, UsageError, nearest
from batchenv.evaluate.hdf5_file import h5py_module
from batchenv.evaluate.hdf5_output import Hdf5Output
from batchenv.evaluate.numbers import check_count
from batchenv.evaluate.recording import as_array, check_values
from batchenv.evaluate.recording_layout import ENDINGS, LAYOUT, MOST_EPISODES
from batchenv.evaluate.rollout_inputs import (
    checked_attributes,
    checked_columns,
    checked_constants,
    checked_names,
)
from batchenv.files.paths import checked_path

HDF5_SUFFIXES = (".h5", ".hdf5")
CHUNK_BYTES = 1 << 18  # of one dataset; a chunk cache of HDF5 (1 MiB) holds several
_COMPACT_BYTES = 60_000  # a header holds 64 KiB at most


class RecordingWriter:
    """Append samples to an HDF5 file with named datasets, units and compression.

    >>> import tempfile
    >>> path = tempfile.mkdtemp() + "/walk.h5"
    >>> with RecordingWriter(path, dt=0.01, mass=75.0, joint_names=("hip_flexion_r",)) as writer:
    ...     writer.append(episode=[0], time=[0.0], joint_pos=[[0.1]], grf=np.zeros((1, 2, 3)),
    ...                   foot_pos=np.zeros((1, 2, 3)), root_pos=np.zeros((1, 3)))
    ...     writer.end_episode(0, "completed")
    >>> from batchenv.evaluate import load_recording
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
        joint_center_names: Sequence[str] = (),
        muscle_peak_force: Any = None,
        optimal_fiber_length: Any = None,
        gravity: float = 9.81,
        leg_length: float | None = None,
        pelvis_tilt: float = 0.0,
        parameter_names: Sequence[str] = (),
        attributes: Mapping[str, str | float] | None = None,
        chunk_samples: int = 512,
    ) -> None:
        """Create the file; it takes its name, and the place of an older one, with its first samples.

        Args:
            path: the file to write.
            dt: time between two samples [s].
            mass: of the body [kg].
            joint_names: (J,).
            muscle_names: (M,).
            joint_center_names: (L,).
            muscle_peak_force: (M,) [N], or None.
            optimal_fiber_length: (M,) [m], or None.
            gravity: [m/s^2].
            leg_length: [m], or None.
            pelvis_tilt: of the upright body [rad].
            parameter_names: of the numbers that `end_episode` takes, as of a sweep.
            attributes: where the rollout comes from: command, seed, configuration.
            chunk_samples: samples held in memory before they are written; a killed writer loses no more.

        Raises:
            InputError: a value is impossible; nothing is created.
            OutputError: no such file can be written.
            UsageError: h5py is not installed.
        """
        check_count("chunk_samples", chunk_samples, 1_000_000)
        joint_names = checked_names("joint_names", joint_names)
        muscle_names = checked_names("muscle_names", muscle_names)
        joint_center_names = checked_names("joint_center_names", joint_center_names)
        constants = checked_constants(
            dt=dt,
            mass=mass,
            gravity=gravity,
            leg_length=leg_length,
            pelvis_tilt=pelvis_tilt,
            joint_names=joint_names,
            muscle_names=muscle_names,
            joint_center_names=joint_center_names,
            muscle_peak_force=muscle_peak_force,
            optimal_fiber_length=optimal_fiber_length,
        )
        self._lengths = {"J": len(joint_names), "M": len(muscle_names), "L": len(joint_center_names)}
        self._chunk_samples = chunk_samples
        self._pending: dict[str, list[np.ndarray]] = {}
        self._pending_samples = 0
        self._columns: tuple[str, ...] = ()
        self._written = 0
        self._chunks: dict[str, tuple[int, int]] = {}  # rows of a chunk and bytes of a row
        self._parameter_names = checked_names("parameter_names", parameter_names)
        attributes = checked_attributes(attributes)
        self._output: Hdf5Output | None = Hdf5Output(checked_path("path", path))
        try:
            self._write_constants(constants, attributes)
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> "RecordingWriter":
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    def append(self, **samples: Any) -> None:
        """Append K samples.

        Args:
            samples: arrays of `LAYOUT` whose first length is T, as (K, ...); the first call settles which.

        Raises:
            InputError: a name is unknown or missing, or a shape or value is wrong; nothing is appended.
            OutputError: the disk is full; the file holds what was written before, and the writer is closed.
            UsageError: the writer is closed.
        """
        if self._output is None:
            raise UsageError("append after close: the rollout file is complete")
        columns = self._columns or checked_columns(tuple(samples))
        if set(samples) != set(columns):
            odd = sorted(set(samples) ^ set(columns))
            raise InputError(
                f"append got or lacks {odd}, expected the arrays of the first call: {self._columns}"
            )
        arrays = {name: as_array(name, value) for name, value in samples.items()}
        episode = arrays["episode"]
        for name, array in arrays.items():
            expected = (episode.size, *self._shape(name))
            if array.shape != expected:
                raise InputError(f"append: {name!r} has shape {array.shape}, expected {expected}")
            if array.size and array.dtype.kind not in ("iu" if name == "episode" else "fiub"):
                raise InputError(f"append: {name!r} has type {array.dtype}, expected numbers")
            if name != "episode" and not (LAYOUT[name].optional and np.isnan(array).all()):
                check_values(name, array)
        if episode.size and not 0 <= episode.min() <= episode.max() < MOST_EPISODES:
            raise InputError(
                f"append: episodes {episode.min()} to {episode.max()}, expected 0 to {MOST_EPISODES - 1:,}"
            )
        if not self._columns:
            self._start(columns)
        for name, array in arrays.items():
            self._pending[name].append(array.astype(self._file[name].dtype, copy=True))
        self._pending_samples += episode.size
        if self._pending_samples >= self._chunk_samples:
            self.flush()

    def end_episode(self, episode: int, ended: str, parameters: Sequence[float] | None = None) -> None:
        """Say how an episode ended.

        Args:
            episode: its index.
            ended: one of `ENDINGS`.
            parameters: the numbers named `parameter_names`, those that the episode was run with.

        Raises:
            InputError: an argument is wrong; nothing is written.
            OutputError: as for `append`.
            UsageError: no sample was appended yet, or the writer is closed.
        """
        if self._output is None:
            raise UsageError("end_episode after close: the rollout file is complete")
        check_count("end_episode: episode", episode, MOST_EPISODES - 1, least=0)
        if not isinstance(ended, str) or ended not in ENDINGS:
            hint = nearest(ended, ENDINGS) if isinstance(ended, str) else ""
            raise InputError(f"end_episode: {shown(ended)}, expected one of {ENDINGS}.{hint}")
        numbers = None if parameters is None else as_array("parameters", parameters)
        expected = (len(self._parameter_names),)
        if numbers is not None and (numbers.shape != expected or numbers.dtype.kind not in "fiu"):
            raise InputError(
                f"end_episode: parameters {parameters!r}, expected numbers for {self._parameter_names}"
            )
        if not self._columns:
            raise UsageError("end_episode before append: an episode has at least one sample")
        self.flush()
        self._take_room(self._episode_bytes(episode + 1))
        self._reserve_episodes(episode + 1)
        self._file["ended"][episode] = ended.encode()
        if numbers is not None and self._parameter_names:
            self._file["parameters"][episode] = numbers.astype(float)
        self._file.flush()

    def flush(self) -> None:
        """Write what is pending; from here on a reader sees it.

        Raises:
            OutputError: as for `append`.
        """
        if self._output is None or not self._pending_samples:
            return
        stop = self._written + self._pending_samples
        pending = {name: np.concatenate(parts) for name, parts in self._pending.items()}
        episodes = int(pending["episode"].max(initial=0)) + 1
        self._take_room(self._pending_bytes() + self._episode_bytes(episodes))
        for name, array in pending.items():
            dataset = self._file[name]
            dataset.resize(stop, axis=0)
            dataset[self._written : stop] = array
        self._reserve_episodes(episodes)
        self._file.flush()
        self._file["committed"][0] = stop
        self._file.flush()
        self._written, self._pending_samples = stop, 0
        for parts in self._pending.values():
            parts.clear()
        self._output.publish()

    def close(self) -> None:
        """Write what is pending and close the file; one without a sample is removed.

        Raises:
            OutputError: as for `append`.
        """
        try:
            self.flush()
        finally:
            self._release()

    @property
    def _file(self) -> Any:
        assert self._output is not None, "callers check that the writer is open"
        return self._output.file

    def _release(self) -> None:
        """Close the file as it is."""
        output, self._output = self._output, None
        if output is not None:
            output.close()

    def _take_room(self, size: int) -> None:
        """Have the disk set bytes aside, or close the file as it is."""
        assert self._output is not None
        try:
            self._output.take_room(size)
        except OutputError as error:
            self._release()
            kept = f"; it holds the {self._written:,} samples before" if self._written else ""
            raise OutputError(f"{error}{kept}") from error

    def _pending_bytes(self) -> int:
        """Bytes that pending samples take at most; a chunk that is not full yet is written once more."""
        return sum(
            (self._pending_samples + self._written % rows) * row_bytes
            for rows, row_bytes in self._chunks.values()
        )

    def _episode_bytes(self, count: int) -> int:
        return (count + 1024) * (12 + 8 * len(self._parameter_names))

    def _write_constants(self, constants: dict[str, np.ndarray], attributes: dict[str, str | float]) -> None:
        """Write what does not change; data of compact datasets lie in a header, which has a checksum."""
        h5py = h5py_module()
        compact = h5py.h5p.create(h5py.h5p.DATASET_CREATE)
        compact.set_layout(h5py.h5d.COMPACT)
        self._take_room(sum(len(str(text)) for text in attributes.values()))
        self._file.attrs.update({"format": "batchenv-recording-1", **attributes})
        for name, value in constants.items():
            layout = compact.copy() if value.nbytes < _COMPACT_BYTES else None
            self._file.create_dataset(name, data=value, dcpl=layout)
            self._describe(name)

    def _shape(self, name: str) -> tuple[int, ...]:
        return tuple(
            self._lengths[axis] if isinstance(axis, str) else axis for axis in LAYOUT[name].shape[1:]
        )

    def _describe(self, name: str) -> None:
        attributes = self._file[name].attrs
        attributes["units"], attributes["description"] = LAYOUT[name].unit, LAYOUT[name].meaning

    def _start(self, columns: tuple[str, ...]) -> None:
        self._take_room(0)
        for name in columns:
            shape = self._shape(name)
            kind = {"episode": np.int32, "time": np.float64}.get(name, np.float32)
            row_bytes = np.dtype(kind).itemsize * max(1, int(np.prod(shape)))
            rows = int(np.clip(CHUNK_BYTES // row_bytes, 16, 1 << 13))
            self._chunks[name] = rows, row_bytes
            self._file.create_dataset(
                name,
                (0, *shape),
                kind,
                maxshape=(None, *(length or None for length in shape)),  # h5py chunks nothing of length 0
                chunks=(rows, *(max(1, length) for length in shape)),
                compression="gzip",
                shuffle=True,
            )
            self._describe(name)
        self._start_episodes()
        self._file.create_dataset("committed", data=np.zeros(1, np.int64), chunks=(1,), fletcher32=True)
        self._columns = columns
        self._pending = {name: [] for name in columns}
        self._file.swmr_mode = True  # no dataset or attribute can be created from here on

    def _start_episodes(self) -> None:
        self._file.create_dataset(
            "ended",
            (0,),
            "S11",
            maxshape=(None,),
            chunks=(1024,),
            fillvalue=b"interrupted",
            fletcher32=True,
        )
        self._describe("ended")
        if self._parameter_names:
            width = len(self._parameter_names)
            parameters = self._file.create_dataset(
                "parameters",
                (0, width),
                float,
                maxshape=(None, width),
                chunks=(256, width),
                fillvalue=np.nan,
                fletcher32=True,
            )
            parameters.attrs["names"] = [name.encode() for name in self._parameter_names]

    def _reserve_episodes(self, count: int) -> None:
        for name in ("ended", "parameters"):
            if name in self._file and len(self._file[name]) < count:
                self._file[name].resize(count, axis=0)
