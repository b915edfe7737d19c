"""Contacts and limits in a substep, compiled: rows, their forces, and the generalised forces of those.

MuJoCo finds the contacts and makes the rows of contacts, of hinges' limits and of friction. Limits of ball
joints are made here, for MuJoCo has a cone where each exponential coordinate is limited by itself here; they
are as soft as MuJoCo's (`getimpedance`, with its default curve of power 2).
"""

# `inline="always"`: Numba optimises whatever a function calls once more for each level above it, and this
# chain of calls is long; levels that are spared are seconds of compilation.

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import math

import mujoco
import numba
import numpy as np

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import inner
from batchenv.engine.constraints.active_set import (
    guess_sides,
    half_solve,
    half_solve_one,
    list_touched,
    padded,
    scatter,
    solve_rows,
    spread,
    whiten,
)
from batchenv.engine.fields import (
    DISABLE,
    EFC_COLIND,
    EFC_FORCE,
    EFC_FRICTIONLOSS,
    EFC_JACOBIAN,
    EFC_REFERENCE,
    EFC_REGULARISER,
    EFC_ROWADR,
    EFC_ROWNNZ,
    EFC_TYPE,
    FACTOR,
    FACTOR_DIAGONAL,
    M_COLIND,
    M_ROWADR,
    M_ROWNNZ,
    NEFC,
    QACC_WARMSTART,
    QFRC_APPLIED,
    QFRC_BIAS,
    QFRC_PASSIVE,
    QVEL,
    f64,
    i32,
    shared_f64,
    shared_f64_2d,
    shared_u32,
)
from batchenv.engine.memory import carray, i32_pointer, stack_f64, stack_i64
from batchenv.engine.record import SUBSTEP_AT, Part, Values
from batchenv.engine.recorders.joint_loads import keep_contact_forces
from batchenv.engine.recorders.logs import log_forces

PART = Part(
    numbers={"n_ball": np.int64, "n_nonzero": np.int64},
    arrays={
        "ball_qposadr": np.uint32,
        "ball_dofadr": np.uint32,
        "ball_lower": np.float64,
        "ball_upper": np.float64,
        "ball_weight": np.float64,
        "limit_softness": np.float64,
    },
    slots=("constraint_force",),
)

_NO_LIMITS = int(mujoco.mjtDisableBit.mjDSBL_CONSTRAINT | mujoco.mjtDisableBit.mjDSBL_LIMIT)
_EQUALITY = int(mujoco.mjtConstraint.mjCNSTR_EQUALITY)
_FRICTION = int(mujoco.mjtConstraint.mjCNSTR_FRICTION_DOF)


def values(mechanism: Mechanism) -> Values:
    """Describe the limits of ball joints, as soft as MuJoCo's own limits are."""
    model = mechanism.model
    time, damping = model.jnt_solref[0]
    least, most, width = model.jnt_solimp[0, :3]
    time = max(time, 2.0 * model.opt.timestep)
    return Values(
        numbers={"n_ball": mechanism.ball_dofadr.size, "n_nonzero": model.nC},
        arrays={
            "ball_qposadr": mechanism.ball_qposadr,
            "ball_dofadr": mechanism.ball_dofadr,
            "ball_lower": mechanism.ball_lower,
            "ball_upper": mechanism.ball_upper,
            "ball_weight": model.dof_invweight0[mechanism.ball_dofadr],
            "limit_softness": np.array(
                [1.0 / (most * time * damping) ** 2, 2.0 / (most * time), least, most, width]
            ),
        },
        slots={"constraint_force": (model.nv,)},
    )


@numba.njit(error_model="numpy")
def coordinate_rates(x, y, z, rates):
    """How exponential coordinates change with the angular velocity in the moving frame, (3, 3).

    The inverse of the right Jacobian of SO(3) (Chirikjian 2011): 1 + [q]/2 + c [q]^2.
    """
    square = x * x + y * y + z * z
    if square < 1e-8:
        c = 1.0 / 12.0
    else:
        angle = math.sqrt(square)
        c = 1.0 / square - (1.0 + math.cos(angle)) / (2.0 * angle * math.sin(angle))
    rates[0, 0], rates[1, 1], rates[2, 2] = (
        1.0 - c * (y * y + z * z),
        1.0 - c * (x * x + z * z),
        1.0 - c * (x * x + y * y),
    )
    rates[0, 1], rates[1, 0] = c * x * y - 0.5 * z, c * x * y + 0.5 * z
    rates[0, 2], rates[2, 0] = c * x * z + 0.5 * y, c * x * z - 0.5 * y
    rates[1, 2], rates[2, 1] = c * y * z - 0.5 * x, c * y * z + 0.5 * x


@numba.njit(error_model="numpy")
def impedance(softness, depth):
    """Impedance of a constraint at a depth, between 0 and 1: MuJoCo's curve of power 2 and midpoint 1/2."""
    least, most, width = softness[2], softness[3], softness[4]
    x = min(1.0, depth / width)
    y = 2.0 * x * x if x <= 0.5 else 1.0 - 2.0 * (1.0 - x) * (1.0 - x)
    return least + y * (most - least)


@numba.njit(error_model="numpy")
def count_limits(lower, upper, coordinates):
    """Number of limits of ball joints that are exceeded; arguments as of `limit_rows`."""
    count = 0
    for b in range(coordinates.shape[0]):
        for i in range(3):
            count += coordinates[b, i] < lower[b, i] or coordinates[b, i] > upper[b, i]
    return count


@numba.njit(error_model="numpy")
def limit_rows(
    # limits
    softness,
    lower,
    upper,
    weight,
    dofadr,
    # state
    coordinates,
    qvel,
    # out
    r,
    ptr,
    column,
    value,
    regulariser,
    reference,
):
    """Rows of the limits of ball joints that are exceeded, from row r on.

    Args:
        softness: stiffness K, damping B, least and greatest impedance and the depth between them (5,).
        lower, upper: of each exponential coordinate, infinite where it has none (B, 3) [rad].
        weight: inverse inertia of each joint at rest (B,).
        dofadr: of each joint (B,).
        coordinates: exponential ones (B, 3) [rad].
        ptr, column, value: out, the rows in compressed form.
        regulariser, reference: out, R and aref of each row.
    """
    rates = carray(stack_f64(9), (3, 3))
    for b in range(dofadr.size):
        d = dofadr[b]
        x, y, z = coordinates[b, 0], coordinates[b, 1], coordinates[b, 2]
        for i in range(3):
            below, above = lower[b, i] - coordinates[b, i], coordinates[b, i] - upper[b, i]
            if below > 0.0 or above > 0.0:
                coordinate_rates(x, y, z, rates)
                sign, depth = (1.0, below) if below > 0.0 else (-1.0, above)
                velocity = 0.0
                for j in range(3):
                    column[ptr[r] + j], value[ptr[r] + j] = d + j, sign * rates[i, j]
                    velocity += sign * rates[i, j] * qvel[d + j]
                hardness = impedance(softness, depth)
                regulariser[r] = (1.0 - hardness) / hardness * weight[b]
                reference[r] = softness[0] * hardness * depth - softness[1] * velocity
                ptr[r + 1] = ptr[r] + 3
                r += 1


@numba.njit(error_model="numpy")
def made_rows(data, n, ptr, column, value, regulariser, reference, lower, upper):
    """Rows that MuJoCo made, in compressed form, and the bounds of the rows' forces.

    Args:
        n: how many MuJoCo made.
        lower, upper: out, for all rows; but for friction and equalities they push only.
    """
    kind, loss = i32(data, EFC_TYPE, n), f64(data, EFC_FRICTIONLOSS, n)
    rownnz, rowadr = i32(data, EFC_ROWNNZ, n), i32(data, EFC_ROWADR, n)
    made_regulariser, made_reference = f64(data, EFC_REGULARISER, n), f64(data, EFC_REFERENCE, n)
    for r in range(lower.size):
        lower[r], upper[r] = 0.0, math.inf
    for r in range(n):
        start, count = rowadr[r], rownnz[r]
        made_column, made_value = (
            i32(data, EFC_COLIND, start + count),
            f64(data, EFC_JACOBIAN, start + count),
        )
        for j in range(count):
            column[ptr[r] + j], value[ptr[r] + j] = made_column[start + j], made_value[start + j]
        ptr[r + 1] = ptr[r] + count
        regulariser[r], reference[r] = made_regulariser[r], made_reference[r]
        if kind[r] == _FRICTION:
            lower[r], upper[r] = -loss[r], loss[r]
        elif kind[r] == _EQUALITY:
            lower[r], upper[r] = -math.inf, math.inf


@inner
def smooth_forces(data, applied, actuated, smooth):
    """All generalised forces but those of constraints (nv,)."""
    passive, bias = f64(data, QFRC_PASSIVE, smooth.size), f64(data, QFRC_BIAS, smooth.size)
    for d in range(smooth.size):
        smooth[d] = passive[d] - bias[d] + applied[d] + actuated[d]


@numba.njit(error_model="numpy", inline="always")
def forces_of_rows(
    inverse_diagonal, touched, dense, smooth, reference, regulariser, lower, upper, side, force
):
    """Forces of all rows (n,), from the results of `half_solve`; arguments as in `active_set.py`."""
    n, nv = force.size, touched.size
    order = carray(stack_i64(nv), (nv,))
    t = list_touched(touched, order)
    width = padded(t + 1)
    w = carray(stack_f64(n * width), (n, width))
    system, work = carray(stack_f64(t * width), (t, width)), carray(stack_f64(t * width), (t, width))
    u, belongs = carray(stack_f64(width), (width,)), carray(stack_i64(n), (n,))
    whiten(order[:t], inverse_diagonal, dense, smooth, reference, w)
    solve_rows(w, t, regulariser, lower, upper, side, belongs, system, work, u, force)


@numba.njit(error_model="numpy", inline="always")
def constraint_forces(block, model, data, user, coordinates, n_made, n_limit, applied, actuated, total):
    """Generalised forces of the constraints (nv,).

    Args:
        coordinates: of the ball joints (B, 3).
        n_made, n_limit: numbers of rows that MuJoCo made, and of limits of ball joints that are exceeded.
        applied, actuated: other forces on the dofs, by hand and by MuJoCo's actuators (nv,).
    """
    n, nv, nnz, n_ball = n_made + n_limit, block.n_dof, block.n_nonzero, block.n_ball
    made_ends = i32(data, EFC_ROWADR, n_made), i32(data, EFC_ROWNNZ, n_made)
    n_value = (np.int64(made_ends[0][n_made - 1] + made_ends[1][n_made - 1]) if n_made else 0) + 3 * n_limit
    ptr, column = carray(stack_i64(n + 1), (n + 1,)), carray(stack_i64(n_value), (n_value,))
    value = carray(stack_f64(n_value), (n_value,))
    regulariser, reference = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,))
    lower, upper, side = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,)), carray(stack_i64(n), (n,))
    dense, touched = carray(stack_f64(nv * padded(n)), (nv, padded(n))), carray(stack_i64(nv), (nv,))
    smooth, force = carray(stack_f64(nv), (nv,)), carray(stack_f64(n), (n,))

    ptr[0] = 0
    made_rows(data, n_made, ptr, column, value, regulariser, reference, lower, upper)
    limit_rows(
        shared_f64(block.limit_softness, 5),
        shared_f64_2d(block.ball_lower, n_ball, 3),
        shared_f64_2d(block.ball_upper, n_ball, 3),
        shared_f64(block.ball_weight, n_ball),
        shared_u32(block.ball_dofadr, n_ball),
        coordinates,
        f64(data, QVEL, nv),
        n_made,
        ptr,
        column,
        value,
        regulariser,
        reference,
    )
    rownnz, rowadr = i32(model, M_ROWNNZ, nv), i32(model, M_ROWADR, nv)
    colind, factor = i32(model, M_COLIND, nnz), f64(data, FACTOR, nnz)
    scatter(ptr, column, value, dense, touched)
    half_solve(rownnz, rowadr, colind, factor, touched, dense)
    smooth_forces(data, applied, actuated, smooth)
    half_solve_one(rownnz, rowadr, colind, factor, smooth)
    inverse_diagonal = f64(data, FACTOR_DIAGONAL, nv)
    last = f64(data, QACC_WARMSTART, nv)
    guess_sides(ptr, column, value, regulariser, reference, lower, upper, last, side)
    forces_of_rows(
        inverse_diagonal, touched, dense, smooth, reference, regulariser, lower, upper, side, force
    )
    spread(ptr, column, value, force, total)
    made_force = f64(data, EFC_FORCE, n_made)  # MuJoCo's sensors of contacts read it
    for r in range(n_made):
        made_force[r] = force[r]
    if block.n_load > 0:
        keep_contact_forces(block, data, user, n_made, force)
    if block.n_side > 0:
        log_forces(block, data, user, np.int64(user[SUBSTEP_AT]), n_made, force)


@numba.njit(error_model="numpy", inline="always")
def apply_constraint_forces(block, model, data, user, coordinates, actuated):
    """Add the forces of all constraints to `qfrc_applied`, and leave MuJoCo no constraint to solve.

    All other forces must be in `actuated` and in the applied, passive and bias forces. `user` keeps what the
    constraints do to each dof.

    Args:
        coordinates: of the ball joints (B, 3).
        actuated: forces that MuJoCo's actuators will make on the dofs (nv,).
    """
    nv, n_ball = block.n_dof, block.n_ball
    applied = f64(data, QFRC_APPLIED, nv)
    total = user[block.at_constraint_force : block.at_constraint_force + nv]
    n_row = carray(i32_pointer(data + NEFC), (1,))
    n_limit = 0
    if not carray(i32_pointer(model + DISABLE), (1,))[0] & _NO_LIMITS:
        lower, upper = (
            shared_f64_2d(block.ball_lower, n_ball, 3),
            shared_f64_2d(block.ball_upper, n_ball, 3),
        )
        n_limit = count_limits(lower, upper, coordinates)
    if n_row[0] + n_limit == 0:
        total[:] = 0.0
        if block.n_side > 0:
            log_forces(block, data, user, np.int64(user[SUBSTEP_AT]), 0, total)
        return
    constraint_forces(
        block, model, data, user, coordinates, np.int64(n_row[0]), n_limit, applied, actuated, total
    )
    n_row[0] = 0  # MuJoCo adds no forces of its own
    for d in range(nv):
        applied[d] += total[d]


@inner
def skip_constraints(data):
    """Remove all constraints in a world that is only measured, so that MuJoCo solves none."""
    carray(i32_pointer(data + NEFC), (1,))[0] = 0
