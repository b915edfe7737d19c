import json

import pytest

from batchenv.cli import main


def run(*words):
    main([str(word) for word in words])


@pytest.mark.slow
def test_bench_writes_the_figures_it_prints(tmp_path, capsys):
    file = tmp_path / "f.json"
    run("bench", "walk", "--envs", 2, "--threads", 1, "--alternations", 5, "--json", file)
    written = json.loads(file.read_text())
    assert {"cpu", "cpus", "mujoco"} <= set(written["machine"])
    rows = written["rows"]
    assert [row["config"] for row in rows] == [
        "walk (muscle)", "walk", "walk (muscle), polynomial paths", "walk, polynomial paths",
    ]  # fmt: skip
    assert [row["actuator"] for row in rows] == ["muscle", "mass", "muscle", "mass"]
    for row in rows:
        assert (row["threads"], row["envs"]) == (1, 2)
        # On tendons the limit does nothing that the environment does not do too; clocks may err by a third.
        assert 0.1 < row["ratio_to_limit"] < (5 if "polynomial" in row["config"] else 1.33)
        assert row["steps_per_second"] > 0
        # Some 10 MB of model for each batch; what all batches share, some 100 MB, does not count.
        assert 0 < row["mb_per_env"] < 30
    assert len(capsys.readouterr().out.strip().splitlines()) == 2 + len(rows)


def test_bench_asks_for_enough_alternations():
    with pytest.raises(SystemExit, match="at least 5"):
        run("bench", "--alternations", 2)
