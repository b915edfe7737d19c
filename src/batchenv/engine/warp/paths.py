"""Polynomial muscle paths on a Warp device: what `batchenv.engine.paths.polynomials` computes, in float32."""

# Warp compiles annotations and calls that Pyright reads as plain Python.
# pyright: reportArgumentType=false, reportCallIssue=false, reportIndexIssue=false, reportOperatorIssue=false
# pyright: reportInvalidTypeForm=false, reportGeneralTypeIssues=false, reportAttributeAccessIssue=false
# pyright: reportAssignmentType=false
# ruff: noqa: UP018 -- a number that a loop of Warp's changes must not be a literal

from itertools import accumulate
from math import comb
from typing import Any

import numpy as np
import warp as wp
from mujoco_warp._src.types import vec5

from batchenv.body.bound_arms import DEGREE as BOUND_DEGREE
from batchenv.body.mechanism import Mechanism
from batchenv.body.path_pieces import graded_exponents
from batchenv.body.polynomial_fit import MOST_JOINTS

wp.set_module_options({"enable_backward": False})

BOUND_TERMS = wp.constant(BOUND_DEGREE + 1)


@wp.struct
class Polynomials:
    """The polynomials of a body, for P muscles over J joints.

    Pieces have up to four joints; where they have fewer, the others have power 0. Lists of lists as in
    `Block`.
    """

    width: int
    # joints
    center: wp.array(dtype=float)
    half: wp.array(dtype=float)
    qposadr: wp.array(dtype=int)
    # muscles: their dofs, in the order of their rows of moments
    muscle: wp.array(dtype=int)
    dof_ptr: wp.array(dtype=int)
    dof: wp.array(dtype=int)
    # pieces: joints, their places in the muscle's row, first exponents and coefficients
    piece_ptr: wp.array(dtype=int)
    joint: wp.array2d(dtype=int)
    place: wp.array2d(dtype=int)
    exponent_at: wp.array(dtype=int)
    coefficient_ptr: wp.array(dtype=int)
    coefficient: wp.array(dtype=float)
    exponent: wp.array2d(dtype=int)
    # moment arms on bound joints
    bound_ptr: wp.array(dtype=int)
    bound: wp.array(dtype=int)
    driver: wp.array(dtype=int)
    bound_place: wp.array2d(dtype=int)
    bound_coefficient: wp.array2d(dtype=float)
    # all bound joints
    bound_qposadr: wp.array(dtype=int)
    bound_dofadr: wp.array(dtype=int)
    bound_q0: wp.array(dtype=float)
    bound_driver_q0: wp.array(dtype=float)
    bound_coef: wp.array2d(dtype=float)


@wp.kernel
def legendre(p: Polynomials, qpos: wp.array2d[float], power: wp.array3d[float], slope: wp.array3d[float]):
    """Legendre polynomials of each joint's place in its range, and their slopes [1/rad] (N, J, width)."""
    world, j = wp.tid()
    x = (qpos[world, p.qposadr[j]] - p.center[j]) / p.half[j]
    rate = 1.0 / p.half[j]
    if x < -1.0 or x > 1.0:
        rate = 0.0
    x = wp.min(1.0, wp.max(-1.0, x))
    power[world, j, 0] = 1.0
    slope[world, j, 0] = 0.0
    power[world, j, 1] = x
    slope[world, j, 1] = rate
    for k in range(1, p.width - 1):
        n = float(k)
        this = power[world, j, k]
        power[world, j, k + 1] = ((2.0 * n + 1.0) * x * this - n * power[world, j, k - 1]) / (n + 1.0)
        slope[world, j, k + 1] = slope[world, j, k - 1] + (2.0 * n + 1.0) * this * rate


@wp.func
def piece_sums(
    p: Polynomials, q: int, world: int, power: wp.array3d[float], slope: wp.array3d[float]
) -> vec5:
    """Slopes of a piece's length by each of its joints, and at the end the length."""
    j0, j1, j2, j3 = p.joint[q, 0], p.joint[q, 1], p.joint[q, 2], p.joint[q, 3]
    total = vec5()
    for t in range(p.coefficient_ptr[q + 1] - p.coefficient_ptr[q]):
        e = p.exponent_at[q] + t
        e0, e1, e2, e3 = p.exponent[e, 0], p.exponent[e, 1], p.exponent[e, 2], p.exponent[e, 3]
        c = p.coefficient[p.coefficient_ptr[q] + t]
        a, b = power[world, j0, e0], power[world, j1, e1]
        front, back = c * a * b, power[world, j2, e2] * power[world, j3, e3]
        total[0] += c * slope[world, j0, e0] * b * back
        total[1] += c * a * slope[world, j1, e1] * back
        total[2] += front * slope[world, j2, e2] * power[world, j3, e3]
        total[3] += front * power[world, j2, e2] * slope[world, j3, e3]
        total[4] += front * back
    return total


@wp.kernel
def polynomial_paths(
    p: Polynomials,
    # data
    qpos: wp.array2d[float],
    qvel: wp.array2d[float],
    coupling: wp.array2d[float],
    power: wp.array3d[float],
    slope: wp.array3d[float],
    rowadr: wp.array2d[int],
    # out
    length: wp.array2d[float],
    velocity: wp.array2d[float],
    moment: wp.array2d[float],
    rownnz: wp.array2d[int],
    colind: wp.array2d[int],
):
    """Length, velocity and moments of each muscle that has polynomials (N, P).

    Args:
        coupling: dq_dof / dq_joint of each dof (N, nv).
        power, slope: see `legendre`.
        rowadr: where the moments of each muscle begin (N, M).
    """
    world, i = wp.tid()
    m = p.muscle[i]
    row = rowadr[world, m]
    number = p.dof_ptr[i + 1] - p.dof_ptr[i]
    for k in range(number):
        moment[world, row + k] = 0.0
        colind[world, row + k] = p.dof[p.dof_ptr[i] + k]
    rownnz[world, m] = number
    total = float(0.0)
    for q in range(p.piece_ptr[i], p.piece_ptr[i + 1]):
        sums = piece_sums(p, q, world, power, slope)
        total += sums[4]
        for k in range(4):
            place = p.place[q, k]
            if place >= 0:
                moment[world, row + place] = moment[world, row + place] + sums[k]
    for k in range(p.bound_ptr[i], p.bound_ptr[i + 1]):
        b, j = p.bound[k], p.driver[k]
        x = qpos[world, p.qposadr[j]] - p.bound_driver_q0[b]
        c0, c1, c2, c3 = p.bound_coef[b, 0], p.bound_coef[b, 1], p.bound_coef[b, 2], p.bound_coef[b, 3]
        expected = c0 + x * (c1 + x * (c2 + x * (c3 + x * p.bound_coef[b, 4])))
        given = qpos[world, p.bound_qposadr[b]] - p.bound_q0[b] - expected
        arm = float(0.0)
        change = float(0.0)
        for e in range(BOUND_TERMS):
            arm += p.bound_coefficient[k, e] * power[world, j, e]
            change += p.bound_coefficient[k, e] * slope[world, j, e]
        total += arm * given
        own, driven = row + p.bound_place[k, 0], row + p.bound_place[k, 1]
        moment[world, own] = moment[world, own] + arm
        turned = change * given - arm * coupling[world, p.bound_dofadr[b]]
        moment[world, driven] = moment[world, driven] + turned
    length[world, m] = total
    rate = float(0.0)
    for k in range(number):
        rate += moment[world, row + k] * qvel[world, colind[world, row + k]]
    velocity[world, m] = rate


class DevicePaths:
    """The polynomials of a body on the current device, and room for what all muscles share.

    Args:
        mechanism: has polynomials.
        num_worlds: N.
    """

    def __init__(self, mechanism: Mechanism, num_worlds: int):
        self._polynomials, width = _polynomials(mechanism)
        n_joint = len(mechanism.joint_names)
        self._joints = (num_worlds, n_joint)
        self._muscles = (num_worlds, self._polynomials.muscle.shape[0])
        self._power, self._slope = (wp.zeros((num_worlds, n_joint, width), dtype=float) for _ in range(2))

    def __call__(self, d: Any, coupling: Any) -> None:
        """Launch the paths: they overwrite what MuJoCo Warp filled by the stand-ins for tendons.

        Args:
            d: MuJoCo Warp's data.
            coupling: dq_dof / dq_joint of each dof (N, nv).
        """
        p, shared = self._polynomials, [self._power, self._slope]
        wp.launch(legendre, self._joints, [p, d.qpos], shared)
        out = [d.actuator_length, d.actuator_velocity, d.actuator_moment, d.moment_rownnz, d.moment_colind]
        wp.launch(
            polynomial_paths, self._muscles, [p, d.qpos, d.qvel, coupling, *shared, d.moment_rowadr], out
        )


def _polynomials(mechanism: Mechanism) -> tuple[Any, int]:
    """Copy the polynomials of a body to the current device; also how many of a joint there are at most."""
    paths, moments, model = mechanism.polynomials, mechanism.moments, mechanism.model
    assert paths is not None and moments is not None
    fitted, bound = np.flatnonzero(paths.degree), paths.bound
    first = np.concatenate([[0], np.cumsum(moments.kept_number)])
    dofs = {m: moments.kept_dof[first[m] : first[m + 1]].tolist() for m in fitted.tolist()}
    pieces = [(m, piece) for m in dofs for piece in paths.pieces[m]]
    degree = int(paths.degree.max(initial=1))
    exponents = [_padded(graded_exponents(k, degree), 0) for k in range(1, MOST_JOINTS + 1)]
    exponent_at = [0, *accumulate(map(len, exponents))]
    joint_dof = mechanism.joint_dofadr
    bound_qposadr = model.jnt_qposadr[model.dof_jntid[mechanism.bound_dofadr]]
    found: dict[str, Any] = {
        "center": paths.center,
        "half": paths.half,
        "qposadr": mechanism.joint_qposadr,
        "muscle": fitted,
        "dof_ptr": _ends(len(own) for own in dofs.values()),
        "dof": [dof for own in dofs.values() for dof in own],
        "piece_ptr": _ends(len(paths.pieces[m]) for m in dofs),
        "joint": _padded([piece for _, piece in pieces], 0),
        "place": _padded([[dofs[m].index(joint_dof[j]) for j in piece] for m, piece in pieces], -1),
        "exponent_at": [exponent_at[len(piece) - 1] for _, piece in pieces],
        "coefficient_ptr": _ends(comb(len(piece) + int(paths.degree[m]), len(piece)) for m, piece in pieces),
        "coefficient": np.concatenate([np.zeros(0), *(paths.coefficients[m] for m in dofs)]),
        "exponent": np.concatenate(exponents),
        "bound_ptr": _ends(np.count_nonzero(bound.muscle == m) for m in dofs),
        "bound": bound.bound,
        "driver": bound.driver,
        "bound_place": [
            [dofs[m].index(mechanism.bound_dofadr[b]), dofs[m].index(joint_dof[j])]
            for m, b, j in zip(bound.muscle.tolist(), bound.bound, bound.driver, strict=True)
        ],
        "bound_coefficient": bound.coefficients,
        "bound_qposadr": bound_qposadr,
        "bound_dofadr": mechanism.bound_dofadr,
        "bound_q0": model.qpos0[bound_qposadr],
        "bound_driver_q0": mechanism.bound_driver_q0,
        "bound_coef": np.reshape(mechanism.bound_coef, (-1, 5)),
    }
    block, width = Polynomials(), max(degree, BOUND_DEGREE) + 1
    block.width = width
    for name, values in found.items():
        kind = Polynomials.vars[name].type
        array = np.asarray(values)
        setattr(block, name, wp.array(array if array.size else np.zeros((0,) * kind.ndim), dtype=kind.dtype))
    return block, width


def _ends(sizes: Any) -> list[int]:
    """Where lists of these sizes begin one after another, and the end of the last."""
    return [0, *accumulate(int(size) for size in sizes)]


def _padded(rows: Any, value: int) -> np.ndarray:
    """Rows of up to four numbers, filled up (n, 4)."""
    return np.array([[*row, *[value] * (MOST_JOINTS - len(row))] for row in rows], np.int32)
