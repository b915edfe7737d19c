import itertools

import numpy as np
import pytest
from scipy.optimize import lsq_linear

from batchenv.engine.coordinators.static_optimization import static_optimization, sweep_order
from tests.engine import small_worlds
from tests.engine.walking_worlds import apart, build, hang


def random_problem(seed, n_muscle=40, n_joint=7, reachable=True):
    rng = np.random.default_rng(seed)
    crossed = rng.random((n_muscle, n_joint)) < 0.4
    crossed[np.arange(n_muscle), rng.integers(n_joint, size=n_muscle)] = True
    jta = np.where(crossed, rng.normal(0, 50, crossed.shape), 0.0)
    required = jta.T @ rng.random(n_muscle) ** 3 if reachable else rng.normal(0, 2000, n_joint)
    ptr = np.concatenate([[0], np.cumsum(crossed.sum(1))]).astype(np.int32)
    return ptr, np.nonzero(crossed)[1].astype(np.int32), jta[crossed], jta, required


def solve(ptr, joint, entries, required, sweeps, lower=None, upper=None, regularization=10.0, start=None):
    n = ptr.size - 1
    a = np.zeros(n) if start is None else start.copy()
    residual, order = np.zeros(required.size), sweep_order(ptr, joint, required.size)
    static_optimization(
        order.muscle, order.number, order.entry, order.joint, entries, required, regularization,
        np.zeros(n) if lower is None else lower, np.ones(n) if upper is None else upper,
        sweeps, residual, a,
    )  # fmt: skip
    return a, residual


def exact(jta, required, lower, upper, regularization=10.0):
    n = jta.shape[0]
    matrix = np.vstack([jta.T, np.sqrt(regularization) * np.eye(n)])
    return lsq_linear(matrix, np.r_[required, np.zeros(n)], (lower, upper), tol=1e-14, max_iter=1000).x


@pytest.mark.parametrize("reachable", [True, False])
@pytest.mark.parametrize("seed", range(5))
def test_converges_to_the_minimum_that_lsq_linear_finds(seed, reachable):
    ptr, joint, entries, jta, required = random_problem(seed, reachable=reachable)
    regularization = 500.0  # well enough conditioned for a first-order method to reach the minimum
    rng = np.random.default_rng(seed + 100)
    lower = rng.uniform(0.0, 0.2, jta.shape[0])
    upper = rng.uniform(0.6, 1.0, jta.shape[0])
    a, residual = solve(ptr, joint, entries, required, 3000, lower, upper, regularization)
    # Coordinate descent converges linearly; 3,000 sweeps leave it within the solver's own tolerance.
    assert a == pytest.approx(exact(jta, required, lower, upper, regularization), abs=2e-5)
    assert residual == pytest.approx(jta.T @ a - required, abs=1e-8)


def test_a_warm_start_at_the_solution_stays_there():
    ptr, joint, entries, _, required = random_problem(3)
    solution, _ = solve(ptr, joint, entries, required, 5000, regularization=500.0)
    again, _ = solve(ptr, joint, entries, required, 1, regularization=500.0, start=solution)
    assert again == pytest.approx(solution, abs=1e-9)


def test_every_sweep_lowers_the_cost():
    ptr, joint, entries, _, required = random_problem(4, reachable=False)
    costs = []
    for sweeps in range(6):
        a, residual = solve(ptr, joint, entries, required, sweeps)
        costs.append(np.sum(residual**2) + 10.0 * np.sum(a**2))
    assert all(after <= before for before, after in itertools.pairwise(costs))
    assert costs[1] < 0.9 * costs[0]


def test_bounds_hold_even_for_a_start_outside_them():
    ptr, joint, entries, _, required = random_problem(5)
    lower, upper = np.full(40, 0.1), np.full(40, 0.3)
    a, _ = solve(ptr, joint, entries, required, 1, lower=lower, upper=upper, start=np.full(40, 7.0))
    assert (a >= lower).all() and (a <= upper).all()


def test_turns_deal_out_muscles_of_unconnected_joints_in_turn():
    ptr = np.array([0, 2, 3, 4, 6, 7], np.int32)
    joint = np.array([0, 1, 1, 2, 2, 3, 0], np.int32)  # muscles 0, 1 and 4 share joints, and 2 and 3
    order = sweep_order(ptr, joint, 4)
    assert order.muscle.tolist() == [2, 0, 3, 1, 4]
    assert order.number.tolist() == [4] * 5  # four entries at once, those of no effect behind the joints
    assert order.joint.tolist() == [[2, 4, 4, 4], [0, 1, 5, 5], [2, 3, 6, 6], [1, 7, 7, 7], [0, 4, 4, 4]]
    assert order.entry[1:, :2].tolist() == [[0, 1], [4, 5], [2, 0], [6, 0]]


def test_static_optimization_makes_the_torques_that_were_asked(body):
    worlds = build(body, 2, activation_dynamics=False, regularization=1.0)
    hang(worlds)
    worlds.set_targets(np.tile(apart(body, 0.12), (2, 1)), np.zeros((2, 14)))
    worlds.step()
    residual = np.sqrt(worlds.mean_of("residual_squared_sum"))
    strong = [name not in ("mtp_angle_r", "mtp_angle_l") for name in body.joint_names]
    assert residual[:, strong].max() < 1.0  # [Nm]
    assert np.abs(worlds.mean_of("desired_sum")).max() > 1.0


def test_a_joint_of_no_weight_is_left_to_itself(body):
    weight = np.array([0.0 if name.startswith("mtp") else 1.0 for name in body.joint_names])
    residuals = []
    for torque_weight in (None, weight):
        worlds = build(body, 1, activation_dynamics=False, torque_weight=torque_weight)
        hang(worlds)
        worlds.set_targets(apart(body, 0.3)[None], np.zeros((1, 14)))
        worlds.step()
        residuals.append(np.sqrt(worlds.mean_of("residual_squared_sum")[0]))
    toes = weight == 0.0
    assert (residuals[1][toes] > 1.1 * residuals[0][toes]).all()
    assert residuals[1][~toes].sum() < residuals[0][~toes].sum()


def first_substep(worlds, target):
    """What the first substep comes to from the same pose in all worlds.

    Returns:
        Torques that muscles make (N, J), those desired (N, J), and the activations (N, M).
    """
    body, n = worlds.body, worlds.num_worlds
    q, dq = (np.tile(x, (n, 1)) for x in small_worlds.pose(body, 3, height=0.5))
    qpos, seen = body.to_qpos(q), []
    worlds.reset(np.arange(n), qpos, body.to_qvel(qpos, dq))
    worlds.set_targets(target)

    def watch():
        made = worlds.bind("qfrc_applied") - worlds.slot("constraint_force")
        seen.append(
            (made[:, body.mujoco_dof[6:]], *(worlds.slot(x).copy() for x in ("desired", "activation")))
        )

    worlds.step(watch)
    return seen[0]


def test_static_optimization_on_way_points_finds_the_best_activations_there_are(small):
    """The problem is measured by a world for each muscle, in which it is excited alone, and one at rest."""
    torques, _, _ = first_substep(small_worlds.build(small, 7, actuator="muscle"), np.eye(7, 6))
    related = np.zeros((6, torques.shape[1]), bool)
    related[small.paths.related_muscle, small.paths.related_dof - 6] = True
    passive, jta = torques[6], np.where(related, torques[:6] - torques[6], 0.0)
    worlds = small_worlds.build(small, 1, actuator="mass", network=None, sweeps=2000)
    made, desired, activation = (x[0] for x in first_substep(worlds, small_worlds.targets(worlds, 0)))
    best = exact(jta, desired - passive, 0.0, 1.0, worlds.law.regularization)
    # 2,000 sweeps leave coordinate descent within the solver's own tolerance.
    assert activation == pytest.approx(best, abs=2e-5)
    assert activation.max() > 0.1
    knees = [worlds.body.skeleton.dof_names[6:].index(name) for name in ("TibiaR", "TibiaL")]
    assert (np.abs(made - desired)[knees] < 0.8 * np.abs(passive - desired)[knees]).all()
