"""Each example trains, in a process of its own, as a user runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"
NEEDS = {"train_sb3.py": "stable_baselines3", "train_cleanrl.py": "torch", "train_rsl_rl.py": "rsl_rl"}


def test_every_example_is_run_here():
    assert {file.name for file in EXAMPLES.glob("*.py")} == set(NEEDS)


@pytest.mark.parametrize("name", sorted(NEEDS))
def test_an_example_trains_and_reports_its_rate(name, tmp_path):
    pytest.importorskip(NEEDS[name])
    words = [sys.executable, str(EXAMPLES / name), "--steps", "3000", "--envs", "16", "--threads", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = re.search(
        r"(\d+) steps, (\d+) steps/s end to end, mean length of .* ([\d.]+) steps$", done.stdout
    )
    assert found, done.stdout
    steps, rate, length = float(found[1]), float(found[2]), float(found[3])
    # A rollout is 32 steps of each of the 16 worlds; untrained walkers fall within a second or two.
    assert 3000 <= steps < 3000 + 32 * 16 and rate > 10 and 5 < length <= 300
    assert not any(tmp_path.iterdir())
