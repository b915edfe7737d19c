import subprocess
import sys

import numpy as np
import pytest

from batchenv.distributed.runner import MakeBatchEnv, Rollout, RolloutRequest, Runner, worlds_of_each
from batchenv.env import BatchEnv
from batchenv.errors import InputError
from batchenv.learn.learnable_env import stagger
from batchenv.learn.policy import Policy
from tests.distributed.obedient_points import MakePoints
from tests.learn.examples import small_config
from tests.learn.point_mass import PointMass


def still(obs_dim: int, action_dim: int) -> Policy:
    """Means of zero, whatever is observed."""
    names = tuple(map(str, range(obs_dim))), tuple(map(str, range(action_dim)))
    weight, bias = np.zeros((action_dim, obs_dim), np.float32), np.zeros(action_dim, np.float32)
    return Policy(
        np.zeros(obs_dim, np.float32), np.ones(obs_dim, np.float32), (weight,), (bias,), *names, steps=0
    )


def make_request(
    runner: Runner, steps: int = 0, seed: int = 5, std: float = 0.1, horizon: int = 6
) -> RolloutRequest:
    env = runner.parts[0].env
    return RolloutRequest(
        still(env.obs_dim, env.action_dim), np.full(env.action_dim, std, np.float32), horizon, seed, steps
    )


def test_worlds_of_runners_are_those_of_one_batch():
    config = small_config()
    runners = [Runner(MakeBatchEnv(config), i, 2, 1, seed=9) for i in range(2)]
    rollouts = [
        [r.collect(make_request(r, steps, std=0.3, horizon=20)) for r in runners] for steps in (0, 80)
    ]
    with BatchEnv(config, 4, 1) as env:
        obs = env.reset(9)
        for pair in rollouts:
            for t in range(20):
                assert np.array_equal(obs, np.concatenate([r.obs[t] for r in pair]))
                obs, rewards, dones = env.step(np.concatenate([r.actions[t] for r in pair]))
                assert np.array_equal(rewards, np.concatenate([r.rewards[t] for r in pair]))
                assert np.array_equal(dones, np.concatenate([r.dones[t] for r in pair]))
            assert np.array_equal(obs, np.concatenate([r.last_obs for r in pair]))
    assert sum(r.dones.sum() for pair in rollouts for r in pair) > 0


def test_episodes_that_are_staggered_end_at_the_same_steps_in_runners_as_in_one_batch():
    runners = [Runner(MakePoints(), i, 6, 1, 9, overlap=True, staggered=True) for i in range(2)]
    own = np.concatenate([part.env.episode_steps for runner in runners for part in runner.parts])
    one = PointMass(12)
    one.reset(9)
    stagger(one)
    assert np.array_equal(own, one.episode_steps)
    assert len(np.unique(own)) == 12 and own.max() < one.max_episode_steps


def test_halves_in_flight_collect_what_the_whole_does():
    config = small_config()
    whole, halves = (Runner(MakeBatchEnv(config), 1, 6, 1, 9, overlap) for overlap in (False, True))
    assert [part.env.num_envs for part in halves.parts] == [3, 3]
    for steps in (0, 120):
        a, b = (
            runner.collect(make_request(runner, steps, std=0.3, horizon=20)) for runner in (whole, halves)
        )
        for name in ("obs", "last_obs", "actions", "rewards", "dones", "time_outs", "final_obs"):
            assert np.array_equal(getattr(a, name), getattr(b, name)), name
        assert sorted(a.returns) == sorted(b.returns) and len(a.returns) > 0
        for name, value in a.reward_terms.items():
            assert b.reward_terms[name] == pytest.approx(value, rel=1e-5)


def test_noise_depends_on_seed_steps_and_runner_only():
    runner = Runner(MakePoints(), 0, 4, 1, seed=0)

    def noise(runner: Runner, **key: int) -> np.ndarray:
        return runner.collect(make_request(runner, **key)).actions

    first = noise(runner)
    assert np.array_equal(first, noise(runner))
    assert abs(first.std() - 0.1) < 0.03
    others = [noise(runner, steps=1), noise(runner, seed=6), noise(Runner(MakePoints(), 1, 4, 1, seed=0))]
    for other in others:
        assert not np.isclose(first, other).any()


def test_cut_off_episodes_keep_what_they_saw_last():
    runner = Runner(MakePoints(), 0, 8, 1, seed=0)
    rollout: Rollout = runner.collect(make_request(runner, std=0.0, horizon=120))
    assert len(rollout.final_obs) == rollout.time_outs.sum()
    assert rollout.dones.sum() == len(rollout.returns) == len(rollout.lengths)
    assert (rollout.time_outs <= rollout.dones).all()
    assert rollout.obs.dtype == rollout.actions.dtype == rollout.rewards.dtype == np.float32


def test_worlds_are_split_evenly_or_not_at_all():
    assert worlds_of_each(128, 4) == 32
    with pytest.raises(InputError, match="128 worlds cannot be split evenly over 3 runners"):
        worlds_of_each(128, 3)
    with pytest.raises(InputError, match="over 0 runners"):
        worlds_of_each(128, 0)


def test_neither_the_command_nor_a_runner_loads_ray_or_torch():
    code = (
        "import sys, batchenv.cli, batchenv.distributed.pool, batchenv.distributed.runner\n"
        "print([name for name in ('ray', 'torch', 'rsl_rl') if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=300)
    assert done.stdout == "[]\n", done.stderr
