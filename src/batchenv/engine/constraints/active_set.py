"""Forces of contacts and limits, compiled: MuJoCo's constraints, solved where they act.

MuJoCo softens each constraint row by a number R and asks for a reference acceleration aref (Todorov 2014).
With A = J M^-1 J^T and b = J acc - aref, acc that of all other forces, the forces f of the rows minimise

    f^T (A + R) f / 2 + f^T b   within lower <= f <= upper

where contacts (pyramids of edges) and limits only push, f >= 0, and friction of joints is bounded on both
sides. With M = L^T D L and W = J L^-1 D^(-1/2), A is W W^T, and W is zero but for the dofs that carry what is
touched: the legs and the root, where the feet are on the ground. In u = W^T f, as few numbers as those dofs,

    f = clip(-(b + W u) / R, lower, upper)

and for known sides of the rows, u solves (1 + W_S^T R_S^-1 W_S) u = -W_S^T R_S^-1 b_S + W_B^T f_B, S the
rows between their bounds and B those at them. Rows then change to the sides that u gives them, all at once,
and one at a time where that does not end (Judice and Pires 1994). MuJoCo's Newton solver does the like for
all dofs.
"""

# Numba's intrinsics take a typing context that callers do not pass.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import math

import numba
import numpy as np

from batchenv.engine.controllers.stable_pd import LANES, dot_vectors, subtract_scaled

# A row at its lower bound, between the bounds, at its upper bound, and not in the equations yet.
LOW, FREE, HIGH, NOWHERE = -1, 0, 1, 2
# Changes of the active set: in all, and without progress before rows change one at a time.
_MOST_CHANGES, _MOST_STALLS = 200, 6
# Of the largest push that a row begins with: what counts as zero where a row is at its bound.
_NOTHING = 1e-12


@numba.njit(error_model="numpy")
def padded(n):
    """Numbers in a row of n that whole vectors may touch."""
    return -(-n // LANES) * LANES


@numba.njit(error_model="numpy")
def subtract_row(to, source, scale, first, width):
    """to -= scale * source for two rows, at addresses, from the vector that holds column `first` on."""
    skipped = np.uintp(8 * LANES) * np.uintp(first // LANES)
    to, source = np.uintp(to) + skipped, np.uintp(source) + skipped
    for _ in range(first // LANES, width // LANES):
        subtract_scaled(to, source, scale)
        to += np.uintp(8 * LANES)
        source += np.uintp(8 * LANES)


@numba.njit(error_model="numpy")
def scatter(ptr, column, value, rows, touched):
    """Sparse rows J to a dense J^T.

    Args:
        ptr, column, value: rows in compressed form (n + 1,), (nnz,), (nnz,).
        rows: out, J^T in whole vectors (nv, width).
        touched: out, 1 for the dofs whose row is not zero (nv,).
    """
    rows[:] = 0.0
    touched[:] = 0
    for r in range(ptr.size - 1):
        for j in range(ptr[r], ptr[r + 1]):
            rows[column[j], r] = value[j]
            touched[column[j]] = 1


@numba.njit(error_model="numpy")
def spread(ptr, column, value, force, total):
    """Generalised forces J^T f (nv,) of the forces of sparse rows."""
    total[:] = 0.0
    for r in range(ptr.size - 1):
        for j in range(ptr[r], ptr[r + 1]):
            total[column[j]] += value[j] * force[r]


@numba.njit(error_model="numpy")
def guess_sides(ptr, column, value, regulariser, reference, lower, upper, acceleration, side):
    """The sides of the rows (n,) at an acceleration (nv,)."""
    for r in range(ptr.size - 1):
        push = reference[r]
        for j in range(ptr[r], ptr[r + 1]):
            push -= value[j] * acceleration[column[j]]
        push /= regulariser[r]
        side[r] = LOW if push <= lower[r] else HIGH if push >= upper[r] else FREE


@numba.njit(error_model="numpy")
def dot(a, b):
    """Scalar product of two rows of whole vectors."""
    return dot_vectors(np.uintp(a.ctypes.data), np.uintp(b.ctypes.data), a.size // LANES)


@numba.njit(error_model="numpy")
def half_solve(rownnz, rowadr, colind, factor, touched, rows):
    """Solve L^T Z = J^T in place, M = L^T D L, for all constraint rows at once.

    Args:
        rownnz, rowadr, colind: MuJoCo's sparse rows: a dof and those that carry it.
        factor: L below its diagonal of ones, in those rows (nC,).
        touched: dofs whose row is not zero (nv,); the dofs that carry them are added.
        rows: J^T, then Z; whole vectors (nv, width).
    """
    start, size, width = np.uintp(rows.ctypes.data), np.uintp(8 * rows.shape[1]), rows.shape[1]
    for k in range(rownnz.size - 1, -1, -1):
        if touched[k]:
            source = start + size * np.uintp(k)
            for j in range(rowadr[k], rowadr[k] + rownnz[k] - 1):
                subtract_row(start + size * np.uintp(colind[j]), source, factor[j], 0, width)
                touched[colind[j]] = 1


@numba.njit(error_model="numpy")
def half_solve_one(rownnz, rowadr, colind, factor, x):
    """Solve L^T z = x in place (nv,)."""
    for k in range(rownnz.size - 1, -1, -1):
        for j in range(rowadr[k], rowadr[k] + rownnz[k] - 1):
            x[colind[j]] -= factor[j] * x[k]


@numba.njit(error_model="numpy")
def list_touched(touched, order):
    """The touched dofs (t,), those that carry others last; returns how many there are."""
    count = 0
    for k in range(touched.size - 1, -1, -1):
        if touched[k]:
            order[count] = k
            count += 1
    return count


@numba.njit(error_model="numpy")
def whiten(order, inverse_diagonal, rows, smooth, reference, w):
    """W and b of all rows.

    Args:
        order: the touched dofs (t,).
        inverse_diagonal: 1 / D (nv,).
        rows: Z of `half_solve` (nv, width).
        smooth: L^-T of all other forces (nv,).
        reference: aref (n,).
        w: out, a row W and then b in column t; whole vectors, the rest zero (n, width).
    """
    t = order.size
    w[:] = 0.0
    for r in range(reference.size):
        w[r, t] = -reference[r]
    for i in range(t):
        k = order[i]
        scale = math.sqrt(inverse_diagonal[k])
        pushed = smooth[k] * scale
        for r in range(reference.size):
            value = rows[k, r] * scale
            w[r, i] = value
            w[r, t] += value * pushed


@numba.njit(error_model="numpy", inline="always")
def add_row(w, t, free, force, system):
    """Add a row's part to the equations for u.

    Args:
        w: the row, with its b in column t, whole vectors (width,).
        free: 1 / R where the row is between its bounds and -1 / R where it is no longer, else 0.
        force: of the row where it is at a bound, the negative of that where it is no longer.
        system: H and, in column t, the negative of the right side, whole vectors (t, width).
    """
    size, source = np.uintp(8 * w.size), np.uintp(w.ctypes.data)
    to = np.uintp(system.ctypes.data)
    for i in range(t):
        if w[i] != 0.0:
            if free != 0.0:
                subtract_row(to + size * np.uintp(i), source, -free * w[i], i, w.size)
            system[i, t] -= force * w[i]


@numba.njit(error_model="numpy")
def solve_symmetric(system, t, work, u):
    """Solve H u = right side.

    Args:
        system: see `add_row`; H is read on and above its diagonal.
        work: room like it.
        u: out, then 1 and zeros (width,).
    """
    start, size, width = np.uintp(work.ctypes.data), np.uintp(8 * work.shape[1]), work.shape[1]
    for i in range(t):
        for j in range(work.shape[1]):
            work[i, j] = system[i, j]
    for i in range(t):
        inverse, source = 1.0 / work[i, i], start + size * np.uintp(i)
        for j in range(i + 1, t):
            if work[i, j] != 0.0:
                subtract_row(start + size * np.uintp(j), source, work[i, j] * inverse, j, width)
    for i in range(t - 1, -1, -1):
        rest = -work[i, t]
        for j in range(i + 1, t):
            rest -= work[i, j] * u[j]
        u[i] = rest / work[i, i]
    u[t] = 1.0
    u[t + 1 :] = 0.0


@numba.njit(error_model="numpy")
def side_of(push, low, high, side, nothing):
    """The next side of a row with this push; from a bound it becomes free, if by more than `nothing`."""
    if side == LOW:
        return LOW if push <= low + nothing else FREE
    if side == HIGH:
        return HIGH if push >= high - nothing else FREE
    return LOW if push < low else HIGH if push > high else FREE


@numba.njit(error_model="numpy", inline="always")
def change_side(w, t, softness, low, high, before, after, system):
    """Take a row's part out of the equations and put in that of its new side."""
    free = ((1.0 if after == FREE else 0.0) - (1.0 if before == FREE else 0.0)) / softness
    force = low if after == LOW else high if after == HIGH else 0.0
    force -= low if before == LOW else high if before == HIGH else 0.0
    add_row(w, t, free, force, system)


@numba.njit(error_model="numpy")
def solve_rows(w, t, softness, lower, upper, side, belongs, system, work, u, force):
    """Forces of all rows.

    Args:
        w: of `whiten` (n, width).
        t: number of touched dofs.
        softness: R (n,).
        lower, upper: bounds of the forces, which may be infinite where no row is at them (n,).
        side: where each row may be: a guess, then where it is (n,).
        belongs: room for integers (n,).
        system, work: room of whole vectors (t, width).
        u: room (width,).
        force: out (n,).

    Returns:
        How often u was solved for.
    """
    n = softness.size
    system[:] = 0.0
    for i in range(t):
        system[i, i] = 1.0
    largest = 0.0
    for r in range(n):
        change_side(w[r], t, softness[r], lower[r], upper[r], NOWHERE, side[r], system)
        largest = max(largest, abs(w[r, t] / softness[r]))
    nothing = _NOTHING * largest
    fewest, stalls_left, change, wrong = n + 1, _MOST_STALLS, 0, n
    while wrong and change < _MOST_CHANGES:
        change += 1
        solve_symmetric(system, t, work, u)
        wrong, last = 0, 0
        for r in range(n):
            push = -dot(w[r], u) / softness[r]
            belongs[r] = side_of(push, lower[r], upper[r], side[r], nothing)
            force[r] = min(upper[r], max(lower[r], push))
            if belongs[r] != side[r]:
                wrong, last = wrong + 1, r
        stalls_left = _MOST_STALLS if wrong < fewest else stalls_left - 1
        fewest = min(fewest, wrong)
        for r in range(n):
            if belongs[r] != side[r] and (stalls_left >= 0 or r == last):
                change_side(w[r], t, softness[r], lower[r], upper[r], side[r], belongs[r], system)
                side[r] = belongs[r]
    return change
