"""Forces of rows within bounds against SciPy's solver, and against conditions that they must meet."""

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from batchenv.engine.constraints import active_set
from batchenv.engine.constraints.active_set import FREE, HIGH, LOW, padded, solve_rows


def solved(w, softness, b, lower, upper, guess=FREE, solve=solve_rows):
    """Forces (n,) of rows W (n, t), and how often they were solved for."""
    n, t = w.shape
    width = padded(t + 1)
    rows, work = np.zeros((n, width)), np.full((2, t, width), np.nan)
    rows[:, :t], rows[:, t] = w, b
    force = np.zeros(n)
    side = np.full(n, guess, np.int64)
    return force, solve(rows, t, softness, lower, upper, side, side.copy(), *work, np.zeros(width), force)


@pytest.mark.parametrize("seed", range(40))
def test_forces_within_bounds_equal_those_of_scipy(seed):
    rng = np.random.default_rng(seed)
    n, t = rng.integers(1, 40, 2)
    w = rng.normal(size=(n, t)) * rng.uniform(0.05, 3.0, t)
    softness, b = rng.uniform(1e-3, 0.1, n), rng.normal(size=n)
    matrix = w @ w.T + np.diag(softness)
    lower = np.where(rng.uniform(size=n) < 0.3, -rng.uniform(0.01, 0.2, n), 0.0)
    upper = np.where(lower < 0.0, -lower, np.inf)
    factor = np.linalg.cholesky(matrix)
    expected = lsq_linear(factor.T, -np.linalg.solve(factor, b), (lower, upper), tol=1e-14).x
    guess = rng.integers(LOW, HIGH + 1, n) * (lower < 0.0)
    force, _ = solved(w, softness, b, lower, upper, guess)
    assert force == pytest.approx(expected, abs=1e-6 * np.abs(expected).max() + 1e-9)
    slack, low, high = matrix @ force + b, force <= lower, force >= upper
    assert np.abs(slack[~low & ~high]).max(initial=0.0) < 1e-9
    assert slack[low].min(initial=0.0) > -1e-9 and slack[high].max(initial=0.0) < 1e-9


def test_rows_that_all_push_are_solved_for_once():
    w, softness, upper = np.diag([1.0, 1.0, 2.0]), np.array([1.0, 2.0, 4.0]), np.full(3, np.inf)
    force, count = solved(w, softness, np.array([-1.0, -3.0, -2.0]), np.zeros(3), upper)
    assert force == pytest.approx([0.5, 1.0, 0.25], rel=1e-14) and count == 1
    force, count = solved(w, softness, np.array([-1.0, 3.0, -2.0]), np.zeros(3), upper)
    assert force == pytest.approx([0.5, 0.0, 0.25], rel=1e-14) and count == 2
    again, count = solved(w, softness, np.array([-1.0, 3.0, -2.0]), np.zeros(3), upper, [FREE, LOW, FREE])
    assert again == pytest.approx(force, rel=1e-14) and count == 1


def many_on_few(seed):
    """Rows of which hardly anything tells one from the other."""
    rng = np.random.default_rng(seed)
    w, b = rng.normal(size=(60, 8)), rng.normal(size=60)
    return w, np.full(60, 1e-4), b, np.zeros(60), np.full(60, np.inf)


@pytest.mark.parametrize("seed", range(20))
def test_many_rows_on_few_coordinates_are_solved_too(seed):
    w, softness, b, lower, upper = many_on_few(seed)
    force, count = solved(w, softness, b, lower, upper)
    slack = w @ (w.T @ force) + softness * force + b
    assert count < 20 and force.min() >= 0.0
    assert slack.min() > -1e-8 and np.abs(slack * force).max() < 1e-8 * np.abs(force).max()


@pytest.mark.parametrize("seed", range(3))
def test_rows_that_change_sides_one_at_a_time_end_where_all_at_once_do(monkeypatch, seed):
    """What is left where rows go round in circles; slower, and sure to end (Murty 1974)."""
    quick, few = solved(*many_on_few(seed))
    monkeypatch.setattr(active_set, "_MOST_STALLS", -1)
    slow, many = solved(*many_on_few(seed), solve=solve_rows.py_func)
    assert slow == pytest.approx(quick, abs=1e-8 * quick.max()) and few < many < active_set._MOST_CHANGES


def test_numbers_that_are_none_end():
    force, _ = solved(np.eye(3), np.ones(3), np.array([np.nan, 1.0, -1.0]), np.zeros(3), np.full(3, np.inf))
    assert force.shape == (3,)
