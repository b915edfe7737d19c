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


@pytest.mark.parametrize(
    ("name", "completed"),
    [
        *((name, 0.95) for name in NAMES),
        *((name, 0.9) for name in ("drop_foot", "crouch", "weak_gluteus", "trendelenburg")),
    ],
)
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


@pytest.mark.slow
def test_the_whole_body_walks_and_swings_its_arms():
    walker = load_walker("full_body")
    with walker.worlds(4, 6.0, 2) as env:
        columns = [column.name for column in env.obs_layout]
        obs, seen = env.reset(3), []
        for _ in range(env.max_episode_steps - 1):
            obs, _, dones = env.step(walker.policy(obs))
            assert not dones.any()
            seen.append(obs.copy())
    for joint, least in (("elv_angle_r", 0.8), ("elbow_flexion_l", 0.8), ("knee_angle_r", 0.95)):
        own, reference = (
            np.ravel([step[:, columns.index(f"{term}/{joint}")] for step in seen[60:]])
            for term in ("joint_pos", "reference_pos")
        )
        assert np.corrcoef(own, reference)[0, 1] > least
