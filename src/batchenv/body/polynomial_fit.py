"""Polynomials that stand for muscle paths: lengths as functions of the joints, fitted to MuJoCo's tendons.

A length is a sum over the pieces of the path (`path_pieces`) of products of Legendre polynomials, one for
each joint, up to a total degree. Lengths and moment arms are fitted together, by least squares over random
poses (Sobinov et al. 2020 fit other polynomials to the muscles of an arm). Moment arms are the exact
gradient of the length, so that muscles conserve energy. A joint beyond its range and `MARGIN` changes the
length no more.
"""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from math import comb
from typing import Any

import mujoco
import numpy as np
from numpy.polynomial import legendre

from batchenv.body.bound_arms import BoundArms, bound_entries, fit_bound_arms
from batchenv.body.indices import sampled_range
from batchenv.body.path_pieces import Piece, graded_exponents, path_pieces
from batchenv.cpus import available_cpus

Body = Any  # a `batchenv.body.Body`, whose module imports this one
Array = np.ndarray

MARGIN = 0.05  # beyond a joint's range, where its limit gives way [rad]
MOST_DEGREE, MOST_TERMS = 12, 1000
MOST_JOINTS = 4  # of a piece, as many as compiled code takes
# What a tendon does beside carrying its muscle's force, as fields of MjModel have it after `tendon_`.
ACTIVE_FIELDS = ("stiffness", "damping", "frictionloss", "limited", "armature", "actfrclimited")
# What the tolerance of the root mean square of a length means for its largest error, and for the root mean
# square of a moment arm on each joint.
LARGEST, ARM = 6.0, 4.0
# A fit is accepted where its errors in other poses are below these shares of what is allowed.
_SHARES = np.array([0.75, 0.65, 0.9])
_FITTED_POSES, _OTHER_POSES = 3000, 6000


@dataclass(frozen=True, eq=False)
class PolynomialPaths:
    """Polynomials of the paths of M muscles over J joints.

    Attributes:
        center, half: middle and half width of the range of each joint, with the margin (J,) [rad].
        pieces: of each muscle; none where it keeps its tendon.
        degree: of each muscle's polynomials, 0 where it keeps its tendon (M,).
        coefficients: of each muscle [m], piece after piece in the order of `graded_exponents`.
        error: root mean square and largest error of each length, and largest root mean square over the joints
            of its moment arms, in poses that were not fitted (M, 3) [m].
        bound: moment arms on bound joints, of the muscles that have polynomials.
    """

    center: Array
    half: Array
    pieces: tuple[tuple[Piece, ...], ...]
    degree: Array
    coefficients: tuple[Array, ...]
    error: Array
    bound: BoundArms

    def evaluate(self, muscle: int, joint_pos: Array) -> tuple[Array, dict[int, Array]]:
        """Return the length of a muscle (n,) [m], and its moment arm on each joint (n,) [m].

        Args:
            muscle: one that has polynomials.
            joint_pos: primary joints (n, J) [rad].
        """
        terms = _Terms(self.pieces[muscle], int(self.degree[muscle]), self.center, self.half)
        value, slopes = terms.values(joint_pos)
        own = self.coefficients[muscle]
        return value @ own, {joint: slope @ own for joint, slope in slopes.items()}


@dataclass(frozen=True, eq=False)
class Poses:
    """Lengths (n, M) [m] and moment arms of muscles in poses (n, J) [rad] that satisfy the couplings.

    Moment arms are effective ones on joints (n, nnz) [m], and those on bound joints alone (n, K) [m], in the
    order of `bound_entries`.
    """

    joint_pos: Array
    length: Array
    arm: Array
    bound_arm: Array


def dofs_moved(body: Body, paths: PolynomialPaths, muscle: int) -> Array:
    """Dofs, ascending, of the joints and of the bound joints that a muscle with polynomials moves."""
    own = sorted({joint for piece in paths.pieces[muscle] for joint in piece})
    bound = paths.bound.bound[paths.bound.muscle == muscle]
    return np.sort(np.concatenate([body.joint_dofadr[own], body.bound_dofadr[bound]]))


def random_poses(body: Body, number: int, seed: int, margin: float = 0.0) -> Array:
    """Draw poses over the joints' ranges (number, J) [rad]."""
    low, high = sampled_range(body.joint_range)
    return np.random.default_rng(seed).uniform(low - margin, high + margin, (number, low.size))


def measure_paths(body: Body, joint_pos: Array) -> Poses:
    """Measure MuJoCo's tendons in poses (n, J) [rad], in several threads."""
    model, moments, n = body.model, body.moments, len(joint_pos)
    qpos = body.qpos(np.zeros((n, 3)), np.tile([1.0, 0.0, 0.0, 0.0], (n, 1)), joint_pos)
    slope = np.ones((n, model.nv))
    slope[:, body.bound_dofadr] = body.bound_slope(joint_pos)
    length, moment = np.zeros((n, model.nu)), np.zeros((n, moments.entry.size))

    def measure(rows: Array) -> None:
        data = mujoco.MjData(model)
        for row in rows:
            data.qpos[:] = qpos[row]
            for stage in (mujoco.mj_kinematics, mujoco.mj_comPos, mujoco.mj_tendon, mujoco.mj_transmission):
                stage(model, data)
            length[row], moment[row] = data.actuator_length, data.actuator_moment[moments.entry]

    with ThreadPoolExecutor(available_cpus()) as pool:
        list(pool.map(measure, np.array_split(np.arange(n), available_cpus())))
    arm = np.zeros((n, moments.joint.size))
    np.add.at(arm.T, moments.place, (moment * slope[:, moments.dof]).T)
    return Poses(joint_pos, length, arm, moment[:, bound_entries(body)[0]])


def joint_boxes(body: Body) -> tuple[Array, Array]:
    """Middle and half width of the range of each joint, with the margin, each (J,) [rad]."""
    low, high = sampled_range(body.joint_range)
    return (low + high) / 2, (high - low) / 2 + MARGIN


def fit_paths(
    body: Body, tolerance: float, watch: Callable[[float], None] = lambda share: None
) -> PolynomialPaths:
    """Fit polynomials of the lowest degrees that are accurate enough; see the module.

    Args:
        body: whose muscles are MuJoCo's tendons.
        tolerance: root mean square error allowed of a length [m]; `LARGEST` times as much at most in any
            pose, and `ARM` times as much for a moment arm.
        watch: told from time to time which share is done.
    """
    center, half = joint_boxes(body)
    fitted = measure_paths(body, random_poses(body, _FITTED_POSES, 0, MARGIN))
    others = measure_paths(body, random_poses(body, _OTHER_POSES, 1))
    pieces = pieces_of(body)
    n = len(pieces)
    degree, error, coefficients = np.zeros(n, np.int32), np.full((n, 3), np.inf), [np.zeros(0)] * n
    structures = sorted({own for own in pieces if own})
    for done, structure in enumerate(structures):
        watch(done / len(structures))
        muscles = np.array([m for m in range(n) if pieces[m] == structure])
        fit = _Fit(body, structure, center, half, fitted, others, muscles)
        for d in range(1, fit.most + 1):
            left = muscles[degree[muscles] == 0]
            if not left.size:
                break
            solved, found = fit.solve(d, left)
            limit = _SHARES * tolerance * np.array([1.0, LARGEST, ARM])
            for column, m in enumerate(left):
                if (found[column] <= limit).all():
                    degree[m], error[m], coefficients[m] = d, found[column], solved[:, column]
    kept = tuple(own if degree[m] else () for m, own in enumerate(pieces))
    bound = fit_bound_arms(body, (fitted.joint_pos - center) / half, fitted.bound_arm, np.flatnonzero(degree))
    return PolynomialPaths(center, half, kept, degree, tuple(coefficients), error, bound)


class _Fit:
    """Least squares for all muscles whose paths have the same pieces."""

    def __init__(
        self,
        body: Body,
        pieces: tuple[Piece, ...],
        center: Array,
        half: Array,
        fitted: Poses,
        others: Poses,
        muscles: Array,
    ):
        self._pieces, self._center, self._half = pieces, center, half
        self.most = max(d for d in range(1, MOST_DEGREE + 1) if _count(pieces, d) <= MOST_TERMS)
        self._terms = _Terms(pieces, self.most, center, half)
        self._joints = sorted({joint for piece in pieces for joint in piece})
        ptr, joint = body.moments.ptr, body.moments.joint
        self._crossing = {
            m: [ptr[m] + int(np.flatnonzero(joint[ptr[m] : ptr[m + 1]] == j)[0]) for j in self._joints]
            for m in muscles
        }
        self._muscles = list(muscles)
        rows = self._rows(fitted)
        self._gram, self._right = rows.T @ rows, rows.T @ self._wanted(fitted)
        self._others_rows, self._others_wanted = self._rows(others), self._wanted(others)

    def solve(self, degree: int, muscles: Array) -> tuple[Array, Array]:
        """Return the coefficients (T, n) of some muscles, and their errors (n, 3) as `PolynomialPaths`."""
        used = np.flatnonzero(self._terms.own & (self._terms.degree <= degree))
        columns = np.array([self._muscles.index(m) for m in muscles])
        gram = self._gram[np.ix_(used, used)]
        gram = gram + 1e-13 * np.trace(gram) / used.size * np.eye(used.size)
        solved = np.linalg.solve(gram, self._right[np.ix_(used, columns)])
        wrong = self._others_rows[:, used] @ solved - self._others_wanted[:, columns]
        wrong = wrong.reshape(1 + len(self._joints), -1, columns.size)
        length, arm = wrong[0], wrong[1:] * ARM
        rms = np.sqrt((arm**2).mean(1)).max(0)
        error = np.stack([np.sqrt((length**2).mean(0)), np.abs(length).max(0), rms], axis=1)
        kept = self._terms.degree <= degree
        full = np.zeros((kept.size, columns.size))
        full[used] = solved
        return full[kept], error

    def _rows(self, poses: Poses) -> Array:
        value, slopes = self._terms.values(poses.joint_pos)
        return np.concatenate([value, *(slopes[joint] / ARM for joint in self._joints)])

    def _wanted(self, poses: Poses) -> Array:
        arms = np.stack(
            [poses.arm[:, self._crossing[m]] for m in self._muscles], axis=-1
        )  # n, joints, muscles
        return np.concatenate([poses.length[:, self._muscles], *(arms.transpose(1, 0, 2) / ARM)])


class _Terms:
    """The products of Legendre polynomials that the length of a path is made of.

    Attributes:
        degree: total degree of each (T,).
        own: whether it is no term of a piece before its own, where it would be there twice (T,).
    """

    def __init__(self, pieces: tuple[Piece, ...], degree: int, center: Array, half: Array):
        self._pieces, self._most, self._center, self._half = pieces, degree, center, half
        self._exponents = [graded_exponents(len(piece), degree) for piece in pieces]
        self.degree = np.concatenate([exponents.sum(1) for exponents in self._exponents])
        seen: set[frozenset[tuple[int, int]]] = set()
        own = []
        for piece, exponents in zip(pieces, self._exponents, strict=True):
            for row in exponents.tolist():
                key = frozenset((j, e) for j, e in zip(piece, row, strict=True) if e)
                own.append(key not in seen)
                seen.add(key)
        self.own = np.array(own)

    def values(self, joint_pos: Array) -> tuple[Array, dict[int, Array]]:
        """Return the terms (n, T) in poses (n, J) [rad], and their slopes by each joint (n, T) [1/rad]."""
        x = (joint_pos - self._center) / self._half
        inside = np.abs(x) <= 1.0
        power = legendre.legvander(np.clip(x, -1.0, 1.0), self._most)  # n, J, degree + 1
        to_slope = legendre.legder(np.eye(self._most + 1))
        slope = (power[..., :-1] @ to_slope) * (inside / self._half)[..., None]
        value = np.concatenate([_products(power, piece, e) for piece, e in self._each()], axis=1)
        slopes = {}
        for joint in sorted({j for piece in self._pieces for j in piece}):
            turned = power.copy()
            turned[:, joint] = slope[:, joint]
            parts = [_products(turned, piece, e) * (joint in piece) for piece, e in self._each()]
            slopes[joint] = np.concatenate(parts, axis=1)
        return value, slopes

    def _each(self) -> Iterator[tuple[Piece, Array]]:
        return zip(self._pieces, self._exponents, strict=True)


def _products(power: Array, piece: Piece, exponents: Array) -> Array:
    """Products over the joints of a piece (n, T) of powers (n, J, degree + 1)."""
    return np.prod([power[:, joint, exponents[:, i]] for i, joint in enumerate(piece)], axis=0)


def _count(pieces: tuple[Piece, ...], degree: int) -> int:
    return sum(comb(len(piece) + degree, degree) for piece in pieces)


def pieces_of(body: Body) -> list[tuple[Piece, ...]]:
    """Pieces of the path of each muscle; none where it cannot be a function of the joints alone."""
    model, moments = body.model, body.moments
    found = []
    for m in range(model.nu):
        crossed = {int(j) for j in moments.joint[moments.ptr[m] : moments.ptr[m + 1]]}
        tendon, kind = model.actuator_trnid[m, 0], model.actuator_trntype[m]
        own: tuple[Piece, ...] = ()
        if kind == mujoco.mjtTrn.mjTRN_TENDON and crossed and _is_bare(model, tendon):
            own = path_pieces(model, tendon, moments.dof_joint, crossed)
        fitting = {j for piece in own for j in piece} == crossed and max(
            map(len, own), default=0
        ) <= MOST_JOINTS
        found.append(own if fitting else ())
    return found


def _is_bare(model: mujoco.MjModel, tendon: int) -> bool:
    """Whether a tendon is spatial, and does nothing but carry the force of one muscle."""
    spatial = model.wrap_type[model.tendon_adr[tendon]] != mujoco.mjtWrap.mjWRAP_JOINT
    active = any(getattr(model, f"tendon_{name}")[tendon].any() for name in ACTIVE_FIELDS)
    return bool(spatial and not active and (_users(model) == tendon).sum() == 1)


def _users(model: mujoco.MjModel) -> Array:
    """Ids of tendons, one for each use: by muscles, sensors, sensors of muscles, equalities and tuples."""
    kind, on_tendon = mujoco.mjtObj.mjOBJ_TENDON, model.actuator_trntype == mujoco.mjtTrn.mjTRN_TENDON
    # Such sensors are read before the control callback, and would see the stand-in.
    read = np.isin(
        model.sensor_type,
        [int(mujoco.mjtSensor.mjSENS_ACTUATORPOS), int(mujoco.mjtSensor.mjSENS_ACTUATORVEL)],
    )
    bound = model.eq_type == mujoco.mjtEq.mjEQ_TENDON
    return np.concatenate(
        [
            model.actuator_trnid[on_tendon, 0],
            model.sensor_objid[model.sensor_objtype == kind],
            model.actuator_trnid[model.sensor_objid[read], 0],
            model.eq_obj1id[bound],
            model.eq_obj2id[bound],
            model.tuple_objid[model.tuple_objtype == kind],
        ]
    )
