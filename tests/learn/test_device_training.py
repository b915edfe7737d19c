"""Training whose worlds, terms and learner stay on a device, on Warp's CPU device."""

import os
import signal
from pathlib import Path

import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")

import torch
import warp as wp

from batchenv import load_config
from batchenv.cli import main
from batchenv.device_env import DeviceEnv
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.report import Report
from batchenv.learn.training import train
from batchenv.learn.walking_criterion import WalkingCriterion

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(wp.is_cuda_available(), reason="bits are repeated on the CPU device alone"),
]

WORLDS, HORIZON = 4, 4
UPDATE = WORLDS * HORIZON
CHANGES = {
    "environment.simulation.engine": "warp",
    "environment.episode.max_seconds": 0.2,  # episodes end within a rollout, and between two
    "training.num_envs": WORLDS,
    "training.num_steps_per_env": HORIZON,
}


def words(steps: int, out: Path, **changes: object) -> list[str]:
    """A command that trains under the changes."""
    pairs = [f"{key}={value}" for key, value in (CHANGES | changes).items()]
    return ["train", "walk", "--set", *pairs, "--steps", str(steps), "--out", str(out)]


def interrupt(report: Report) -> None:
    """Press Ctrl-C after two updates."""
    if report.steps == 2 * UPDATE:
        os.kill(os.getpid(), signal.SIGINT)


def learned(run: Path) -> list[torch.Tensor]:
    """Everything that PPO has learned."""
    learner = load_checkpoint(run).learner
    return [*learner["actor_state_dict"].values(), *learner["critic_state_dict"].values()]


def test_an_interrupted_run_goes_on_to_the_bits_of_an_uninterrupted_one(tmp_path, capsys):
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    main([*words(4 * UPDATE, whole), "--until", "walks"])
    printed = capsys.readouterr().out
    assert "actions on device cpu" in printed and "on the host" not in printed
    assert "does not walk yet" in printed and f"finished at {4 * UPDATE} steps" in printed
    assert any(file.name.startswith("events") for file in whole.iterdir())
    config = load_config("walk").replace(CHANGES)
    with DeviceEnv(config, WORLDS, config.training.seed, device="cpu") as env:
        result = train(env, config, parts, steps=4 * UPDATE, progress=interrupt)
    assert result.steps == 2 * UPDATE and result.stopped_by == signal.SIGINT
    halfway = learned(parts)
    main(["train", "--resume", str(parts), "--steps", str(4 * UPDATE)])
    ours, theirs = learned(parts), learned(whole)
    assert all(torch.equal(a, b) for a, b in zip(ours, theirs, strict=True))
    assert not all(torch.equal(a, b) for a, b in zip(ours, halfway, strict=True))


@pytest.mark.parametrize(
    ("more", "changes", "why"),
    [
        (
            [],
            {"environment.observation.noise.joint_pos": 0.01},
            "a DeviceEnv does not support environment.observation.noise; a BatchEnv does",
        ),
        (["--env-runners", "2"], {}, "runners collect rollouts there"),
    ],
)
def test_what_keeps_training_on_the_host_is_told(tmp_path, capsys, more, changes, why):
    short = {"training.num_steps_per_env": 1, "training.mini_batches": 1}
    main([*words(WORLDS, tmp_path / "run", **short, **changes), *more])
    printed = capsys.readouterr().out
    assert f"state, terms and learner are on the host: {why}" in printed
    assert f"finished at {WORLDS} steps" in printed


def test_whether_a_policy_walks_is_tested_on_the_engine_numba():
    criterion = WalkingCriterion(load_config("walk").replace(CHANGES), 1, episodes=1)
    assert criterion.env.config.environment.simulation.engine == "numba"
    criterion.close()
