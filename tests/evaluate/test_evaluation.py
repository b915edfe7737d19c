"""A walker judged in one call."""

import json

import pytest

import batchenv
from batchenv.errors import CheckpointError, InputError, OutputError
from batchenv.evaluate import judge, save_npz
from tests.evaluate.synthetic_walk import human_walk


def test_a_recording_and_its_file_are_judged_alike(tmp_path):
    walk = human_walk(episodes=2)
    save_npz(walk, tmp_path / "lab.npz")
    expected = judge(walk, "lab").numbers
    assert batchenv.evaluate(walk).numbers == {**expected, "name": "walker"}
    report = batchenv.evaluate(tmp_path / "lab.npz", tmp_path / "report")
    assert report.numbers == expected
    assert json.loads((tmp_path / "report" / "report.json").read_text()) == expected
    assert batchenv.evaluate(str(tmp_path / "lab.npz")).numbers == expected


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: batchenv.evaluate("nobody"), CheckpointError, "'nobody' is neither a shipped walker"),
        (lambda: batchenv.evaluate(5), InputError, "5 is no walker; load_walker returns one"),
        (lambda: batchenv.evaluate("walk", walks=0), InputError, "walks is 0; expected"),
        (lambda: batchenv.evaluate("walk", seconds=-1), InputError, "seconds is -1; expected"),
        (lambda: batchenv.evaluate("walk", strides=10**9), InputError, "strides is 1000000000; expected"),
        (lambda: batchenv.evaluate("walk", "/dev/null"), OutputError, "/dev/null is not a directory"),
        (lambda: batchenv.record("nobody"), CheckpointError, "'nobody' is neither a shipped walker"),
        (lambda: batchenv.record(None), InputError, "None is no walker"),
        (lambda: batchenv.record("walk", walks=0), InputError, "walks is 0; expected"),
    ],
)
def test_what_cannot_be_judged_is_refused(call, error, message):
    with pytest.raises(error, match=message):
        call()
