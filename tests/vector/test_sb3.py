import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("stable_baselines3", reason="the extra sb3 is not installed")

from stable_baselines3 import PPO
from stable_baselines3.common.env_checker import check_env
from stable_baselines3.common.evaluation import evaluate_policy
from stable_baselines3.common.monitor import Monitor
from stable_baselines3.common.vec_env import VecNormalize

import batchenv
from batchenv import BatchEnv, InputError, UsageError
from batchenv.vector.sb3 import SB3VecEnv
from tests.vector.worlds import SHORT, actions_of


@pytest.fixture
def env():
    with SB3VecEnv("walk", 4, num_threads=1, **SHORT) as env:
        yield env


def test_steps_are_those_of_batch_env_and_infos_tell_how_episodes_ended(env):
    plain = BatchEnv(env.worlds.batch.config, 4, 1)
    env.seed(7)
    assert np.array_equal(env.reset(), plain.reset(7))
    kinds = set()
    for step in range(40):
        actions = actions_of(step, 4)
        obs, rewards, dones, infos = env.step(actions)
        expected = plain.step(actions)
        assert all(np.array_equal(a, b) for a, b in zip((obs, rewards, dones), expected, strict=True))
        assert len(infos) == 4 and all(not info for info, done in zip(infos, dones, strict=True) if not done)
        for i in np.flatnonzero(dones):
            assert np.array_equal(infos[i]["terminal_observation"], plain.final_obs[i])
            assert not np.array_equal(infos[i]["terminal_observation"], obs[i])
            assert infos[i]["TimeLimit.truncated"] == plain.truncated[i] != plain.terminated[i]
            assert infos[i]["episode"]["l"] == plain.episode_lengths[i]
            assert infos[i]["episode"]["r"] == pytest.approx(plain.episode_returns[i])
            kinds.add(bool(plain.truncated[i]))
    assert kinds == {True, False}
    plain.close()


def test_returned_arrays_last(env):
    env.reset()
    kept = env.step(np.zeros((4, 14)))[:3]
    frozen = [part.copy() for part in kept]
    env.step(np.ones((4, 14)))
    assert all(np.array_equal(a, b) for a, b in zip(kept, frozen, strict=True))


def test_ppo_bootstraps_from_the_terminal_observation_of_a_truncated_episode(env):
    model = PPO("MlpPolicy", env, n_steps=20, batch_size=40, device="cpu", seed=0)
    seen = []
    predict = model.policy.predict_values

    def watched(obs):
        seen.append(np.asarray(obs))
        return predict(obs)

    model.policy.predict_values = watched
    truncated, own = [], env._ending

    def noted(world):
        ending = own(world)
        truncated.extend([ending["terminal_observation"]] if ending["TimeLimit.truncated"] else [])
        return ending

    env._ending = noted
    model.learn(80)
    singles = [obs[0] for obs in seen if obs.shape[0] == 1]
    assert truncated and all(any(np.array_equal(obs, one) for one in singles) for obs in truncated)


def test_ppo_learns_under_sb3s_normalisation_and_evaluates_without_a_monitor(env):
    model = PPO("MlpPolicy", VecNormalize(env), n_steps=16, batch_size=32, device="cpu", seed=0)
    model.learn(128)
    assert model.num_timesteps == 128 and len(model.ep_info_buffer) > 0
    mean, _ = evaluate_policy(model, env, n_eval_episodes=4)
    assert 0.0 < mean < 30.0
    assert env.env_is_wrapped(Monitor) == [True] * 4


def test_the_same_seed_trains_the_same_policy():
    weights = []
    for _ in range(2):
        with SB3VecEnv("walk", 2, num_threads=1) as env:
            model = PPO("MlpPolicy", env, n_steps=8, batch_size=16, device="cpu", seed=3).learn(32)
            weights.append(model.policy.action_net.weight.detach().numpy().copy())
    assert np.array_equal(*weights)


def test_attributes_are_shared_by_all_worlds(env):
    assert env.get_attr("num_envs", [0, 2]) == [4, 4] and not env.has_attr("no_such")
    env.set_attr("copy", False)
    with pytest.raises(UsageError, match="worlds of a batch share 'copy'"):
        env.set_attr("copy", True, indices=[1])
    with pytest.raises(UsageError, match=r"call .worlds.render\(...\) once"):
        env.env_method("render")


def test_arguments_are_those_of_vector_env():
    with pytest.raises(InputError, match=r"unknown keyword 'num_thread'. Did you mean 'num_threads'"):
        SB3VecEnv("walk", 2, num_thread=1)
    assert batchenv.SB3VecEnv is SB3VecEnv


def test_without_the_extra_an_error_names_it():
    code = (
        "import sys; sys.modules['stable_baselines3'] = None\n"
        "import batchenv\n"
        "try: batchenv.SB3VecEnv\n"
        "except ImportError as error: print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert "pip install 'batchenv[sb3]'" in done.stdout, done.stderr


def test_stable_baselines3_s_checker_finds_nothing():
    env = batchenv.Env("walk")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check_env(env, skip_render_check=True)
    env.close()
