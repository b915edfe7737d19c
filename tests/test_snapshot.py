"""Snapshots that do not fit, or are damaged, change nothing."""

import dataclasses
import pickle

import numpy as np
import pytest

from batchenv import BatchEnv, InputError, UsageError, load_config
from batchenv.engine import Snapshot


@pytest.fixture(scope="module")
def env():
    ranges = {"body": {"mass": {"all": {"min": 0.8, "max": 1.2, "default": 1.0}}}}
    config = load_config("torque").replace({"environment.parameters": ranges})
    with BatchEnv(config, 2, 1, seed=0) as env:
        env.reset()
        env.step(np.zeros((2, env.action_dim)))
        yield env


def state(env):
    fields = [array.tobytes() for array in env.worlds._expanded.values()]
    task = [array.tobytes() for array in (vars(env._state) | vars(env._episodes)).values()]
    return [env.worlds.batch.state.tobytes(), *fields, *task, env._obs.tobytes(), env.seed]


def changed(snapshot, path, value):
    """A snapshot with another value somewhere inside."""
    head, _, rest = path.partition(".")
    if isinstance(snapshot, dict):
        return snapshot | {path: value}
    inner = changed(getattr(snapshot, head), rest, value) if rest else value
    return dataclasses.replace(snapshot, **{head: inner})


def spoilt(array, value):
    array = array.copy()
    array.flat[-1] = value
    return array


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        ("worlds.state", lambda a: a[:, 1:], "snapshot holds state rows"),
        ("worlds.state", lambda a: a[:1], "snapshot holds state rows"),
        ("worlds.state", lambda a: a.astype(np.float32), "state of the snapshot is float32"),
        ("worlds.state", lambda a: a.astype(object), "state of the snapshot is object"),
        ("worlds.state", lambda a: spoilt(a, np.nan), "state of the snapshot holds"),
        ("worlds.state", lambda a: a.tolist(), "snapshot holds state rows None"),
        ("worlds.fields.body_mass", lambda a: a[:, 1:], "fields.body_mass of the snapshot is float64"),
        ("worlds.fields.body_mass", lambda a: spoilt(a, np.inf), "fields.body_mass of the snapshot holds"),
        ("worlds.fields.body_mass", lambda a: -a, "numbers below zero"),
        ("worlds.fields.body_maas", lambda _: np.zeros((2, 3)), "'body_maas', which is no field of a model"),
        ("worlds.fields", lambda _: None, "restore was given Snapshot"),
        ("worlds", lambda _: None, "worlds of the snapshot is of type NoneType, expected Snapshot"),
        ("task", lambda _: None, "task of the snapshot is of type NoneType, expected HumanState"),
        ("task.phase", lambda a: spoilt(a, np.nan), "task.phase of the snapshot holds"),
        ("task.phase", lambda a: a[:1], "task.phase of the snapshot is float64"),
        ("task.parameters", lambda a: np.zeros((2, 0)), "task.parameters of the snapshot is"),
        ("episodes.number", lambda a: a.astype(float), "episodes.number of the snapshot is float64"),
        ("obs", lambda a: spoilt(a, np.inf), "obs of the snapshot holds"),
        ("obs", lambda a: a.astype(float), "obs of the snapshot is float64"),
        ("seed", lambda _: "seven", "seed of the snapshot is 'seven'"),
        ("seed", lambda _: 2**64, "seed is 18446744073709551616; expected a whole number"),
        ("seed", lambda _: None, "seed of the snapshot is None"),
        ("episodes.step", lambda a: a - 1000, "episodes.step of the snapshot holds numbers below 0"),
        ("episodes.number", lambda a: a - 1000, "episodes.number of the snapshot holds numbers below -1"),
        ("episodes.stream", lambda a: a - 1000, "episodes.stream of the snapshot holds numbers below 0"),
        ("identity", lambda _: None, "the snapshot lacks its identity"),
        ("identity", lambda a: a | {"x": np.ones(2)}, "the snapshot lacks its identity"),
    ],
)  # fmt: skip
def test_a_damaged_snapshot_is_refused_and_nothing_changes(env, path, value, message):
    snapshot, before = env.snapshot(), state(env)
    inner = snapshot
    for name in path.split("."):
        inner = inner.get(name) if isinstance(inner, dict) else getattr(inner, name)
    with pytest.raises(InputError, match=message):
        env.restore(changed(snapshot, path, value(inner)))
    assert state(env) == before
    env.step(np.zeros((2, env.action_dim)))


@pytest.mark.parametrize("thing", [None, 5, "snapshot", np.zeros(3), {}, object()])
def test_what_is_no_snapshot_is_refused(env, thing):
    before = state(env)
    with pytest.raises(InputError, match="expected what env.snapshot"):
        env.restore(thing)
    with pytest.raises(InputError, match="expected what worlds.snapshot"):
        env.worlds.restore(thing)
    assert state(env) == before


def test_the_engines_own_snapshot_is_none_of_the_environments(env):
    with pytest.raises(InputError, match="restore was given Snapshot.*; expected what env.snapshot"):
        env.restore(env.worlds.snapshot())
    assert isinstance(env.worlds.snapshot(), Snapshot)


def test_a_state_keeps_its_meaning_under_other_rewards_and_another_curriculum(env):
    changes = {
        "environment.reward.effort.weight": -3.0,
        "environment.curriculum": {"step": 0.1},
        "environment.skeleton.pelvis_tilt": 0.1,  # for evaluation alone
    }
    with BatchEnv(env.config.replace(changes), 2, 1, seed=0) as other:
        other.reset()
        other.restore(env.snapshot())
        assert np.array_equal(other.worlds.qpos, env.worlds.qpos)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"environment.skeleton.actuator": "mass"}, "environment.skeleton.actuator is 'mass' there"),
        ({"environment.simulation.control_hz": 60}, "environment.simulation.control_hz is 60"),
        ({"environment.motion.speed": 1.0}, "environment.motion.speed"),
        ({"environment.parameters": {}}, "environment.parameters"),
    ],
)  # fmt: skip
def test_a_snapshot_of_another_environment_is_refused_by_what_differs(env, changes, message):
    before = state(env)
    with BatchEnv(env.config.replace(changes), 2, 1, seed=0) as other:
        other.reset()
        with pytest.raises(InputError, match=f"of another environment: {message}"):
            env.restore(other.snapshot())
    assert state(env) == before


def test_a_snapshot_of_networked_muscles_is_no_snapshot_of_optimised_ones():
    with BatchEnv("walk", 1, 1) as walk, BatchEnv("walk_muscle_nn", 1, 1) as networked:
        networked.reset()
        with pytest.raises(InputError, match="environment.muscle"):
            walk.restore(networked.snapshot())


def test_other_rewards_and_ends_go_on_from_the_same_state(env):
    config = env.config.replace(
        {"environment.reward": {"pose": {"weight": 1.0}}, "environment.episode.max_seconds": 3.0}
    )
    with BatchEnv(config, 2, 1, seed=0) as other:
        assert np.array_equal(other.restore(env.snapshot()), env._obs)


def test_a_pickled_snapshot_fits_another_environment_of_the_configuration(env):
    snapshot = pickle.loads(pickle.dumps(env.snapshot()))
    actions = np.full((2, env.action_dim), 0.1)
    expected = env.step(actions)[0].copy()
    with BatchEnv(env.config, 2, 1) as other:
        other.restore(snapshot)
        assert np.array_equal(other.step(actions)[0], expected)


def test_a_snapshot_from_before_the_first_reset_is_no_start():
    with BatchEnv("torque", 1, 1) as env:
        env.restore(env.snapshot())
        with pytest.raises(UsageError, match="call env.reset"):
            env.step(np.zeros((1, env.action_dim)))
