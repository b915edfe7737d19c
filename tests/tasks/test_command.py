"""The task command: a reference at the speed that each world is asked."""

from typing import Any

import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, load_config

CONFIG: dict[str, Any] = {
    "environment": {
        "task": "command",
        "skeleton": {"actuator": "pd", "kp": {"default": 250, "mtp_angle": 15}},
        "reward": {
            "pose": {"weight": 0.5},
            "track_speed": {"weight": 0.3},
            "track_yaw_rate": {"weight": 0.2},
        },
    }
}


def built(num_envs: int = 3, **changes: Any) -> BatchEnv:
    return BatchEnv(load_config(CONFIG).replace(changes), num_envs, 1, seed=2)


def test_each_world_follows_the_gait_of_its_own_speed():
    with built() as env:
        env.reset()
        env.set_command([0, 1, 2], {"speed": [0.0, 0.7, 1.6]})
        quantities = env.task.quantities(env._batch)
        speeds, phase = env.commands[:, 0], quantities["phase"]
        rows = env.task._by_speed.rows(phase.copy(), speeds)
        assert np.array_equal(quantities["target_speed"], [0.0, 0.7, 1.6])
        assert np.array_equal(quantities["reference_pos"], rows[:, :14])
        assert not quantities["reference_vel"][0].any() and quantities["reference_vel"][1:].any(axis=1).all()
        assert quantities["reference_pelvis"].shape == (3, 3) and not quantities["reference_pelvis"][0].any()
        env.step(np.zeros((3, env.action_dim)))
        moved = (env.task.quantities(env._batch)["phase"] - phase) % 1.0
        cadence = env.task._by_speed.cadence(speeds)
        assert moved == pytest.approx(cadence * env.control_dt) and moved[0] == 0.0


def test_walkers_begin_at_their_commanded_speed():
    asked = {"environment.commands.walking_velocity": {"speed": [0.2, 1.8], "every": [1.0, 2.0]}}
    with built(6, **asked) as env:
        obs = env.reset()
        forward = [column.name for column in env.obs_layout].index("root_linvel/forward")
        assert obs[:, forward] == pytest.approx(env.commands[:, 0], abs=1e-6)
        assert np.ptp(env.commands[:, 0]) > 0.5


def test_the_task_has_commands_of_its_own_and_sees_them():
    with built(2) as env:
        names = [column.name for column in env.obs_layout]
        assert names[-2:] == ["command/speed", "command/yaw_rate"] and "heading" not in names
        assert list(env.config.environment.termination.terms) == ["fallen", "tilted"]
        low, high = env.task.reference_range
        assert (low <= high).all() and high.max() > 1.0
        env.reset()
        for _ in range(3):
            obs, rewards, _ = env.step(np.zeros((2, env.action_dim)))
        assert np.isfinite(obs).all() and (rewards > 0.1).all()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"motion.speed": 1.5}, "environment.motion.speed has no effect with the task command"),
        (
            {"commands": {}, "observation.terms": ["phase"], "reward": {"pose": {"weight": 1.0}}},
            "no column 'speed'",
        ),
        (
            {"parameters": {"gait": {"cadence": {"min": 0.8, "max": 1.2, "default": 1.0}}}},
            "stride and cadence follow from the commanded speed",
        ),
    ],
)
def test_what_the_task_cannot_follow_is_refused(changes: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        built(1, **{f"environment.{path}": value for path, value in changes.items()})


def test_the_course_turns_as_commanded_and_waits_for_who_does_not_follow():
    with built(2) as env:
        env.reset()
        env.set_command([0, 1], {"speed": [0.0, 0.0], "yaw_rate": [0.3, -0.8]})
        start = env.task.quantities(env._batch)["heading"].copy()
        for _ in range(6):
            env.step(np.zeros((2, env.action_dim)))
        found = env.task.quantities(env._batch)
        course = found["heading"] - found["off_course"]
        assert course - start == pytest.approx(np.array([0.3, -0.8]) * 6 * env.control_dt, abs=1e-9)
        for _ in range(30):
            env.step(np.zeros((2, env.action_dim)))
            assert np.abs(env.task.quantities(env._batch)["off_course"]).max() < 0.6


def test_the_preset_sees_its_commands_and_course():
    with BatchEnv("command", 2, 1, seed=0) as env:
        obs = env.reset()
        names = [column.name for column in env.obs_layout]
        assert names[-3:] == ["off_course", "command/speed", "command/yaw_rate"] and np.isfinite(obs).all()
        assert obs[:, -3] == pytest.approx(0.0, abs=1e-6)
        assert {"track_speed", "stay_on_course"} <= {*env.reward_terms}
