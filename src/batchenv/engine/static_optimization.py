"""Static optimisation: the muscle activations that make the desired torques at least effort.

    min over lower <= a <= upper of  sum_j (sum_m JtA[j, m] a_m - need_j)^2 + regularization * sum_m a_m^2

(Crowninshield and Brand 1981, with quadratic effort and torques as a soft constraint), solved by cyclic
coordinate descent from the activations of the substep before.
"""

import itertools

import numba
import numpy as np


@numba.njit
def static_optimization(
    # problem
    order,
    ptr,
    joint,
    jta,
    need,
    regularization,
    lower,
    upper,
    sweeps,
    # scratch
    residual,
    inverse_curvature,
    # in: start; out: solution
    activation,
):
    """Minimise in place.

    Args:
        order: in which muscles take their turns (n_muscle,), see `turns`.
        ptr, joint: joints that each muscle crosses, as from `joints_crossed` (n_muscle + 1,), (nnz,).
        jta: torque of each muscle at full activation on each of them (nnz,) [Nm].
        need: torque the muscles are to make, passive torques subtracted (n_joint,) [Nm].
        regularization: of the squared activations [Nm^2].
        lower, upper: bounds (n_muscle,).
        sweeps: passes over all muscles.
        residual: scratch, and out: torque made less torque needed (n_joint,) [Nm].
        inverse_curvature: scratch (n_muscle,).
        activation: start and solution (n_muscle,).
    """
    for j in range(need.size):
        residual[j] = -need[j]
    for m in range(activation.size):
        a = min(upper[m], max(lower[m], activation[m]))
        curvature = regularization
        for k in range(ptr[m], ptr[m + 1]):
            residual[joint[k]] += jta[k] * a
            curvature += jta[k] * jta[k]
        activation[m] = a
        inverse_curvature[m] = 1.0 / curvature
    for _ in range(sweeps):
        for m in order:
            before = activation[m]
            gradient = regularization * before
            for k in range(ptr[m], ptr[m + 1]):
                gradient += jta[k] * residual[joint[k]]
            a = min(upper[m], max(lower[m], before - gradient * inverse_curvature[m]))
            activation[m] = a
            for k in range(ptr[m], ptr[m + 1]):
                residual[joint[k]] += jta[k] * (a - before)


def turns(ptr: np.ndarray, joint: np.ndarray) -> np.ndarray:
    """An order in which neighbours share no joint where that can be, so that a processor works on several at once.

    Muscles are dealt out in turn from the groups that share joints with no other group (the legs).

    Args:
        ptr, joint: as from `joints_crossed`.

    Returns:
        Permutation of the muscles (n_muscle,), int32.
    """
    crossed = [set(joint[a:b].tolist()) for a, b in itertools.pairwise(ptr)]
    groups: list[tuple[set[int], list[int]]] = []
    for muscle, joints in enumerate(crossed):
        touching = [group for group in groups if group[0] & joints]
        groups = [group for group in groups if not group[0] & joints]
        merged = sorted([muscle, *(m for _, members in touching for m in members)])
        groups.append((joints.union(*(group[0] for group in touching)), merged))
    rounds = itertools.zip_longest(*(members for _, members in groups))
    return np.array([m for each in rounds for m in each if m is not None], np.int32)
