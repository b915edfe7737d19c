import json
from pathlib import Path

import numpy as np
import pytest

from batchenv import load_config
from batchenv.cli import main


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
    assert {"checkpoint.pt", "config.yaml", "policy.npz"} <= names
    assert any(name.startswith("events.out.tfevents") for name in names)
    assert load_config(out / "config.yaml").training.seed == 3
    run("train", "--resume", out, "--steps", 1024, "--threads", 2)
    assert "finished at 1,024 steps" in capsys.readouterr().out


def test_a_run_is_not_overwritten(tmp_path):
    run("train", "walk", "--steps", 256, "--envs", 8, "--threads", 1, "--out", tmp_path)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(SystemExit, match="already holds a checkpoint"):
        run("train", "walk", "--steps", 256, "--envs", 8, "--threads", 1, "--out", tmp_path)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_bench_writes_the_figures_it_prints(tmp_path, capsys):
    file = tmp_path / "f.json"
    run("bench", "walk", "--envs", 2, 3, "--threads", 1, "--alternations", 5, "--json", file)
    written = json.loads(file.read_text())
    assert {"cpu", "cpus", "mujoco"} <= set(written["machine"])
    rows = written["rows"]
    assert [(row["actuator"], row["envs"]) for row in rows] == [
        ("muscle", 2), ("mass", 2), ("muscle", 3), ("mass", 3),
    ]  # fmt: skip
    for row in rows:
        assert row["threads"] == 1
        # The limit does nothing that the environment does not do too; clocks may err by a third.
        assert 0.1 < row["ratio_to_limit"] < 1.33
        assert row["steps_per_second"] > 0 and np.isfinite(row["mb_per_env"])
    assert len(capsys.readouterr().out.strip().splitlines()) == 2 + len(rows)


def test_bench_asks_for_enough_alternations():
    with pytest.raises(SystemExit, match="at least 5"):
        run("bench", "--alternations", 2)
