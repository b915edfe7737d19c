"""The commands that list what there is, the version, and options that all commands share."""

import re
import subprocess
import sys
from importlib import metadata

import pytest

from batchenv import PRESETS, load_config
from batchenv.cli import main
from batchenv.cli.options import whole_number
from batchenv.shipped import shipped_walkers
from tests.cli.test_help import COMMANDS

BUILDING = (
    *(name for name in COMMANDS if name not in ("export", "import", "show")),
    *("pretrain-muscles", "check-paths", "compare-coordinators"),
)


def test_presets_are_listed_with_a_sentence_each(capsys):
    main(["presets"])
    assert_listed(PRESETS, capsys.readouterr().out)


def test_walkers_are_listed_with_what_they_walk_in(capsys):
    main(["walkers"])
    assert_listed(shipped_walkers(), capsys.readouterr().out)


def assert_listed(names, printed):
    lines = printed.splitlines()
    assert len(lines) == len(names) + 2
    for line, name in zip(lines, names, strict=False):
        assert re.fullmatch(rf"{name} +[A-Z].{{10,100}}\.", line), line


@pytest.mark.parametrize("module", ["batchenv", "batchenv.cli"])
def test_the_version_is_printed(module: str):
    done = subprocess.run(
        [sys.executable, "-m", module, "--version"], capture_output=True, text=True, timeout=120
    )
    assert (done.stdout, done.stderr) == (f"batchenv {metadata.version('batchenv')}\n", "")


@pytest.mark.parametrize("name", BUILDING)
def test_every_command_that_builds_worlds_takes_set(name: str, capsys):
    with pytest.raises(SystemExit):
        main([name, "--help"])
    assert "--set" in capsys.readouterr().out


def test_set_may_be_repeated_and_takes_several(capsys):
    together = ("--set", "training.steps=5e3", "environment.simulation.control_hz=50")
    apart = ("--set", "training.steps=5_000", "--set", "environment.simulation.control_hz=50")
    printed = []
    for words in (together, apart):
        main(["check", "torque", *words])
        printed.append(capsys.readouterr().out)
    assert printed[0] == printed[1]
    assert "steps: 5000\n" in printed[0] and "control_hz: 50\n" in printed[0]


@pytest.mark.parametrize(("text", "number"), [("7", 7), ("1_000_000", 10**6), ("1e6", 10**6), ("-2.0", -2)])
def test_whole_numbers_are_read_as_people_write_them(text: str, number: int):
    assert whole_number(text) == number and isinstance(whole_number(text), int)


@pytest.mark.parametrize("text", ["1.5", "1e-3", "inf", "nan", "many", "", "1e400"])
def test_other_words_are_no_whole_numbers(text: str):
    with pytest.raises(ValueError):
        whole_number(text)


def test_a_walker_where_a_preset_is_asked_and_the_reverse(tmp_path):
    (tmp_path / "config.yaml").write_text(load_config("walk").to_yaml())
    with pytest.raises(SystemExit, match="torque is a preset.*train it with 'batchenv train torque'"):
        main(["play", "torque", "--video", str(tmp_path / "w.gif")])
    with pytest.raises(
        SystemExit, match=r"is the directory of a training run.*Its configuration is .*config\.yaml"
    ):
        main(["check", str(tmp_path)])


@pytest.mark.parametrize(
    ("key", "name"),
    [("skeleton.file", "e.osim"), ("motion.file", "e.csv"), ("muscle.network.file", "e.osim")],
)
def test_check_looks_into_every_file(tmp_path, key: str, name: str):
    (tmp_path / name).touch()
    with pytest.raises(SystemExit, match=f"error: .*{name}"):
        main(["check", "torque", "--set", f"environment.{key}={tmp_path / name}"])


@pytest.mark.parametrize(
    ("words", "module", "extra"),
    [
        (("rollout", "nobody", "--out", "r.h5"), "h5py", "evaluate"),
        (("evaluate", "nobody", "--out", "r"), "matplotlib", "evaluate"),
        (("compare-coordinators", "nothing"), "matplotlib", "evaluate"),
        (("import-gaitnet", "no.xml", "no.xml", "--motion", "m.h5"), "h5py", "evaluate"),
        (("pretrain-muscles", "nothing"), "torch", "train"),
        (("train", "nothing"), "rich", "train"),
        (("train", "nothing", "--ray", "--env-runners", "2"), "ray", "ray"),
        (("play", "nobody", "--video", "w.mp4"), "imageio_ffmpeg", "viewer"),
    ],
)
def test_a_missing_extra_is_named_before_anything_is_loaded(monkeypatch, tmp_path, words, module, extra):
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=re.escape(f"pip install 'batchenv[{extra}]'")):
        main(list(words))
    assert not list(tmp_path.iterdir())
