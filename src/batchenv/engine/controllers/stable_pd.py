"""Stable PD control (Tan, Liu and Turk 2011), compiled: the torque that a PD law will want at the step's end.

With M^ = M + dt diag(kv) and q, qvel of now, p = -kp (q + dt qvel - target) and v = -kv qvel,

    acc = M^^-1 (-bias + p + v + constraint forces of the last step)
    torque = p + v - dt kv acc

M is factorised along the kinematic tree without fill-in (Featherstone 2005), as in MuJoCo's `mj_factorM`.
"""

# Numba's intrinsics take a typing context that callers do not pass.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import math

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import inner
from batchenv.engine.fields import (
    INERTIA,
    M_COLIND,
    M_ROWADR,
    M_ROWNNZ,
    QFRC_BIAS,
    QPOS,
    QVEL,
    f64,
    i32,
    shared_f64,
    shared_i32,
    shared_u32,
    timestep_of,
)
from batchenv.engine.memory import carray, stack_f64
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"n_hinge": np.int64, "row_width": np.int64},
    arrays={
        "dof_kp": np.float64,
        "dof_kv": np.float64,
        "diagonal": np.float64,
        "hinge_qposadr": np.uint32,
        "hinge_dofadr": np.uint32,
    },
    slots=("target_quat",),
)

# Numbers that are taken together; LLVM splits a vector that is wider than the machine's.
LANES = 8
_VECTOR = ir.VectorType(ir.DoubleType(), LANES)


@intrinsic
def subtract_scaled(typingctx, target, source, scale):
    """target -= scale * source for `LANES` float64 at two addresses, each product and difference rounded."""
    signature = types.void(types.uintp, types.uintp, types.float64)

    def generate(context, builder, sig, args):
        to, source = (builder.inttoptr(address, _VECTOR.as_pointer()) for address in args[:2])
        undefined = ir.Constant(_VECTOR, ir.Undefined)
        one = builder.insert_element(undefined, args[2], ir.Constant(ir.IntType(32), 0))
        lanes = ir.Constant(ir.VectorType(ir.IntType(32), LANES), [0] * LANES)
        product = builder.fmul(builder.shuffle_vector(one, undefined, lanes), builder.load(source, align=8))
        builder.store(builder.fsub(builder.load(to, align=8), product), to, align=8)
        return context.get_dummy_value()

    return signature, generate


@intrinsic
def dot_vectors(typingctx, left, right, count):
    """Scalar product of `count` vectors of `LANES` float64 at two addresses, summed lane by lane first."""
    signature = types.float64(types.uintp, types.uintp, types.intp)

    def generate(context, builder, sig, args):
        left, right = (builder.inttoptr(address, _VECTOR.as_pointer()) for address in args[:2])
        total = cgutils.alloca_once(builder, _VECTOR)
        builder.store(ir.Constant(_VECTOR, [0.0] * LANES), total)
        with cgutils.for_range(builder, args[2]) as loop:
            factors = (builder.load(builder.gep(a, [loop.index]), align=8) for a in (left, right))
            builder.store(builder.fadd(builder.load(total), builder.fmul(*factors)), total)
        lanes = builder.load(total)
        result = ir.Constant(ir.DoubleType(), 0.0)
        for lane in range(LANES):
            result = builder.fadd(result, builder.extract_element(lanes, ir.Constant(ir.IntType(32), lane)))
        return result

    return signature, generate


@numba.njit(error_model="numpy")
def factor_tree(rownnz, rowadr, colind, rows, factor):
    """Factorise L^T D L = M; the diagonal of the result holds 1 / D.

    The result is written beside M because a vector cannot be loaded at once where a number was just stored.

    Args:
        rownnz, rowadr, colind: MuJoCo's sparse rows: a dof and those that carry it.
        rows: row k holds the entries of dof k from column 0 on; all is overwritten (nv, width).
        factor: out, in MuJoCo's sparse rows (nC,).
    """
    row_size, step = np.uintp(8 * rows.shape[1]), np.uintp(8 * LANES)
    start = np.uintp(rows.ctypes.data)
    for k in range(rownnz.size - 1, -1, -1):
        row, first, last = rows[k], rowadr[k], rownnz[k] - 1
        inverse = 1.0 / row[last]
        factor[first + last] = inverse
        for at in range(last - 1, -1, -1):
            scaled = row[at] * inverse
            to, source = start + row_size * np.uintp(colind[first + at]), start + row_size * np.uintp(k)
            for _ in range(at // LANES + 1):
                subtract_scaled(to, source, scaled)
                to += step
                source += step
            factor[first + at] = scaled


@numba.njit(error_model="numpy")
def solve_tree(rownnz, rowadr, colind, factor, x):
    """Solve L^T D L x = b in place (nv,), with the result of `factor_tree`."""
    n = rownnz.size
    for k in range(n - 1, -1, -1):
        value, start = x[k], rowadr[k]
        for j in range(rownnz[k] - 1):
            x[colind[start + j]] -= factor[start + j] * value
    for k in range(n):
        start, last = rowadr[k], rownnz[k] - 1
        even = odd = 0.0  # two sums, so that one addition need not wait for the other
        for j in range(start, start + last - 1, 2):
            even += factor[j] * x[colind[j]]
            odd += factor[j + 1] * x[colind[j + 1]]
        if last % 2:
            even += factor[start + last - 1] * x[colind[start + last - 1]]
        x[k] = x[k] * factor[start + last] - (even + odd)


@numba.njit(error_model="numpy")
def rotation_vector(w, x, y, z):
    """Exponential coordinates of a unit quaternion, no longer than pi."""
    sine = math.sqrt(x * x + y * y + z * z)
    if sine < 1e-12:
        factor = 2.0 if w >= 0.0 else -2.0
    else:
        factor = 2.0 * math.atan2(sine, w) / sine if w >= 0.0 else -2.0 * math.atan2(sine, -w) / sine
    return factor * x, factor * y, factor * z


@numba.njit(error_model="numpy")
def quaternion(x, y, z):
    """Unit quaternion of exponential coordinates, w first."""
    angle = math.sqrt(x * x + y * y + z * z)
    factor = 0.5 if angle < 1e-12 else math.sin(0.5 * angle) / angle
    return math.cos(0.5 * angle), factor * x, factor * y, factor * z


@numba.njit(error_model="numpy")
def target_quaternions(ball_dofadr, target, quat):
    """Quaternions (B, 4) of the targets of ball joints."""
    for b in range(ball_dofadr.size):
        d = ball_dofadr[b]
        quat[b, 0], quat[b, 1], quat[b, 2], quat[b, 3] = quaternion(target[d], target[d + 1], target[d + 2])


@numba.njit(error_model="numpy")
def ball_coordinates(ball_qposadr, qpos, coordinates):
    """Exponential coordinates of all ball joints (B, 3)."""
    for b in range(ball_qposadr.size):
        q = ball_qposadr[b]
        x, y, z = rotation_vector(qpos[q], qpos[q + 1], qpos[q + 2], qpos[q + 3])
        coordinates[b, 0], coordinates[b, 1], coordinates[b, 2] = x, y, z


@numba.njit(error_model="numpy")
def position_errors(
    # model
    ball_dofadr,
    hinge_qposadr,
    hinge_dofadr,
    timestep,
    # state
    qpos,
    coordinates,
    qvel,
    # targets
    target,
    target_quat,
    # out
    error,
):
    """What the next positions will be off the targets by (nv,) [rad], zero for the root.

    A ball joint's next position adds dt qvel to its exponential coordinates, as DART does; its error is the
    rotation vector from the target to there, in the target's frame.

    Args:
        coordinates: of `ball_coordinates` (B, 3).
    """
    for d in range(error.size):
        error[d] = 0.0
    for h in range(hinge_dofadr.size):
        d = hinge_dofadr[h]
        error[d] = qpos[hinge_qposadr[h]] + timestep * qvel[d] - target[d]
    for b in range(ball_dofadr.size):
        d = ball_dofadr[b]
        w, x, y, z = quaternion(
            coordinates[b, 0] + timestep * qvel[d],
            coordinates[b, 1] + timestep * qvel[d + 1],
            coordinates[b, 2] + timestep * qvel[d + 2],
        )
        tw, tx, ty, tz = target_quat[b, 0], target_quat[b, 1], target_quat[b, 2], target_quat[b, 3]
        error[d], error[d + 1], error[d + 2] = rotation_vector(
            tw * w + tx * x + ty * y + tz * z,
            tw * x - tx * w - ty * z + tz * y,
            tw * y + tx * z - ty * w - tz * x,
            tw * z - tx * y + ty * x - tz * w,
        )


@numba.njit(error_model="numpy")
def factor_inertia(inertia, diagonal, rownnz, rowadr, colind, rows, factor):
    """Factorise M plus a diagonal.

    Args:
        inertia: M in MuJoCo's sparse rows (nC,).
        diagonal: added to M's (nv,): dt kv, less what M holds that is no inertia.
        rownnz, rowadr, colind: of the sparse rows.
        rows: room (nv, width).
        factor: out, see `factor_tree` (nC,).
    """
    for k in range(diagonal.size):
        start, count = rowadr[k], rownnz[k]
        for j in range(count):
            rows[k, j] = inertia[start + j]
        rows[k, count - 1] += diagonal[k]
        for j in range(count, rows.shape[1]):
            rows[k, j] = 0.0
    factor_tree(rownnz, rowadr, colind, rows, factor)


@numba.njit(error_model="numpy")
def stable_pd(
    # gains
    kp,
    kv,
    timestep,
    # factorised mass matrix
    rownnz,
    rowadr,
    colind,
    factor,
    # forces
    bias,
    constraint,
    dofadr,
    external,
    # state
    qvel,
    error,
    # work
    acc,
    # out
    torque,
):
    """Torques of stable PD (nv,) [Nm]; those of the root are zero because its gains are.

    Args:
        kp, kv: (nv,) [Nm/rad], [Nms/rad].
        factor: of `factor_inertia` (nC,).
        dofadr: of the driven joints (J,).
        external: further torques on these joints (J,), or (0,).
        error: of `position_errors` (nv,).
        acc: room (nv,).
    """
    for d in range(qvel.size):
        torque[d] = -kp[d] * error[d] - kv[d] * qvel[d]
        acc[d] = torque[d] - bias[d] + constraint[d]
    for j in range(external.size):
        acc[dofadr[j]] += external[j]
    solve_tree(rownnz, rowadr, colind, factor, acc)
    for d in range(qvel.size):
        torque[d] -= timestep * kv[d] * acc[d]


def values(mechanism: Mechanism, kp: np.ndarray, kv: np.ndarray) -> Values:
    """Describe the gains of the driven joints (J,) [Nm/rad], [Nms/rad].

    M, as MuJoCo has it, counts damping times the time step where that is part of `dof_armature`.
    """
    model, joints = mechanism.model, mechanism.joint_dofadr
    dof_kp, dof_kv = np.zeros(model.nv), np.zeros(model.nv)
    dof_kp[joints], dof_kv[joints] = kp, kv
    hinge = mechanism.joint_qposadr >= 0
    return Values(
        numbers={"n_hinge": int(hinge.sum()), "row_width": -(-int(model.M_rownnz.max()) // LANES) * LANES},
        arrays={
            "dof_kp": dof_kp,
            "dof_kv": dof_kv,
            "diagonal": model.opt.timestep * dof_kv - model.dof_armature,
            "hinge_qposadr": mechanism.joint_qposadr[hinge],
            "hinge_dofadr": joints[hinge],
        },
        slots={"target_quat": (mechanism.ball_dofadr.size, 4)},
    )


@inner
def start_targets(block, user):
    """Compute the quaternions of the targets, once in each step."""
    n = block.n_ball
    target_quaternions(
        shared_u32(block.ball_dofadr, n),
        user[block.at_target : block.at_target + block.n_dof],
        user[block.at_target_quat : block.at_target_quat + 4 * n].reshape((n, 4)),
    )


@numba.njit(error_model="numpy")
def stable_pd_torques(block, model, data, user, coordinates, external, desired):
    """Torques of stable PD around the target (J,) [Nm].

    Args:
        coordinates: of the ball joints (B, 3).
        external: further torques that are known to act on the joints (J,), or (0,).
        desired: out.
    """
    n, nj, nnz = block.n_dof, block.n_joint, block.n_nonzero
    timestep = timestep_of(model)
    qvel = f64(data, QVEL, n)
    error, acc, torque = (
        carray(stack_f64(n), (n,)),
        carray(stack_f64(n), (n,)),
        carray(stack_f64(n), (n,)),
    )
    rows = carray(stack_f64(n * block.row_width), (n, block.row_width))
    factor = carray(stack_f64(nnz), (nnz,))
    rownnz, rowadr = i32(model, M_ROWNNZ, n), i32(model, M_ROWADR, n)
    colind = i32(model, M_COLIND, nnz)
    dofadr = shared_i32(block.joint_dofadr, nj)
    position_errors(
        shared_u32(block.ball_dofadr, block.n_ball),
        shared_u32(block.hinge_qposadr, block.n_hinge),
        shared_u32(block.hinge_dofadr, block.n_hinge),
        timestep,
        f64(data, QPOS, block.n_qpos),
        coordinates,
        qvel,
        user[block.at_target : block.at_target + n],
        user[block.at_target_quat : block.at_target_quat + 4 * block.n_ball].reshape((block.n_ball, 4)),
        error,
    )
    factor_inertia(
        f64(data, INERTIA, nnz), shared_f64(block.diagonal, n), rownnz, rowadr, colind, rows, factor
    )
    stable_pd(
        shared_f64(block.dof_kp, n),
        shared_f64(block.dof_kv, n),
        timestep,
        rownnz,
        rowadr,
        colind,
        factor,
        f64(data, QFRC_BIAS, n),
        user[block.at_constraint_force : block.at_constraint_force + n],
        dofadr,
        external,
        qvel,
        error,
        acc,
        torque,
    )
    for j in range(nj):
        desired[j] = torque[dofadr[j]]
