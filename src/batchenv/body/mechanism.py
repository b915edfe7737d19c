"""Mechanism: a compiled body in the form that the engine takes, whatever file it came from."""

from dataclasses import dataclass, field

import mujoco
import numpy as np

from batchenv.body.polynomial_fit import PolynomialPaths

Array = np.ndarray


def _none(*shape: int, dtype: type = np.float64) -> Array:
    return np.zeros(shape, dtype)


@dataclass(frozen=True, eq=False, kw_only=True)
class WayPoints:
    """Muscle paths over way-points, laid out for compiled code: N entries on A anchors, R runs, P pairs of a
    muscle and a joint, K moments.

    A muscle's way-point a lies at P_a = sum_k w_k (R_k p_k + x_k) over the bodies k it is blended over; each
    term is an entry. Entries are sorted by body.

    Attributes:
        body: ids of MuJoCo bodies that way-points ride on (B,).
        body_ptr: entries of each of them, sorted by body (B + 1,).
        entry_pos: weight times position in the body's frame (3, N) [m].
        entry_weight: share of the body in its anchor (N,).
        entry_push: share of the anchor's force that the body feels where only first bodies do, 1 or 0 (N,).
        entry_anchor: (N,).
        joined: 1 where an anchor and the next one are of one muscle, else 0 (A,).
        anchor_ptr: anchors of each muscle (M + 1,).
        run_ptr: entries of each run, which are of one muscle and move with one pair (R, 2).
        run_pair: that pair (R,).
        pair_body: MuJoCo body of each pair's joint, deepest joints first (P,).
        pair_above: the pair of the same muscle that moves this one, or P for none (P,).
        pair_ptr: moments of each pair (P + 1,).
        pair_moment: place of each of them among the moments (K,).
        pair_axis: its axis in the joint's frame (K, 3).
        muscle: of each moment (K,); the first moments are those of the crossings, in their order.
        joint: driven joint of each moment (K,).
        pull_pair: pairs whose joint is one of those that are loaded (L,).
        pull_muscle: muscle of each (L,).
        pull_joint: which of the loaded joints (L,).
    """

    body: Array
    body_ptr: Array
    entry_pos: Array
    entry_weight: Array
    entry_push: Array
    entry_anchor: Array
    joined: Array
    anchor_ptr: Array
    run_ptr: Array
    run_pair: Array
    pair_body: Array
    pair_above: Array
    pair_ptr: Array
    pair_moment: Array
    pair_axis: Array
    muscle: Array
    joint: Array
    pull_pair: Array
    pull_muscle: Array
    pull_joint: Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Fibers:
    """Parameters of muscles without activation dynamics, as MASS has them.

    Attributes:
        peak_force: times the cosine of the pennation angle (M,) [N].
        optimal_length, tendon_length: as fractions of the reference length (M,).
        reference_length: of the whole path (M,) [m].
        mujoco_curves: the nine parameters of MuJoCo's muscle curves that come nearest (9,).
    """

    peak_force: Array
    optimal_length: Array
    tendon_length: Array
    reference_length: Array
    mujoco_curves: Array


@dataclass(frozen=True, eq=False)
class MomentStructure:
    """Structure of the moment matrix: which muscle crosses which joint, and where MuJoCo stores the moments.

    Attributes:
        ptr, joint: muscle m crosses joint[ptr[m]:ptr[m + 1]] (n_muscle + 1,), (nnz,).
        entry, dof, place: moments that count: index in `actuator_moment`, dof, and index in `joint`
            (n_entry,).
        kept, kept_dof: index in `actuator_moment` and dof of the moments that are not zero in every pose
            (n_kept,); MuJoCo has a place for every dof that moves a muscle's path at all, also as a whole.
        kept_number: how many of them each muscle has (n_muscle,).
        dof_joint: driven joint that each dof belongs to or is bound to, or -1 (nv,).
    """

    ptr: Array
    joint: Array
    entry: Array
    dof: Array
    place: Array
    kept: Array
    kept_dof: Array
    kept_number: Array
    dof_joint: Array


@dataclass(frozen=True, eq=False, kw_only=True)
class Mechanism:
    """A compiled body: J joint coordinates that can be driven, and M muscles.

    Attributes:
        model: compiled, with room for `userdata`; the engine goes on changing it.
        joint_names: driven coordinates (J,).
        joint_qposadr: of hinges and slides; -1 for coordinates of ball joints (J,).
        joint_dofadr: (J,).
        ball_qposadr, ball_dofadr: of ball joints (B,).
        ball_lower, ball_upper: limits of exponential coordinates, infinite where there is none (B, 3) [rad].
        bound_dofadr, bound_joint, bound_driver_q0, bound_coef: joints bound to driven ones, see `Body` (C,).
        muscle_names: (M,).
        crossing_ptr, crossing_joint: muscle m crosses crossing_joint[crossing_ptr[m]:crossing_ptr[m + 1]].
        mirror_muscle: twin of each muscle (M,).
        mirror_joint, mirror_joint_sign: twin of each driven coordinate, and the sign of its image (J,).
        foot_sensor_adr: addresses of the vertical force on each foot in `sensordata` (F,).
        foot_body: bodies whose subtrees these forces act on (F,).
        moments: where MuJoCo keeps the moment arms of its tendons; None for way-points.
        way_points: muscle paths of the engine's own; None where muscles are tendons of the model.
        fibers: parameters of the muscles, for curves of the engine's own.
        polynomials: of muscle paths, whose tendons are stand-ins then; None where all tendons are MuJoCo's.
    """

    model: mujoco.MjModel
    joint_names: tuple[str, ...]
    joint_qposadr: Array
    joint_dofadr: Array
    ball_qposadr: Array = field(default_factory=lambda: _none(0, dtype=np.int32))
    ball_dofadr: Array = field(default_factory=lambda: _none(0, dtype=np.int32))
    ball_lower: Array = field(default_factory=lambda: _none(0, 3))
    ball_upper: Array = field(default_factory=lambda: _none(0, 3))
    bound_dofadr: Array = field(default_factory=lambda: _none(0, dtype=np.int32))
    bound_joint: Array = field(default_factory=lambda: _none(0, dtype=np.int32))
    bound_driver_q0: Array = field(default_factory=lambda: _none(0))
    bound_coef: Array = field(default_factory=lambda: _none(0, 5))
    muscle_names: tuple[str, ...]
    crossing_ptr: Array
    crossing_joint: Array
    mirror_muscle: Array
    mirror_joint: Array
    mirror_joint_sign: Array
    foot_sensor_adr: Array = field(default_factory=lambda: _none(0, dtype=np.int32))
    foot_body: Array = field(default_factory=lambda: _none(0, dtype=np.int32))
    moments: MomentStructure | None = None
    way_points: WayPoints | None = None
    fibers: Fibers
    polynomials: PolynomialPaths | None = None
