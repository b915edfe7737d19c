"""The task command: a reference at the speed that each world is asked."""

from pathlib import Path
from typing import Any

import mujoco
import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, InputError, load_config, load_walker
from batchenv.evaluate.commanded import held_command
from batchenv.evaluate.disturbances import DISTURBANCES, withstand

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


UNENDING = {
    "environment.termination.terms": {"fallen": {"min_height": 0.01}, "tilted": {"max_tilt": 3.1}},
}


def test_each_world_follows_the_gait_of_its_own_speed():
    with built(**UNENDING) as env:
        env.reset()
        env.set_command([0, 1, 2], {"speed": [0.0, 0.7, 1.6], "yaw_rate": 0.0})
        still = np.zeros((3, env.action_dim))
        for _ in range(60):
            env.step(still)
        quantities = env.task.quantities(env._batch)
        speeds, phase = env.commands[:, 0], quantities["phase"]
        rows = env.task._by_speed.rows(phase.copy(), speeds)
        assert np.array_equal(quantities["target_speed"], [0.0, 0.7, 1.6])
        assert np.array_equal(quantities["reference_pos"], rows[:, :14])
        assert not quantities["reference_vel"][0].any() and quantities["reference_vel"][1:].any(axis=1).all()
        assert quantities["reference_pelvis"].shape == (3, 3) and not quantities["reference_pelvis"][0].any()
        env.step(still)
        moved = (env.task.quantities(env._batch)["phase"] - phase) % 1.0
        cadence = env.task._by_speed.cadence(speeds)
        assert moved == pytest.approx(cadence * env.control_dt) and moved[0] == 0.0


def test_who_turns_on_the_spot_steps_and_who_stands_does_not():
    with built(**UNENDING) as env:
        env.reset()
        env.set_command([0, 1, 2], {"speed": 0.0, "yaw_rate": [0.0, 0.6, -0.6]})
        still, knees = np.zeros((3, env.action_dim)), []
        for _ in range(150):
            env.step(still)
            quantities = env.task.quantities(env._batch)
            knees.append(quantities["reference_pos"][:, np.array(env.body.joint_kinds) == "knee_angle"])
        bent = np.ptp(knees[90:], axis=0)
        assert not bent[0].any() and (bent[1:] > 0.4).all()
        assert np.array_equal(quantities["target_speed"], np.zeros(3))
        reference = quantities["reference_pelvis"]
        assert not reference[0].any() and reference[1:].any(axis=1).all()


def test_who_is_slower_than_the_slowest_gait_steps_on_for_a_second():
    with built(2, **UNENDING) as env:
        env.reset()
        env.set_command([0, 1], {"speed": [1.2, 0.0], "yaw_rate": 0.0})
        still, moved = np.zeros((2, env.action_dim)), []
        for step in range(180):
            if step == 90:
                env.set_command([0], {"speed": 0.0, "yaw_rate": 0.0})
            before = env.task.quantities(env._batch)["phase"].copy()
            env.step(still)
            moved.append((env.task.quantities(env._batch)["phase"] - before) % 1.0 > 0.0)
        assert not np.array(moved)[90:, 1].any()
        lasted = np.array(moved)[90:, 0].sum() * env.control_dt
        slowing = (1.2 - env.task._by_speed.speeds[1]) / 1.2  # to the slowest gait, at 1.2 m/s^2 [s]
        assert lasted == pytest.approx(slowing + 1.0, abs=0.1)


def test_the_speed_of_the_centre_of_mass_is_mujocos_in_the_frame_of_the_heading():
    mass = {"min": 0.8, "max": 1.2, "default": 1.0}
    scaled = {"environment.parameters.body.mass": {"all": mass}}  # all bodies alike
    with built(2, **scaled, **UNENDING) as env:
        env.reset()
        for _ in range(5):
            env.step(np.zeros((2, env.action_dim)))
        found, model = env.task.quantities(env._batch), env.body.model
        expected, data = np.empty((2, 3)), mujoco.MjData(model)
        for i in range(2):
            data.qpos[:], data.qvel[:] = env.worlds.qpos[i], env.worlds.qvel[i]
            mujoco.mj_forward(model, data)
            mujoco.mj_subtreeVel(model, data)
            expected[i] = data.subtree_linvel[env.body.root_body]
        across = np.arctan2(*(expected @ env.task.axes[:2].T).T[::-1]) - found["heading"]
        level = np.hypot(*expected[:, :2].T)
        turned = np.c_[level * np.cos(across), level * np.sin(across), expected[:, 2]]
        # The inertia is that of the last substep's beginning.
        assert found["com_linvel"] == pytest.approx(turned, abs=0.03)
        assert np.abs(found["com_linvel"] - found["root_linvel"]).max() > 0.1


def test_feet_point_inward_or_outward_of_the_course():
    with built(4, **UNENDING) as env:
        env.reset()
        env.set_command(range(4), {"speed": 1.0, "yaw_rate": [0.0, 0.5, -0.5, 0.0]})
        for _ in range(8):
            env.step(np.zeros((4, env.action_dim)))
        q = env.task.quantities(env._batch)
        assert np.abs(q["foot_progression"]).max() < 0.7 and q["reference_foot_progression"].shape == (4, 2)
        body, data = env.body, env._batch.worlds.bind("xpos")
        axes = (data[:, body.toe_body] - data[:, body.foot_body]) @ env.task.axes.T
        left = np.arctan2(axes[..., 1], axes[..., 0]) - env._state.course[:, None]
        assert q["foot_progression"] == pytest.approx(left * [1.0, -1.0], abs=1e-6)


def test_new_parameters_leave_the_slope_where_the_walker_faces():
    slope = {"forward": {"min": 0.1, "max": 0.1, "default": 0.1}}
    with built(2, **{"environment.parameters.slope": slope}, **UNENDING) as env:
        env.reset()
        before, rise = env.parameters, env._batch.state.rise
        assert rise == pytest.approx(0.1)  # who starts faces straight on
        root = env.worlds.qpos[:, 3:7]
        for world, angle in enumerate((np.pi / 2, np.pi)):
            turned = np.empty(4)
            mujoco.mju_mulQuat(turned, [np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2)], root[world].copy())
            root[world] = turned
        env.set_parameters([0, 1], before)
        assert rise == pytest.approx([0.0, -0.1], abs=0.03)


def test_the_reference_takes_up_a_command_as_fast_as_humans_do():
    with built(2, **UNENDING) as env:
        env.reset()
        first = env.task.quantities(env._batch)["pace"].copy()
        assert np.array_equal(first, env.commands * [1.0, 0.0])  # at the commanded speed, straight on
        env.set_command([0, 1], {"speed": first[:, 0] + [0.5, -0.5], "yaw_rate": [0.8, -0.8]})
        env.step(np.zeros((2, env.action_dim)))
        moved = env.task.quantities(env._batch)["pace"] - first
        rates = np.array([[1.2, 1.6], [-1.2, -1.6]])  # [m/s^2], [rad/s^2]
        assert moved == pytest.approx(rates * env.control_dt)
        for _ in range(30):
            env.step(np.zeros((2, env.action_dim)))
        assert np.array_equal(env.task.quantities(env._batch)["pace"], env.commands)


def test_who_stands_waits_to_swing_a_foot_and_into_a_curve_swings_the_one_on_its_inside():
    with built(6, **UNENDING) as env:
        env.reset()
        env.set_command(range(6), {"speed": 0.0, "yaw_rate": 0.0})
        still, turns = np.zeros((6, env.action_dim)), np.array([0.6, -0.6, 0.6, 0.0, 0.0, -0.6])
        for _ in range(90):
            env.step(still)
        assert set(env._state.phase) == {0.25, 0.75}
        env._state.phase[:] = 0.6, 0.7, 0.1, 0.3, 0.9, 0.8
        env.step(still)
        assert np.array_equal(env._state.phase, [0.75, 0.75, 0.25, 0.25, 0.75, 0.75])
        env.set_command(range(6), {"speed": [0.9, 0.9, 0.0, 0.9, 0.9, 0.9], "yaw_rate": turns})
        env.step(still)
        started = env.task.quantities(env._batch)["phase"]
        assert started == pytest.approx([0.25, 0.75, 0.25, 0.43, 0.93, 0.75])
        for _ in range(6):
            env.step(still)
        feet = env.task.quantities(env._batch)["reference_pos"]
        left, right = (env.body.joint_names.index(f"knee_angle_{side}") for side in "lr")
        assert feet[0, left] > feet[0, right] + 0.05 and feet[1, right] > feet[1, left] + 0.05


def test_a_walker_is_behind_by_how_much_slower_it_has_been_of_late():
    with built(3, **UNENDING) as env:
        env.reset()
        expected = np.zeros(3)
        assert not env.task.quantities(env._batch)["behind"].any()
        for _ in range(15):
            env.step(np.zeros((3, env.action_dim)))
            quantities = env.task.quantities(env._batch)
            slower = quantities["pace"][:, 0] - quantities["root_linvel"][:, 0]
            expected += env.control_dt * (slower - expected)  # forgotten within a second
        assert quantities["behind"] == pytest.approx(expected, abs=0.01) and np.abs(expected).max() > 0.02
        env.reset()
        assert not env.task.quantities(env._batch)["behind"].any()


SLOPES = {"forward": {"min": -0.2, "max": 0.2}, "left": {"min": -0.2, "max": 0.2}}


def test_the_reference_climbs_what_rises_ahead_of_each_walker_whatever_came_before():
    sloping = {"environment.parameters.slope": SLOPES, **UNENDING}
    with built(3, **sloping) as env, built(2, **sloping) as fewer:
        for each in (env, fewer):
            each.reset(seed=4)
            first = each._state.rise.copy()
            forward = each.parameter_names.index("slope.forward")
            assert first == pytest.approx(each.parameters[:, forward]) and first.all()
            for _ in range(5):
                each.step(np.full((each.num_envs, each.action_dim), 0.3))
        assert np.array_equal(env._state.rise[:2], fewer._state.rise)
        env.reset(seed=4)
        assert np.array_equal(env._state.rise[:2], first)
        env.set_parameters([0, 1], [[0.1, 0.0], [0.0, 0.1]])
        half = np.sqrt(0.5)
        env.worlds.qpos[1, 3:7] = [half, 0.0, 0.0, half]  # it turns to its left by a right angle
        env.task.advance(env._batch)
        assert env._state.rise[:2] == pytest.approx(0.1, abs=0.01)
        seen = env.task.quantities(env._batch)
        level = env.task._by_speed.rows(seen["phase"].copy(), env._state.pace[:, 0].copy())
        assert (np.abs(seen["reference_pos"] - level[:, :14])[:2].max(axis=1) > 0.05).all()


@pytest.mark.slow
def test_the_shipped_walker_walks_up_and_down_slopes():
    walker = load_walker("command").with_changes(held_command(load_walker("command"), 1.3))
    slopes = [each for each in DISTURBANCES if each.name.startswith("6 deg")]
    assert min(each.survived for each in withstand(walker, 8, 0, 1, slopes)) > 0.8


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
        ({"commands": {"walking_velocity": {"speed": [-0.1, 1.0]}}}, "speed begins at -0.1 m/s; expected 0"),
        (
            {"parameters": {"gait": {"cadence": {"min": 0.8, "max": 1.2, "default": 1.0}}}},
            "stride and cadence follow from the commanded speed",
        ),
    ],
)
def test_what_the_task_cannot_follow_is_refused(changes: dict[str, Any], message: str):
    with pytest.raises(ConfigError, match=message):
        built(1, **{f"environment.{path}": value for path, value in changes.items()})


def test_nobody_is_told_to_walk_backwards():
    with built(1) as env:
        env.reset()
        before = env.commands
        with pytest.raises(InputError, match="command 'speed' is -0.1 m/s; expected 0 or more"):
            env.set_command([0], {"speed": -0.1, "yaw_rate": 0.3})
        with pytest.raises(InputError, match=r"'yaw_rate' is -45 rad/s.* a second are -0\.785 rad/s"):
            env.set_command([0], {"speed": 0.1, "yaw_rate": -45})
        assert np.array_equal(env.commands, before)
        env.set_command([0], {"speed": 0.0, "yaw_rate": -0.3})


def test_a_command_of_ones_own_that_draws_a_negative_speed_lets_the_reference_stand(tmp_path: Path):
    (tmp_path / "back.py").write_text(
        "from batchenv import command_term\nfrom batchenv.mdp.columns import columns\n"
        '@command_term(columns("speed", units=("m/s",)))\ndef back(draw): return draw(1) - 2.0\n'
    )
    changes = {
        "environment.commands": {f"{tmp_path}/back.py:back": {}},
        "environment.reward": {"pose": {"weight": 1.0}},
    }
    with built(2, **changes) as env:
        env.reset()
        env.step(np.zeros((2, env.action_dim)))
        assert (env.commands < -1.0).all()
        assert not env.task.quantities(env._batch)["reference_vel"].any()


def test_the_course_turns_as_commanded_and_waits_for_who_does_not_follow():
    with built(2) as env:
        env.reset()
        env.set_command([0, 1], {"speed": [0.0, 0.0], "yaw_rate": [0.3, -0.8]})
        dt, asked = env.control_dt, np.array([0.3, -0.8])
        course, strayed = env.task.quantities(env._batch)["heading"].copy(), np.zeros(2)
        for step in range(1, 11):  # before they fall
            env.step(np.zeros((2, env.action_dim)))
            found = env.task.quantities(env._batch)
            rate = np.sign(asked) * np.minimum(1.6 * dt * step, np.abs(asked))
            ahead = course - found["heading"]
            course += dt * (rate - 2.0 * np.abs(ahead) * ahead)
            strayed += dt * (found["off_course"] - strayed)  # of about a second
            assert found["heading"] - found["off_course"] == pytest.approx(course, abs=1e-9)
            assert found["strayed"] == pytest.approx(strayed, abs=1e-12) and strayed.any()
        for _ in range(30):
            env.step(np.zeros((2, env.action_dim)))
            assert np.abs(env.task.quantities(env._batch)["off_course"]).max() < 0.7


def test_the_preset_sees_its_commands_and_course():
    with BatchEnv("command", 2, 1, seed=0) as env:
        obs = env.reset()
        names = [column.name for column in env.obs_layout]
        assert {"pace/yaw_rate", "command/speed", "command/yaw_rate"} <= set(names)
        assert "slope/forward" not in names  # its slopes hardly vary, and a policy would fall over the first
        assert np.isfinite(obs).all() and obs[:, names.index("off_course")] == pytest.approx(0.0, abs=1e-6)
        assert {"forward_speed", "stay_on_course"} <= {*env.reward_terms}


def test_later_stages_see_slopes_and_only_the_value_function_all_parameters():
    exact, late = load_config("command_exact"), load_config("command_late")
    assert "slope" in exact.environment.observation.terms and "slope" in late.environment.observation.terms
    assert exact.training.privileged == ("parameters",)
    assert "parameters" not in late.environment.observation.terms and not late.training.privileged
    for part in ("muscle", "skeleton"):  # a teacher's copy has its body
        assert getattr(exact.environment, part) == getattr(late.environment, part)
    assert late.training.settling is not None and late.training.settling.most_std is None
