"""`motion.smooth` and `action.smooth`: joint targets follow the reference and actions within a step."""

from typing import Any

import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, load_config

STEP = 1.0 / 30.0


def built(smooth: bool = True, **changes: Any) -> BatchEnv:
    config = {
        "base": "torque",
        "environment": {
            "motion": {"smooth": smooth},
            "termination": {"terms": {"fallen": {"min_height": 0.01}}},
        },
    }
    return BatchEnv(load_config(config).replace(changes), 3, 1, seed=4)


def target_after(env: BatchEnv, seconds: float) -> np.ndarray:
    """Where targets of the last step were, some time after it began (N, J) [rad]."""
    slot = env.worlds.slot
    moved = seconds * (slot("target_rate") + slot("target_ramp"))
    return slot("target") + moved + 0.5 * seconds**2 * slot("target_acceleration")


def jumps(env: BatchEnv) -> tuple[float, float]:
    """Largest jumps of targets and of their rates where one step ends and the next begins [rad], [rad/s]."""
    env.reset(4)
    still, slot = np.zeros((3, env.action_dim)), env.worlds.slot
    _, _, dones = env.step(still)
    pose, rate = [], []
    for _ in range(30):
        goes_on, end = ~dones, target_after(env, STEP)
        end_rate = slot("target_rate") + STEP * slot("target_acceleration")
        _, _, dones = env.step(still)
        goes_on &= ~dones
        pose.append(np.abs(slot("target") - end)[goes_on].max(initial=0.0))
        rate.append(np.abs(slot("target_rate") - end_rate)[goes_on].max(initial=0.0))
    return max(pose), max(rate)


def stepped(env: BatchEnv, action: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Step once; what the actions add, and the reference before and after, each (N, J) [rad]."""
    before = env.task.quantities(env._batch)["reference_pos"].copy()
    _, _, dones = env.step(action)
    after = env.task.quantities(env._batch)["reference_pos"]
    assert not dones.any()
    return env.config.environment.action.scale * action, before, after


def test_neither_targets_nor_their_rates_jump_between_steps():
    with built() as smooth, built(smooth=False) as usual:
        assert max(jumps(smooth)) < 1e-9
        pose, rate = jumps(usual)
        assert pose > 0.05 and rate > 2.0


def test_targets_end_a_step_at_the_reference_and_what_an_action_adds():
    rng = np.random.default_rng(1)
    with built() as env:
        env.reset(4)
        for _ in range(5):
            added, before, after = stepped(env, rng.normal(0.0, 1.0, (3, env.action_dim)))
            assert target_after(env, 0.0) - before == pytest.approx(added, abs=1e-6)
            assert target_after(env, STEP) - after == pytest.approx(added, abs=1e-6)


def test_a_clip_is_followed_within_a_step_too():
    config = load_config("track").replace({"environment.motion.smooth": True})
    with BatchEnv(config, 2, 1, seed=4) as env:
        env.reset(4)
        for _ in range(3):
            _, _, dones = env.step(np.zeros((2, env.action_dim)))
            after = env.task.quantities(env._batch)["reference_pos"]
            assert target_after(env, STEP)[~dones] == pytest.approx(after[~dones], abs=1e-6)


@pytest.mark.parametrize("motion", [False, True])
def test_what_actions_add_moves_evenly_to_its_next_value(motion: bool):
    rng = np.random.default_rng(2)
    with built(motion, **{"environment.action.smooth": True}) as env:
        env.reset(4)
        last = None
        for _ in range(5):
            added, before, after = stepped(env, rng.normal(0.0, 0.5, (3, env.action_dim)))
            assert target_after(env, 0.0) - before == pytest.approx(added if last is None else last, abs=1e-6)
            if motion:
                assert target_after(env, STEP) - after == pytest.approx(added, abs=1e-6)
            else:
                ramp = np.zeros_like(added) if last is None else (added - last) / STEP
                assert env.worlds.slot("target_ramp") == pytest.approx(ramp, abs=1e-6)
                assert not env.worlds.slot("target_acceleration").any()
            last = added


def test_the_first_action_of_an_episode_is_there_from_its_beginning():
    with built(**{"environment.action.smooth": True}) as env:
        action, scale = np.full((3, env.action_dim), 0.7), env.config.environment.action.scale
        for _ in range(2):
            env.reset(4)
            before = env.task.quantities(env._batch)["reference_pos"].copy()
            env.step(action)
            assert target_after(env, 0.0) - before == pytest.approx(scale * action, abs=1e-6)


def test_an_episode_goes_on_from_a_snapshot_as_it_did():
    rng = np.random.default_rng(3)
    with built(**{"environment.action.smooth": True}) as env:
        env.reset(4)
        actions = rng.normal(0.0, 0.5, (4, 3, env.action_dim))
        env.step(actions[0])
        snapshot = env.snapshot()
        seen = [env.step(action)[0].copy() for action in actions[1:]]
        env.step(actions[0])
        env.restore(snapshot)
        again = [env.step(action)[0].copy() for action in actions[1:]]
        assert np.array_equal(seen, again)


def test_smooth_actions_are_half_a_step_later():
    terms = {"environment.observation.terms.action_delay": {}}
    for smooth, delay in ((False, 0.0), (True, 0.5 * STEP)):
        with built(**terms, **{"environment.action.smooth": smooth}) as env:
            column = [each.name for each in env.obs_layout].index("action_delay")
            assert env.reset(4)[:, column] == pytest.approx(delay)


@pytest.mark.parametrize("section", ["motion", "action"])
@pytest.mark.parametrize(
    "changes", [{"environment.action.residual": False}, {"environment.skeleton.actuator": "tor"}]
)
def test_other_targets_than_those_beside_the_reference_are_refused(section: str, changes: dict[str, Any]):
    with pytest.raises(ConfigError, match=rf"environment\.{section}\.smooth is for joint targets"):
        built(False, **{f"environment.{section}.smooth": True}, **changes)
