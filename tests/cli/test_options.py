import re
from pathlib import Path

import pytest

from batchenv.cli import main

TRAIN = ("train", "walk")
PRETRAIN = ("pretrain-muscles",)
COMPARE = ("compare-coordinators",)
COUNTS = ("--steps", "--envs", "--threads")
HUGE = str(10**30)


@pytest.mark.parametrize(
    ("command", "option", "value"),
    [
        *(
            (TRAIN, option, value)
            for option in ("--steps", "--envs", "--threads")
            for value in ("0", "-1", HUGE)
        ),
        *((TRAIN, "--seed", value) for value in ("-1", HUGE)),
        *((TRAIN, "--env-runners", value) for value in ("0", "-3", HUGE)),
        *((PRETRAIN, "--minutes", value) for value in ("0", "-1", "nan", "inf", "1e308")),
        *((PRETRAIN, "--threads", value) for value in ("0", HUGE)),
        *((PRETRAIN, "--seed", value) for value in ("-1", HUGE)),
        *((COMPARE, option, value) for option in COUNTS for value in ("0", HUGE)),
    ],
)
def test_numbers_out_of_bounds_are_refused_by_name(tmp_path: Path, monkeypatch, command, option, value):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=f"{option} .*: expected a"):
        main([*command, option, value])
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("value", ["1.5", "inf", "nan", "many", "1e-6", ""])
def test_what_is_no_whole_number_is_refused_by_name(value: str, capsys):
    with pytest.raises(SystemExit) as ended:
        main(["train", "walk", "--steps", value])
    assert ended.value.code == 2 and "--steps" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ((*TRAIN, "--out", "file"), "error: file cannot be the directory of a run: it is a file"),
        ((*TRAIN, "--out", "file/run"), "error: file/run cannot be the directory of a run: Not a directory"),
        ((*TRAIN, "--out", "full"), "error: full already holds a checkpoint"),
        (("train", "--resume", "none"), "error: There is no checkpoint at none"),
        (("train", "--resume", "folder"), "error: There is no checkpoint at folder/checkpoint.pt"),
        (("train", "--resume", "file"), "error: file cannot be read as a checkpoint"),
        ((*TRAIN, "--data", "none"), "data_root = 'none': there is no such directory"),
        ((*TRAIN, "--out", "a", "--resume", "b"), "--out and --resume exclude each other"),
        ((*TRAIN, "--warm-start", "none"), "error: There is no policy at none"),
        (("train", "--resume", "a", "--warm-start", "b"), "--warm-start and --resume exclude each other"),
        ((*PRETRAIN, "--out", "none/a.npz"), "--out none/a.npz: there is no directory"),
        ((*PRETRAIN, "--out", "a.txt"), "--out a.txt: expected a name that ends with .npz"),
        ((*PRETRAIN, "--out", "folder.npz"), "--out folder.npz: it is a directory"),
        ((*PRETRAIN, "--out", "/proc/a.npz"), "--out /proc/a.npz cannot be written: No such file"),
        ((*COMPARE, "--plot", "none/a.png"), "--plot none/a.png: there is no directory"),
        ((*COMPARE, "--plot", "a.pdf"), "--plot a.pdf: expected a name that ends with .png"),
    ],
)
def test_places_that_cannot_be_used_are_refused_before_any_work(tmp_path: Path, monkeypatch, words, message):
    (tmp_path / "file").write_text("x")
    for name in ("folder", "folder.npz", "full"):
        (tmp_path / name).mkdir()
    (tmp_path / "full" / "checkpoint.pt").touch()
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=re.escape(message)):
        main([str(word) for word in words])
    assert sorted(tmp_path.rglob("*")) == before
