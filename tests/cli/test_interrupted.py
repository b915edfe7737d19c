import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batchenv.cli.ending import conventional_ending, saying
from batchenv.errors import InputError
from batchenv.evaluate import load_recording


@pytest.mark.parametrize(
    ("signum", "code", "sentence"),
    [
        (signal.SIGINT, 130, "interrupted"),
        (signal.SIGTERM, 143, "terminated"),
        (signal.SIGHUP, 129, "the terminal has closed"),
    ],
)
def test_a_signal_is_one_sentence_and_its_exit_code(signum, code, sentence, capsys):
    with pytest.raises(SystemExit) as stop, conventional_ending():
        os.kill(os.getpid(), signum)
    assert stop.value.code == code
    assert capsys.readouterr().err == f"{sentence}\n"


def test_what_an_interrupted_command_keeps_is_said(capsys):
    with pytest.raises(SystemExit) as stop, conventional_ending(), saying(lambda: "x.h5 holds a part"):
        os.kill(os.getpid(), signal.SIGINT)
    assert stop.value.code == 130
    assert capsys.readouterr().err == "interrupted: x.h5 holds a part\n"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (InputError("seconds is -1"), "error: seconds is -1"),
        (PermissionError(13, "Permission denied", "x.json"), "error: x.json: Permission denied"),
        (MemoryError(), "error: there is too little memory"),
    ],
)
def test_errors_are_one_sentence(error, code):
    with pytest.raises(SystemExit) as stop, conventional_ending():
        raise error
    assert stop.value.code == code


def run(words: tuple[str | Path, ...], **options) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "batchenv.cli", *map(str, words)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)


def test_one_ctrl_c_ends_a_rollout_and_its_file_is_readable(tmp_path):
    file = tmp_path / "walk.h5"
    words = ("rollout", "walk", "--out", file, "--strides", 3000, "--threads", 1)
    with run(words, stdout=subprocess.DEVNULL) as process:
        while not file.exists() and process.poll() is None:
            time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert said == f"interrupted: {file} holds what was walked so far\n"
    recording = load_recording(file)
    assert recording.ended == ("interrupted",) and len(recording.time) >= 512
    assert [name.name for name in tmp_path.iterdir()] == ["walk.h5"]


def test_a_reader_that_goes_away_is_one_sentence(tmp_path):
    reading, writing = os.pipe()
    os.close(reading)
    with run(("check", "walk"), stdout=writing) as process:
        os.close(writing)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 141
    assert said == "nobody reads standard output any more\n"
