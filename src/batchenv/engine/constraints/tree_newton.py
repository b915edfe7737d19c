"""Forces of all constraints by Newton's method along the kinematic tree, compiled.

MuJoCo's accelerations minimise (Todorov 2014)

    (a - a_s)^T M (a - a_s) / 2 + sum_r s_r(J_r a - aref_r)

where a_s is what all other forces make, and s_r is a row's cost: quadratic where the row pushes, with the
curvature 1 / R_r, and linear or zero where its force is at a bound. With the sides of all rows known,

    (M + J_F^T R_F^-1 J_F) a = M a_s + J_F^T R_F^-1 aref_F + J_B^T f_B,

F the rows between their bounds and B those at them; this step is repeated until the sides stay. A row of a
contact with the floor, of a limit or of a coupling joins dofs of one branch, so that the matrix keeps the
sparsity of M and is factorised without fill-in, as M itself (Featherstone 2005). Where a row joins two
branches, as between two legs that touch, the tree is a chain of all dofs, and the matrix dense. MuJoCo's own
solver does the substeps in which the sides do not settle.

The first guess of the sides is at the acceleration extrapolated from the two substeps before.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import math

import mujoco
import numba
import numpy as np

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import inner
from batchenv.engine.constraints.active_set import FREE, HIGH, LOW, NOWHERE, padded, side_of
from batchenv.engine.constraints.rows import smooth_forces
from batchenv.engine.controllers.stable_pd import LANES, subtract_scaled
from batchenv.engine.fields import (
    CDOF,
    EFC_COLIND,
    EFC_FORCE,
    EFC_FRICTIONLOSS,
    EFC_ID,
    EFC_JACOBIAN,
    EFC_REFERENCE,
    EFC_REGULARISER,
    EFC_ROWADR,
    EFC_ROWNNZ,
    EFC_TYPE,
    INERTIA,
    NEFC,
    QACC_WARMSTART,
    QFRC_APPLIED,
    QFRC_PASSIVE,
    SUBTREE_COM,
    XFRC_APPLIED,
    XIPOS,
    f64,
    f64_2d,
    i32,
    shared_i32,
)
from batchenv.engine.memory import carray, i32_pointer, stack_f64, stack_i64
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"n_inertia": np.int64, "tree_width": np.int64},
    arrays={
        "tree_depth": np.int32,
        "tree_path": np.int32,
        "tree_inertia": np.int32,
        "chain_depth": np.int32,
        "chain_path": np.int32,
        "chain_inertia": np.int32,
        "body_root": np.int32,
        "body_dof": np.int32,
        "dof_above": np.int32,
    },
    slots=("acceleration_before",),
)

_EQUALITIES = int(mujoco.mjtConstraint.mjCNSTR_EQUALITY)
_FRICTIONS = (
    int(mujoco.mjtConstraint.mjCNSTR_FRICTION_DOF),
    int(mujoco.mjtConstraint.mjCNSTR_FRICTION_TENDON),
)
_MOST_STEPS = 8  # of Newton's method, before MuJoCo's solver takes over
_NOTHING = 1e-12  # of the largest push: what counts as zero where a row is at its bound


def values(mechanism: Mechanism) -> Values:
    """Describe the trees along which matrices are factorised."""
    model = mechanism.model
    tree = _tables(model, elimination_tree(model))
    chain = _tables(model, np.arange(-1, model.nv - 1))
    names = "depth", "path", "inertia"
    return Values(
        numbers={"n_inertia": model.nC, "tree_width": tree[1].shape[1]},
        arrays={f"tree_{name}": table for name, table in zip(names, tree, strict=True)}
        | {f"chain_{name}": table for name, table in zip(names, chain, strict=True)}
        | {"body_root": model.body_rootid, "body_dof": _last_dofs(model), "dof_above": model.dof_parentid},
        slots={"acceleration_before": (model.nv,)},
    )


def _tables(model: mujoco.MjModel, parent: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Depth of each dof in a tree (nv,), the path to it in whole vectors (nv, width), and where the entries
    of M lie in such rows (nC,)."""
    paths: list[list[int]] = []
    for k in range(model.nv):
        paths.append([*(paths[parent[k]] if parent[k] >= 0 else []), k])
    depth = np.array([len(path) - 1 for path in paths])
    table = np.zeros((model.nv, padded(int(depth.max(initial=0)) + 1)), np.int32)
    for k, path in enumerate(paths):
        table[k, : len(path)] = path
    owner = np.repeat(np.arange(model.nv), model.M_rownnz)
    return depth, table, owner * table.shape[1] + depth[model.M_colind]


def _last_dofs(model: mujoco.MjModel) -> np.ndarray:
    """The dof next to each body of those that move it (nbody,), or -1."""
    last = np.full(model.nbody, -1)
    for body in range(1, model.nbody):
        end = model.body_dofadr[body] + model.body_dofnum[body]
        last[body] = end - 1 if model.body_dofnum[body] else last[model.body_parentid[body]]
    return last


def elimination_tree(model: mujoco.MjModel) -> np.ndarray:
    """Parent of each dof in the tree along which M and the couplings of joints are factorised (nv,), or -1.

    Dofs that a coupling joins stand one above the other in it, also where neither carries the other.
    """
    joined: list[set[int]] = [set() for _ in range(model.nv)]
    for k in range(model.nv):
        joined[k].update(model.M_colind[model.M_rowadr[k] :][: model.M_rownnz[k] - 1].tolist())
    coupled = model.eq_type == mujoco.mjtEq.mjEQ_JOINT
    for one, other in zip(model.eq_obj1id[coupled], model.eq_obj2id[coupled], strict=True):
        if other >= 0:
            low, high = sorted((int(model.jnt_dofadr[one]), int(model.jnt_dofadr[other])))
            joined[high].add(low)
    parent = np.full(model.nv, -1)
    for k in range(model.nv - 1, -1, -1):
        if joined[k]:
            parent[k] = max(joined[k])
            joined[parent[k]] |= joined[k] - {int(parent[k])}
    return parent


@numba.njit(error_model="numpy")
def add_row(depth, column, value, scale, matrix, row):
    """Add scale * J^T J of a sparse row J to a matrix.

    Args:
        depth: of each dof in the tree (nv,).
        column, value: the row, its columns ascending.
        matrix: row k holds the entries on the path to dof k (nv, width).
        row: room, zeros (width,); zeros again.
    """
    if column.size <= 2:  # a limit or a coupling
        for j in range(column.size):
            for i in range(j + 1):
                matrix[column[j], depth[column[i]]] += scale * value[j] * value[i]
        return
    start, stride, source = (
        np.uintp(matrix.ctypes.data),
        np.uintp(8 * row.size),
        np.uintp(row.ctypes.data),
    )
    for j in range(column.size):
        row[depth[column[j]]] = value[j]
    for j in range(column.size):
        if value[j] != 0.0:
            k, scaled = column[j], -scale * value[j]
            to, at = start + stride * np.uintp(k), source
            for _ in range(depth[k] // LANES + 1):
                subtract_scaled(to, at, scaled)
                to += np.uintp(8 * LANES)
                at += np.uintp(8 * LANES)
    for j in range(column.size):
        row[depth[column[j]]] = 0.0


@numba.njit(error_model="numpy")
def factorise(depth, path, matrix, factor):
    """Factorise L^T D L of a matrix; the diagonal of the result holds 1 / D.

    The result is written beside the matrix because a vector cannot be loaded at once where a number was just
    stored.

    Args:
        depth: of each dof in the tree (nv,).
        path: dofs from the root of the tree to each dof (nv, width).
        matrix: row k holds the entries on the path to dof k; what lies behind them is never read. All is
            overwritten (nv, width).
        factor: out (nv, width).
    """
    stride, start = np.uintp(8 * matrix.shape[1]), np.uintp(matrix.ctypes.data)
    for k in range(depth.size - 1, -1, -1):
        last, begin = depth[k], start + stride * np.uintp(k)
        inverse = 1.0 / matrix[k, last]
        factor[k, last] = inverse
        for i in range(last - 1, -1, -1):
            scaled = matrix[k, i] * inverse
            factor[k, i] = scaled
            if scaled != 0.0:
                to, source = start + stride * np.uintp(path[k, i]), begin
                for _ in range(i // LANES + 1):
                    subtract_scaled(to, source, scaled)
                    to += np.uintp(8 * LANES)
                    source += np.uintp(8 * LANES)


@numba.njit(error_model="numpy")
def solve(depth, path, factor, x):
    """Solve L^T D L x = b in place (nv,), with the result of `factorise`."""
    n = depth.size
    for k in range(n - 1, -1, -1):
        value = x[k]
        for i in range(depth[k]):
            x[path[k, i]] -= factor[k, i] * value
    for k in range(n):
        last = depth[k]
        even = odd = 0.0  # two sums, so that one addition need not wait for the other
        for i in range(0, last - 1, 2):
            even += factor[k, i] * x[path[k, i]]
            odd += factor[k, i + 1] * x[path[k, i + 1]]
        if last % 2:
            even += factor[k, last - 1] * x[path[k, last - 1]]
        x[k] = x[k] * factor[k, last] - (even + odd)


@inner
def along_paths(depth, path, kind, number, rownnz, rowadr, colind):
    """Whether every sparse row joins dofs of one path alone.

    Args:
        kind, number: type of each row, and which constraint of that type it is of (n,).
    """
    for r in range(rownnz.size):
        # The edges of a contact join the same dofs.
        if r == 0 or kind[r] != kind[r - 1] or number[r] != number[r - 1]:
            start, n = rowadr[r], rownnz[r]
            deepest = colind[start + n - 1] if n else 0
            for j in range(start, start + n):
                if path[deepest, depth[colind[j]]] != colind[j] or depth[colind[j]] > depth[deepest]:
                    return False
    return True


@inner
def add_pushes(block, data, total):
    """Add the generalised forces (nv,) of what acts on bodies themselves, as `mj_xfrcAccumulate` does."""
    n = block.n_body
    applied, center = f64_2d(data, XFRC_APPLIED, n, 6), f64_2d(data, XIPOS, n, 3)
    com, cdof = f64_2d(data, SUBTREE_COM, n, 3), f64_2d(data, CDOF, block.n_dof, 6)
    root, last = shared_i32(block.body_root, n), shared_i32(block.body_dof, n)
    above = shared_i32(block.dof_above, block.n_dof)
    for body in range(n):
        push = applied[body]
        x, y, z = push[0], push[1], push[2]
        if x != 0.0 or y != 0.0 or z != 0.0 or push[3] != 0.0 or push[4] != 0.0 or push[5] != 0.0:
            at, about = center[body], com[root[body]]
            px, py, pz = at[0] - about[0], at[1] - about[1], at[2] - about[2]
            u, v, w = push[3] + py * z - pz * y, push[4] + pz * x - px * z, push[5] + px * y - py * x
            d = last[body]
            while d >= 0:
                axis = cdof[d]
                total[d] += axis[0] * u + axis[1] * v + axis[2] * w + axis[3] * x + axis[4] * y + axis[5] * z
                d = above[d]


@inner
def row_bounds(kind, loss, lower, upper):
    """Least and greatest force of every row; but for friction and equalities they push only."""
    for r in range(kind.size):
        lower[r], upper[r] = 0.0, math.inf
        if kind[r] == _EQUALITIES:
            lower[r] = -math.inf
        elif kind[r] == _FRICTIONS[0] or kind[r] == _FRICTIONS[1]:
            lower[r], upper[r] = -loss[r], loss[r]


@inner
def push_of(column, value, begin, end, reference, regulariser, acceleration):
    """Force of a row between its bounds, at an acceleration (nv,); its entries are from `begin` to `end`."""
    push = reference
    for j in range(begin, end):
        push -= value[j] * acceleration[column[j]]
    return push / regulariser


@inner
def change_side(depth, column, value, reference, regulariser, low, high, before, after, matrix, given, row):
    """Take a row's part out of the equations and put in that of its new side; arguments as in `add_row`, and

    Args:
        before, after: sides of the row.
        given: right side of the equations (nv,).
    """
    pull = low if after == LOW else high if after == HIGH else reference / regulariser
    if before != NOWHERE:
        pull -= low if before == LOW else high if before == HIGH else reference / regulariser
    if pull != 0.0:
        for j in range(column.size):
            given[column[j]] += value[j] * pull
    if after == FREE:
        add_row(depth, column, value, 1.0 / regulariser, matrix, row)
    elif before == FREE:
        add_row(depth, column, value, -1.0 / regulariser, matrix, row)


@inner
def foresee(block, data, user, guess):
    """Extrapolate the acceleration (nv,) from those of the two substeps before."""
    nv = block.n_dof
    now, before = f64(data, QACC_WARMSTART, nv), user[block.at_acceleration_before :][:nv]
    for d in range(nv):
        guess[d] = 2.0 * now[d] - before[d]
        before[d] = now[d]


@inner
def apply_tree_newton(block, data, user, actuated):
    """Add the forces of all constraints to `qfrc_passive`, and leave MuJoCo no constraint to solve; or leave
    them all to MuJoCo, see the module.

    Args:
        actuated: forces that MuJoCo's actuators will make on the dofs (nv,).
    """
    nv = block.n_dof
    acceleration = carray(stack_f64(nv), (nv,))
    foresee(block, data, user, acceleration)
    n_row = carray(i32_pointer(data + NEFC), (1,))
    n = np.int64(n_row[0])
    if n == 0:
        return
    rownnz, rowadr = i32(data, EFC_ROWNNZ, n), i32(data, EFC_ROWADR, n)
    nnz = np.int64(rowadr[n - 1] + rownnz[n - 1])
    depth, at = shared_i32(block.tree_depth, nv), shared_i32(block.tree_inertia, block.n_inertia)
    path = carray(i32_pointer(block.tree_path), (nv, block.tree_width))
    kind, number = i32(data, EFC_TYPE, n), i32(data, EFC_ID, n)
    if not along_paths(depth, path, kind, number, rownnz, rowadr, i32(data, EFC_COLIND, nnz)):
        depth, at = shared_i32(block.chain_depth, nv), shared_i32(block.chain_inertia, block.n_inertia)
        path = carray(i32_pointer(block.chain_path), (nv, padded(nv)))
    force = carray(stack_f64(n), (n,))
    if not forces_of_rows(block, data, depth, path, at, actuated, acceleration, force):
        return
    colind, jacobian = i32(data, EFC_COLIND, nnz), f64(data, EFC_JACOBIAN, nnz)
    passive, made_force = f64(data, QFRC_PASSIVE, nv), f64(data, EFC_FORCE, n)
    for r in range(n):
        made_force[r] = force[r]  # MuJoCo's sensors of contacts read it
        if force[r] != 0.0:
            for j in range(rowadr[r], rowadr[r] + rownnz[r]):
                passive[colind[j]] += jacobian[j] * force[r]
    n_row[0] = 0  # MuJoCo adds no forces of its own


@inner
def forces_of_rows(block, data, depth, path, at, actuated, acceleration, force):
    """Find the forces of all rows (n,); returns whether their sides settled.

    Args:
        depth, path: see `factorise`.
        at: where the entries of M lie in its matrix (nC,).
        actuated: see `apply_tree_newton`.
        acceleration: a guess, then the solution (nv,).
        force: out.
    """
    (nv, width), n = path.shape, force.size
    rownnz, rowadr = i32(data, EFC_ROWNNZ, n), i32(data, EFC_ROWADR, n)
    nnz = np.int64(rowadr[n - 1] + rownnz[n - 1])
    colind, jacobian = i32(data, EFC_COLIND, nnz), f64(data, EFC_JACOBIAN, nnz)
    reference, regulariser = f64(data, EFC_REFERENCE, n), f64(data, EFC_REGULARISER, n)
    lower, upper, side = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,)), carray(stack_i64(n), (n,))
    row_bounds(i32(data, EFC_TYPE, n), f64(data, EFC_FRICTIONLOSS, n), lower, upper)

    room, spare = stack_f64(nv * width), stack_f64(nv * width)
    matrix, flat = carray(room, (nv, width)), carray(room, (nv * width,))
    work, flat_work = carray(spare, (nv, width)), carray(spare, (nv * width,))
    factor, row = carray(stack_f64(nv * width), (nv, width)), carray(stack_f64(width), (width,))
    given = carray(stack_f64(nv), (nv,))
    inertia = f64(data, INERTIA, block.n_inertia)
    for i in range(nv * width):
        flat[i] = 0.0
    for i in range(block.n_inertia):
        flat[at[i]] = inertia[i]
    for i in range(width):
        row[i] = 0.0
    smooth_forces(data, f64(data, QFRC_APPLIED, nv), actuated, given)
    add_pushes(block, data, given)

    largest = 0.0
    for r in range(n):
        begin, end = rowadr[r], rowadr[r] + rownnz[r]
        push = push_of(colind, jacobian, begin, end, reference[r], regulariser[r], acceleration)
        after = LOW if push <= lower[r] else HIGH if push >= upper[r] else FREE
        largest = max(largest, abs(push))
        side[r] = NOWHERE  # a constant would have Numba compile `change_side` once more
        change_side(
            depth, colind[begin:end], jacobian[begin:end], reference[r], regulariser[r], lower[r], upper[r],
            side[r], after, matrix, given, row,
        )  # fmt: skip
        side[r] = after
    nothing = _NOTHING * largest

    for _ in range(_MOST_STEPS):
        for i in range(nv * width):
            flat_work[i] = flat[i]
        for d in range(nv):
            acceleration[d] = given[d]
        factorise(depth, path, work, factor)
        solve(depth, path, factor, acceleration)
        settled = True
        for r in range(n):
            begin, end = rowadr[r], rowadr[r] + rownnz[r]
            push = push_of(colind, jacobian, begin, end, reference[r], regulariser[r], acceleration)
            force[r] = min(upper[r], max(lower[r], push))
            after = side_of(push, lower[r], upper[r], side[r], nothing)
            if after != side[r]:
                settled = False
                change_side(
                    depth, colind[begin:end], jacobian[begin:end], reference[r], regulariser[r], lower[r],
                    upper[r], side[r], after, matrix, given, row,
                )  # fmt: skip
                side[r] = after
        if settled:
            return True
    return False
