"""Bumps and steps under walkers: each world's own, the same bits in any batch, and none where level."""

import numpy as np
import pytest

from batchenv import BatchEnv, ConfigError, InputError, load_config

RELIEF = {"bumps": {"max": 0.01}, "steps": {"max": 0.01}}


def torque(**changes):
    return load_config("torque").replace(
        {f"environment.{key.replace('__', '.')}": value for key, value in changes.items()}
    )


def steps(env, count=12):
    """Observations of some steps (count, N, O)."""
    actions = np.zeros((env.num_envs, env.action_dim))
    return np.array([env.step(actions)[0].copy() for _ in range(count)])


def test_a_level_floor_keeps_its_bits_where_other_worlds_have_bumps():
    with BatchEnv(torque(), 2, 1, seed=0) as env:
        env.reset()
        expected = steps(env)
    fixed = {kind: own | {"sampling": "fixed"} for kind, own in RELIEF.items()}
    with BatchEnv(torque(parameters__relief=fixed), 2, 1, seed=0) as env:
        env.reset()
        env.set_parameters([1], [[0.01, 0.0]])
        found = steps(env)
        with pytest.raises(
            InputError, match=r"'relief\.bumps' is 0\.02 in row 0; expected .* to max = 0\.01"
        ):
            env.set_parameters([0], [[0.02, 0.0]])
    assert np.array_equal(found[:, 0], expected[:, 0])
    assert not np.array_equal(found[:, 1], expected[:, 1])


def test_floors_are_each_worlds_own_in_any_batch_and_restored():
    config = torque(parameters__relief=RELIEF, episode__max_seconds=0.3)  # a second episode begins on the way
    with BatchEnv(config, 3, 2, seed=0) as env:
        env.reset()
        snapshot, expected = env.snapshot(), steps(env)
        floors = env.worlds.expand("geom_quat")[:, env.body.floor_geom].copy()
        env.restore(snapshot)
        assert np.array_equal(steps(env), expected)
    assert len(np.unique(floors[:, 0])) == 3
    with BatchEnv(config, 1, 1, seed=0, first_world=2) as env:
        env.reset()
        assert np.array_equal(steps(env)[:, 0], expected[:, 2])


def test_the_curriculum_begins_with_level_floors():
    config = torque(parameters__relief=RELIEF, curriculum={"step": 1.0}, episode__max_seconds=0.1)
    with BatchEnv(config.replace({"environment.termination.terms": {}}), 2, 1, seed=0) as env:
        env.reset()
        kinds = env.worlds.expand("geom_type")[:, env.body.floor_geom]
        assert not kinds.any() and not env.parameters.any()
        steps(env, 4)
        assert kinds.all() and env.parameters.all()


@pytest.mark.parametrize(
    ("relief", "message"),
    [
        ({"bumps": {"max": 0.2}}, r"relief\.bumps\.max.* 0\.1"),
        ({"bumps": {"max": 0.01, "min": 0.02}}, r"relief\.bumps\.max"),
        ({"bump": {"max": 0.01}}, r"relief.*bumps"),
    ],
)
def test_heights_that_cannot_be_are_refused(relief, message):
    with pytest.raises(ConfigError, match=message):
        torque(parameters__relief=relief)
