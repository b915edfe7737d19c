"""Parameters that are drawn more often where episodes of a world ended early."""

import numpy as np
import pytest

from batchenv import load_config
from batchenv.config import ParameterRange
from batchenv.errors import ConfigError
from batchenv.mdp.adaptive import BINS, AdaptiveRanges, chosen
from tests.mdp.test_parameters import worlds_with

RANGES = [
    ParameterRange(min=0.0 + 1e-3, max=1.0, default=1.0),
    ParameterRange(min=2.0, max=4.0, default=2.0, sampling="adaptive"),
    ParameterRange(min=3.0, max=3.0, default=3.0, sampling="adaptive"),
]
ADAPTIVE = AdaptiveRanges.of(RANGES)


def test_a_choice_that_fails_always_is_made_eleven_times_as_often_as_one_that_never_fails():
    found = chosen(np.tile([0.0, 1.0], (20_000, 1)), np.random.default_rng(0).random(20_000))
    assert (found == 1).mean() == pytest.approx(11 / 12, abs=0.01)


def test_without_failures_of_its_own_a_range_is_drawn_evenly_and_else_where_episodes_end_early():
    n = 5000
    failures, values = ADAPTIVE.unknown(n), np.full((n, 3), 3.0)
    draws = np.random.default_rng(0).random((n, 2, 2))
    first = ADAPTIVE.drawn(failures, draws)
    counts = np.histogram(first[:, 0], BINS, (2.0, 4.0))[0]
    assert counts.min() > 0.9 * n / BINS and (first[:, 1] == 3.0).all()
    for hard in (1.0, 0.0):  # episodes in the lowest bin end at once, all others last
        for low in np.linspace(2.05, 3.95, BINS):
            values[:, 1] = low
            for _ in range(20):
                failures = ADAPTIVE.learned(failures, values[:, 1:], np.full(n, hard * (low < 2.4)))
        counts = np.histogram(ADAPTIVE.drawn(failures, draws)[:, 0], BINS, (2.0, 4.0))[0]
        share = 1.1 / (1.1 + (BINS - 1) * 0.1) if hard else 1 / BINS
        assert counts[0] / n == pytest.approx(share, abs=0.03)


def test_episodes_count_for_the_worlds_and_bins_that_they_were_in():
    failures = ADAPTIVE.unknown(4)
    failures[3] = 0.5
    values = np.array([[0.1, 2.0, 3.0], [0.1, 4.0, 3.0], [0.1, 3.0, 3.0]])
    ids, first = np.array([0, 1, 3]), np.array([False, False, True])
    ADAPTIVE.follow(failures, ids, first, values, np.array([0.0, 1.0, 0.25]))
    expected = np.ones((4, 2, BINS))
    expected[0, 0, 0] = expected[0, 1, 0] = 0.8  # it lasted; in world 1 none had begun, world 3 begins anew
    np.testing.assert_allclose(failures, expected)


def test_worlds_learn_where_they_fail_with_the_same_bits_in_any_batch():
    drawn = {"min": 0.3, "max": 1.0, "default": 1.0, "sampling": "adaptive"}
    parameters = {"muscle": {"strength": {"all": drawn, "soleus_r": drawn | {"sampling": "uniform"}}}}
    short = {"environment.episode.max_seconds": 0.2}
    with worlds_with(parameters, 3, 2, **short) as three, worlds_with(parameters, 1, **short) as one:
        for _ in range(15):
            for env in (three, one):
                env.step(np.zeros((env.num_envs, env.action_dim)))
        np.testing.assert_array_equal(three.parameters[:1], one.parameters)
        missed = three._state.missed
        np.testing.assert_array_equal(missed[:1], one._state.missed)
        assert missed.shape == (3, 1, BINS) and (missed < 1.0).any(axis=(1, 2)).all()
        kept = three.snapshot()
        three._state.missed[:] = 1.0
        three.restore(kept)
        assert (three._state.missed < 1.0).any()


def test_a_parameter_that_worlds_keep_cannot_be_adaptive():
    drawn = {"min": 0.5, "max": 1.0, "default": 1.0, "sampling": "adaptive", "per": "world"}
    with pytest.raises(ConfigError, match="adaptive learns from episodes"):
        load_config("walk").replace({"environment.parameters.muscle.strength.soleus": drawn})
