"""The benchmark of the engine warp, on Warp's CPU device."""

import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")

from batchenv import load_config
from batchenv.bench import WARP_TABLE_HEAD, warp

pytestmark = pytest.mark.slow


def test_an_environment_is_compared_with_bare_mujoco_warp(monkeypatch):
    monkeypatch.setattr(warp, "STEPS_PER_TURN", 1)
    config = load_config("walk").replace({"environment.simulation.engine": "warp"})
    (row,) = warp.benchmark_warp("walk", config, [4], 5)
    assert (row.config, row.envs) == ("walk", 4)
    assert row.steps_per_second > 0.0 and row.bare_steps_per_second > 0.0 and row.ratio_to_bare > 0.0
    assert 0.1 < row.mb_per_env < 10.0
    assert row.table_line().count("|") == WARP_TABLE_HEAD.splitlines()[0].count("|")
