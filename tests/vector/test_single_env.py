import warnings

import gymnasium
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env

from batchenv import Env, InputError, UsageError
from batchenv.evaluate.offscreen import choose_backend
from batchenv.registration import preset_id
from tests.presets import EACH_PRESET


def without_gl():
    try:
        choose_backend()
    except UsageError as error:
        return str(error)
    return ""


@pytest.mark.parametrize("preset", EACH_PRESET)
def test_gymnasiums_checker_finds_nothing(preset):
    env = gymnasium.make(preset_id(preset)).unwrapped
    assert isinstance(env, Env)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Joint velocities have no bounds, and the space says so: "minimum value is -infinity".
        warnings.filterwarnings("ignore", message=".*Box observation space m(in|ax)imum value is -?infinity")
        check_env(env, skip_render_check=bool(without_gl()))
    env.close()


def test_an_episode_ends_and_must_be_reset():
    env = Env("walk", environment={"episode": {"max_seconds": 0.2}})
    env.reset(seed=0)
    for k in range(6):
        obs, reward, terminated, truncated, info = env.step(env.action_space.sample() * 0.1)
        assert (type(reward), type(terminated), type(truncated)) == (float, bool, bool)
        assert (terminated, truncated) == (False, k == 5) and obs in env.observation_space
    assert info["diverged"] is False and set(info["reward_terms"]) == set(env.batch.reward_terms)
    with pytest.raises(UsageError, match=r"the episodes of worlds \[0\] are over"):
        env.step(env.action_space.sample())
    env.reset()
    env.step(env.action_space.sample())
    env.close()


def test_a_seed_gives_the_same_episode_again_and_another_another():
    env = Env("walk")
    first, again, other = (env.reset(seed=seed)[0] for seed in (1, 1, 2))
    assert np.array_equal(first, again) and not np.array_equal(first, other)
    with pytest.raises(InputError, match="seed is -1; expected a whole number"):
        env.reset(seed=-1)
    assert np.array_equal(env.reset(seed=np.array(1))[0], first)
    assert env.np_random_seed == 1
    for seed, shown in (([1], r"\[1\]"), (1.0, "1.0"), (True, "True"), (np.array([1]), r"array\(\[1\]\)")):
        with pytest.raises(InputError, match=f"seed is {shown}; expected a whole number"):
            env.reset(seed=seed)
    env.close()


def test_gymnasiums_own_vector_environments_take_it_too():
    env = gymnasium.make_vec("batchenv/Walk-v0", num_envs=2, vectorization_mode="sync")
    obs, _ = env.reset(seed=0)
    assert obs.shape == env.observation_space.shape and not np.array_equal(obs[0], obs[1])
    env.close()


def test_it_is_told_where_to_go():
    env = gymnasium.make(preset_id("command")).unwrapped
    env.reset(seed=0)
    obs = env.set_command({"speed": 0.7, "yaw_rate": -0.2})
    names = [column.name for column in env.batch.obs_layout]
    assert obs[[names.index("command/speed"), names.index("command/yaw_rate")]] == pytest.approx([0.7, -0.2])
    with pytest.raises(InputError, match="there is no command 'sped'"):
        env.set_command({"sped": 1.0})
    env.close()


def test_what_one_world_has_no_use_for_is_refused():
    with pytest.raises(InputError, match="num_threads has no meaning for one world"):
        Env("walk", num_threads=2)


def test_pictures_show_the_walker_move():
    if reason := without_gl():
        pytest.skip(reason)
    env = gymnasium.make("batchenv/Walk-v0", render_mode="rgb_array", width=160, height=120)
    env.reset(seed=0)
    first = env.render()
    for _ in range(10):
        env.step(np.zeros(14, np.float32))
    second = env.render()
    assert first.shape == second.shape == (120, 160, 3) and first.dtype == np.uint8
    assert first.std() > 10.0 and np.abs(first.astype(float) - second).mean() > 1.0
    env.close()


def test_a_vector_of_worlds_is_drawn_as_a_picture_of_each():
    if reason := without_gl():
        pytest.skip(reason)
    env = gymnasium.make_vec("batchenv/Walk-v0", num_envs=2, render_mode="rgb_array", width=80, height=60)
    env.reset(seed=0)
    frames = env.render()
    assert len(frames) == 2 and all(frame.shape == (60, 80, 3) for frame in frames)
    assert not np.array_equal(*frames)  # they start at different phases
    env.close()


def test_drawing_without_a_render_mode_says_how_to_ask_for_one():
    env = Env("walk")
    with pytest.warns(UserWarning, match="without a render_mode"):
        assert env.render() is None
    env.close()
