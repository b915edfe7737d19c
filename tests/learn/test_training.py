import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from batchenv.cli import main
from batchenv.config import Training, load_config
from batchenv.env import BatchEnv
from batchenv.errors import BatchEnvError, CheckpointError, InputError
from batchenv.evaluate.disturbances import Disturbance, withstand
from batchenv.evaluate.walker import load_walker
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.policy import load_policy
from batchenv.learn.report import Report
from batchenv.learn.training import train
from tests.learn.examples import small_config
from tests.learn.point_mass import Column, PointMass

ITERATION = 32 * 16


def weights(run_dir: Path) -> dict[str, torch.Tensor]:
    learner = load_checkpoint(run_dir).learner
    return learner["actor_state_dict"] | {f"critic.{k}": v for k, v in learner["critic_state_dict"].items()}


def test_point_masses_learn_to_stay_near_the_centre(tmp_path: Path):
    reports: list[Report] = []
    result = train(PointMass(32), small_config(), tmp_path, steps=40_000, progress=reports.append)
    assert result.steps == result.steps_done == 40_448  # 79 iterations of 512 steps
    assert result.first_length < 40.0 and result.last_length == PointMass.max_episode_steps
    assert result.last_return > 44.0  # of 50; resting on the way from the rim costs about 3
    assert reports[0].mean_return < 15.0
    assert not result.interrupted and result.checkpoint == tmp_path / "checkpoint.pt"
    policy, env = load_policy(tmp_path), PointMass(100)
    obs = env.reset(5)
    for _ in range(env.max_episode_steps):
        obs, _, _ = env.step(policy(obs))
    assert env.episode_returns.mean() > 44.0


def test_resumed_run_ends_with_the_bits_of_an_uninterrupted_one(tmp_path: Path):
    config = small_config(seed=3)
    train(PointMass(32), config, tmp_path / "whole", steps=8 * ITERATION)
    train(PointMass(32), config, tmp_path / "parts", steps=5 * ITERATION)
    torch.rand(1)
    resume = load_checkpoint(tmp_path / "parts")
    assert resume.steps == 5 * ITERATION and load_config(resume.config) == config
    steps: list[int] = []
    env = PointMass(32)
    result = train(
        env,
        load_config(resume.config),
        tmp_path / "parts",
        steps=8 * ITERATION,
        resume=resume,
        progress=lambda report: steps.append(report.steps),
    )
    assert steps == [6 * ITERATION, 7 * ITERATION, 8 * ITERATION]
    assert (result.steps, result.steps_done) == (8 * ITERATION, 3 * ITERATION)
    ended = [load_checkpoint(tmp_path / name).episodes["first_length"] for name in ("whole", "parts")]
    assert ended[0] == ended[1] == result.first_length
    whole, parts = weights(tmp_path / "whole"), weights(tmp_path / "parts")
    assert whole.keys() == parts.keys()
    assert all(torch.equal(whole[name], parts[name]) for name in whole)


def test_seeds_decide_the_run(tmp_path: Path):
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        train(PointMass(32), small_config(seed=seed), tmp_path / name, steps=2 * ITERATION)
    a, b, c = (weights(tmp_path / name)["mlp.0.weight"] for name in "abc")
    assert torch.equal(a, b) and (a - c).abs().mean() > 0.01


def test_run_goes_on_with_another_number_of_worlds(tmp_path: Path):
    train(PointMass(32), small_config(), tmp_path, steps=ITERATION)
    config = small_config(num_envs=64)
    result = train(PointMass(64), config, tmp_path, steps=3 * ITERATION, resume=load_checkpoint(tmp_path))
    assert result.steps == 3 * ITERATION


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_run_with_a_checkpoint(tmp_path: Path, number: signal.Signals, caplog):
    handlers = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]

    def stop(report: Report) -> None:
        if report.steps == 3 * ITERATION:
            signal.raise_signal(number)

    result = train(PointMass(32), small_config(), tmp_path, steps=100 * ITERATION, progress=stop)
    assert result.interrupted and result.steps == 3 * ITERATION
    assert load_checkpoint(tmp_path).steps == 3 * ITERATION
    assert "stopping after this iteration" in caplog.text
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == handlers


@pytest.fixture
def ctrl_c_interrupts():
    """SIGINT as on a terminal; where tests run in the background, the shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("ctrl_c_interrupts")
def test_a_second_signal_is_not_caught(tmp_path: Path):
    def stop(report: Report) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        train(PointMass(32), small_config(), tmp_path, steps=100 * ITERATION, progress=stop)


def test_killed_run_goes_on_from_its_last_checkpoint(tmp_path: Path):
    code = (
        "import sys; from pathlib import Path; from batchenv.learn.training import train; "
        "from tests.learn.examples import small_config; from tests.learn.point_mass import PointMass; "
        "train(PointMass(32), small_config(checkpoint_seconds=0.01), sys.argv[1], steps=10**9)"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], env=os.environ | {"PYTHONPATH": "."}
    )
    deadline = time.monotonic() + 300.0  # imports take a minute on a busy machine
    try:
        while not (tmp_path / "checkpoint.pt").exists() or load_checkpoint(tmp_path).steps < 4 * ITERATION:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.02)
    finally:
        process.kill()
        process.wait()
    checkpoint = load_checkpoint(tmp_path)
    goal = checkpoint.steps + ITERATION
    assert train(PointMass(32), small_config(), tmp_path, goal, resume=checkpoint).steps == goal


def test_checkpoints_are_saved_at_the_start_and_in_time(tmp_path: Path):
    found: list[int] = []
    for seconds, expected in ((1e-9, [0, 1, 2]), (1e9, [0, 0, 0])):
        run_dir, found = tmp_path / str(seconds), []

        def look(report: Report, run_dir: Path = run_dir, found: list[int] = found) -> None:
            found.append(load_checkpoint(run_dir).steps // ITERATION)

        config = small_config(checkpoint_seconds=seconds)
        train(PointMass(32), config, run_dir, steps=3 * ITERATION, progress=look)
        assert found == expected
        assert load_checkpoint(run_dir).steps == 3 * ITERATION


def test_scalars_are_written_for_tensorboard(tmp_path: Path):
    train(PointMass(32), small_config(), tmp_path, steps=4 * ITERATION)
    events = EventAccumulator(str(tmp_path)).Reload()
    tags = set(events.Tags()["scalars"])
    assert {"episode/return", "episode/length", "reward/near", "rate/steps_per_second"} < tags
    assert {"loss/kl", "loss/value", "loss/surrogate", "policy/learning_rate", "policy/std"} < tags
    assert [scalar.step for scalar in events.Scalars("loss/kl")] == [ITERATION * i for i in (1, 2, 3, 4)]


def test_directory_of_another_run_is_refused(tmp_path: Path):
    train(PointMass(32), small_config(), tmp_path, steps=ITERATION)
    before = (tmp_path / "checkpoint.pt").read_bytes()
    with pytest.raises(CheckpointError, match="already holds a checkpoint: resume that run"):
        train(PointMass(32), small_config(), tmp_path, steps=ITERATION)
    assert (tmp_path / "checkpoint.pt").read_bytes() == before


def test_checkpoint_of_another_layout_is_refused(tmp_path: Path):
    train(PointMass(32), small_config(), tmp_path, steps=ITERATION)
    env = PointMass(32)
    env.obs_layout = (Column("x", "m"), Column("z", "m"), *env.obs_layout[2:])
    with pytest.raises(
        CheckpointError, match=r"observation column 1 is 'z' in this environment; .* with 'y'"
    ):
        train(env, small_config(), tmp_path, steps=2 * ITERATION, resume=load_checkpoint(tmp_path))


def test_no_steps_make_no_directory(tmp_path: Path):
    with pytest.raises(InputError, match="steps is 0; expected a whole number from 1 to"):
        train(PointMass(32), small_config(), tmp_path / "run", steps=0)
    assert not (tmp_path / "run").exists()


def test_diverged_weights_are_not_saved(tmp_path: Path):
    train(PointMass(32), small_config(), tmp_path, steps=ITERATION)
    checkpoint = load_checkpoint(tmp_path)
    critic = checkpoint.learner["critic_state_dict"]
    critic = critic | {"mlp.0.weight": torch.full_like(critic["mlp.0.weight"], torch.nan)}
    poisoned = replace(checkpoint, learner=checkpoint.learner | {"critic_state_dict": critic})
    with pytest.raises(BatchEnvError, match=r"Learning diverged at step 1024: the policy's .* is not finite"):
        train(PointMass(32), small_config(), tmp_path, steps=3 * ITERATION, resume=poisoned)
    assert all(torch.isfinite(tensor).all() for tensor in weights(tmp_path).values())


def test_torch_learns_with_more_threads_than_it_acts_with(tmp_path: Path, monkeypatch):
    used = [7]  # noted, not set: two threads are slow on a machine that is busy otherwise
    monkeypatch.setattr("batchenv.learn.training.available_cpus", lambda: 2)
    monkeypatch.setattr(torch, "set_num_threads", used.append)
    monkeypatch.setattr(torch, "get_num_threads", lambda: used[-1])
    train(PointMass(32), small_config(learn_threads=8), tmp_path, steps=2 * ITERATION)
    assert used == [7, 1, 2, 1, 2, 1, 7]


def test_a_reward_term_that_is_no_number_is_named_in_training(tmp_path: Path):
    terms = (
        "from batchenv import reward_term\n@reward_term\ndef slip(phase):\n    return phase * float('nan')\n"
    )
    (tmp_path / "terms.py").write_text(terms)
    (tmp_path / "c.yaml").write_text(
        f"base: torque\nenvironment: {{reward: {{'{tmp_path}/terms.py:slip': {{weight: 1.0}}}}}}\n"
        "training: {num_envs: 2, num_steps_per_env: 8}\n"
    )
    words = ["train", str(tmp_path / "c.yaml"), "--steps", "64", "--threads", "1", "--trust"]
    with pytest.raises(SystemExit, match="error: reward term 'slip' is nan in world 0; expected a finite"):
        main([*words, "--out", str(tmp_path / "run")])
    assert load_checkpoint(tmp_path / "run").steps == 0


def test_the_walker_of_a_run_does_without_what_the_value_function_alone_saw(tmp_path: Path):
    changes = {
        "environment.observation.terms.parameters": {},
        "environment.parameters.action.delay": {"max": 0.067},
        "training": {"privileged": ["parameters"], "num_steps_per_env": 2, "hidden": [8], "learn_threads": 1},
    }
    config = load_config("walk").replace(changes)
    with BatchEnv(config, 2, 1) as env:
        train(env, config, tmp_path, 8)
        resumed = load_checkpoint(tmp_path)
        train(env, config, tmp_path, 12, resume=resumed)
    assert resumed.privileged == ("parameter/action.delay",)
    walker = load_walker(tmp_path)
    assert "parameter/action.delay" in resumed.observations
    assert "parameter/action.delay" not in walker.policy.observations
    (late,) = withstand(walker, 1, 0, 1, [Disturbance("late", delay=0.033)])
    assert late.walks == 1


def test_actions_of_a_resumed_run_scatter_no_more_than_is_allowed(tmp_path: Path):
    train(PointMass(32), small_config(), tmp_path, ITERATION)
    wide = load_checkpoint(tmp_path)
    assert weights(tmp_path)["distribution.std_param"].min() > 0.4
    scattered = []
    train(PointMass(32), small_config(most_std=0.2), tmp_path, 2 * ITERATION, resume=wide,
          progress=lambda report: scattered.append(report.std))  # fmt: skip
    assert scattered and max(scattered) < 0.25  # within an update it may grow a little
    assert weights(tmp_path)["distribution.std_param"].max() <= 0.2 + 1e-6


def test_a_policy_that_is_no_beginner_settles(tmp_path: Path):
    settling = {"after_steps": 2 * ITERATION, "desired_kl": 1e-4, "most_std": 0.2}
    reports = []
    train(PointMass(32), small_config(desired_kl=10.0, settling=settling), tmp_path, 6 * ITERATION,
          progress=reports.append)  # fmt: skip
    scattered, rates = [report.std for report in reports], [report.learning_rate for report in reports]
    assert scattered[0] > 0.4
    assert max(scattered[2:]) < 0.25  # from the third iteration on; within an update it may grow a little
    assert rates[-1] < rates[0]  # the first steps were allowed to be as large as they like


def test_what_settles_is_what_is_given():
    training = Training.model_validate({"most_std": 0.4, "settling": {"after_steps": 10, "desired_kl": 0.02}})
    assert training.after(9) is training
    assert (training.after(10).desired_kl, training.after(10).most_std) == (0.02, 0.4)
