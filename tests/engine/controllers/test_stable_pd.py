import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet import quat_from_vector, quat_inverse, quat_product, vector_from_quat
from batchenv.engine.controllers.stable_pd import (
    LANES,
    ball_coordinates,
    factor_inertia,
    position_errors,
    quaternion,
    rotation_vector,
    solve_tree,
    stable_pd,
)
from tests.engine.small_worlds import adapted_model, pose

DT = 1 / 480


def forward(body, world=0):
    """A model as worlds have it, and its data in a pose; the velocities are MuJoCo's."""
    model = adapted_model(body)
    data = mujoco.MjData(model)
    q, dq = pose(body, world)
    data.qpos[:] = body.to_qpos(q)
    data.qvel[:] = body.to_qvel(data.qpos, dq)
    mujoco.mj_forward(model, data)
    return model, data


def dense(model, values):
    """Symmetric matrix (nv, nv) of MuJoCo's sparse rows of its lower triangle."""
    matrix = np.zeros((model.nv, model.nv))
    for k in range(model.nv):
        at = slice(model.M_rowadr[k], model.M_rowadr[k] + model.M_rownnz[k])
        matrix[k, model.M_colind[at]] = matrix[model.M_colind[at], k] = values[at]
    return matrix


def factorised(model, data, diagonal):
    width = -(-int(model.M_rownnz.max()) // LANES) * LANES
    factor = np.zeros(model.nC)
    tree = model.M_rownnz, model.M_rowadr, model.M_colind
    factor_inertia(data.M, diagonal, *tree, np.full((model.nv, width), np.nan), factor)
    return tree, factor


def test_the_factorisation_solves_what_a_dense_one_solves(small):
    model, data = forward(small)
    rng = np.random.default_rng(0)
    diagonal, right = rng.uniform(0.0, 1.0, model.nv), rng.normal(size=model.nv)
    tree, factor = factorised(model, data, diagonal)
    x = right.copy()
    solve_tree(*tree, factor, x)
    plain = np.linalg.solve(dense(model, data.M) + np.diag(diagonal), right)
    assert x == pytest.approx(plain, rel=1e-10)


def test_exponential_coordinates_equal_their_plain_twins():
    rng = np.random.default_rng(1)
    for vector in [*rng.uniform(-1.7, 1.7, (50, 3)), np.zeros(3), np.full(3, 1e-14), [np.pi, 0, 0]]:
        quat = np.array(quaternion(*vector))
        assert quat == pytest.approx(quat_from_vector(np.asarray(vector)), abs=1e-15)
        assert rotation_vector(*quat) == pytest.approx(vector_from_quat(quat), abs=1e-14)
        assert rotation_vector(*-quat) == pytest.approx(vector_from_quat(quat), abs=1e-14)


def plain_errors(body, qpos, qvel, target):
    """NumPy twin of `position_errors`."""
    ahead = body.from_qpos(qpos) + DT * body.from_qvel(qpos, qvel)
    errors = ahead - target
    for kind, start in zip(body.skeleton.joint_type, body.skeleton.dof_start, strict=True):
        at = slice(start, start + 3)
        if kind == "ball":
            way = quat_product(quat_inverse(quat_from_vector(target[at])), quat_from_vector(ahead[at]))
            errors[at] = vector_from_quat(way)
    errors[:6] = 0.0
    return errors


def test_torques_equal_those_of_a_dense_plain_twin(small):
    model, data = forward(small, 3)
    rng, n, skeleton = np.random.default_rng(2), model.nv, small.skeleton
    target, constraint = rng.uniform(-0.5, 0.5, n), rng.normal(0.0, 20.0, n)
    external, kp, kv = rng.normal(0.0, 5.0, n - 6), skeleton.kp.copy(), skeleton.kv.copy()
    kp[:6] = kv[:6] = 0.0
    kind = np.array(skeleton.joint_type)
    ball, hinge = kind == "ball", kind == "revolute"
    quats = np.array([quat_from_vector(target[d : d + 3]) for d in small.dofadr[ball]])
    error, torque = np.zeros((2, n))
    coordinates = np.zeros((ball.sum(), 3))
    ball_coordinates(small.qposadr[ball], data.qpos, coordinates)
    position_errors(
        small.dofadr[ball], small.qposadr[hinge], small.dofadr[hinge], DT,
        data.qpos, coordinates, data.qvel, target, quats, error,
    )  # fmt: skip
    assert error == pytest.approx(plain_errors(small, data.qpos, data.qvel, target), abs=1e-13)
    tree, factor = factorised(model, data, DT * kv - model.dof_armature)
    stable_pd(
        kp, kv, DT, *tree, factor, data.qfrc_bias, constraint, small.mujoco_dof[6:], external,
        data.qvel, error, np.zeros(n), torque,
    )  # fmt: skip
    inertia = dense(model, data.M) - np.diag(model.dof_armature)
    law = -kp * error - kv * data.qvel
    pushed = constraint + np.r_[np.zeros(6), external]
    acc = np.linalg.solve(inertia + np.diag(DT * kv), law - data.qfrc_bias + pushed)
    assert torque == pytest.approx(law - DT * kv * acc, rel=1e-9, abs=1e-9)
    assert not torque[:6].any() and np.abs(torque).max() > 1.0


def test_counting_damping_among_the_inertia_integrates_as_mujoco_does(small):
    ours, plain = adapted_model(small), small.model()
    ends = []
    for model in (ours, plain):
        data = mujoco.MjData(model)
        q, dq = pose(small, 1, height=2.0)
        data.qpos[:] = small.to_qpos(q)
        data.qvel[:] = small.to_qvel(data.qpos, dq)
        for _ in range(20):
            mujoco.mj_step(model, data)
        ends.append(np.r_[data.qpos, data.qvel])
    assert (plain.dof_damping > 0).all()
    assert ends[0] == pytest.approx(ends[1], abs=1e-10)
