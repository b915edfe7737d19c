"""Muscle paths as polynomials, compiled: lengths, velocities and moment arms in place of MuJoCo's tendons.

The model has a fixed tendon for every set of joints that muscles cross, and with it room for their moments.
In every substep the fields that MuJoCo filled by these stand-ins, `actuator_length`, `actuator_velocity` and
`actuator_moment`, are overwritten; all that follows, MuJoCo's actuators and its implicit integrator too,
goes on from there as from any tendon. See `batchenv.body.polynomial_fit` for the polynomials.

Pieces of paths with the same joints are a group. The sum over the powers e of its last joint is taken last,

    length = sum_e P_e(last) sum_t c[e, t] B_t(others)

so that the products B of the other joints' Legendre polynomials are all that is made, once for all muscles
of the group. Eight muscles stand side by side in a vector, and each sum is taken term after term with
multiply-adds that are rounded once, so that the bits are the same whatever the width of the processor's
vectors.

Moment arms on bound joints, times what their couplings give way, are added last (`body/bound_arms.py`). They
are groups of one joint, the driver.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from dataclasses import dataclass
from math import comb
from typing import Any

import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from batchenv.body.bound_arms import DEGREE as BOUND_DEGREE
from batchenv.body.mechanism import Mechanism
from batchenv.body.path_pieces import Piece, graded_exponents
from batchenv.compiled import inner
from batchenv.engine.fields import (
    LENGTH,
    MOMENT,
    QPOS,
    QVEL,
    VELOCITY,
    f64,
    shared_f64,
    shared_f64_2d,
    shared_i32,
)
from batchenv.engine.memory import carray, f64_pointer, i32_pointer, stack_f64
from batchenv.engine.muscles.mujoco import coupling_slope
from batchenv.engine.record import Part, Values
from batchenv.engine.vectors import I32, I64, at, call_vector, splat

# Columns of `poly_group`: joints of a group, and where its own begin in `group_joint` and `poly_block`.
_JOINTS, _JOINT_AT, _BLOCK_AT, _BLOCKS, _DEGREE, _COLUMNS = 0, 1, 2, 3, 4, 5
# Columns of `poly_block`: muscles of a block, degree, and where its own begin in `block_muscle`,
# `block_moment` and `poly_coefficient`.
_MUSCLES, _BLOCK_DEGREE, _MUSCLE_AT, _MOMENT_AT, _COEFFICIENT_AT, _BLOCK_COLUMNS = 0, 1, 2, 3, 4, 5

LANES = 8  # muscles in a block
WIDTH = 4  # numbers of a term: a product of all joints but the last, and its slopes by each of these

PART = Part(
    numbers={
        "n_poly": np.int64,
        "n_poly_group": np.int64,
        "n_poly_block": np.int64,
        "poly_width": np.int64,
        "poly_terms": np.int64,
        "poly_joints": np.int64,
        "n_bound_group": np.int64,
    },
    arrays={
        "poly_center": np.float64,
        "poly_half": np.float64,
        "poly_muscle": np.int32,
        "poly_row": np.int32,
        "poly_group": np.int32,
        "poly_start": np.int32,
        "poly_source": np.uint32,
        "poly_power": np.uint32,
        "group_joint": np.int32,
        "poly_block": np.int32,
        "block_muscle": np.int32,
        "block_moment": np.int32,
        "poly_coefficient": np.float64,
        "bound_qposadr": np.int32,
        "bound_q0": np.float64,
    },
)


@dataclass(frozen=True, eq=False)
class _Member:
    """A muscle in a group, with the coefficients of its piece, and where what they give is added."""

    muscle: int
    degree: int
    coefficients: np.ndarray
    places: list[int]


def term_starts(dimension: int, degree: int) -> list[int]:
    """Where the terms of each total degree begin among those of `graded_exponents`, and their end."""
    return [comb(s - 1 + dimension, dimension) if s else 0 for s in range(degree + 2)]


def values(mechanism: Mechanism) -> Values:
    """Describe the polynomials of a body."""
    paths, moments = mechanism.polynomials, mechanism.moments
    assert paths is not None and moments is not None
    row = np.concatenate([[0], np.cumsum(moments.kept_number)])
    own, bound = _groups(mechanism, row), _bound_groups(mechanism, row)
    groups, blocks = [], []
    joints, muscles, moment, coefficients, size = [], [], [], [np.zeros(0)], 0
    for piece, members in (*own.items(), *bound.items()):
        n_block = -(-len(members) // LANES)
        groups.append((len(piece), len(joints), len(blocks), n_block, members[0].degree))
        joints += piece
        for b in range(n_block):
            some = members[b * LANES : (b + 1) * LANES]
            blocks.append((len(some), some[0].degree, len(muscles), len(moment), size))
            muscles += [member.muscle for member in some]
            moment += [place for member in some for place in member.places]
            coefficients.append(_packed(len(piece), some))
            size += coefficients[-1].size
    fitted, width = np.flatnonzero(paths.degree), max(int(paths.degree.max(initial=1)), BOUND_DEGREE) + 1
    terms = max((comb(k - 1 + d, d) for k, *_, d in groups), default=1)
    source, power = _recipe(terms, width - 1)
    most = max(map(len, own), default=1)
    model = mechanism.model
    bound_qposadr = model.jnt_qposadr[model.dof_jntid[mechanism.bound_dofadr]]
    return Values(
        numbers={
            "n_poly": fitted.size,
            "n_poly_group": len(own),
            "n_bound_group": len(bound),
            "n_poly_block": len(blocks),
            "poly_width": width,
            "poly_terms": terms,
            "poly_joints": most,
        },
        arrays={
            "poly_center": paths.center,
            "poly_half": paths.half,
            "poly_muscle": fitted,
            "poly_row": row,
            "poly_group": groups,
            "poly_start": [term_starts(k, width - 1) for k in range(most)],
            "poly_source": source,
            "poly_power": power,
            "group_joint": joints,
            "poly_block": blocks,
            "block_muscle": muscles,
            "block_moment": moment,
            "poly_coefficient": np.concatenate(coefficients),
            "bound_qposadr": bound_qposadr,
            "bound_q0": model.qpos0[bound_qposadr],
        },
    )


def _recipe(terms: int, degree: int) -> tuple[np.ndarray, np.ndarray]:
    """How products over i + 1 joints are made from those over i: which of these each one is (`WIDTH` - 1, T),
    and which power of the next joint it is multiplied with."""
    source, power = np.zeros((2, WIDTH - 1, terms), np.int32)
    for i in range(WIDTH - 1):
        start = term_starts(i, degree)
        pairs = [
            (t, e)
            for s in range(degree + 1)
            for e in range(s + 1)
            for t in range(start[s - e], start[s - e + 1])
        ]
        used = np.array(pairs[:terms])
        source[i, : len(used)], power[i, : len(used)] = used.T
    return source, power


def _groups(mechanism: Mechanism, row: np.ndarray) -> dict[Piece, list[_Member]]:
    """Muscles by the joints of their pieces, those of the highest degrees first."""
    paths, found = mechanism.polynomials, {}
    assert paths is not None
    for m, pieces in enumerate(paths.pieces):
        degree, start = int(paths.degree[m]), 0
        for piece in pieces:
            end = start + comb(len(piece) + degree, degree)
            places = [_place(mechanism, row, m, mechanism.joint_dofadr[joint]) for joint in piece]
            member = _Member(m, degree, paths.coefficients[m][start:end], places)
            found.setdefault(piece, []).append(member)
            start = end
    return {piece: sorted(own, key=lambda member: -member.degree) for piece, own in found.items()}


def _bound_groups(mechanism: Mechanism, row: np.ndarray) -> dict[Piece, list[_Member]]:
    """Moment arms on bound joints by the joint that drives these."""
    assert mechanism.polynomials is not None
    bound, found = mechanism.polynomials.bound, {}
    for k, m in enumerate(bound.muscle.tolist()):
        dofs = int(mechanism.bound_dofadr[bound.bound[k]]), int(mechanism.joint_dofadr[bound.driver[k]])
        places = [int(bound.bound[k]), *(_place(mechanism, row, m, dof) for dof in dofs)]
        member = _Member(m, BOUND_DEGREE, bound.coefficients[k], places)
        found.setdefault((int(bound.driver[k]),), []).append(member)
    return found


def _place(mechanism: Mechanism, row: np.ndarray, muscle: int, dof: int) -> int:
    """Where the moment of a muscle on a dof lies, once they are packed."""
    assert mechanism.moments is not None
    return int(row[muscle]) + mechanism.moments.kept_dof[row[muscle] : row[muscle + 1]].tolist().index(dof)


def _packed(dimension: int, members: list[_Member]) -> np.ndarray:
    """Coefficients of a block: by power of the last joint, product of the others, and muscle."""
    degree = members[0].degree
    exponents = graded_exponents(dimension, degree)
    table = np.zeros((len(exponents), LANES))
    for lane, member in enumerate(members):
        table[: member.coefficients.size, lane] = member.coefficients
    # `graded_exponents` has the products of the other joints in the same order for every power of the last.
    return np.concatenate([table[exponents[:, -1] == e] for e in range(degree + 1)]).ravel()


@numba.njit(error_model="numpy")
def polynomial_paths(block, data):
    """Set length, velocity and moments, packed, of all muscles that have polynomials."""
    n, nj, width = block.n_muscle, block.n_joint, block.poly_width
    length, moment = f64(data, LENGTH, n), f64(data, MOMENT, block.n_kept)
    muscle, row = shared_i32(block.poly_muscle, block.n_poly), shared_i32(block.poly_row, n + 1)
    for i in range(block.n_poly):
        m = muscle[i]
        length[m] = 0.0
        for k in range(row[m], row[m + 1]):
            moment[k] = 0.0
    power, slope = carray(stack_f64(nj * width), (nj, width)), carray(stack_f64(nj * width), (nj, width))
    qpos = f64(data, QPOS, block.n_qpos)
    _legendre(block, qpos, power, slope)
    terms = block.poly_terms
    products = carray(stack_f64(terms * WIDTH), (terms, WIDTH))
    spare = carray(stack_f64(terms * WIDTH), (terms, WIDTH))
    total = carray(stack_f64((WIDTH + 1) * LANES), (WIDTH + 1, LANES))
    n_group = block.n_poly_group + block.n_bound_group
    table = carray(i32_pointer(block.poly_group), (n_group, _COLUMNS))
    blocks = carray(i32_pointer(block.poly_block), (block.n_poly_block, _BLOCK_COLUMNS))
    for g in range(block.n_poly_group):
        group = table[g]
        _multiply(block, group, power, slope, products, spare)
        for b in range(group[_BLOCK_AT], group[_BLOCK_AT] + group[_BLOCKS]):
            _sum_block(block, group, blocks[b], power, slope, products, total)
            _add_block(block, group[_JOINTS], blocks[b], total, length, moment)
    n_bound = block.n_bound
    given, course = carray(stack_f64(n_bound), (n_bound,)), carray(stack_f64(n_bound), (n_bound,))
    _couplings(block, qpos, given, course)
    for g in range(block.n_poly_group, block.n_poly_group + block.n_bound_group):
        group = table[g]
        _multiply(block, group, power, slope, products, spare)
        for b in range(group[_BLOCK_AT], group[_BLOCK_AT] + group[_BLOCKS]):
            _sum_block(block, group, blocks[b], power, slope, products, total)
            _add_bound(block, blocks[b], total, given, course, length, moment)
    _velocities(block, data, muscle, row, moment)


@inner
def _legendre(block, qpos, power, slope):
    """Legendre polynomials P_0, P_1, ... of each joint's place in its range, and their slopes [1/rad].

    (n + 1) P_{n+1} = (2n + 1) x P_n - n P_{n-1} and P'_{n+1} = P'_{n-1} + (2n + 1) P_n. Beyond the range the
    place stays at its end.
    """
    nj, width = power.shape
    center, half = shared_f64(block.poly_center, nj), shared_f64(block.poly_half, nj)
    adr = shared_i32(block.joint_qposadr, nj)
    for j in range(nj):
        x, inverse = (qpos[adr[j]] - center[j]) / half[j], 1.0 / half[j]
        inside = -1.0 <= x <= 1.0
        power[j, 0], slope[j, 0] = 1.0, 0.0
        power[j, 1], slope[j, 1] = min(1.0, max(-1.0, x)), inverse if inside else 0.0
    for k in range(1, width - 1):
        up, down, gain = (2 * k + 1) / (k + 1), k / (k + 1), 2.0 * k + 1.0
        for j in range(nj):
            power[j, k + 1] = up * power[j, 1] * power[j, k] - down * power[j, k - 1]
            slope[j, k + 1] = slope[j, k - 1] + gain * power[j, k] * slope[j, 1]


@inner
def _multiply(block, group, power, slope, products, spare):
    """Products over all joints of a group but the last, and their slopes by each of these (T, `WIDTH`), in
    the order of `graded_exponents`: joint after joint, from those of the joints before.

    Args:
        products: out.
        spare: room of the same shape.
    """
    degree, last, first = np.int64(group[_DEGREE]), np.int64(group[_JOINTS]) - 1, np.int64(group[_JOINT_AT])
    joint = shared_i32(block.group_joint, first + last)
    start = carray(i32_pointer(block.poly_start), (block.poly_joints, block.poly_width + 1))
    row = np.uint64(8 * power.shape[1])
    powers, slopes = np.uint64(power.ctypes.data), np.uint64(slope.ctypes.data)
    level, recipe = np.uint64(4 * block.poly_terms), np.uint64(0)
    this, other = np.uint64(products.ctypes.data), np.uint64(spare.ctypes.data)
    if last % 2 == 1:
        this, other = other, this
    one = carray(f64_pointer(this), (WIDTH,))
    for k in range(WIDTH):  # a slice would compile the message about its shape, too
        one[k] = 1.0 if k == 0 else 0.0
    for i in range(last):
        j, n = np.uint64(joint[first + i]) * row, np.int64(start[i + 1, degree + 1])
        given = (
            this,
            other,
            block.poly_source + recipe,
            block.poly_power + recipe,
            powers + j,
            slopes + j,
            n,
        )
        if i == 0:
            _extend_1(*given)
        elif i == 1:
            _extend_2(*given)
        else:
            _extend_3(*given)
        recipe += level
        this, other = other, this


@inner
def _sum_block(block, group, own, power, slope, products, total):
    """Lengths of the pieces of the muscles of a block, and their slopes by each joint (k + 1, LANES)."""
    k, degree = np.int64(group[_JOINTS]), np.int64(own[_BLOCK_DEGREE])
    last = shared_i32(block.group_joint, group[_JOINT_AT] + k)[group[_JOINT_AT] + k - 1]
    start = carray(i32_pointer(block.poly_start), (block.poly_joints, block.poly_width + 1))[k - 1]
    rows = block.poly_coefficient + np.uint64(8 * own[_COEFFICIENT_AT])
    where = (rows, products.ctypes.data, start[degree + 1 :].ctypes.data)
    factors = (power[last].ctypes.data, slope[last].ctypes.data, degree, total.ctypes.data)
    if k == 1:
        _sums_1(*where, *factors)
    elif k == 2:
        _sums_2(*where, *factors)
    elif k == 3:
        _sums_3(*where, *factors)
    else:
        _sums_4(*where, *factors)


@inner
def _add_block(block, k, own, total, length, moment):
    """Add what a block has found to the lengths and moments of its muscles."""
    n, first, at, k = own[_MUSCLES], own[_MUSCLE_AT], np.int64(own[_MOMENT_AT]), np.int64(k)
    muscle = shared_i32(block.block_muscle, first + n)
    place = shared_i32(block.block_moment, at + n * k)
    for m in range(n):
        length[muscle[first + m]] += total[0, m]
        for i in range(1, k + 1):
            moment[place[at]] += total[i, m]
            at += 1


@inner
def _couplings(block, qpos, given, course):
    """How far each bound joint is from where its coupling puts it, and d of that position / d driver (C,)."""
    n = block.n_bound
    adr, q0 = shared_i32(block.bound_qposadr, n), shared_f64(block.bound_q0, n)
    driver, driver_q0 = shared_i32(block.bound_joint, n), shared_f64(block.bound_driver_q0, n)
    coef = shared_f64_2d(block.bound_coef, n, 5)
    joint_qposadr = shared_i32(block.joint_qposadr, block.n_joint)
    for b in range(n):
        x, c = qpos[joint_qposadr[driver[b]]] - driver_q0[b], coef[b]
        given[b] = qpos[adr[b]] - q0[b] - (c[0] + x * (c[1] + x * (c[2] + x * (c[3] + x * c[4]))))
        course[b] = coupling_slope(x, c)


@inner
def _add_bound(block, own, total, given, course, length, moment):
    """Add r_b (q_b - g_b) to the lengths of a block's muscles, and its gradient to their moments."""
    n, first, at = own[_MUSCLES], own[_MUSCLE_AT], np.int64(own[_MOMENT_AT])
    muscle = shared_i32(block.block_muscle, first + n)
    place = shared_i32(block.block_moment, at + 3 * n)
    for k in range(n):
        b, arm, change = place[at], total[0, k], total[1, k]
        length[muscle[first + k]] += arm * given[b]
        moment[place[at + 1]] += arm
        moment[place[at + 2]] += change * given[b] - arm * course[b]
        at += 3


@inner
def _velocities(block, data, muscle, row, moment):
    velocity, qvel = f64(data, VELOCITY, block.n_muscle), f64(data, QVEL, block.n_dof)
    dof = shared_i32(block.kept_dof, block.n_kept)
    for i in range(muscle.size):
        m = muscle[i]
        total = 0.0
        for k in range(row[m], row[m + 1]):
            total += moment[k] * qvel[dof[k]]
        velocity[m] = total


_F64 = ir.DoubleType()
_VECTOR = ir.VectorType(_F64, LANES)


def _extend(slope_at: int) -> Any:
    """Make an intrinsic (before, after, source, exponent, power, slope, n), all but n addresses, that
    multiplies products of some joints with the powers of one more, see `_recipe`:

    after[t] = before[source[t]] * power[exponent[t]], vectors of `WIDTH`, but
    after[t, slope_at] = before[source[t], 0] * slope[exponent[t]].
    """

    @intrinsic
    def extend(typingctx, before, after, source, exponent, power, slope, n):
        signature = types.void(*[types.uintp] * 6, types.int64)

        def generate(context, builder, sig, args):
            *addresses, n = args
            with cgutils.for_range(builder, n) as loop:
                _emit_product(builder, addresses, loop.index, slope_at)
            return context.get_dummy_value()

        return signature, generate

    return extend


def _emit_product(builder: Any, addresses: Any, t: Any, slope_at: int) -> None:
    before, after, source, exponent, power, slope = addresses
    row = ir.VectorType(_F64, WIDTH)

    def place(start: Any, index: Any, size: int, kind: Any) -> Any:
        return at(builder, builder.add(start, builder.mul(index, ir.Constant(I64, size))), 0, kind)

    own, e = (builder.zext(builder.load(place(each, t, 4, I32), align=4), I64) for each in (source, exponent))
    factor, change = (builder.load(place(each, e, 8, _F64), align=8) for each in (power, slope))
    product = builder.load(place(before, own, 8 * WIDTH, row), align=8)
    first = builder.extract_element(product, ir.Constant(I32, 0))
    grown = builder.fmul(product, splat(builder, factor, row))
    grown = builder.insert_element(grown, builder.fmul(first, change), ir.Constant(I32, slope_at))
    builder.store(grown, place(after, t, 8 * WIDTH, row), align=8)


_extend_1, _extend_2, _extend_3 = (_extend(joints) for joints in (1, 2, 3))


def _sums(joints: int) -> Any:
    """Make an intrinsic (rows, products, count, power, slope, degree, total), all but degree addresses, for
    pieces of so many joints:

    total[o] = sum_e power[e] sum_t row[e, t] products[t, o], o < joints, and
    total[joints] = sum_e slope[e] sum_t row[e, t] products[t, 0], vectors of `LANES`.

    Of each power e of the last joint there are count[-e] terms, one at least.
    """

    @intrinsic
    def sums(typingctx, rows, products, count, power, slope, degree, total):
        signature = types.void(*[types.uintp] * 5, types.int64, types.uintp)

        def generate(context, builder, sig, args):
            _emit(builder, args, joints)
            return context.get_dummy_value()

        return signature, generate

    return sums


def _emit(builder: Any, args: Any, joints: int) -> None:
    zero, none = ir.Constant(_VECTOR, [0.0] * LANES), ir.Constant(I64, 0)
    before = builder.block
    powers, terms, power_end, after = (
        builder.append_basic_block(f"sums.{name}") for name in ("powers", "terms", "power_end", "after")
    )

    def load(address: Any, kind: Any) -> Any:
        return builder.load(at(builder, address, 0, kind), align=4 if kind is I32 else 8)

    def multiply_add(a: Any, b: Any, c: Any) -> Any:
        return call_vector(builder, f"llvm.fma.v{LANES}f64", _VECTOR, [a, b, c])

    def later(values: Any, steps: Any) -> list[Any]:
        return [builder.add(value, ir.Constant(I64, step)) for value, step in zip(values, steps, strict=True)]

    def join(phis: Any, sources: Any) -> None:
        for block, values in sources:
            for phi, value in zip(phis, values, strict=True):
                phi.add_incoming(value, block)

    rows_start, products_start, count_start, power_start, slope_start, degree, out = args
    builder.branch(powers)
    builder.position_at_end(powers)
    _, rows, count, power, slope = outer = [builder.phi(I64) for _ in range(5)]
    totals = [builder.phi(_VECTOR) for _ in range(joints + 1)]
    n = builder.sext(load(count, I32), I64)
    builder.branch(terms)
    builder.position_at_end(terms)
    _, row, product = inner = [builder.phi(I64) for _ in range(3)]
    parts = [builder.phi(_VECTOR) for _ in range(joints)]
    coefficients = load(row, _VECTOR)
    sums = [
        multiply_add(coefficients, splat(builder, load(place, _F64), _VECTOR), part)
        for part, place in zip(parts, (later([product], [8 * o])[0] for o in range(joints)), strict=True)
    ]
    inner_later = later(inner, (1, 8 * LANES, 8 * WIDTH))
    builder.cbranch(builder.icmp_signed("<", inner_later[0], n), terms, power_end)
    starts = [none, rows, products_start, *[zero] * joints]
    join((*inner, *parts), ((powers, starts), (terms, (*inner_later, *sums))))
    builder.position_at_end(power_end)
    p, s = (splat(builder, load(place, _F64), _VECTOR) for place in (power, slope))
    grown = [multiply_add(p, part, total) for part, total in zip(sums, totals[:-1], strict=True)]
    grown.append(multiply_add(s, sums[0], totals[-1]))
    e_later, _, *rest = later(outer, (1, 0, -4, 8, 8))
    builder.cbranch(builder.icmp_signed("<=", e_later, degree), powers, after)
    starts = (none, rows_start, count_start, power_start, slope_start, *[zero] * (joints + 1))
    join((*outer, *totals), ((before, starts), (power_end, (e_later, inner_later[1], *rest, *grown))))
    builder.position_at_end(after)
    for o, total in enumerate(grown):
        builder.store(total, at(builder, out, 8 * LANES * o, _VECTOR), align=8)


_sums_1, _sums_2, _sums_3, _sums_4 = (_sums(joints) for joints in (1, 2, 3, 4))
