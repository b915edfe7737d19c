"""`environment.action.smooth`: targets that move through a step instead of jumping between steps."""

from typing import Any

import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, load_config

STEP = 1.0 / 30.0


def built(**changes: Any) -> BatchEnv:
    config = {
        "base": "torque",
        "environment": {
            "action": {"smooth": True},
            "termination": {"terms": {"fallen": {"min_height": 0.01}}},
        },
    }
    return BatchEnv(load_config(config).replace(changes), 3, 1, seed=4)


def target_after(env: BatchEnv, seconds: float) -> np.ndarray:
    """Where targets of the last step were, some time after it began (N, J) [rad]."""
    slot = env.worlds.slot
    moved = seconds * (slot("target_rate") + slot("target_ramp")) + 0.5 * seconds**2 * slot(
        "target_acceleration"
    )
    return slot("target") + moved


def test_targets_move_from_one_action_to_the_next():
    rng = np.random.default_rng(1)
    with built() as env:
        env.reset(4)
        scale, last = env.config.environment.action.scale, None
        for _ in range(5):
            action = rng.normal(0.0, 1.0, (3, env.action_dim))
            before = env.task.quantities(env._batch)["reference_pos"].copy()
            _, _, dones = env.step(action)
            after = env.task.quantities(env._batch)["reference_pos"]
            first = action if last is None else last  # an episode begins where its first action is
            assert not dones.any()
            assert target_after(env, 0.0) - before == pytest.approx(scale * first, abs=1e-6)
            assert target_after(env, STEP) - after == pytest.approx(scale * action, abs=1e-6)
            last = action


def test_neither_targets_nor_their_rates_jump_between_steps():
    rng = np.random.default_rng(2)
    with built() as env:
        env.reset(4)
        slot, compared = env.worlds.slot, 0
        _, _, dones = env.step(np.zeros((3, env.action_dim)))
        for _ in range(40):
            goes_on = ~dones
            end = target_after(env, STEP)
            rate = slot("target_rate") + STEP * slot("target_acceleration")
            _, _, dones = env.step(rng.normal(0.0, 1.0, (3, env.action_dim)))
            goes_on &= ~dones
            compared += goes_on.sum()
            assert slot("target")[goes_on] == pytest.approx(end[goes_on], abs=1e-9)
            assert slot("target_rate")[goes_on] == pytest.approx(rate[goes_on], abs=1e-9)
        assert compared > 60


def test_a_new_episode_forgets_what_the_last_action_added():
    with built() as env:
        env.reset(4)
        env.step(np.full((3, env.action_dim), 3.0))
        env.reset(4)
        before = env.task.quantities(env._batch)["reference_pos"].copy()
        env.step(np.zeros((3, env.action_dim)))
        assert target_after(env, 0.0) == pytest.approx(before, abs=1e-6)


def test_a_snapshot_keeps_what_the_last_action_added():
    action = np.random.default_rng(3).normal(0.0, 1.0, (3, 14))
    with built() as env:
        env.reset(4)
        env.step(action)
        kept = env.snapshot()
        once = [array.copy() for array in env.step(-action)]
        env.restore(kept)
        assert all(np.array_equal(a, b) for a, b in zip(once, env.step(-action), strict=True))


@pytest.mark.parametrize(
    "changes",
    [{"environment.action.residual": False}, {"environment.skeleton.actuator": "tor"}],
)
def test_other_targets_than_those_beside_the_reference_are_refused(changes: dict[str, Any]):
    with pytest.raises(ConfigError, match=r"environment\.action\.smooth is for joint targets"):
        built(**changes)
