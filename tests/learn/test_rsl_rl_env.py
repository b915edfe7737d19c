from typing import Any

import numpy as np
import pytest
import torch
from rsl_rl.runners import OnPolicyRunner

from batchenv import BatchEnv
from batchenv.errors import InputError, UsageError
from batchenv.learn.rsl_rl_env import RslRlEnv
from tests.learn.point_mass import PointMass


def runner_config() -> dict[str, Any]:
    network = {"class_name": "MLPModel", "hidden_dims": [16], "activation": "elu"}
    return {
        "num_steps_per_env": 8,
        "save_interval": 1000,
        "obs_groups": {"actor": ["policy"], "critic": ["policy"]},
        "algorithm": {"class_name": "PPO"},
        "actor": network | {"distribution_cfg": {"class_name": "GaussianDistribution"}},
        "critic": network,
    }


def test_observations_outlive_the_next_step():
    env = RslRlEnv(PointMass(4))
    first = env.reset(0)["policy"]
    kept = first.clone()
    second, *_ = env.step(torch.ones(4, 2))
    assert torch.equal(first, kept) and not torch.equal(second["policy"], kept)
    assert env.get_observations() is second


def test_truncation_and_final_observation_are_told_apart_from_termination():
    masses = PointMass(2)
    env = RslRlEnv(masses)
    env.reset(0)
    masses._position[:] = [[0.0, 0.0], [5.0, 0.0]]
    masses._velocity[:] = 0.0
    masses._length[0] = masses.max_episode_steps - 1
    obs, rewards, dones, extras = env.step(torch.zeros(2, 2))
    assert dones.tolist() == [True, True] and extras["time_outs"].tolist() == [True, False]
    assert extras["final_observations"]["policy"][0].tolist() == [0.0, 0.0, 0.0, 0.0]
    assert extras["final_observations"]["policy"][1, 0] > 5.0
    assert obs["policy"][1, 0] < 1.0
    assert rewards.tolist() == [1.0, 0.0]


def test_episode_lengths_restart_where_episodes_end():
    masses = PointMass(2)
    env = RslRlEnv(masses)
    env.reset(0)
    env.step(torch.zeros(2, 2))
    masses._position[1] = [5.0, 0.0]
    env.step(torch.zeros(2, 2))
    assert env.episode_length_buf.tolist() == [2, 0]


def test_restored_environment_repeats_itself():
    env = RslRlEnv(PointMass(3))
    env.reset(1)
    snapshot = env.env.snapshot()
    actions = torch.from_numpy(np.random.default_rng(0).normal(size=(30, 3, 2)))
    first = [env.step(action)[0]["policy"] for action in actions]
    assert torch.equal(env.restore(snapshot)["policy"], env.get_observations()["policy"])
    second = [env.step(action)[0]["policy"] for action in actions]
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


def test_worlds_are_cut_off_as_the_episode_length_buffer_says():
    env = RslRlEnv(PointMass(3))
    env.episode_length_buf[:] = torch.tensor([0, 49, 10])
    assert env.get_observations() is not None and env.episode_length_buf.tolist() == [0, 49, 10]
    assert env.step(torch.zeros(3, 2))[3]["time_outs"].tolist() == [False, True, False]
    assert env.episode_length_buf.tolist() == [1, 0, 11]
    env.episode_length_buf = torch.tensor([49, 3, 49])
    snapshot = env.env.snapshot()
    assert env.step(torch.zeros(3, 2))[3]["time_outs"].tolist() == [True, False, True]
    env.restore(snapshot)
    assert env.episode_length_buf.tolist() == [1, 0, 11]


def test_the_buffer_moves_batch_environments_too():
    with BatchEnv("torque", 2, 1, seed=0) as batch:
        env = RslRlEnv(batch)
        env.reset()
        env.episode_length_buf[:] = torch.tensor([env.max_episode_length - 1, 5])
        assert env.step(torch.zeros(2, env.num_actions))[3]["time_outs"].tolist() == [True, False]
        assert batch.episode_lengths[0] == env.max_episode_length
        assert env.episode_length_buf.tolist() == [0, 6]
        for wrong in ([-1, 0], [0, env.max_episode_length], [0.5, 1.0], [1]):
            env.episode_length_buf = torch.tensor(wrong)
            with pytest.raises(InputError, match=r"the step of world \d is|steps have shape"):
                env.step(torch.zeros(2, env.num_actions))
        assert batch.episode_steps.tolist() == [0, 6]


def test_rsl_rl_begins_at_random_times_of_episodes():
    torch.manual_seed(0)
    env = RslRlEnv(PointMass(64))
    runner = OnPolicyRunner(env, runner_config())
    runner.learn(1, init_at_random_ep_len=True)
    older = env.episode_length_buf > runner.cfg["num_steps_per_env"]  # than the steps that were taken
    assert len(set(env.episode_length_buf[older].tolist())) > 3


def test_environments_that_reset_at_another_time_are_refused():
    with (
        BatchEnv("torque", 2, 1, seed=0, autoreset="next_step") as batch,
        pytest.raises(UsageError, match="autoreset 'next_step'; rsl_rl needs 'same_step'"),
    ):
        RslRlEnv(batch)


def test_rsl_rl_runner_learns_through_the_adapter(capsys):
    runner = OnPolicyRunner(RslRlEnv(PointMass(4)), runner_config())
    before = [parameter.clone() for parameter in runner.alg.actor.parameters()]
    runner.learn(2)
    after = runner.alg.actor.parameters()
    assert not any(torch.equal(old, new) for old, new in zip(before, after, strict=True))
