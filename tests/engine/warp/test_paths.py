"""Moments of muscles, and polynomial paths, on Warp's CPU device."""

from types import SimpleNamespace

import numpy as np
import pytest

pytest.importorskip("tests.warp_kernels", reason="needs the extra gpu")

import warp as wp

from batchenv.body import Body
from batchenv.engine import ControlLaw, Worlds
from batchenv.engine.law import describe
from batchenv.engine.record import Layout
from batchenv.engine.warp import kernels
from batchenv.engine.warp.control import make_block, moment_rows
from batchenv.engine.warp.paths import DevicePaths
from batchenv.engine.warp.worlds import WarpWorlds
from tests.engine.paths.test_polynomials import expected_paths
from tests.engine.walking_worlds import KP, stand


def rows_turned_round(model) -> tuple[np.ndarray, np.ndarray]:
    """Where rows of moments begin if the last muscle comes first, as threads of a GPU may have it (M,), and
    which moment of MuJoCo's order lies in each place (nJmom,)."""
    first = moment_rows(model)
    rows = np.split(np.arange(model.nJmom), first[1:])
    size = [len(row) for row in rows]
    return np.array([sum(size[m + 1 :]) for m in range(len(rows))]), np.concatenate(rows[::-1])


def on_device(array: np.ndarray) -> wp.array:
    return wp.array(array, dtype=int if array.dtype.kind == "i" else float, device="cpu")


def test_rows_of_moments_may_lie_in_any_order(body):
    mechanism = body.mechanism()
    law = ControlLaw("mass", *body.default_gains(KP, None))
    values = describe(mechanism, law, 3, None, measured=False)
    rng, model = np.random.default_rng(0), mechanism.model
    moment, gain = rng.normal(size=model.nJmom), rng.normal(size=(2, 80))
    turned, order = rows_turned_round(model)
    with wp.ScopedDevice("cpu"):
        block = make_block(mechanism, values, Layout.of(values.slots), scaled=False)
        jta, passive = (wp.zeros((2, len(mechanism.crossing_joint)), dtype=float) for _ in range(2))
        given = [
            *(np.array([moment, moment[order]]), np.array([moment_rows(model), turned])),
            *(np.ones((2, model.nv)), gain[[0, 0]], gain[[1, 1]]),
        ]
        wp.launch(kernels.crossing_torques, jta.shape, [block, *map(on_device, given)], [jta, passive])
    for found in (jta.numpy(), passive.numpy()):
        assert np.abs(found[0]).max() > 0.0 and np.array_equal(found[0], found[1])


def test_lengths_velocities_and_moments_are_those_of_the_polynomials(polynomial_body):
    """Those that Numba compiles equal the same twin, see `tests/engine/paths/test_polynomials.py`."""
    body, model, rng, n = polynomial_body, polynomial_body.model, np.random.default_rng(1), 3
    low, high = body.joint_range.T
    joint_pos = rng.uniform(low - 0.1, high + 0.1, (n, len(low)))  # beyond the ranges, too
    qpos = body.qpos(np.zeros((n, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)), joint_pos)
    qpos[:, body.bound_qposadr] += rng.normal(0.0, 0.01, (n, len(body.bound_qposadr)))  # couplings give way
    qvel, coupling = rng.normal(size=(n, model.nv)), np.ones((n, model.nv))
    coupling[:, body.bound_dofadr] = body.bound_slope(joint_pos)
    rows = rows_turned_round(model)[0]
    with wp.ScopedDevice("cpu"):
        d = SimpleNamespace(
            **{name: on_device(array) for name, array in {"qpos": qpos, "qvel": qvel}.items()},
            moment_rowadr=on_device(np.tile(rows, (n, 1))),
            moment_rownnz=wp.zeros((n, 80), dtype=int),
            moment_colind=wp.zeros((n, model.nJmom), dtype=int),
            actuator_moment=wp.full((n, model.nJmom), 9.0, dtype=float),
            **{f"actuator_{name}": wp.zeros((n, 80), dtype=float) for name in ("length", "velocity")},
        )
        DevicePaths(body.mechanism(), n)(d, on_device(coupling))
    number, dof, value = (
        getattr(d, name).numpy() for name in ("moment_rownnz", "moment_colind", "actuator_moment")
    )
    dense = np.zeros((n, 80, model.nv))
    for world, m in np.ndindex(n, 80):
        row = slice(rows[m], rows[m] + number[world, m])
        dense[world, m, dof[world, row]] = value[world, row]
    length, moments = expected_paths(body, qpos)
    np.testing.assert_allclose(d.actuator_length.numpy(), length, rtol=0, atol=1e-5)
    np.testing.assert_allclose(dense, moments, rtol=0, atol=1e-5)
    velocity = (moments * qvel[:, None]).sum(axis=-1)
    np.testing.assert_allclose(d.actuator_velocity.numpy(), velocity, rtol=0, atol=1e-5)


@pytest.mark.slow
def test_worlds_with_polynomials_move_as_those_of_numba(polynomial_body: Body):
    law = ControlLaw("mass", *polynomial_body.default_gains(KP, None))
    both = Worlds(polynomial_body, law, 2, 3, 1), WarpWorlds(polynomial_body, law, 2, 3, "cpu")
    for each in both:
        stand(each)
        each.set_targets(np.full_like(each.slot("target"), 0.2))
        each.step()
    numba, warp = both
    np.testing.assert_allclose(warp.qpos, numba.qpos, rtol=0, atol=1e-5)
    np.testing.assert_allclose(warp.act, numba.act, rtol=0, atol=1e-4)
