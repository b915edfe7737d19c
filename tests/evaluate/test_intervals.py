"""Confidence intervals of differences between pairs."""

import numpy as np
import pytest
from scipy.stats import t

from batchenv.evaluate.intervals import paired


def test_what_differs_alike_in_all_pairs_has_no_interval():
    before = np.array([1.0, 5.0, 2.0])
    assert paired(before, before - 0.5) == pytest.approx((-0.5, -0.5, -0.5))


def test_the_interval_of_many_pairs_is_that_of_students_t():
    before, noise = np.random.default_rng(1).normal(0.0, [[10.0], [0.3]], (2, 200))
    difference = 1.0 + noise
    mean, low, high = paired(before, before + difference)
    half = t.ppf(0.975, 199) * difference.std(ddof=1) / np.sqrt(200)
    assert mean == pytest.approx(difference.mean())
    # 10,000 draws find the ends within 5 % of the width.
    assert (mean - low, high - mean) == pytest.approx((half, half), rel=0.1)
    assert paired(before, before + difference) == (mean, low, high)
