import os
from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, load_config
from batchenv.errors import CheckpointError
from batchenv.evaluate.walker import load_walker
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.policy import MUSCLES_FILE
from batchenv.learn.training import train

ITERATION = 8 * 8
CONFIG = load_config("walk").replace(
    {
        "environment.muscle.coordinator": "network",
        "environment.muscle.network.hidden": [24, 24],
        "environment.muscle.network.keep_samples": True,
        "training.num_envs": 8,
        "training.num_steps_per_env": 8,
        "training.hidden": [16],
        "training.learn_threads": 1,
        "training.muscle_network.updates": 3,
        "training.muscle_network.mini_batch": 32,
        "training.muscle_network.learning_rate": 1e-3,
    }
)


def run(run_dir: Path, iterations: int, config=CONFIG, resume: bool = False, reports=None):
    """Train, and return the weights that the worlds end with."""
    with BatchEnv(config, 8, 2, seed=0) as env:
        first = env.muscle_network() if config.environment.muscle.coordinator == "network" else None
        checkpoint = load_checkpoint(run_dir) if resume else None
        train(
            env,
            config,
            run_dir,
            iterations * ITERATION,
            resume=checkpoint,
            progress=None if reports is None else reports.append,
        )
        return first, None if first is None else env.muscle_network()


def test_the_worlds_follow_what_the_network_learns(tmp_path):
    reports = []
    first, last = run(tmp_path, 3, reports=reports)
    assert np.abs(last["fc.0.weight"] - first["fc.0.weight"]).max() > 1e-3
    learned = load_checkpoint(tmp_path).muscles["network"]
    for key, value in last.items():
        assert value == pytest.approx(learned[key].numpy(), abs=1e-6)  # 21 bits of the largest weight
    assert all(report.losses["muscle"] > 0 for report in reports)
    assert all(1.0 < report.losses["muscle_torque_error"] < 500.0 for report in reports)


def test_a_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(tmp_path):
    _, whole = run(tmp_path / "whole", 4)
    run(tmp_path / "parts", 2)
    _, parts = run(tmp_path / "parts", 4, resume=True)
    assert all(np.array_equal(whole[key], parts[key]) for key in whole)
    policies = [load_checkpoint(tmp_path / name).learner["actor_state_dict"] for name in ("whole", "parts")]
    assert all(np.array_equal(policies[0][key], policies[1][key]) for key in policies[0])


def test_a_walker_takes_its_muscle_network_along(tmp_path):
    run(tmp_path, 2)
    assert MUSCLES_FILE in os.listdir(tmp_path)
    learned = load_checkpoint(tmp_path).muscles["network"]
    with load_walker(tmp_path).worlds(1, 1.0, 1) as env:
        for key, value in env.muscle_network().items():
            assert value == pytest.approx(learned[key].numpy(), abs=1e-6)


def test_a_network_without_samples_stays_as_it_is(tmp_path):
    config = CONFIG.replace({"environment.muscle.network.keep_samples": False})
    first, last = run(tmp_path, 2, config)
    assert all(np.array_equal(first[key], last[key]) for key in first)
    assert load_checkpoint(tmp_path).muscles is None


def test_a_run_without_a_network_cannot_go_on_with_one(tmp_path):
    run(tmp_path, 1, CONFIG.replace({"environment.muscle.coordinator": "static_optimization"}))
    with pytest.raises(CheckpointError, match="holds no muscle network"):
        run(tmp_path, 2, resume=True)


def test_a_network_of_other_sizes_cannot_go_on(tmp_path):
    run(tmp_path, 1)
    other = CONFIG.replace({"environment.muscle.network.hidden": [12]})
    with pytest.raises(CheckpointError, match="muscle network is not as configured"):
        run(tmp_path, 2, other, resume=True)


TAUGHT = CONFIG.replace({"training.muscle_network.taught_steps": 2 * ITERATION})


def test_stages_of_a_taught_run_are_reported(tmp_path):
    reports = []
    first, last = run(tmp_path, 3, TAUGHT, reports=reports)
    assert [report.taught for report in reports] == [True, True, False]
    assert [report.scalars()["muscle_network/taught"] for report in reports] == [1.0, 1.0, 0.0]
    assert all(report.losses["muscle"] > 0 for report in reports)
    assert np.abs(last["fc.0.weight"] - first["fc.0.weight"]).max() > 1e-3


def test_a_walker_whose_network_was_still_taught_says_so(tmp_path, caplog):
    run(tmp_path, 2, TAUGHT)
    load_walker(tmp_path)
    assert "was saved at 128 steps, while static optimisation still coordinated" in caplog.text
    caplog.clear()
    run(tmp_path, 3, TAUGHT, resume=True)
    load_walker(tmp_path)
    assert not caplog.records


@pytest.mark.parametrize("iterations", [1, 2, 3])
def test_a_taught_run_resumes_in_either_stage(tmp_path, taught_whole, iterations):
    run(tmp_path, iterations, TAUGHT)
    reports = []
    _, parts = run(tmp_path, 4, TAUGHT, resume=True, reports=reports)
    assert [report.taught for report in reports] == [True, True, False, False][iterations:]
    assert all(np.array_equal(taught_whole[key], parts[key]) for key in parts)


@pytest.fixture(scope="module")
def taught_whole(tmp_path_factory):
    """Weights of the network after a run without interruption."""
    return run(tmp_path_factory.mktemp("whole"), 4, TAUGHT)[1]
