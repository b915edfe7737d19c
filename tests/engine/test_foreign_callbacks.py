import ctypes

import mujoco
import numpy as np
import pytest

from batchenv import BatchEnv
from batchenv.engine.callback import callbacks
from batchenv.errors import UsageError

FOREIGN = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)(lambda model, data: None)


@pytest.fixture
def env():
    with BatchEnv("torque", 2, 1, seed=0) as env:
        env.reset()
        yield env
    mujoco.set_mjcb_passive(None)
    mujoco.set_mjcb_control(None)
    callbacks().install()


def step(env):
    return env.step(np.full((2, env.action_dim), 0.1))[0].copy()


@pytest.mark.parametrize(
    ("foreign", "message"),
    [
        (None, "removed batchenv's mjcb_control from MuJoCo"),
        (FOREIGN, "another mjcb_control is installed in this process"),
        (lambda model, data: None, "another mjcb_control is installed in this process"),
    ],
)
def test_a_step_without_our_callback_is_refused_and_nothing_moves(env, foreign, message):
    mujoco.set_mjcb_control(foreign)
    before, action = env.worlds.batch.state.copy(), env._episodes.action.copy()
    with pytest.raises(UsageError, match=message):
        step(env)
    assert np.array_equal(env.worlds.batch.state, before) and np.array_equal(env._episodes.action, action)


def test_a_reset_installs_a_callback_that_was_removed(env):
    env.reset(seed=3)
    expected = step(env)
    mujoco.set_mjcb_control(None)
    env.reset(seed=3)
    assert np.array_equal(step(env), expected)


def test_a_python_function_as_any_callback_is_refused_by_name(env):
    mujoco.set_mjcb_passive(lambda model, data: None)
    with pytest.raises(UsageError, match="mjcb_passive is a Python function"):
        step(env)
    mujoco.set_mjcb_passive(None)
    step(env)


@pytest.mark.parametrize("name", ["mjcb_control", "mjcb_passive"])
def test_building_beside_a_foreign_python_callback_says_why_it_cannot_be(name):
    mujoco.set_mjcb_control(None)
    getattr(mujoco, f"set_{name}")(lambda model, data: None)
    try:
        with pytest.raises(UsageError, match=name):
            BatchEnv("torque", 1, 1)
    finally:
        getattr(mujoco, f"set_{name}")(None)


def test_a_c_function_that_is_no_control_callback_is_the_users_own_business(env):
    mujoco.set_mjcb_passive(FOREIGN)
    step(env)
