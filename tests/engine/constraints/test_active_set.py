"""Forces of contacts and limits against MuJoCo's own solver, SciPy's, and plain twins."""

import mujoco
import numpy as np
import pytest
from scipy.optimize import lsq_linear

from batchenv.body.gaitnet import quat_from_vector, quat_product, vector_from_quat
from batchenv.engine.block import SUBSTEP_AT
from batchenv.engine.gaitnet import constraints
from batchenv.engine.gaitnet.constraints import FREE, HIGH, LOW, padded, solve_rows
from batchenv.engine.gaitnet.law import controlled_model
from batchenv.engine.gaitnet.resistance import coordinate_rates, limit_rows
from tests.body.gaitnet.small_gaitnet import small_body
from tests.engine.gaitnet.small_worlds import WITH_HEAD, build, drive, pose, stand

SPEC = int(mujoco.mjtState.mjSTATE_INTEGRATION)


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
    monkeypatch.setattr(constraints, "_PATIENCE", -1)
    slow, many = solved(*many_on_few(seed), solve=solve_rows.py_func)
    assert slow == pytest.approx(quick, abs=1e-8 * quick.max()) and few < many < constraints._CHANGES


def test_numbers_that_are_none_end():
    force, _ = solved(np.eye(3), np.ones(3), np.array([np.nan, 1.0, -1.0]), np.zeros(3), np.full(3, np.inf))
    assert force.shape == (3,)


def mujocos_own(worlds, state, applied):
    """Constraint forces (nv,) that MuJoCo finds for a state row, and the number of rows."""
    model = worlds.model
    data = mujoco.MjData(model)
    mujoco.mj_setState(model, data, state, SPEC)
    data.userdata[:] = 0.0  # the callback takes it for no world of ours
    data.qfrc_applied[:] = applied
    mujoco.mj_forward(model, data)
    return data.qfrc_constraint, data.nefc


@pytest.mark.parametrize("friction", ["", ' friction="3"'])
def test_forces_equal_those_of_mujocos_solver(tmp_path, friction):
    """MuJoCo's cones for ball joints are not ours: they are taken out, the limits of hinges stay."""
    text = WITH_HEAD.replace('type="Ball" ', 'type="Ball"' + friction + " ")
    body = small_body(tmp_path, text)
    worlds = build(body, 6, actuator="mass_lower")
    worlds.model.opt.tolerance = 1e-15
    worlds._block.arrays["ball_lower"][:], worlds._block.arrays["ball_upper"][:] = -np.inf, np.inf
    stand(worlds)
    applied, counts = worlds.bind("qfrc_applied"), []
    for _ in range(25):
        worlds.batch.bind("userdata")[:, SUBSTEP_AT] = 0.0
        states = worlds.batch.state.copy()
        worlds.batch.step(nstep=1)
        ours = worlds.slot("constraint_force").copy()
        for world, state in enumerate(states):
            expected, rows = mujocos_own(worlds, state, applied[world] - ours[world])
            assert ours[world] == pytest.approx(expected, abs=1e-7 * np.abs(expected).max() + 1e-9)
            counts.append(rows)
        drive(worlds, 1)
    assert max(counts) > 15 and len(set(counts)) > 4


def test_coordinates_change_with_velocity_as_the_exponential_says():
    rng, step, rates = np.random.default_rng(0), 1e-6, np.zeros((3, 3))
    for vector in [*rng.uniform(-1.7, 1.7, (20, 3)), np.zeros(3), np.full(3, 1e-5)]:
        coordinate_rates(*vector, rates)
        quat = quat_from_vector(vector)
        turns = [quat_product(quat, quat_from_vector(s * step * e)) for e in np.eye(3) for s in (1, -1)]
        ends = np.array([vector_from_quat(turn) for turn in turns])
        slopes = (ends[::2] - ends[1::2]) / (2 * step)
        assert slopes == pytest.approx(rates.T, abs=1e-8)


def test_limits_of_balls_are_as_soft_as_those_of_hinges(small):
    """A turn about one axis alone is that of a hinge."""
    model = controlled_model(small, 1 / 480, 0)
    knee = small.skeleton.index("TibiaR")
    data, dof = mujoco.MjData(model), small.dofadr[knee]
    worlds = build(small, 1)
    softness, limit = worlds._block.arrays["limit_softness"], float(model.jnt_range[knee, 1])
    for depth in (1e-5, 3e-4, 7e-4, 0.02):
        q = np.zeros((1, small.skeleton.num_dof))
        q[0, 3:6], q[0, small.skeleton.dof_start[knee]] = (0, 2, 0), limit + depth
        data.qpos[:], data.qvel[dof] = small.to_qpos(q)[0], 0.4
        mujoco.mj_forward(model, data)
        row = int(np.flatnonzero(data.efc_type == mujoco.mjtConstraint.mjCNSTR_LIMIT_JOINT)[0])
        lower, upper = np.full((1, 3), -np.inf), np.full((1, 3), np.inf)
        upper[0, 0] = limit
        ptr, column, value = np.zeros(2, np.int64), np.zeros(3, np.int64), np.zeros(3)
        regulariser, reference = np.zeros(1), np.zeros(1)
        limit_rows(
            softness, lower, upper, model.dof_invweight0[[dof]], np.array([dof]),
            np.array([[limit + depth, 0, 0]]), data.qvel, 0, ptr, column, value, regulariser, reference,
        )  # fmt: skip
        assert value.tolist() == [-1.0, 0.0, 0.0] and column.tolist() == [dof, dof + 1, dof + 2]
        assert regulariser[0] == pytest.approx(data.efc_R[row], rel=1e-12)
        assert reference[0] == pytest.approx(data.efc_aref[row], rel=1e-9)


def test_each_coordinate_of_a_ball_has_its_own_limit(small):
    """A torque about one axis of the hip presses it to that limit, whatever its other coordinates may."""
    hip = int(small.dofadr[small.skeleton.index("FemurR")])
    lower, upper = small.skeleton.lower[hip : hip + 3], small.skeleton.upper[hip : hip + 3]
    assert upper[1] < 0.6 * upper[0]
    worlds = build(small, 3, actuator="tor")
    q, dq = np.zeros((2, 3, small.skeleton.num_dof))
    q[:, 4] = 20.0
    qpos = small.to_qpos(q)
    worlds.reset(np.arange(3), qpos, small.to_qvel(qpos, dq))
    torque = np.zeros((3, small.skeleton.num_dof))
    torque[range(3), [hip, hip + 1, hip + 2]] = 60.0, 60.0, -60.0
    worlds.set_targets(torque)
    for _ in range(48):
        worlds.step()
    reached = small.from_qpos(worlds.qpos)[:, hip : hip + 3]
    pressed = np.array([upper[0], upper[1], lower[2]])
    assert np.abs(np.diag(reached) - pressed).max() < 0.05
    assert (reached < upper + 0.1).all() and (reached > lower - 0.1).all()


@pytest.mark.parametrize("flag", ["mjDSBL_CONSTRAINT", "mjDSBL_LIMIT"])
def test_mujocos_flags_switch_limits_off(small, monkeypatch, flag):
    def flagged(*args):
        model = controlled_model(*args)
        model.opt.disableflags |= getattr(mujoco.mjtDisableBit, flag)
        return model

    q, _ = pose(small, 0, height=5.0)
    q[small.skeleton.dof_start[small.skeleton.index("FemurR")] + 1] = 0.8
    felt = []
    for build_model in (controlled_model, flagged):
        monkeypatch.setattr("batchenv.engine.gaitnet.worlds.controlled_model", build_model)
        worlds = build(small, 1, actuator="tor")
        worlds.reset(np.arange(1), small.to_qpos(q[None]), np.zeros((1, worlds.model.nv)))
        worlds.set_targets(np.zeros((1, small.skeleton.num_dof)))
        worlds.step()
        felt.append(worlds.slot("constraint_force").any())
    assert felt == [True, False]
