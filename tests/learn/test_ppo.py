import numpy as np
import pytest
import torch
from tensordict import TensorDict

from batchenv.errors import ConfigError
from batchenv.learn.ppo import MirrorImages, TruncationPPO
from tests.learn.examples import small_ppo
from tests.learn.point_mass import PointMass


def observed(*x: float) -> TensorDict:
    """Observations whose first column is x, the others zero."""
    obs = torch.zeros(len(x), 4)
    obs[:, 0] = torch.tensor(x)
    return TensorDict({"policy": obs}, batch_size=[len(x)])


def ppo_with_value_x(num_envs: int, steps: int) -> TruncationPPO:
    """PPO with discount and lambda of 1/2, whose critic says V(s) = x for x > 0."""
    settings = {"num_steps_per_env": steps, "hidden": [1], "gamma": 0.5, "lam": 0.5, "mini_batches": 1}
    _, ppo = small_ppo(num_envs, **settings)
    normalizer, mlp = ppo.critic.obs_normalizer, ppo.critic.mlp
    normalizer._std.fill_(1.0 - normalizer.eps)
    for name, parameter in mlp.named_parameters():
        parameter.data.zero_()
        if name.endswith("weight"):
            parameter.data[0, 0] = 1.0
    return ppo


def record(
    ppo: TruncationPPO, obs: TensorDict, reward: list[float], ended: list[bool], cut: list[bool], final
):
    ppo.act(obs)
    extras = {"time_outs": torch.tensor(cut), "final_observations": final}
    ppo.process_env_step(obs, torch.tensor(reward), torch.tensor(ended), extras)


@torch.no_grad()
def test_returns_of_cut_and_ended_episodes_are_those_of_hand_arithmetic():
    # Three worlds, two steps: the first is truncated in its first step where V is 8, the second terminates
    # there, the third goes on. gamma = lambda = 1/2.
    ppo = ppo_with_value_x(3, steps=2)
    final = observed(8.0, 100.0, 100.0)
    record(ppo, observed(2.0, 2.0, 2.0), [1.0, 1.0, 1.0], [True, True, False], [True, False, False], final)
    record(ppo, observed(4.0, 4.0, 4.0), [3.0, 3.0, 3.0], [False] * 3, [False] * 3, observed(9.0, 9.0, 9.0))
    ppo.compute_returns(observed(6.0, 6.0, 6.0))
    # Last step: delta = 3 + 6/2 - 4 = 2, so the return is 2 + 4 = 6 in every world.
    # Truncated: 1 + 8/2 = 5, whatever came after. Terminated: 1.
    # Going on: delta = 1 + 4/2 - 2 = 1, advantage = 1 + 1/4 * 2 = 1.5, return = 1.5 + 2 = 3.5.
    returns = ppo.storage.returns.squeeze(-1)
    np.testing.assert_allclose(returns[1], [6.0, 6.0, 6.0], rtol=1e-6)  # float32
    np.testing.assert_allclose(returns[0], [5.0, 1.0, 3.5], rtol=1e-6)


@torch.no_grad()
def test_rewards_handed_in_stay_as_they_are():
    ppo = ppo_with_value_x(1, steps=1)
    reward = torch.tensor([1.0])
    ppo.act(observed(2.0))
    extras = {"time_outs": torch.tensor([True]), "final_observations": observed(8.0)}
    ppo.process_env_step(observed(2.0), reward, torch.tensor([True]), extras)
    assert reward.item() == 1.0 and ppo.storage.rewards.item() == 5.0


def test_mirroring_twice_gives_the_original():
    mirror = MirrorImages(PointMass(1))
    obs, actions = TensorDict({"policy": torch.randn(5, 4)}, batch_size=[5]), torch.randn(5, 2)
    both_obs, both_actions = mirror(None, obs, actions)
    assert torch.equal(both_obs["policy"][:5], obs["policy"]) and torch.equal(both_actions[:5], actions)
    assert not torch.equal(both_obs["policy"][5:], obs["policy"])
    again_obs, again_actions = mirror(None, both_obs[5:], both_actions[5:])
    assert torch.equal(again_obs["policy"][5:], obs["policy"]) and torch.equal(again_actions[5:], actions)


def asymmetry(ppo: TruncationPPO) -> float:
    """Largest difference between mean actions and the mirrored mean actions of mirrored observations."""
    mirror = MirrorImages(PointMass(1))
    obs = TensorDict({"policy": torch.rand(200, 4) * 2 - 1}, batch_size=[200])
    with torch.no_grad():
        mirrored = ppo.actor(mirror(None, obs, None)[0][200:])
        return (mirror(None, None, mirrored)[1][200:] - ppo.actor(obs)).abs().max().item()


@pytest.mark.parametrize("symmetry", [True, False])
def test_learning_from_mirror_images_gives_a_symmetric_policy(symmetry: bool):
    torch.manual_seed(0)
    env, ppo = small_ppo(32, symmetry=symmetry)
    obs = env.get_observations()
    for _ in range(20):
        with torch.inference_mode():
            for _ in range(16):
                obs, rewards, dones, extras = env.step(ppo.act(obs))
                ppo.process_env_step(obs, rewards, dones, extras)
            ppo.compute_returns(obs)
        ppo.update()
    # Actions are of the order of 1.
    assert (asymmetry(ppo) < 0.3) == symmetry


def test_mirror_images_of_unlike_sides_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(PointMass, "asymmetry", "the mass of the left leg is 1 kg")
    small_ppo(2)
    with pytest.raises(ConfigError, match="symmetry is true, but the mass of the left leg is 1 kg"):
        small_ppo(2, symmetry=True)


def test_update_tells_the_divergence_from_the_old_policy():
    env, ppo = small_ppo(32)
    obs = env.get_observations()
    with torch.inference_mode():
        for _ in range(16):
            obs, rewards, dones, extras = env.step(ppo.act(obs))
            ppo.process_env_step(obs, rewards, dones, extras)
        ppo.compute_returns(obs)
    losses = ppo.update()
    assert losses.keys() == {"value", "surrogate", "entropy", "kl"}
    assert 0.0 < losses["kl"] < 1.0


def test_building_prints_nothing(capsys):
    small_ppo(2, symmetry=True)
    assert capsys.readouterr() == ("", "")


def rollout(env, ppo: TruncationPPO, steps: int):
    """Collect one rollout in point masses."""
    with torch.inference_mode():
        obs = env.get_observations()
        for _ in range(steps):
            obs, rewards, dones, extras = env.step(ppo.act(obs))
            ppo.process_env_step(obs, rewards, dones, extras)
        ppo.compute_returns(obs)


def test_privileged_columns_reach_the_value_function_and_never_the_policy():
    env, ppo = small_ppo(8, privileged=["way"], mini_batches=1, learning_rate=0.1)
    _, seeing = small_ppo(8, mini_batches=1)
    ppo.actor.load_state_dict(seeing.actor.state_dict())
    for _ in range(3):
        rollout(env, ppo, 16)
        ppo.update()
    with torch.inference_mode():
        still, moving = (TensorDict({"policy": torch.ones(1, 4)}, batch_size=[1]) for _ in range(2))
        moving["policy"][:, 2:] = -5.0
        assert torch.equal(ppo.actor(still), ppo.actor(moving))
        assert not torch.equal(ppo.critic(still), ppo.critic(moving))
        moving["policy"][:, 0] = 0.0
        assert not torch.equal(ppo.actor(still), ppo.actor(moving))


def test_privileged_terms_that_are_none_or_all_are_refused():
    with pytest.raises(ConfigError, match=r"has no 'places'. Did you mean 'place'\? There are: place, way"):
        small_ppo(1, privileged=["places"])
    with pytest.raises(ConfigError, match="leaves the policy no observation"):
        small_ppo(1, privileged=["place", "way"])
