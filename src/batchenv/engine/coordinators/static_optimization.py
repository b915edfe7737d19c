"""Static optimisation: the muscle activations that make the desired torques with the least effort.

    min over lower <= a <= upper of  sum_j (sum_m JtA[j, m] a_m - need_j)^2 + regularization * sum_m a_m^2

(Crowninshield and Brand 1981, with quadratic effort and torques as a soft constraint), solved by cyclic
coordinate descent from the activations of the substep before.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import itertools
from dataclasses import dataclass

import numba
import numpy as np

from batchenv.body.mechanism import Mechanism
from batchenv.engine.fields import shared_f64, shared_i32, shared_u32
from batchenv.engine.memory import carray, stack_f64, u32_pointer
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"sweeps": np.int64, "regularization": np.float64, "sweep_width": np.int64},
    arrays={
        "sweep_muscle": np.uint32,
        "sweep_number": np.uint32,
        "sweep_entry": np.uint32,
        "sweep_joint": np.uint32,
        "torque_scale": np.float64,
    },
)


ENTRIES = 4  # of a muscle that compiled code visits at once: most muscles cross no more joints
_NOWHERE = 4  # places behind the joints for entries of no effect


@dataclass(frozen=True)
class SweepOrder:
    """Order in which coordinate descent visits the muscles, with the joints that each of them crosses.

    Neighbours share no joint where possible (they alternate between the legs), so that a processor works on
    several at once. Entries are padded to whole `ENTRIES` with ones of no effect, so that few loops end in a
    mispredicted branch. Those of neighbours act on different places behind the joints: at one place, each
    muscle would wait for the muscle before.

    Attributes:
        muscle: permutation of the muscles (n_muscle,).
        number: of entries of each muscle that are visited (n_muscle,).
        entry: indices in JtA_reduced (n_muscle, width); 0 where there is none.
        joint: their joints (n_muscle, width); n_joint or more where there is none.
    """

    muscle: np.ndarray
    number: np.ndarray
    entry: np.ndarray
    joint: np.ndarray


@numba.njit(error_model="numpy")
def static_optimization(
    # problem
    sweep_muscle,
    sweep_number,
    sweep_entry,
    sweep_joint,
    jta,
    required,
    regularization,
    lower,
    upper,
    sweeps,
    # out
    residual,
    # in: start; out: solution
    activation,
):
    """Minimise in place.

    Args:
        sweep_muscle, sweep_number, sweep_entry, sweep_joint: see `SweepOrder`.
        jta: torque of each muscle at full activation on each joint it crosses (nnz,) [Nm].
        required: torque the muscles are to make, passive torques subtracted (n_joint,) [Nm].
        regularization: of the squared activations [Nm^2].
        lower, upper: bounds (n_muscle,).
        sweeps: passes over all muscles.
        residual: out: torque made less torque needed (n_joint,) [Nm].
        activation: start and solution (n_muscle,).
    """
    n, width, n_joint = sweep_entry.shape[0], sweep_entry.shape[1], required.size
    arm, a = carray(stack_f64(n * width), (n, width)), carray(stack_f64(n), (n,))
    inverse_curvature = carray(stack_f64(n), (n,))
    error = carray(stack_f64(n_joint + _NOWHERE), (n_joint + _NOWHERE,))
    for j in range(n_joint):
        error[j] = -required[j]
    for j in range(n_joint, n_joint + _NOWHERE):
        error[j] = 0.0
    for t in range(n):
        m, curvature = sweep_muscle[t], regularization
        a[t] = min(upper[m], max(lower[m], activation[m]))
        for first in range(0, sweep_number[t], ENTRIES):
            for i in range(ENTRIES):
                s = first + i
                joint = sweep_joint[t, s]
                arm[t, s] = jta[sweep_entry[t, s]] * (1.0 if joint < n_joint else 0.0)
                error[joint] += arm[t, s] * a[t]
                curvature += arm[t, s] * arm[t, s]
        inverse_curvature[t] = 1.0 / curvature
    for _ in range(sweeps):
        for t in range(n):
            m, before = sweep_muscle[t], a[t]
            gradient = regularization * before
            for first in range(0, sweep_number[t], ENTRIES):
                for i in range(ENTRIES):
                    gradient += arm[t, first + i] * error[sweep_joint[t, first + i]]
            after = min(upper[m], max(lower[m], before - gradient * inverse_curvature[t]))
            a[t] = after
            for first in range(0, sweep_number[t], ENTRIES):
                for i in range(ENTRIES):
                    error[sweep_joint[t, first + i]] += arm[t, first + i] * (after - before)
    for t in range(n):
        activation[sweep_muscle[t]] = a[t]
    for j in range(n_joint):
        residual[j] = error[j]


def sweep_order(ptr: np.ndarray, joint: np.ndarray, n_joint: int) -> SweepOrder:
    """Order the muscles for coordinate descent, alternating between groups that share no joints (the legs).

    Args:
        ptr, joint: muscle m crosses joint[ptr[m]:ptr[m + 1]] (n_muscle + 1,), (nnz,).
        n_joint: number of joints.
    """
    crossed = [set(joint[a:b].tolist()) for a, b in itertools.pairwise(ptr)]
    groups: list[tuple[set[int], list[int]]] = []
    for muscle, joints in enumerate(crossed):
        touching = [group for group in groups if group[0] & joints]
        groups = [group for group in groups if not group[0] & joints]
        merged = sorted([muscle, *(m for _, members in touching for m in members)])
        groups.append((joints.union(*(group[0] for group in touching)), merged))
    rounds = itertools.zip_longest(*(members for _, members in groups))
    order = np.array([m for each in rounds for m in each if m is not None], np.uint32)
    number = ENTRIES * np.maximum(1, -(-np.diff(ptr)[order] // ENTRIES)).astype(np.uint32)
    entry = np.zeros((order.size, int(number.max(initial=ENTRIES))), np.uint32)
    joints = np.zeros_like(entry) + n_joint + np.arange(order.size, dtype=np.uint32)[:, None] % _NOWHERE
    for place, muscle in enumerate(order.tolist()):
        entries = np.arange(int(ptr[muscle]), int(ptr[muscle + 1]))
        entry[place, : entries.size], joints[place, : entries.size] = entries, joint[entries]
    return SweepOrder(order, number, entry, joints)


def values(mechanism: Mechanism, sweeps: int, regularization: float, torque_weight: np.ndarray) -> Values:
    """Describe the problem that is solved in every substep.

    Args:
        mechanism: the body.
        sweeps, regularization: see `static_optimization`.
        torque_weight: of each joint's squared torque error (J,).
    """
    order = sweep_order(mechanism.crossing_ptr, mechanism.crossing_joint, len(mechanism.joint_names))
    return Values(
        numbers={"sweeps": sweeps, "regularization": regularization, "sweep_width": order.entry.shape[1]},
        arrays={
            "sweep_muscle": order.muscle,
            "sweep_number": order.number,
            "sweep_entry": order.entry,
            "sweep_joint": order.joint,
            "torque_scale": np.sqrt(torque_weight),
        },
    )


@numba.njit(error_model="numpy")
def optimize(block, jta, required, lower, upper, activation):
    """Activations (M,) by static optimisation, from those of the substep before.

    Args:
        jta: torque of each muscle at full activation on each joint it crosses (nnz,) [Nm]; overwritten.
        required: torques that muscles must make (J,) [Nm]; overwritten.
        lower, upper: bounds (M,).
        activation: start, then solution (M,).
    """
    n, nj, nnz = block.n_muscle, block.n_joint, block.n_crossing
    # Torque errors are weighted by scaling both sides of the torque balance.
    scale, joint = shared_f64(block.torque_scale, nj), shared_i32(block.muscle_joint, nnz)
    for j in range(nj):
        required[j] *= scale[j]
    for k in range(nnz):
        jta[k] *= scale[joint[k]]
    static_optimization(
        shared_u32(block.sweep_muscle, n),
        shared_u32(block.sweep_number, n),
        carray(u32_pointer(block.sweep_entry), (n, block.sweep_width)),
        carray(u32_pointer(block.sweep_joint), (n, block.sweep_width)),
        jta,
        required,
        block.regularization,
        lower,
        upper,
        block.sweeps,
        carray(stack_f64(nj), (nj,)),
        activation,
    )
