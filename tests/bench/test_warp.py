"""The benchmark of the engine warp, on Warp's CPU device."""

import json

import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")

from batchenv.bench import WARP_TABLE_HEAD, warp
from batchenv.cli import main

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("changes", "environment"),
    [([], "DeviceEnv"), (["--set", "environment.observation.noise.joint_pos=0.01"], "BatchEnv")],
)
def test_the_command_compares_an_environment_with_bare_mujoco_warp(
    monkeypatch, tmp_path, capsys, changes, environment
):
    monkeypatch.setattr(warp, "STEPS_PER_TURN", 1)
    file = tmp_path / "warp.json"
    words = ["bench", "walk", "--engine", "warp", "--envs", "4", "--alternations", "5", "--json", str(file)]
    main([*words, *changes])
    *head, line = capsys.readouterr().out.splitlines()
    assert "\n".join(head) == WARP_TABLE_HEAD
    assert line.startswith("| walk | ") and line.count("|") == head[0].count("|")
    (row,) = json.loads(file.read_text())["rows"]
    assert (row["config"], row["environment"], row["envs"]) == ("walk", environment, 4)
    assert row["steps_per_second"] > 0.0 and row["bare_steps_per_second"] > 0.0 and row["ratio_to_bare"] > 0.0
    assert 0.1 < row["mb_per_env"] < 10.0
