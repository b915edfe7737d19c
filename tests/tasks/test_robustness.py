"""Slopes, delays, noise and difficulty: what they do to worlds, and that they are each world's own."""

import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, load_config
from batchenv.config import Curriculum
from batchenv.mdp.robustness import delayed, next_difficulty

SLOPES = {"forward": {"min": -0.1, "max": 0.1}, "left": {"min": -0.1, "max": 0.1}}


def torque(**changes):
    keys = {key.replace("__", "."): value for key, value in changes.items()}
    return load_config("torque").replace({f"environment.{key}": value for key, value in keys.items()})


def test_actions_come_into_force_as_many_steps_later_as_each_world_waits():
    sent, delay = np.zeros((3, 4, 2)), np.array([0, 1, 3])
    in_force = []
    for step in range(1, 6):
        in_force.append(delayed(np.full((3, 2), float(step)), sent, delay)[:, 0])
    assert np.array_equal(in_force, [[1, 0, 0], [2, 1, 0], [3, 2, 0], [4, 3, 1], [5, 4, 2]])


def test_a_delay_is_rounded_to_control_steps_and_begins_with_the_reference():
    config = torque(parameters__action={"delay": {"max": 0.07}}, action__residual=False)
    with BatchEnv(config, 3, 1, seed=0) as env:
        env.reset()
        env.set_parameters([0, 1, 2], [[0.0], [0.03], [0.07]])
        targets = env.worlds.slot("target")
        first, second = np.full((3, env.action_dim), 0.5), np.full((3, env.action_dim), -0.5)
        found = []
        for actions in (first, second, second):
            env.step(actions)
            found.append(targets[:, 0].copy())
    sent = np.array(found) / np.abs(found[0][0])
    assert np.array_equal(np.sign(sent), [[1, 0, 0], [-1, 1, 0], [-1, -1, 1]])


def test_a_walker_feels_how_late_its_actions_are():
    config = torque(parameters__action={"delay": {"max": 0.07}}, observation__terms__action_delay={})
    with BatchEnv(config, 3, 1, seed=0) as env:
        env.reset()
        obs = env.set_parameters([0, 1, 2], [[0.0], [0.04], [0.066]])
        column = [each.name for each in env.obs_layout].index("action_delay")
        np.testing.assert_allclose(obs[:, column], [0.0, 1 / 30, 2 / 30], rtol=1e-6)


def test_a_slope_is_gravity_that_leans_against_it():
    with BatchEnv(torque(parameters__slope=SLOPES), 3, 1, seed=0) as env:
        env.reset()
        env.set_parameters([0, 1, 2], [[0.0, 0.0], [0.1, 0.0], [0.0, -0.1]])
        gravity = env.worlds.expand("opt.gravity") @ env.task.axes.T
    g = np.linalg.norm(env.body.model.opt.gravity)
    np.testing.assert_allclose(np.linalg.norm(gravity, axis=1), g)
    np.testing.assert_allclose(gravity[0], [0.0, 0.0, -g], atol=1e-12)
    # A floor that rises ahead pulls back, one that falls to the left pulls to the left.
    np.testing.assert_allclose(gravity[1] / g, [-np.sin(0.1), 0.0, -np.cos(0.1)], atol=1e-12)
    np.testing.assert_allclose(gravity[2] / g, [0.0, np.sin(0.1), -np.cos(0.1)], atol=1e-12)


def test_a_walker_feels_the_slope_from_where_it_faces():
    config = torque(parameters__slope=SLOPES, observation__terms__slope={})
    with BatchEnv(config, 3, 1, seed=0) as env:
        env.reset()
        env.set_parameters([0, 1, 2], [[0.0, 0.0], [0.1, 0.0], [0.1, 0.0]])
        half = np.sqrt(0.5)
        env.worlds.qpos[2, 3:7] = [half, 0.0, 0.0, half]  # it turns to its left by a right angle
        felt = env.task.quantities(env._batch)["slope"]
        heading = env.task.quantities(env._batch)["heading"]
    np.testing.assert_allclose(felt[0], 0.0, atol=1e-12)
    turned = np.arctan(np.tan(0.1) * np.stack([np.cos(heading), -np.sin(heading)], axis=1))
    np.testing.assert_allclose(felt[1:], turned[1:], rtol=1e-9)
    assert abs(felt[2, 0]) < 0.02 and felt[2, 1] == pytest.approx(-0.1, abs=0.01)


def test_who_feels_a_level_floor_gives_no_world_a_gravity_of_its_own():
    with BatchEnv(torque(observation__terms__slope={}), 2, 1, seed=0) as env:
        env.reset()
        assert not env.task.quantities(env._batch)["slope"].any()
        assert not env.worlds.is_expanded("opt.gravity")


def test_a_walker_on_a_slope_is_upright_where_it_stands_against_gravity():
    with BatchEnv(torque(parameters__slope=SLOPES), 2, 1, seed=0) as env:
        env.reset()
        env.set_parameters([0, 1], [[0.0, 0.0], [0.1, 0.0]])
        env.worlds.qpos[:, 3:7] = [[1.0, 0.0, 0.0, 0.0], [np.cos(0.05), *(np.sin(0.05) * env.body.left)]]
        # The second one leans over its toes by 0.1 rad, seen from the floor.
        found = env.task.quantities(env._batch)
        seen = {name: found[name] for name in ("root_up", "trunk_up", "foot_pos")}
        places = (
            env.worlds.bind("xpos")[1, env.body.foot_body] - env.worlds.bind("xpos")[1, env.body.root_body]
        )
    np.testing.assert_allclose(seen["root_up"], [[0.0, 0.0, 1.0]] * 2, atol=1e-9)
    sin, cos = np.sin(0.1), np.cos(0.1)
    lean = places @ env.task.axes.T @ np.array([[cos, 0.0, sin], [0.0, 1.0, 0.0], [-sin, 0.0, cos]])
    np.testing.assert_allclose(seen["foot_pos"][1], lean, atol=1e-9)


def test_the_action_before_the_last_is_observed():
    with BatchEnv(torque(observation__terms__earlier_action={}), 2, 1, seed=0) as env:
        env.reset()
        at = [column.name.startswith("earlier_action/") for column in env.obs_layout]
        for value, seen in ((0.1, 0.0), (0.2, 0.1), (0.3, 0.2)):
            obs, _, _ = env.step(np.full((2, env.action_dim), value))
            np.testing.assert_allclose(obs[:, at], np.float32(seen))


def test_worlds_on_slopes_are_restored_with_them():
    with BatchEnv(torque(parameters__slope=SLOPES), 2, 1, seed=0) as env:
        env.reset()
        actions = np.zeros((2, env.action_dim))
        env.step(actions)
        snapshot = env.snapshot()
        first = env.step(actions)[0].copy()
        env.set_parameters([0, 1], [[0.0, 0.0], [0.1, 0.1]])
        env.restore(snapshot)
        assert np.array_equal(env.step(actions)[0], first)
    with BatchEnv(torque(parameters__slope=SLOPES), 2, 1, seed=5) as other:
        other.restore(snapshot)
        assert np.array_equal(other.step(actions)[0], first)


@pytest.mark.parametrize(
    ("bodies", "message"),
    [
        (["torsoo"], "push.bodies: the body has no 'torsoo'. Did you mean 'torso'"),
        (["torso", "torso"], "push.bodies: torso is named twice"),
    ],
)
def test_bodies_that_cannot_be_pushed_are_refused_at_construction(bodies, message):
    with pytest.raises(ConfigError, match=message):
        BatchEnv(torque(events__push={"bodies": bodies}), 1)


def test_watching_leaves_hardships_away_and_the_configuration_as_it_was():
    config = torque(
        curriculum={}, events__push={}, observation__noise={"joint_pos": 0.1}, parameters__slope=SLOPES
    )
    changed = config.replace(
        config.undrawn() | {"environment.events.start_on_reference.joint_noise": 0.0}
    ).environment
    assert changed.curriculum is None and not changed.observation.noise and "push" not in changed.events
    assert changed.events["start_on_reference"]["joint_noise"] == 0.0
    assert config.environment.events["start_on_reference"].get("joint_noise", 0.02) == 0.02


def test_noise_has_its_size_on_its_columns_alone_and_is_each_worlds_own():
    noise = {"joint_pos": 0.1, "root_height": 0.02}
    seen = {}
    for name, config, first in (("none", torque(), 0), ("noise", torque(observation__noise=noise), 0)):
        with BatchEnv(config, 64, 2, seed=1, first_world=first) as env:
            seen[name] = env.reset().copy()
            columns = [column.name.partition("/")[0] for column in env.obs_layout]
    with BatchEnv(torque(observation__noise=noise), 1, 1, seed=1, first_world=7) as env:
        assert np.array_equal(env.reset()[0], seen["noise"][7])
    added = seen["noise"] - seen["none"]
    for name, deviation in (("joint_pos", 0.1), ("root_height", 0.02), ("joint_vel", 0.0)):
        found = added[:, [column == name for column in columns]]
        assert found.std() == pytest.approx(deviation, rel=0.25, abs=1e-12)
    with pytest.raises(ConfigError, match=r"observation\.noise\.joint_poss: .*no such term.*joint_pos"):
        BatchEnv(torque(observation__noise={"joint_poss": 0.1}), 1)


def test_difficulty_follows_how_long_episodes_last():
    curriculum = Curriculum(step=0.25, step_back=0.4, rises_at=0.9, falls_below=0.5)
    before, lasted = np.array([0.0, 0.5, 0.5, 0.5, 1.0, 0.1]), np.array([1.0, 0.95, 0.7, 0.2, 1.0, 0.0])
    assert next_difficulty(curriculum, before, lasted) == pytest.approx([0.25, 0.75, 0.5, 0.1, 1.0, 0.0])


def test_worlds_begin_easy_and_get_harder_once_they_last():
    config = torque(
        curriculum={"step": 0.5},
        episode__max_seconds=0.1,
        events__push={"newtons": [100.0, 100.0], "every": 0.1, "seconds": 0.1, "bodies": ["torso", "pelvis"]},
        termination__terms={},
    )
    with BatchEnv(config, 2, 1, seed=0) as env:
        env.reset()
        force, actions = env.worlds.bind("xfrc_applied"), np.zeros((2, env.action_dim))
        sizes = []
        for _ in range(9):
            env.step(actions)
            sizes.append(np.linalg.norm(force[:, :, :3], axis=2).max())
        assert np.array_equal(env.task.difficulty_of(env._batch), [1.0, 1.0])
        env.reset(seed=0)
        assert not env.task.difficulty_of(env._batch).any()
    # The last step of an episode is followed by the next one's first state, without forces.
    np.testing.assert_allclose(sizes, [0.0] * 3 + [50.0] * 2 + [0.0] + [100.0] * 2 + [0.0])


def test_the_mirror_turns_slopes_to_the_side_alone():
    with BatchEnv(torque(parameters__slope=SLOPES, observation__terms__parameters={}), 1, 1, seed=0) as env:
        names, mirror = [column.name for column in env.obs_layout], env.mirror_obs
    for name, sign in (("parameter/slope.forward", 1.0), ("parameter/slope.left", -1.0)):
        at = names.index(name)
        assert (mirror.index[at], mirror.sign[at]) == (at, sign)
