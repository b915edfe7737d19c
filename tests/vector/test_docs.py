"""What docs/gymnasium.md and the README show, run as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[2]


def blocks(file):
    if not (ROOT / file).exists():
        pytest.skip("installed without its documents")
    return re.findall(r"```python\n(.*?)```", (ROOT / file).read_text(), re.DOTALL)


def test_the_examples_of_the_document_run():
    pytest.importorskip("stable_baselines3", reason="the extra sb3 is not installed")
    names = {}
    for block in blocks("docs/gymnasium.md"):
        exec(block, names)
    assert (
        names["infos"]["reward_terms"]["pose"].shape == (32,)
        and names["obs"].shape == names["env"].observation_space.shape
    )


def test_the_example_of_the_readme_runs():
    names = {}
    exec(next(block for block in blocks("README.md") if "make_vec" in block), names)
    assert names["obs"].shape == names["envs"].observation_space.shape and np.isfinite(names["rewards"]).all()
    names["envs"].close()
