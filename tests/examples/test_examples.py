"""Each example trains, in a process of its own, as a user runs it."""

import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from batchenv.evaluate.walker import load_walker

EXAMPLES = Path(__file__).parents[2] / "examples"
NEEDS = {"train_sb3.py": "stable_baselines3", "train_cleanrl.py": "torch", "train_rsl_rl.py": "rsl_rl"}


def test_every_example_is_run_here():
    assert {file.name for file in EXAMPLES.glob("*.py")} == set(NEEDS)


QUICK = "train_rsl_rl.py"


@pytest.mark.parametrize(
    "name", [pytest.param(name, marks=() if name == QUICK else pytest.mark.slow) for name in sorted(NEEDS)]
)
def test_an_example_trains_reports_its_rate_and_saves_a_walker(name, tmp_path):
    pytest.importorskip(NEEDS[name])
    words = [sys.executable, str(EXAMPLES / name), "--steps", "3000", "--envs", "16", "--threads", "1"]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    done = subprocess.run(words, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    found = re.search(
        r"(\d+) steps, (\d+) steps/s end to end, mean length of .* ([\d.]+) steps$", done.stdout, re.MULTILINE
    )
    assert found, done.stdout
    steps, rate, length = float(found[1]), float(found[2]), float(found[3])
    # A rollout is 32 steps of each of the 16 worlds; untrained walkers fall within a second or two.
    assert 3000 <= steps < 3000 + 32 * 16 and rate > 10 and 5 < length <= 300
    (run,) = (tmp_path / "runs").iterdir()
    assert done.stdout.splitlines()[-1] == f"saved; now: batchenv evaluate runs/{run.name} --out report"
    assert {file.name for file in run.iterdir()} == {"policy.safetensors", "config.yaml"}
    walker = load_walker(run)
    assert walker.policy.steps == steps
    with walker.worlds(2, 0.1, 1) as env:
        assert np.isfinite(walker.policy(env.reset(0))).all()
