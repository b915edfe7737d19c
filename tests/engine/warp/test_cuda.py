"""Worlds on a GPU: `make test-gpu` on a machine that has one.

Atomic operations of MuJoCo Warp come in another order in every run there, so results are equal but for the
rounding of float32.
"""

from collections.abc import Iterator

import numpy as np
import pytest

pytest.importorskip("mujoco_warp", reason="needs the extra gpu")
pytest.importorskip("rsl_rl", reason="needs the extra train")

import torch

from batchenv import BatchEnv, load_config
from batchenv.cli import main
from batchenv.device_env import DeviceEnv
from tests.engine.warp.side_by_side import (
    CHANGES,
    PRESETS,
    STEPS,
    WORLDS,
    Run,
    check_results,
    check_states,
    run_both,
)

pytestmark = pytest.mark.gpu
ON_WARP = {"environment.simulation.engine": "warp"}


@pytest.fixture(scope="module")
def env() -> Iterator[DeviceEnv]:
    with DeviceEnv(load_config("walk").replace(CHANGES | ON_WARP), WORLDS, seed=0, device="cuda") as env:
        yield env


@pytest.fixture(scope="module", params=PRESETS)
def runs(request: pytest.FixtureRequest) -> tuple[Run, Run]:
    return run_both(request.param, "cuda")


def test_states_and_activations_stay_with_those_of_numba(runs):
    check_states(*runs)


def test_rewards_ends_and_resets_are_those_of_numba(runs):
    check_results(*runs)


def test_tensors_of_the_device_follow_arrays_of_the_host(env):
    actions = np.random.default_rng(1).normal(0.0, 0.3, (STEPS, WORLDS, env.action_dim))
    with BatchEnv(env.config, WORLDS, seed=0, device="cuda") as host:
        np.testing.assert_allclose(env.reset(seed=0).cpu(), host.reset(), rtol=0, atol=1e-6)
        for action in actions:
            ours, theirs = env.step(torch.from_numpy(action).cuda()), host.step(action)
            assert all(result.is_cuda for result in ours)
            for mine, other in zip(ours, theirs, strict=True):
                np.testing.assert_allclose(mine.cpu(), other, rtol=0, atol=1e-3)


def test_a_world_that_diverges_ends_its_episode_alone(env):
    env.reset(seed=0)
    zero = torch.zeros(WORLDS, env.action_dim, device="cuda")
    env.worlds.qvel[0] = 1e15
    obs, _, dones = env.step(zero)
    assert env.diverged.tolist() == [True, False, False, False] and dones[0]
    assert obs.isfinite().all() and env.worlds.qpos.isfinite().all()


def test_a_snapshot_brings_a_state_back(env):
    first = env.reset(seed=3)
    snapshot, zero = env.snapshot(), torch.zeros(WORLDS, env.action_dim, device="cuda")
    obs = env.step(zero)[0]
    assert torch.equal(env.restore(snapshot), first)
    torch.testing.assert_close(env.step(zero)[0], obs, rtol=0, atol=1e-3)


def test_training_learns_on_the_gpu(tmp_path, capsys):
    run, engine = tmp_path / "run", "environment.simulation.engine=warp"
    size = ["--envs", "64", "--steps", "4000", "--set", "training.num_steps_per_env=16"]
    main(["train", "walk", "--set", engine, *size, "--out", str(run)])
    assert "14 actions on device cuda" in capsys.readouterr().out
    assert (run / "policy.safetensors").exists()


def test_the_benchmark_keeps_what_its_graph_works_in(capsys):
    main(["bench", "walk", "--engine", "warp", "--envs", "64", "--alternations", "5"])
    assert f"| walk | {torch.cuda.get_device_name()} | DeviceEnv | 64 |" in capsys.readouterr().out
