"""One world under wild actions: it ends alone, each time, and whatever a caller reads is finite."""

from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv
from tests.tasks.gaitnet.small_scene import write_scene

WILD, OTHERS = 1, [0, 2, 3]


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(tmp_path_factory.mktemp("scene"))


def wild_actions(rng: np.random.Generator, env: BatchEnv) -> tuple[np.ndarray, np.ndarray]:
    """Small actions for four worlds, and the same with wild ones in one of them."""
    actions = rng.normal(0.0, 0.1, (4, env.action_dim))
    wild = actions.copy()
    wild[WILD] = rng.standard_normal(env.action_dim) * 10.0 ** rng.uniform(0.0, 12.0)
    return actions, wild


def run_wild(config: str | Path, steps: int) -> int:
    """Step beside a quiet twin; returns how often the wild world diverged."""
    rng, counted = np.random.default_rng(0), 0
    with BatchEnv(config, 4, 2, seed=0) as env, BatchEnv(config, 4, 1, seed=0) as quiet:
        assert np.array_equal(env.reset(), quiet.reset())
        for _ in range(steps):
            actions, wild = wild_actions(rng, env)
            for result, expected in zip(env.step(wild), quiet.step(actions), strict=True):
                assert np.array_equal(result[OTHERS], expected[OTHERS])
                assert np.isfinite(result).all()
            assert np.isfinite(env.final_obs).all() and np.isfinite(list(env.reward_terms.values())).all()
            assert not env.diverged[OTHERS].any() and not (env.diverged & ~env.terminated).any()
            counted += int(env.diverged[WILD])
            assert env.failures == counted
    return counted


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("preset", ["torque", "walk", "scene"])
def test_a_wild_world_ends_alone_every_time_and_all_is_finite(preset, scene, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    diverged = run_wild(scene if preset == "scene" else preset, 80)
    assert diverged == 0 if preset == "walk" else diverged > 40  # muscles have a greatest force, torques none
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
@pytest.mark.parametrize("preset", ["torque", "walk", "walk_muscle_nn", "excite", "scene"])
def test_ten_thousand_wild_steps(preset, scene, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run_wild(scene if preset == "scene" else preset, 10_000)
    assert list(tmp_path.iterdir()) == []
