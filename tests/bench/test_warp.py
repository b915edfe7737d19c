"""The benchmark of the engine warp, on Warp's CPU device."""

import json

import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")

from batchenv.bench import WARP_TABLE_HEAD, warp
from batchenv.cli import main

pytestmark = pytest.mark.slow


def test_the_command_compares_an_environment_with_bare_mujoco_warp(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(warp, "STEPS_PER_TURN", 1)
    file = tmp_path / "warp.json"
    main(["bench", "walk", "--engine", "warp", "--envs", "4", "--alternations", "5", "--json", str(file)])
    *head, line = capsys.readouterr().out.splitlines()
    assert "\n".join(head) == WARP_TABLE_HEAD
    assert line.startswith("| walk | ") and line.count("|") == head[0].count("|")
    (row,) = json.loads(file.read_text())["rows"]
    assert (row["config"], row["envs"]) == ("walk", 4)
    assert row["steps_per_second"] > 0.0 and row["bare_steps_per_second"] > 0.0 and row["ratio_to_bare"] > 0.0
    assert 0.1 < row["mb_per_env"] < 10.0
