import itertools

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from batchenv.engine.static_optimization import static_optimization, turns


def random_problem(seed, n_muscle=40, n_joint=7, reachable=True):
    rng = np.random.default_rng(seed)
    crossed = rng.random((n_muscle, n_joint)) < 0.4
    crossed[np.arange(n_muscle), rng.integers(n_joint, size=n_muscle)] = True
    jta = np.where(crossed, rng.normal(0, 50, crossed.shape), 0.0)
    need = jta.T @ rng.random(n_muscle) ** 3 if reachable else rng.normal(0, 2000, n_joint)
    ptr = np.concatenate([[0], np.cumsum(crossed.sum(1))]).astype(np.int32)
    return ptr, np.nonzero(crossed)[1].astype(np.int32), jta[crossed], jta, need


def solve(ptr, joint, entries, need, sweeps, lower=None, upper=None, regularization=10.0, start=None):
    n = ptr.size - 1
    a = np.zeros(n) if start is None else start.copy()
    residual, order = np.zeros(need.size), turns(ptr, joint, need.size)
    static_optimization(
        order.muscle, order.entry, order.joint, entries, need, regularization,
        np.zeros(n) if lower is None else lower, np.ones(n) if upper is None else upper,
        sweeps, residual, a,
    )  # fmt: skip
    return a, residual


def exact(jta, need, lower, upper, regularization=10.0):
    n = jta.shape[0]
    matrix = np.vstack([jta.T, np.sqrt(regularization) * np.eye(n)])
    return lsq_linear(matrix, np.r_[need, np.zeros(n)], (lower, upper), tol=1e-14, max_iter=1000).x


@pytest.mark.parametrize("reachable", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_converges_to_the_minimum_that_lsq_linear_finds(seed, reachable):
    ptr, joint, entries, jta, need = random_problem(seed, reachable=reachable)
    regularization = 500.0  # well enough conditioned for a first-order method to reach the minimum
    rng = np.random.default_rng(seed + 100)
    lower = rng.uniform(0.0, 0.2, jta.shape[0])
    upper = rng.uniform(0.6, 1.0, jta.shape[0])
    a, residual = solve(ptr, joint, entries, need, 3000, lower, upper, regularization)
    # Coordinate descent converges linearly; 3,000 sweeps leave it within the solver's own tolerance.
    assert a == pytest.approx(exact(jta, need, lower, upper, regularization), abs=2e-5)
    assert residual == pytest.approx(jta.T @ a - need, abs=1e-8)


def test_a_warm_start_at_the_solution_stays_there():
    ptr, joint, entries, _, need = random_problem(3)
    solution, _ = solve(ptr, joint, entries, need, 5000, regularization=500.0)
    again, _ = solve(ptr, joint, entries, need, 1, regularization=500.0, start=solution)
    assert again == pytest.approx(solution, abs=1e-9)


def test_every_sweep_lowers_the_cost():
    ptr, joint, entries, _, need = random_problem(4, reachable=False)
    costs = []
    for sweeps in range(6):
        a, residual = solve(ptr, joint, entries, need, sweeps)
        costs.append(np.sum(residual**2) + 10.0 * np.sum(a**2))
    assert all(after <= before for before, after in itertools.pairwise(costs))
    assert costs[1] < 0.9 * costs[0]


def test_bounds_hold_even_for_a_start_outside_them():
    ptr, joint, entries, _, need = random_problem(5)
    lower, upper = np.full(40, 0.1), np.full(40, 0.3)
    a, _ = solve(ptr, joint, entries, need, 1, lower=lower, upper=upper, start=np.full(40, 7.0))
    assert (a >= lower).all() and (a <= upper).all()


def test_turns_deal_out_muscles_of_unconnected_joints_in_turn():
    ptr = np.array([0, 2, 3, 4, 6, 7], np.int32)
    joint = np.array([0, 1, 1, 2, 2, 3, 0], np.int32)  # muscles 0, 1 and 4 share joints, and 2 and 3
    order = turns(ptr, joint, 4)
    assert order.muscle.tolist() == [2, 0, 3, 1, 4]
    assert order.joint.tolist() == [[2, 4], [0, 1], [2, 3], [1, 4], [0, 4]]
    assert order.entry[1:].tolist() == [[0, 1], [4, 5], [2, 0], [6, 0]]
