"""When training may stop."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from batchenv import BatchEnv, load_config, load_walker
from batchenv.learn.checkpoints import Checkpoint, load_checkpoint
from batchenv.learn.report import Report
from batchenv.learn.training import train
from batchenv.learn.walking_criterion import WalkingCriterion

CONFIG = load_config("walk_muscle_nn").replace(
    {
        "training.num_envs": 4,
        "training.num_steps_per_env": 4,
        "training.hidden": [16],
        "training.learn_threads": 1,
        "training.muscle_network.learning_rate": 1e-2,
        "environment.episode.max_seconds": 0.1,
    }
)


def test_a_walker_is_judged_with_the_muscle_network_that_has_learned_with_it(tmp_path: Path):
    """Episodes of three steps are soon near their full length, so that the verdict is asked for."""
    with closing(WalkingCriterion(CONFIG, 1, episodes=2, seconds=0.1)) as walks:
        before = walks.env.muscle_network()
        judge, verdicts = walks.stop_condition(lambda words: None, seed=0, full_episode=3), []

        def until(report: Report, checkpoint: Callable[[], Checkpoint]) -> bool:
            verdicts.append(judge(report, checkpoint))
            return True

        with BatchEnv(CONFIG, 4, num_threads=1) as env:
            train(env, CONFIG, tmp_path, until=until)
        learned = load_checkpoint(tmp_path).muscle_network
        assert verdicts and learned is not None
        used = walks.env.muscle_network()
        assert any(not np.allclose(used[key], before[key], atol=1e-3) for key in used)
        # The worlds' weights are rounded to 21 bits of the largest of each row.
        assert all(np.allclose(used[key], learned[key], atol=1e-5) for key in used)


@pytest.mark.parametrize(("deaf", "passes"), [(False, True), (True, False)])
def test_a_commanded_walker_has_to_do_as_it_is_told(deaf: bool, passes: bool):
    """Who does not see that a turn is asked stays upright all the same, for a while."""
    walker = load_walker("command")
    turn = {"speed": [1.2, 1.2], "yaw_rate": [0.3, 0.3]}
    config = walker.config.replace({"environment.commands": {"walking_velocity": turn}})
    hidden = [name == "off_course" or name.endswith("yaw_rate") for name in walker.policy.observations]

    def act(obs: np.ndarray) -> np.ndarray:
        return walker.policy(np.where(hidden, 0.0, obs) if deaf else obs)

    with closing(WalkingCriterion(config, 1, episodes=6, seconds=4.0)) as walks:
        found = walks(act, 0)
    assert found.completed == 1.0 and found.kept is not None
    assert found.passed == passes == (found.kept >= 0.9)
    assert f"{found.kept:.0%} as told" in found.line


def test_a_test_ends_and_says_when_once_too_many_have_fallen():
    with closing(WalkingCriterion(load_config("walk"), 1, episodes=4, seconds=20.0)) as walks:
        found = walks(lambda obs: np.zeros((4, walks.env.action_dim), np.float32), 0)
    assert not found.passed and found.seconds is not None and 0.1 < found.seconds < 10.0
    assert found.line == (
        f"{1.0 - found.completed:.0%} of fresh episodes had fallen after {found.seconds:.1f} s: "
        "does not walk yet"
    )
