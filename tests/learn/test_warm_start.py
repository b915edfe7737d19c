from pathlib import Path
from typing import cast

import pytest
import torch

from batchenv.errors import CheckpointError
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.ppo import Actor, TruncationPPO
from batchenv.learn.rollouts import EnvRollouts
from batchenv.learn.training import train
from batchenv.learn.warm_start import Networks, load_networks
from tests.learn.examples import small_config
from tests.learn.point_mass import Column, PointMass

NAMES, ACTIONS = ("x", "y", "vx", "vy"), ("fx", "fy")
# The earlier run's columns in another order, and one that it did not have.
MIXED, ORDER = ("vy", "wind", "x", "y", "vx"), [3, 0, 1, 2]


class Windy(PointMass):
    """Point masses whose learner sees columns in another order, and a fifth."""

    obs_layout = tuple(Column(name, "m") for name in MIXED)

    def reset(self, seed=None):
        return mixed(torch.from_numpy(super().reset(seed))).numpy()


def mixed(obs: torch.Tensor, wind: float = 0.0) -> torch.Tensor:
    return torch.cat([obs[:, 3:], torch.full((len(obs), 1), wind), obs[:, :3]], dim=1)


@pytest.fixture(scope="module")
def earlier(tmp_path_factory) -> Path:
    run = tmp_path_factory.mktemp("earlier") / "run"
    train(PointMass(32), small_config(), run, steps=1024)
    return run


def fresh(env: PointMass) -> TruncationPPO:
    return EnvRollouts(env).begin(small_config(seed=5), 5)


def test_networks_begin_as_they_were_wherever_their_columns_are_now(earlier):
    networks, obs = load_networks(earlier), torch.randn(9, 4)
    same, other = fresh(PointMass(2)), fresh(Windy(2))
    networks.load_into(same, NAMES, ACTIONS)
    networks.load_into(other, MIXED, ACTIONS)
    for old, new in ((same.actor, other.actor), (same.critic, other.critic)):
        expected = old({"policy": obs})
        # What is new has no weight yet.
        for wind in (0.0, 7.0):
            torch.testing.assert_close(new({"policy": mixed(obs, wind)}), expected)
    assert torch.equal(same.actor.state_dict()["mlp.0.weight"], networks.actor["mlp.0.weight"])


def test_old_statistics_make_room_only_for_columns_that_are_new_to_the_network(earlier, monkeypatch):
    monkeypatch.setattr("batchenv.learn.warm_start._MOST_COUNTED", 5)
    networks = load_networks(earlier)
    counted = networks.actor["obs_normalizer.count"]
    same, other, blind = fresh(PointMass(2)), fresh(Windy(2)), fresh(Windy(2))
    cast(Actor, blind.actor).close_eyes(torch.tensor([name == "wind" for name in MIXED]))
    for ppo, names in ((same, NAMES), (other, MIXED), (blind, MIXED)):
        networks.load_into(ppo, names, ACTIONS)
    counts = [ppo.actor.state_dict()["obs_normalizer.count"] for ppo in (same, other, blind)]
    assert counted > 5 and counts == [counted, 5, counted]
    assert blind.critic.state_dict()["obs_normalizer.count"] == 5


def test_a_policy_without_a_checkpoint_acts_as_before(earlier, tmp_path):
    (tmp_path / "policy.safetensors").write_bytes((earlier / "policy.safetensors").read_bytes())
    whole, shipped = fresh(PointMass(2)), fresh(PointMass(2))
    load_networks(earlier).load_into(whole, NAMES, ACTIONS)
    load_networks(tmp_path).load_into(shipped, NAMES, ACTIONS)
    obs = {"policy": torch.randn(9, 4)}
    torch.testing.assert_close(shipped.actor(obs), whole.actor(obs))


def test_a_policy_rests_until_its_new_value_function_has_learned(earlier, tmp_path, monkeypatch):
    monkeypatch.setattr("batchenv.learn.training.VALUE_ALONE_STEPS", 1024)
    (tmp_path / "policy.safetensors").write_bytes((earlier / "policy.safetensors").read_bytes())
    begun, run, rates, values = load_networks(tmp_path), tmp_path / "run", [], []

    def note(report):
        rates.append(report.learning_rate)
        values.append(load_checkpoint(run).learner["critic_state_dict"]["mlp.0.weight"])

    def weight():
        return load_networks(run).actor["mlp.0.weight"]

    train(PointMass(32), small_config(seed=1), run, steps=1024, warm_start=begun, progress=note)
    rested = load_networks(run).actor
    assert all(torch.equal(rested[name], value) for name, value in begun.actor.items() if "obs_norm" in name)
    assert torch.equal(weight(), begun.actor["mlp.0.weight"])
    assert set(rates) == {small_config().training.learning_rate}
    assert not torch.equal(load_checkpoint(run).learner["critic_state_dict"]["mlp.0.weight"], values[0])
    assert "value_alone_steps: 1024" in load_checkpoint(run).config
    train(PointMass(32), small_config(seed=1), run, steps=2048, resume=load_checkpoint(run))
    assert not torch.equal(weight(), begun.actor["mlp.0.weight"])


def test_episodes_of_a_run_that_is_no_beginner_end_at_different_times(earlier, tmp_path):
    class Noting(PointMass):
        given: tuple[int, ...] = ()

        def set_episode_steps(self, steps):
            super().set_episode_steps(steps)
            self.given = tuple(steps)

    config = small_config(num_envs=4)
    new, warm, resumed = Noting(4), Noting(4), Noting(8)
    train(new, config, tmp_path / "new", 64)
    assert new.given == ()
    train(warm, config, tmp_path / "warm", 64, warm_start=load_networks(earlier))
    assert len(set(warm.given)) == 4
    more = config.replace({"training.num_envs": 8})
    train(resumed, more, tmp_path / "warm", 256, resume=load_checkpoint(tmp_path / "warm"))
    assert len(set(resumed.given)) == 8


def test_actions_are_matched_by_name(earlier):
    networks, obs = load_networks(earlier), {"policy": torch.randn(9, 4)}
    same, swapped = fresh(PointMass(2)), fresh(PointMass(2))
    networks.load_into(same, NAMES, ACTIONS)
    networks.load_into(swapped, NAMES, ("fy", "other"))
    torch.testing.assert_close(swapped.actor(obs)[:, 0], same.actor(obs)[:, 1])
    assert not torch.allclose(swapped.actor(obs)[:, 1], same.actor(obs)[:, 0])


def test_networks_that_do_not_fit_are_refused(earlier):
    networks = load_networks(earlier)
    with pytest.raises(CheckpointError, match="shares no observation column"):
        networks.load_into(fresh(PointMass(2)), ("a", "b", "c", "d"), ACTIONS)
    deep = Networks(networks.actor | {"mlp.6.weight": torch.zeros(2, 2)}, None, NAMES, ACTIONS)
    with pytest.raises(CheckpointError, match=r"the earlier run has training.hidden: \[32, .*, this one \["):
        deep.load_into(fresh(PointMass(2)), NAMES, ACTIONS)
    narrow = Networks(networks.actor | {"mlp.0.weight": torch.zeros(3, 4)}, None, NAMES, ACTIONS)
    with pytest.raises(CheckpointError, match=r"the earlier run has training.hidden: \[3, .*, this one \["):
        narrow.load_into(fresh(PointMass(2)), NAMES, ACTIONS)
