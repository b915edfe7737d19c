import errno
import os
import resource
import signal
from pathlib import Path

import pytest
from rich.console import Console

from batchenv.errors import BatchEnvError, OutputError
from batchenv.learn.checkpoints import CHECKPOINT_FILE, load_checkpoint
from batchenv.learn.progress import Output, TrainingProgress
from batchenv.learn.report import Report
from batchenv.learn.stopping import StopTraining, stop_signals
from batchenv.learn.training import train
from tests.learn.examples import small_config
from tests.learn.point_mass import PointMass

ITERATION = 32 * 16


def test_a_closed_terminal_ends_the_run_with_a_checkpoint_even_if_it_says_so_twice(tmp_path: Path):
    def hang_up(report: Report) -> None:
        signal.raise_signal(signal.SIGHUP)
        signal.raise_signal(signal.SIGHUP)

    before = signal.getsignal(signal.SIGHUP)
    result = train(PointMass(32), small_config(), tmp_path, steps=9 * ITERATION, progress=hang_up)
    assert result.interrupted and result.stopped_by is signal.SIGHUP
    assert load_checkpoint(tmp_path).steps == ITERATION
    assert signal.getsignal(signal.SIGHUP) is before


def test_under_nohup_a_closed_terminal_ends_nothing():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with stop_signals() as stop:
            signal.raise_signal(signal.SIGHUP)
        assert stop.number is None and signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def closed_pipe() -> Output:
    """A console whose reader has gone away."""
    read, write = os.pipe()
    os.close(read)
    return Output(file=os.fdopen(write, "w"))


def test_a_run_whose_progress_nobody_reads_ends_with_a_checkpoint(tmp_path: Path):
    console = closed_pipe()
    with TrainingProgress(console) as progress:
        result = train(PointMass(32), small_config(), tmp_path, steps=9 * ITERATION, progress=progress)
    console.print("dropped")
    assert result.stopped_by is signal.SIGPIPE and load_checkpoint(tmp_path).steps == ITERATION
    console.file.close()


@pytest.mark.parametrize(
    ("number", "kind", "message"),
    [
        (errno.EPIPE, StopTraining, "SIGPIPE"),
        (errno.EIO, StopTraining, "SIGHUP"),
        (errno.ENOSPC, OutputError, "standard output cannot be written: No space left on device"),
    ],
)
def test_a_console_that_cannot_be_written_to_says_why(tmp_path: Path, number: int, kind, message: str):
    class Broken:
        def write(self, text: str) -> None:
            raise OSError(number, os.strerror(number))

        def flush(self) -> None: ...

        def fileno(self) -> int:
            raise ValueError

    with pytest.raises(kind, match=message):
        Output(file=Broken()).print("hello")  # pyright: ignore[reportArgumentType]


def test_bars_are_drawn_by_the_thread_that_learns():
    progress = TrainingProgress(Console(force_terminal=True, file=open(os.devnull, "w")))  # noqa: SIM115
    with progress:
        assert progress.bar.live.auto_refresh is False
    progress.console.file.close()


def test_a_disk_that_fills_up_leaves_the_last_checkpoint_and_no_partial_file(tmp_path: Path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)

    def fill(report: Report) -> None:
        if report.steps == 2 * ITERATION:
            resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, limits[1]))

    config = small_config(checkpoint_iterations=1)
    try:
        with pytest.raises(
            OutputError,
            match=r"checkpoint\.pt cannot be written: File too large; training stopped at 1,024 steps, "
            r"and the checkpoint in .* holds 512 of them",
        ):
            train(PointMass(32), config, tmp_path, steps=9 * ITERATION, progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_checkpoint(tmp_path).steps == ITERATION
    assert not list(tmp_path.glob(".*partial"))


def test_curves_that_cannot_be_written_end_the_run_with_all_that_it_learned(tmp_path: Path):
    def fill(report: Report) -> None:
        events = next(tmp_path.glob("events*"))
        resource.setrlimit(resource.RLIMIT_FSIZE, (events.stat().st_size, limits[1]))

    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        with pytest.raises(
            OutputError, match=r"events.* cannot be written: File too large; training stopped"
        ):
            train(PointMass(32), small_config(), tmp_path, steps=9 * ITERATION, progress=fill)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert load_checkpoint(tmp_path).steps in (0, 2 * ITERATION)


def test_an_iteration_that_a_signal_spoilt_is_left_out(tmp_path: Path, caplog):
    class Stopped(PointMass):
        """Fails as runners do that the same Ctrl-C has ended."""

        def step(self, actions):
            if (tmp_path / "second").exists():
                signal.raise_signal(signal.SIGTERM)
                raise BatchEnvError("runner 0 failed")
            return super().step(actions)

    def second(report: Report) -> None:
        (tmp_path / "second").touch()

    result = train(Stopped(32), small_config(), tmp_path, steps=9 * ITERATION, progress=second)
    assert result.stopped_by is signal.SIGTERM and load_checkpoint(tmp_path).steps == ITERATION
    assert "the last iteration is lost: runner 0 failed" in caplog.text


def test_partial_files_of_killed_processes_are_removed(tmp_path: Path):
    for name in (f".{CHECKPOINT_FILE}.partial", ".policy.safetensors.0123.partial", ".other.partial"):
        (tmp_path / name).touch()
    train(PointMass(32), small_config(), tmp_path, steps=ITERATION)
    assert [path.name for path in tmp_path.glob(".*partial")] == [".other.partial"]
