"""What the README shows, run as it stands there."""

import re
from pathlib import Path

import numpy as np
import pytest

import batchenv

README = Path(__file__).parent.parent / "README.md"
PRESETS = Path(batchenv.__file__).parent / "presets"


def blocks(language):
    return re.findall(rf"```{language}\n(.*?)```", README.read_text(), re.DOTALL)


@pytest.fixture(scope="module", autouse=True)
def readme():
    if not README.exists():
        pytest.skip("installed without its README")


def test_the_shipped_walker_walks():
    names = {}
    exec(blocks("python")[0], names)
    with names["env"] as env:
        assert env.num_envs == 16 and not env.terminated.any()
        assert (env.worlds.qpos[:, :3] @ env.task.axes[0] > 2.5).all()  # [m], after 3 s at 1.2 m/s


def test_the_first_example_runs():
    names = {}
    exec(blocks("python")[1], names)
    assert names["obs"].shape == (32, names["env"].obs_dim) and np.isfinite(names["rewards"]).all()
    names["env"].close()


def test_the_reward_term_works_in_a_preset(tmp_path):
    (tmp_path / "my_terms.py").write_text(blocks("python")[2])
    term = blocks("yaml")[0].split("reward:\n")[1]
    preset = (PRESETS / "walk.yaml").read_text()
    changed = re.sub(r"(\n  reward:[^\n]*\n)", lambda match: match[1] + term, preset)
    (tmp_path / "mine.yaml").write_text(changed)
    with batchenv.BatchEnv(tmp_path / "mine.yaml", 2, 1) as env:
        env.reset()
        env.step(np.zeros((2, env.action_dim)))
        assert (env.reward_terms["quiet_trunk"] > 0.0).all()


def test_every_local_link_leads_somewhere():
    targets = re.findall(r"\]\((?!http)([^)#]+)\)", README.read_text())
    assert targets
    for target in targets:
        assert (README.parent / target).exists(), target
