import os
import signal
import subprocess
import sys
from pathlib import Path

import h5py
import numpy as np
import psutil
import pytest

from batchenv.errors import InputError, OutputError, UsageError
from batchenv.evaluate.recording import LAYOUT, Recording
from batchenv.evaluate.recording_file import load_recording
from batchenv.evaluate.recording_layout import PER_SAMPLE
from batchenv.evaluate.rollout_file import RecordingWriter
from tests.evaluate.open_walk import open_walk
from tests.evaluate.synthetic_walk import human_walk

CONSTANTS = (
    *("dt", "mass", "leg_length", "pelvis_tilt", "joint_names", "muscle_names", "joint_center_names"),
    *("muscle_peak_force", "optimal_fiber_length"),
)

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
    return {name: getattr(walk, name)[rows] for name in given(walk)}


def given(walk: Recording) -> tuple[str, ...]:
    """Arrays of samples that the walk has."""
    return tuple(name for name in PER_SAMPLE if name == "episode" or walk.measured(name))


def assert_same(loaded: Recording, walk: Recording) -> None:
    for name in LAYOUT:
        expected = getattr(walk, name)
        if name in PER_SAMPLE and name not in given(walk):
            assert not loaded.measured(name)
            continue
        if isinstance(expected, np.ndarray) and name in PER_SAMPLE and name not in ("episode", "time"):
            expected = expected.astype(np.float32)  # the precision of the file
        assert np.array_equal(getattr(loaded, name), expected), name


def test_streamed_file_reads_back_as_it_was(tmp_path: Path):
    walk = open_walk(episodes=2, seconds=2.0)
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
    with pytest.raises(
        InputError, match=r"suffix '.txt', expected a recording as .npz, .h5, .hdf5, .mot, .sto"
    ):
        load_recording(tmp_path / "walk.txt")
    with pytest.raises(InputError, match="no such file"):
        load_recording(tmp_path / "walk.h5")
    (tmp_path / "walk.h5").write_text("nothing of the kind")
    with pytest.raises(InputError, match="not a readable HDF5 file"):
        load_recording(tmp_path / "walk.h5")
    with h5py.File(tmp_path / "walk.h5", "w") as file:
        file["dt"] = 0.01
    with pytest.raises(
        InputError, match=r"lacks the arrays 'mass', .*'grf'.* The layout is\ndt +\(\) +\[s\]"
    ):
        load_recording(tmp_path / "walk.h5")


FILL_THE_DISK = """
import resource
import sys

import numpy as np

from batchenv.errors import OutputError
from batchenv.evaluate import RecordingWriter

resource.setrlimit(resource.RLIMIT_FSIZE, (700_000, 700_000))
rng = np.random.default_rng(0)
path = sys.argv[1]
with RecordingWriter(path, dt=0.01, mass=75.0, joint_names=[f"j{i}_r" for i in range(14)]) as writer:
    try:
        for k in range(60):
            time = (k * 512 + np.arange(512)) * 0.01
            writer.append(
                episode=np.zeros(512, int), time=time, joint_pos=rng.normal(0, 0.1, (512, 14)),
                grf=rng.normal(0, 1, (512, 2, 3)), foot_pos=np.zeros((512, 2, 3)),
                root_pos=np.zeros((512, 3)),
            )
    except OutputError as error:
        print(error)
"""


def test_a_full_disk_is_an_error_and_leaves_what_was_written_before(tmp_path: Path):
    path = tmp_path / "walk.h5"
    ended = subprocess.run(
        [sys.executable, "-c", FILL_THE_DISK, str(path)], capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stderr
    count = len(load_recording(path).time)
    assert f"cannot be written: File too large; it holds the {count:,} samples before" in ended.stdout
    assert count >= 1024
    assert [file.name for file in tmp_path.iterdir()] == ["walk.h5"]


def test_a_link_at_the_name_of_the_file_is_not_followed(tmp_path: Path):
    walk = human_walk(seconds=1.0)
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "walk.h5").symlink_to(tmp_path / "victim")
    with pytest.raises(OutputError, match="walk.h5: it is a symbolic link"):
        writer_for(walk, tmp_path / "walk.h5")
    assert (tmp_path / "victim").read_text() == "precious"


def test_an_older_file_stays_until_there_are_samples(tmp_path: Path):
    walk = human_walk(seconds=1.0)
    path = tmp_path / "walk.h5"
    path.write_text("older")
    with writer_for(walk, path):
        pass
    assert path.read_text() == "older" and [file.name for file in tmp_path.iterdir()] == ["walk.h5"]
    with writer_for(walk, path) as writer:
        writer.append(**rows_of(walk, slice(None)))
    assert_same(load_recording(path), human_walk(seconds=1.0, ended=("interrupted",)))


def test_every_bit_of_what_is_read_has_a_checksum(tmp_path: Path):
    walk = human_walk(seconds=1.0)
    path = tmp_path / "walk.h5"
    with writer_for(walk, path) as writer:
        writer.append(**rows_of(walk, slice(None)))
        writer.end_episode(0, "completed")
    whole, rng = path.read_bytes(), np.random.default_rng(0)
    for _ in range(100):
        damaged = bytearray(whole)
        damaged[rng.integers(len(damaged))] ^= 1 << rng.integers(8)
        path.write_bytes(damaged)
        try:
            assert_same(load_recording(path), walk)
        except InputError as error:
            assert "walk.h5" in str(error)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"episode": np.full(200, 10**9)}, r"episodes 1000000000 to 1000000000, expected 0 to 999,999"),
        ({"episode": np.full(200, -1)}, "episodes -1 to -1"),
        ({"episode": np.zeros(200)}, "'episode' has type float64"),
        ({"root_pos": np.full((200, 3), np.nan)}, "'root_pos': 600 values are not finite"),
        (
            {"grf": np.full((200, 2, 3), 1e300)},
            r"'grf': 1e\+300 at \(0, 0, 0\), expected -1e\+07 to 1e\+07 N",
        ),
        ({"grf": np.full((200, 2, 3), "x")}, "'grf' has type <U1, expected numbers"),
        ({"root_pos": [[1.0], [2.0, 3.0]]}, "'root_pos' is no array"),
    ],
)
def test_samples_that_nobody_could_read_are_refused(tmp_path: Path, changes, message):
    walk = human_walk(seconds=1.0)
    with writer_for(walk, tmp_path / "walk.h5") as writer:
        with pytest.raises(InputError, match=message):
            writer.append(**rows_of(walk, slice(None)) | changes)
        writer.append(**rows_of(walk, slice(None)))
        writer.end_episode(0, "completed")
    assert_same(load_recording(tmp_path / "walk.h5"), walk)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dt": 0.0}, "'dt' is 0.0, expected one positive number"),
        ({"mass": np.inf}, "'mass' is inf"),
        ({"gravity": "9.81"}, "'gravity' is '9.81'"),
        ({"joint_names": "knee"}, "joint_names is 'knee'; expected texts"),
        ({"joint_names": ("a", "a")}, "'a' occurs twice"),
        ({"chunk_samples": 0}, "chunk_samples is 0; expected a whole number from 1"),
    ],
)
def test_constants_that_nobody_could_read_are_refused_before_there_is_a_file(tmp_path, changes, message):
    arguments = {"dt": 0.01, "mass": 75.0, "joint_names": ("a",)} | changes
    with pytest.raises(InputError, match=message):
        RecordingWriter(tmp_path / "walk.h5", **arguments)
    assert not list(tmp_path.iterdir())


class Raises:
    def __iter__(self):
        raise RuntimeError("no")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"joint_names": None}, "joint_names is None; expected texts"),
        ({"joint_names": "hip"}, "joint_names is 'hip'; expected texts"),
        ({"muscle_names": Raises()}, r"muscle_names is .*; expected texts \(no\)"),
        ({"parameter_names": [1]}, r"parameter_names is \[1\]; expected texts"),
        ({"parameter_names": ["\ud800"]}, "parameter_names is .*; expected texts .*surrogates not allowed"),
        ({"attributes": [1]}, r"attributes is \[1\]; expected texts and numbers by name"),
        ({"attributes": {1: "x"}}, r"attributes is \{1: 'x'\}; expected texts"),
        ({"attributes": {"x": None}}, "the attribute 'x' is None; expected a text or a number"),
        ({"attributes": {"x": np.timedelta64(1)}}, "the attribute 'x' is .*; expected a text or a number"),
        ({"attributes": {"x": "\ud800"}}, "the attribute 'x' is .*; expected texts"),
    ],
)
def test_what_no_file_can_hold_is_refused_before_it_is_made(tmp_path: Path, options, message: str):
    with pytest.raises(InputError, match=message):
        RecordingWriter(tmp_path / "walk.h5", **{"dt": 0.01, "mass": 75.0, "joint_names": ("hip",)} | options)
    assert not list(tmp_path.iterdir())


def test_an_end_that_is_no_text_is_refused(tmp_path: Path):
    with writer_for(human_walk(seconds=1.0), tmp_path / "walk.h5") as writer:
        for ended in (None, [], "complete"):
            with pytest.raises(InputError, match="end_episode: .*, expected one of"):
                writer.end_episode(0, ended)
