import json
import re
from pathlib import Path

import pytest

from batchenv import load_config
from batchenv.cli import main
from batchenv.evaluate.offscreen import BACKENDS, usable
from tests.evaluate.untrained import save_run, untrained


def run(*words):
    main([str(word) for word in words])


def test_check_prints_a_configuration_that_means_the_same(capsys):
    run("check", "walk")
    printed = capsys.readouterr().out
    assert load_config(printed) == load_config("walk")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("sim_hz", "sim_hx", "environment.simulation.sim_hx"),
        ("control_hz: 30", "control_hz: .nan", "environment.simulation.control_hz"),
        ("pose: {weight", "poze: {weight", "Did you mean 'pose'?"),
        ("scale: 8.0}  ", "scael: 8.0}", "Did you mean 'scale'?"),
    ],
)
def test_check_names_what_is_wrong(tmp_path, old, new, message):
    import batchenv

    text = (Path(batchenv.__file__).parent / "presets/walk.yaml").read_text()
    assert old in text
    (tmp_path / "mine.yaml").write_text(text.replace(old, new, 1))
    with pytest.raises(SystemExit) as stop:
        run("check", tmp_path / "mine.yaml")
    assert message in str(stop.value) and str(stop.value).startswith("error: ")
    assert [file.name for file in tmp_path.iterdir()] == ["mine.yaml"]


def test_train_makes_a_run_that_resume_goes_on_with(tmp_path, capsys):
    out = tmp_path / "run"
    run("train", "walk", "--steps", 512, "--envs", 8, "--threads", 2, "--seed", 3, "--out", out)
    printed = capsys.readouterr().out
    assert "finished at 512 steps" in printed and f"checkpoint: {out / 'checkpoint.pt'}" in printed
    names = {file.name for file in out.iterdir()}
    assert {"checkpoint.pt", "config.yaml", "policy.safetensors"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert load_config(out / "config.yaml").training.seed == 3
    run("train", "--resume", out, "--steps", 1024, "--threads", 2)
    printed = capsys.readouterr().out
    assert "going on after 512 steps: 8 worlds" in printed and "finished at 1,024 steps" in printed


def test_a_later_stage_goes_on_with_the_networks_of_a_run(tmp_path, capsys, caplog):
    run("train", "walk", "--steps", 128, "--envs", 8, "--threads", 1, "--out", tmp_path)
    run("train", "walk_gentle", "--resume", tmp_path, "--envs", 8, "--steps", 512, "--threads", 1)
    assert "finished at 512 steps" in capsys.readouterr().out
    (said,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert said.startswith("new episodes begin: ")
    assert "environment.muscle.static_optimization.sweeps is 2 there and 4 here" in said
    gentle = load_config(tmp_path / "config.yaml")
    assert gentle.environment.muscle.static_optimization.sweeps == 4


def test_a_run_is_not_overwritten(tmp_path):
    run("train", "walk", "--steps", 256, "--envs", 8, "--threads", 1, "--out", tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(SystemExit, match="already holds a checkpoint"):
        run("train", "walk", "--steps", 256, "--envs", 8, "--threads", 1, "--out", tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


@pytest.fixture(scope="module")
def walker(tmp_path_factory):
    """The run of a walker that falls after a second."""
    return save_run(untrained(), tmp_path_factory.mktemp("runs") / "faller")


def test_evaluate_prints_what_falls_short_and_writes_a_report(walker, tmp_path, capsys):
    run("evaluate", walker, "--out", tmp_path / "r", "--seeds", 3, "--seconds", 2, "--strides", 1, "--quick")
    printed = capsys.readouterr().out
    assert "faller: 3 walks of 2 s" in printed
    assert re.search(r"episodes completed +0 +% +at least 95 +falls short", printed)
    assert "The walker fell in 3 of 3 episodes" in printed
    assert json.loads((tmp_path / "r" / "report.json").read_text())["push_n"] is None
    assert (tmp_path / "r" / "report.html").is_file()


def test_what_rollout_records_evaluate_judges(walker, tmp_path, capsys):
    (tmp_path / "sweep.csv").write_text("mass,tibant\n1.0,1.0\n1.1,0.5\n")
    file = tmp_path / "r.h5"
    run("rollout", walker, "--out", file, "--strides", 3, "--sweep", tmp_path / "sweep.csv", "--threads", 1)
    said = capsys.readouterr().out
    assert "row 1: fell, mass 1, tibant 1\nrow 2: fell, mass 1.1, tibant 0.5\n" in said
    assert "2 rollouts, 0 completed, 0 off the speed asked, 2 fell" in said
    run("evaluate", file, "--out", tmp_path / "report")
    assert "report: " in capsys.readouterr().out
    assert json.loads((tmp_path / "report" / "report.json").read_text())["episodes"] == 2


@pytest.mark.skipif(
    not any(usable(backend) for backend in BACKENDS),
    reason="needs OpenGL without a screen: apt-get install libegl1 or libosmesa6",
)
def test_play_films_where_there_is_no_screen(walker, tmp_path, capsys):
    video = tmp_path / "w.mp4"
    sized = ("--width", 320, "--height", 180, "--camera", "left", "--slow", 3, "--overlay", "--no-muscles")
    run("play", walker, "--video", video, "--seconds", 0.2, "--grid", "1x2", "--contacts", *sized)
    assert f"6 frames, 0 falls: {video}" in capsys.readouterr().out
    assert video.stat().st_size > 5_000


def test_play_without_a_screen_asks_for_a_file(walker, monkeypatch):
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(SystemExit, match="add --browser, or --video FILE.mp4"):
        run("play", walker)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("play", "nobody", "--video", "w.mp4"), "'nobody' is neither a shipped walker nor a training run"),
        (("play", "walk", "--grid", "4"), "--grid 4: expected ROWSxLANES"),
        (("play", "walk", "--browser", "--video", "w.mp4"), "--browser and --video: expected one of them"),
        (("play", "walk", "--browser", "--port", 0), "port is 0; expected a whole number from 1 to 65,535"),
        (("play", "walk", "--video", "w.mov"), "expected a name that ends with .mp4 or .gif"),
        (("evaluate", "nobody", "--out", "r"), "'nobody' is neither"),
        (("evaluate", "no.npz", "--out", "r"), "no.npz: no such file"),
        (("evaluate", "walk", "--out", "r", "--set", "sim_hz"), "--set sim_hz: expected KEY=VALUE"),
        (
            ("evaluate", "walk", "--out", "r", "--set", "environment.simulation.sim_h=990"),
            "Did you mean 'sim_hz'",
        ),
        (
            ("evaluate", "walk", "--out", "r", "--seeds", "-1"),
            "--seeds is -1; expected a whole number from 1",
        ),
        (("evaluate", "walk", "--out", "r", "--seeds", "99999999"), "--seeds is 99999999; expected"),
        (("evaluate", "walk", "--out", "r", "--strides", "0"), "--strides is 0; expected a whole number"),
        (("evaluate", "walk", "--out", "r", "--seconds", "nan"), "--seconds is nan; expected a number from"),
        (("evaluate", "walk", "--out", "r", "--seconds", "-2"), "--seconds is -2.0; expected a number"),
        (("evaluate", "walk", "--out", "r", "--threads", "0"), "--threads is 0; expected a whole number"),
        (("evaluate", "walk", "--out", "r", "--seed", "-1"), "seed is -1; expected a whole number from 0"),
        (("evaluate", "walk", "--out", "/dev/null"), "--out /dev/null: /dev/null is not a directory"),
        (
            ("evaluate", "walk", "--out", "r", "--strides", "90000", "--seconds", "0.1"),
            "the number of walks for strides and seconds is 1008001; expected",
        ),
        (("evaluate", "x.npz", "--out", "r", "--set", "a=1"), "--set is for walks"),
        (("rollout", "walk", "--out", "no/r.h5"), "--out no/r.h5: there is no directory"),
        (("rollout", "walk", "--out", "."), "--out .: it is a directory"),
        (("rollout", "walk", "--out", "r.h5", "--strides", "-5"), "--strides is -5; expected"),
        (("rollout", "walk", "--out", "r.h5", "--threads", "-1"), "--threads is -1; expected"),
        (("rollout", "walk", "--out", "r.h5", "--seed", str(2**64)), f"seed is {2**64}; expected"),
        (("play", "walk", "--video", "w.gif", "--seconds", "inf"), "--seconds is inf; expected a number"),
        (("play", "walk", "--video", "w.gif", "--grid", "99x99"), "grid: walkers is 9801; expected"),
        (("play", "walk", "--video", "no/w.gif"), "no/w.gif: there is no directory"),
        (("bench", "--json", "no/x.json"), "--json no/x.json: there is no directory"),
        (("bench", "--envs", "0"), "envs is 0; expected a whole number from 1"),
        (("bench", "--threads", "-2"), "--threads is -2; expected a whole number"),
        (("bench", "--alternations", "99999999"), "alternations is 99999999; expected"),
        (("bench", "--adapters", "--envs", "-1"), "envs is -1; expected a whole number"),
        (("compare-coordinators", "--plot", "no/x.png"), "--plot no/x.png: there is no directory"),
        (("rollout", "nobody", "--out", "r.h5"), "'nobody' is neither"),
    ],
)
def test_walkers_and_files_that_are_not_there_are_named(tmp_path, monkeypatch, words, message):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit) as stop:
        run(*words)
    assert message in str(stop.value)
    assert not list(tmp_path.iterdir())


def test_check_paths_compares_muscles_and_says_which_is_worst(capsys):
    main(["check-paths", "walk", "--poses", "200"])
    lines = capsys.readouterr().out.splitlines()
    worst = lines[-1].split()
    assert len(lines) == 83 and worst[0] == "worst"
    assert all(0.0 < float(error) < 2.5 for error in worst[2:]) and len(worst) == 8


def test_check_paths_names_a_configuration_that_is_not_there():
    with pytest.raises(SystemExit, match="no_such_preset"):
        main(["check-paths", "no_such_preset"])


def test_set_changes_what_check_prints(capsys):
    main(["check", "torque", "--set", "environment.simulation.control_hz=50"])
    assert "control_hz: 50" in capsys.readouterr().out
