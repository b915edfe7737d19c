"""The walkers in the package: small, complete, and on their feet."""

import json

import numpy as np
import pytest

from batchenv.evaluate.walker import WALKERS, load_walker, shipped_walkers

NAMES = ("walk", "walk_muscle_nn")
MB = 2**20


def test_the_package_has_a_walker_of_either_coordinator():
    assert set(NAMES) <= set(shipped_walkers())
    coordinators = [load_walker(name).config.environment.muscle.coordinator for name in NAMES]
    assert coordinators == ["static_optimization", "network"]


@pytest.mark.parametrize(("name", "completed"), [*((name, 0.95) for name in NAMES), ("drop_foot", 0.9)])
def test_a_shipped_walker_is_small_and_says_where_it_comes_from(name: str, completed: float):
    files = {file.name: file for file in (WALKERS / name).iterdir()}
    assert sum(file.stat().st_size for file in files.values()) < 2 * MB
    assert "batchenv train" in files["README.md"].read_text()
    assert json.loads(files["evaluation.json"].read_text())["completed"] >= completed


@pytest.mark.parametrize("name", NAMES)
def test_a_shipped_walker_walks(name):
    walker = load_walker(name)
    with walker.worlds(4, 3.0, 2) as env:
        obs = env.reset(3)
        start = env.worlds.qpos[:, :3] @ env.task.axes[0]
        for step in range(env.max_episode_steps - 1):
            obs, _, dones = env.step(walker.policy(obs))
            assert not dones.any(), f"fell at step {step}"
        way = env.worlds.qpos[:, :3] @ env.task.axes[0] - start
        assert way / (step + 1) / env.control_dt == pytest.approx(np.full(4, 1.24), abs=0.12)
