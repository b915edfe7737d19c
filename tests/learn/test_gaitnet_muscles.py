"""Commands about the muscle network, and the verdict that a policy walks, on GaitNet's bodies."""

import itertools
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from batchenv import load_config
from batchenv.build import control_law, load_configured_body
from batchenv.cli import main
from batchenv.engine.problems import WayPointProblems, problems_of
from batchenv.learn import muscle_pretraining
from batchenv.learn.walking_criterion import WalkingCriterion
from tests.tasks.gaitnet.small_scene import write_scene


@pytest.fixture(scope="module")
def scene(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_scene(tmp_path_factory.mktemp("scene"))


def test_problems_are_those_that_worlds_hand_their_coordinator(scene: Path):
    config = load_config(scene)
    body = load_configured_body(config)
    problems = problems_of(body, control_law(config, body), 1)
    assert isinstance(problems, WayPointProblems)
    q = 0.1 * np.random.default_rng(0).normal(size=(3, body.skeleton.num_dof))
    qpos = body.to_qpos(q)
    # The same states, once as they are and once seen in the mirror.
    jta, passive = problems.solve(qpos, np.zeros((3, 22)), np.zeros(3, bool))
    seen, resting = problems.solve(qpos, np.zeros((3, 22)), np.ones(3, bool))
    image = body.skeleton.mirror_sign * q[:, body.skeleton.mirror_dof]
    other, rest = problems.solve(body.to_qpos(image), np.zeros((3, 22)), np.zeros(3, bool))
    assert np.abs(jta).max() > 1.0
    np.testing.assert_allclose(seen, other, atol=1e-4)
    np.testing.assert_allclose(resting, rest, atol=1e-4)
    assert not np.allclose(jta, seen)
    assert passive.shape == (3, len(problems.joint_names))


def test_only_a_network_that_learns_from_nothing_is_taught(scene: Path):
    config = load_config(scene)
    assert config.taught_steps == config.training.muscle_network.taught_steps > 0
    for key, value in (
        ("muscle.network.file", str(scene)),
        ("muscle.network.keep_samples", False),
        ("muscle.coordinator", "static_optimization"),
        ("skeleton.actuator", "pd"),
    ):
        assert config.replace({f"environment.{key}": value}).taught_steps == 0


def test_network_is_pretrained_and_compared_from_the_command_line(
    scene: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    for name, value in (("_POOL", 500), ("_HELD_OUT", 200), ("_REFRESH", 50)):
        monkeypatch.setattr(muscle_pretraining, name, value)
    ticks = itertools.count()
    monkeypatch.setattr(muscle_pretraining.time, "monotonic", lambda: 0.01 * next(ticks))
    weights = tmp_path / "network.npz"
    words = ("--data", str(scene.parent), "--threads", "1")
    main(["pretrain-muscles", str(scene), "--out", str(weights), "--minutes", "0.05", *words])
    printed = capsys.readouterr().out
    assert "| FemurR_x |" in printed and "| Head_x |" not in printed  # which no muscle crosses
    text = scene.read_text().replace("network: {hidden", f"network: {{file: {weights}, hidden")
    trained = scene.parent / "trained.yaml"
    trained.write_text(text, encoding="utf-8")
    plot = tmp_path / "plot.png"
    main(["compare-coordinators", str(trained), "--envs", "2", "--steps", "3", "--plot", str(plot), *words])
    assert "mean squared activation" in capsys.readouterr().out and plot.stat().st_size > 1000


def test_policy_walks_whose_episodes_reach_the_horizon_at_any_speed(scene: Path):
    with closing(WalkingCriterion(load_config(scene), 1, episodes=4, seconds=0.1)) as walks:
        dim = walks.env.action_dim
        assert walks.env.max_episode_steps == 3
        result = walks(lambda obs: np.zeros((len(obs), dim)), 0)
        assert result.passed and result.completed == 1.0
    with closing(WalkingCriterion(load_config(scene), 1, episodes=4, seconds=20.0)) as walks:
        assert not walks(lambda obs: np.zeros((len(obs), dim)), 0).passed
