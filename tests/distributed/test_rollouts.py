from pathlib import Path

import numpy as np
import pytest
import torch
from tensordict import TensorDict

from batchenv.config import load_config
from batchenv.distributed.pool import LocalPool
from batchenv.distributed.rollouts import RunnerRollouts, fill
from batchenv.distributed.runner import Rollout
from batchenv.errors import InputError
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.ppo import TruncationPPO
from batchenv.learn.rollouts import EnvRollouts
from batchenv.learn.training import train
from tests.distributed.obedient_points import MakePoints
from tests.learn.examples import small_config, small_ppo
from tests.learn.point_mass import PointMass


def rollouts_of(runners: int, worlds: int = 32) -> RunnerRollouts:
    pool = LocalPool(MakePoints(), runners, worlds // runners, 1)
    return RunnerRollouts(pool, PointMass(1), worlds)


def weights(run_dir: Path) -> dict[str, torch.Tensor]:
    return load_checkpoint(run_dir).learner["actor_state_dict"]


class Noting(PointMass):
    """Point masses with short episodes, that keep what each step returned."""

    max_episode_steps = 5

    def __init__(self, num_envs: int):
        super().__init__(num_envs)
        self.noted: list[list[np.ndarray]] = []

    def step(self, actions: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        result = super().step(actions)
        told = (result[1], result[2], self.truncated & ~self.terminated, self.final_obs)
        self.noted.append([array.copy() for array in told])
        return result


def plain_rollout(horizon: int) -> tuple[TruncationPPO, list[Rollout]]:
    """What PPO collects by itself from 8 worlds, and the same as rollouts of two runners."""
    env = Noting(8)
    source = EnvRollouts(env)
    ppo = source.begin(small_config(num_envs=8, num_steps_per_env=horizon), 3)
    source.collect(ppo, horizon, 0)
    rewards, dones, time_outs, final_obs = (np.stack(x) for x in zip(*env.noted, strict=True))
    storage, last = ppo.storage, source.env.get_observations()["policy"].numpy()
    mean, std = (p.numpy() for p in storage.distribution_params)

    def rollout(w: slice) -> Rollout:
        return Rollout(
            obs=storage.observations["policy"].numpy()[:, w], last_obs=last[w],
            actions=storage.actions.numpy()[:, w], means=mean[:, w], std=std[0, 0],
            rewards=rewards[:, w], dones=dones[:, w], time_outs=time_outs[:, w],
            final_obs=final_obs[:, w][time_outs[:, w]], returns=np.zeros(0), lengths=np.zeros(0),
            reward_terms={}, seconds=0.0, steps=0,
        )  # fmt: skip

    return ppo, [rollout(slice(0, 4)), rollout(slice(4, 8))]


def test_storage_is_filled_as_if_ppo_had_acted_itself():
    ppo, rollouts = plain_rollout(horizon=64)
    own = ppo.storage
    assert sum(r.time_outs.sum() for r in rollouts) > 0
    ppo.storage = small_ppo(4, num_steps_per_env=64)[1].storage  # of another size: it is made anew
    with torch.inference_mode():
        fill(ppo, rollouts)
    filled = ppo.storage
    assert torch.equal(filled.observations["policy"], own.observations["policy"])
    for name in ("actions", "rewards", "dones", "values", "returns", "advantages"):
        assert torch.equal(getattr(filled, name), getattr(own, name)), name
    # One call for all steps adds the columns in another order than one for each.
    torch.testing.assert_close(filled.actions_log_prob, own.actions_log_prob, rtol=1e-5, atol=1e-5)
    for mine, theirs in zip(filled.distribution_params, own.distribution_params, strict=True):
        assert torch.equal(mine, theirs)
    ppo.update()


def test_runners_learn_what_one_environment_does(tmp_path: Path):
    source = rollouts_of(2)
    result = train(source, small_config(), tmp_path, steps=40_000)
    assert result.steps == 40_448 and result.last_length == PointMass.max_episode_steps
    assert result.last_return > 44.0  # as in test_training
    assert load_checkpoint(tmp_path).env is None


def test_seed_and_number_of_runners_decide_the_run(tmp_path: Path):
    for name, runners, seed in (("a", 2, 1), ("b", 2, 1), ("c", 4, 1), ("d", 2, 2)):
        train(rollouts_of(runners), small_config(seed=seed), tmp_path / name, steps=1024)
    a, b, c, d = (weights(tmp_path / name)["mlp.0.weight"] for name in "abcd")
    assert torch.equal(a, b) and not torch.equal(a, c) and not torch.equal(a, d)


def test_a_run_of_runners_goes_on_with_or_without_them(tmp_path: Path):
    train(rollouts_of(2), small_config(), tmp_path, steps=1024)
    train(rollouts_of(4), small_config(), tmp_path, steps=2048, resume=load_checkpoint(tmp_path))
    result = train(PointMass(32), small_config(), tmp_path, steps=3072, resume=load_checkpoint(tmp_path))
    assert result.steps == 3072


def test_a_round_of_fewer_runners_counts_fewer_steps(tmp_path: Path):
    source = rollouts_of(2)
    ppo = source.begin(small_config(), 0)
    collect = source.pool.collect
    source.pool.collect = lambda order: collect(order)[1:]
    assert source.collect(ppo, 16, 0).steps == 16 * 16 and ppo.storage.num_envs == 16
    ppo.update()
    source.pool.collect = collect
    assert source.collect(ppo, 16, 256).steps == 32 * 16 and ppo.storage.num_envs == 32
    ppo.update()


def test_a_late_rollout_keeps_the_probabilities_of_its_own_policy():
    source = rollouts_of(2)
    ppo = source.begin(small_config(), 0)
    with torch.inference_mode():
        late = source.pool.collect(source._request(ppo, 16, 0))[0]
    source.collect(ppo, 16, 0)
    ppo.update()
    with torch.inference_mode():
        now = source.pool.collect(source._request(ppo, 16, 512))[1]
        fill(ppo, [late, now])
    obs = TensorDict({"policy": torch.from_numpy(late.obs[0])}, batch_size=[16])
    ppo.actor(obs, stochastic_output=True)
    today = ppo.actor.get_output_log_prob(torch.from_numpy(late.actions[0]))
    std = torch.from_numpy(late.std)
    then = torch.distributions.Normal(torch.from_numpy(late.means[0]), std)
    recorded = ppo.storage.actions_log_prob[0, :16, 0]
    torch.testing.assert_close(recorded, then.log_prob(torch.from_numpy(late.actions[0])).sum(-1))
    assert (recorded - today).abs().mean() > 1e-3


def test_a_muscle_network_is_not_trained_by_runners():
    config = load_config("walk_muscle_nn")
    with pytest.raises(InputError, match="a muscle network learns in one process only"):
        rollouts_of(2).begin(config, 0)
