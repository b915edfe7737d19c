"""One policy of several: the mean of their weights."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from batchenv import InputError, load_walker
from batchenv.cli import main
from batchenv.learn.averaging import average_policies
from batchenv.learn.policy import Policy

OBS = np.random.default_rng(0).normal(size=(20, 3)).astype(np.float32)


def linear(seed: int) -> Policy:
    """A policy of one layer, with a normalisation of its own."""
    rng = np.random.default_rng(seed)
    weights, biases = (rng.normal(size=(2, 3)),), (rng.normal(size=2),)
    mean, scale = rng.normal(size=3), rng.uniform(0.5, 2.0, 3)
    return Policy(mean, scale, weights, biases, ("x", "y", "z"), ("u", "v"), 10 * seed)


def test_what_is_linear_acts_as_the_mean_however_it_is_normalised():
    policies = [linear(seed) for seed in (1, 2, 3)]
    expected = np.average([policy(OBS) for policy in policies], axis=0, weights=[1, 2, 1])
    mean = average_policies(policies, [0.5, 1.0, 0.5])
    assert mean(OBS) == pytest.approx(expected, abs=1e-5)
    assert mean.steps == 30 and np.array_equal(mean.mean, policies[0].mean)


def test_a_policy_and_itself_act_as_it_does():
    policy = load_walker("walk").policy
    obs = np.random.default_rng(1).normal(size=(50, len(policy.mean))).astype(np.float32)
    assert average_policies([policy, policy])(obs) == pytest.approx(policy(obs), abs=1e-4)


@pytest.mark.parametrize(
    ("policies", "shares", "said"),
    [
        ([linear(1)], None, "there are 1 policies to average; expected at least two"),
        ([linear(1), linear(2)], [1.0], "there are 1 shares for 2 policies"),
        ([linear(1), linear(2)], [1.0, 0.0], "expected positive numbers"),
        ([linear(1), linear(2)], [1.0, np.nan], "expected positive numbers"),
        ([linear(1), linear(2)], ["a", 1.0], "expected positive numbers"),
        ([linear(1), linear(2)], [[1.0], [1.0]], "expected positive numbers"),
        ([linear(1), replace(linear(2), actions=("u", "w"))], None, "policy 2 has other actions"),
        ([linear(1), replace(linear(2), observations=("x", "y", "a"))], None, "other observations"),
        ([linear(1), replace(linear(2), weights=(np.ones((4, 3)), np.ones((2, 4))))], None, "has layers"),
    ],
)
def test_what_does_not_fit_together_is_refused(policies, shares, said):
    with pytest.raises(InputError, match=said):
        average_policies(policies, shares)


def test_only_the_ratio_of_shares_matters():
    policies = [linear(1), linear(2)]
    mean = average_policies(policies)
    for share in (1e308, 5e-324):
        for kind in ("weights", "biases"):
            pairs = zip(
                getattr(mean, kind), getattr(average_policies(policies, [share] * 2), kind), strict=True
            )
            assert all(np.array_equal(*pair) for pair in pairs)


def test_the_command_writes_a_walker(tmp_path: Path, capsys):
    main(["average", "walk", "walk", "--out", str(tmp_path / "mean"), "--shares", "1", "3"])
    assert "the mean of 2 policies, in the worlds of walk" in capsys.readouterr().out
    mean, walk = load_walker(tmp_path / "mean"), load_walker("walk")
    assert mean.config == walk.config and mean.policy.steps == walk.policy.steps
    with pytest.raises(SystemExit, match="already holds a policy"):
        main(["average", "walk", "walk", "--out", str(tmp_path / "mean")])
    own = tmp_path / "own"
    own.mkdir()
    (own / "config.yaml").write_text("base: walk")
    with pytest.raises(SystemExit, match=r"already holds a config\.yaml"):
        main(["average", "walk", "walk", "--out", str(own)])
    with pytest.raises(SystemExit, match="policy 2 has other observations"):
        main(["average", "walk", "command", "--out", str(tmp_path / "other")])
    assert not (tmp_path / "other").exists()
