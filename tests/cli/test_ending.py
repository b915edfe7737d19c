import errno
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batchenv.cli import main
from batchenv.cli.ending import conventional_ending, stopped
from batchenv.errors import InputError
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.progress import TrainingProgress


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (KeyboardInterrupt(), 130, "interrupted\n"),
        (BrokenPipeError(errno.EPIPE, "Broken pipe"), 141, "nobody reads standard output any more\n"),
        (OSError(errno.EIO, "Input/output error"), 129, "the terminal has closed\n"),
        (
            OSError(errno.ENOSPC, "Full"),
            "error: standard output cannot be written: Full",
            "",
        ),
        (PermissionError(errno.EACCES, "Permission denied", "/a"), "error: /a: Permission denied", ""),
        (InputError("steps is 0"), "error: steps is 0", ""),
    ],
)
def test_the_command_ends_with_a_sentence_and_the_usual_status(error, code, said: str, capsys):
    with pytest.raises(SystemExit) as ended, conventional_ending():
        raise error
    assert ended.value.code == code and capsys.readouterr().err == said


def test_errors_of_our_own_making_are_not_hidden():
    with pytest.raises(ZeroDivisionError), conventional_ending():
        raise ZeroDivisionError
    with pytest.raises(OSError, match="odd"), conventional_ending():
        raise OSError("odd")


def test_a_signal_is_named_with_what_was_done(capsys):
    with pytest.raises(SystemExit) as ended:
        stopped(signal.SIGTERM, "5 steps are saved")
    assert ended.value.code == 143 and capsys.readouterr().err == "terminated: 5 steps are saved\n"


def test_ctrl_c_while_packages_are_imported_is_one_word():
    words = [sys.executable, "-m", "batchenv.cli", "check", "walk"]
    # A shell that starts tests in the background has SIGINT ignored, which children inherit.
    default = "import signal, os, sys; signal.signal(2, signal.SIG_DFL); os.execv(sys.argv[1], sys.argv[1:])"
    with subprocess.Popen([sys.executable, "-c", default, *words], stderr=subprocess.PIPE, text=True) as run:
        maps = Path(f"/proc/{run.pid}/maps")
        while "numpy" not in maps.read_text():
            assert run.poll() is None
            time.sleep(0.002)
        run.send_signal(signal.SIGINT)
        assert run.stderr is not None and run.stderr.read() == "interrupted\n"
    assert run.returncode == 130


def test_a_training_that_a_signal_ends_says_how_to_go_on(tmp_path: Path, capsys, monkeypatch):
    monkeypatch.setattr(TrainingProgress, "__call__", lambda *_: signal.raise_signal(signal.SIGTERM))
    out = tmp_path / "run"
    words = ["train", "torque", "--envs", "2", "--steps", "100000", "--threads", "1", "--out", str(out)]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--until", "walks"])
    assert ended.value.code == 143
    said, again = capsys.readouterr(), f"batchenv train --resume {out} --until walks"
    assert said.err == f"terminated: 64 steps are saved; go on with: {again}\n"
    assert "stopped at 64 steps" in said.out and load_checkpoint(out).steps == 64
    with pytest.raises(SystemExit, match="error: .* already holds a checkpoint"):
        main(words)


def test_a_reader_that_goes_away_ends_a_command_with_the_status_of_sigpipe():
    words = [sys.executable, "-m", "batchenv.cli", "check", "walk"]
    read, write = os.pipe()
    os.close(read)
    done = subprocess.run(words, stdout=write, stderr=subprocess.PIPE, text=True, timeout=120)
    os.close(write)
    assert (done.returncode, done.stderr) == (141, "nobody reads standard output any more\n")


def test_a_command_without_a_standard_output_ends_as_usual(monkeypatch):
    monkeypatch.setattr(sys, "stdout", None)
    with conventional_ending():
        print("nothing")
