import json

import pytest

from batchenv.cli import main


def test_the_benchmark_says_what_each_adapter_costs(tmp_path, capsys):
    pytest.importorskip("stable_baselines3", reason="the extra sb3 is not installed")
    file = tmp_path / "adapters.json"
    words = [
        "bench",
        "--adapters",
        "--envs",
        "8",
        "--threads",
        "1",
        "--alternations",
        "5",
        "--json",
        str(file),
    ]
    main(words)
    rows = json.loads(file.read_text())["rows"]
    assert [row["adapter"] for row in rows] == ["VectorEnv, NextStep", "VectorEnv, SameStep", "SB3VecEnv"]
    table = capsys.readouterr().out.splitlines()
    assert len(table) == 5
    for row, line in zip(rows, table[2:], strict=True):
        assert line.startswith(f"| {row['adapter']} | 8 | 1 | ")
        assert row["steps_per_second"] > 10
        # An adapter copies some kilobytes a step: were physics stepped twice, the ratio would be a half.
        assert 0.6 < row["ratio_to_batch_env"] < 1.5
