"""Loads on the knees from step to step, against arithmetic by hand."""

import numpy as np
import pytest

from batchenv.tasks.gaitnet.knees import follow_knees
from batchenv.tasks.gaitnet.terminations import overloaded


def state():
    """Load, peak and cycled of two worlds."""
    return np.zeros(2), np.array([2.5, 2.5]), np.zeros(2, bool)


def test_load_is_a_mean_and_the_peak_is_of_the_cycle():
    load, peak, cycled = state()
    log = np.array([[[1000.0, 3000.0], [2000.0, 0.0]]] * 2)
    follow_knees(log, np.array([False, True]), load, peak, cycled, quirks=False)
    assert load.tolist() == [1.5, 1.5] and peak.tolist() == [3.0, 3.0] and cycled.tolist() == [False, True]
    follow_knees(0.5 * log, np.array([False, True]), load, peak, cycled, quirks=False)
    assert load.tolist() == [0.75, 0.75] and peak.tolist() == [3.0, 1.5]


def test_with_quirks_the_last_substep_counts_alone_once_a_cycle_is_over():
    load, peak, cycled = state()
    log = np.array([[[1000.0, 3000.0], [2000.0, 0.0]]] * 2)
    follow_knees(log, np.array([False, True]), load, peak, cycled, quirks=True)
    assert load.tolist() == [1.0, 1.0] and peak.tolist() == [3.0, 2.0]
    follow_knees(0.5 * log, np.array([False, False]), load, peak, cycled, quirks=True)
    assert peak.tolist() == [3.0, 1.0]


@pytest.mark.parametrize(("peak", "step", "ends"), [(8.1, 101, True), (8.1, 100, False), (7.9, 500, False)])
def test_too_much_load_ends_an_episode_that_is_no_longer_young(peak: float, step: int, ends: bool):
    assert overloaded(np.array([peak]), np.array([step])).tolist() == [ends]
