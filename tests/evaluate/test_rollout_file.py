import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from batchenv.errors import InputError, UsageError
from batchenv.evaluate.recording import LAYOUT, Recording
from batchenv.evaluate.rollout_file import PER_SAMPLE, RecordingWriter, load_recording
from tests.evaluate.synthetic_walk import human_walk

CONSTANTS = ("dt", "mass", "joint_names", "muscle_names", "muscle_peak_force", "optimal_fiber_length")

WRITE_FOREVER = """
import sys
import numpy as np
from batchenv.evaluate.rollout_file import RecordingWriter

writer = RecordingWriter(sys.argv[1], dt=0.01, mass=75.0, joint_names=("hip_flexion_r",), chunk_samples=50)
for step in range(10**9):
    writer.append(episode=[step // 100], time=[step % 100 * 0.01], joint_pos=[[step * 1e-6]],
                  grf=np.full((1, 2, 3), step), foot_pos=np.zeros((1, 2, 3)), root_pos=np.zeros((1, 3)))
    if step % 100 == 99:
        writer.end_episode(step // 100, "completed")
    if step == 1234:
        print("ready", flush=True)
"""


def writer_for(walk: Recording, path: Path, **options) -> RecordingWriter:
    return RecordingWriter(path, **{name: getattr(walk, name) for name in CONSTANTS}, **options)


def rows_of(walk: Recording, rows: slice | np.ndarray) -> dict[str, np.ndarray]:
    return {name: getattr(walk, name)[rows] for name in PER_SAMPLE}


def assert_same(loaded: Recording, walk: Recording) -> None:
    for name in LAYOUT:
        expected = getattr(walk, name)
        if isinstance(expected, np.ndarray) and name in PER_SAMPLE and name not in ("episode", "time"):
            expected = expected.astype(np.float32)  # the precision of the file
        assert np.array_equal(getattr(loaded, name), expected), name


def test_streamed_file_reads_back_as_it_was(tmp_path: Path):
    walk = human_walk(episodes=2, seconds=2.0)
    path = tmp_path / "walk.h5"
    with writer_for(walk, path, chunk_samples=64) as writer:
        for start in range(0, len(walk.time), 37):
            writer.append(**rows_of(walk, slice(start, start + 37)))
        for episode in (0, 1):
            writer.end_episode(episode, "completed")
    assert_same(load_recording(path), walk)


def test_episodes_written_side_by_side_come_back_one_after_another(tmp_path: Path):
    walk = human_walk(episodes=3, seconds=1.0)
    order = np.arange(600).reshape(3, 200).T.ravel()  # one sample of each episode in turn
    path = tmp_path / "walk.h5"
    with writer_for(walk, path) as writer:
        writer.append(**rows_of(walk, order))
        for episode in (2, 0, 1):
            writer.end_episode(episode, "completed")
    assert_same(load_recording(path), walk)


def test_datasets_have_names_units_and_compression(tmp_path: Path):
    walk = human_walk(seconds=1.0)
    path = tmp_path / "walk.h5"
    with writer_for(walk, path, parameter_names=("speed",), attributes={"seed": 3}) as writer:
        writer.append(**rows_of(walk, slice(None)))
        writer.end_episode(0, "fell", parameters=[1.1])
    with h5py.File(path) as file:
        assert file["grf"].attrs["units"] == "N"
        assert file["grf"].compression == "gzip"
        assert file["joint_pos"].shape == (200, 6)
        assert file["parameters"][0, 0] == 1.1
        assert file.attrs["seed"] == 3
    assert load_recording(path).ended == ("fell",)


def test_killed_writer_leaves_a_readable_file(tmp_path: Path):
    path = tmp_path / "walk.h5"
    with subprocess.Popen(
        [sys.executable, "-c", WRITE_FOREVER, str(path)], stdout=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"ready\n"
        os.kill(process.pid, signal.SIGKILL)
    loaded = load_recording(path)
    count = len(loaded.time)
    assert count >= 1200  # of the 1235 samples before "ready" no more than one chunk of 50 is lost
    assert np.array_equal(loaded.grf[:, 0, 0], np.arange(count))  # whole, in order, no fill values
    assert loaded.ended[:11] == ("completed",) * 11
    assert set(loaded.ended[11:]) <= {"completed", "interrupted"}


def test_memory_does_not_grow_with_the_rollout(tmp_path: Path):
    zeros = {
        name: np.zeros((500, *shape))
        for name, shape in (("grf", (2, 3)), ("foot_pos", (2, 3)), ("root_pos", (3,)))
    }
    process = psutil.Process()
    with RecordingWriter(tmp_path / "walk.h5", dt=0.01, mass=75.0, joint_names=map_names(100)) as writer:
        for step in range(250):
            time = (step * 500 + np.arange(500)) * 0.01
            writer.append(episode=np.zeros(500, int), time=time, joint_pos=np.zeros((500, 100)), **zeros)
            if step == 20:
                before = process.memory_info().rss
        grown = process.memory_info().rss - before
    # 230 appends hold 46 MB of single-precision numbers; chunk caches are filled after the first few.
    assert grown < 12e6


def map_names(count: int) -> tuple[str, ...]:
    return tuple(f"joint_{index}_r" for index in range(count))


def test_wrong_samples_are_refused_and_leave_the_file_whole(tmp_path: Path):
    walk = human_walk(seconds=1.0)
    path = tmp_path / "walk.h5"
    with writer_for(walk, path) as writer:
        with pytest.raises(InputError, match=r"no array 'grff' has a sample per row. Did you mean 'grf'\?"):
            writer.append(grff=np.zeros((1, 2, 3)))
        with pytest.raises(InputError, match=r"append lacks \['episode'"):
            writer.append(time=[0.0])
        rows = rows_of(walk, slice(None))
        writer.append(**rows)
        with pytest.raises(InputError, match=r"'grf' has shape \(200, 2\), expected \(200, 2, 3\)"):
            writer.append(**rows | {"grf": np.zeros((200, 2))})
        with pytest.raises(InputError, match=r"got or lacks \['activation'\]"):
            writer.append(**{name: value for name, value in rows.items() if name != "activation"})
        with pytest.raises(InputError, match=r"end_episode: 'complete', .* Did you mean 'completed'\?"):
            writer.end_episode(0, "complete")
        writer.end_episode(0, "completed")
    assert_same(load_recording(path), walk)
    with pytest.raises(UsageError, match="append after close"):
        writer.append(**rows)


def test_file_of_another_kind_is_refused(tmp_path: Path):
    with pytest.raises(InputError, match=r"suffix '.txt', expected a recording as .npz, .h5 or .hdf5"):
        load_recording(tmp_path / "walk.txt")
    with pytest.raises(InputError, match="no such file"):
        load_recording(tmp_path / "walk.h5")
    (tmp_path / "walk.h5").write_text("nothing of the kind")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        load_recording(tmp_path / "walk.h5")
