"""Static optimisation: the muscle activations that make the desired torques at least effort.

    min over lower <= a <= upper of  sum_j w_j (sum_m JtA[j, m] a_m - need_j)^2 + regularization * sum_m a_m^2

(Crowninshield and Brand 1981, with quadratic effort and torques as a soft constraint), solved by cyclic
coordinate descent from the activations of the substep before.
"""

import numba


@numba.njit
def static_optimization(
    # problem
    ptr,
    joint,
    jta,
    need,
    weight,
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
        ptr, joint: joints that each muscle crosses, as from `joints_crossed` (n_muscle + 1,), (nnz,).
        jta: torque of each muscle at full activation on each of them (nnz,) [Nm].
        need: torque the muscles are to make, passive torques subtracted (n_joint,) [Nm].
        weight: of each joint's squared error (n_joint,).
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
            curvature += weight[joint[k]] * jta[k] * jta[k]
        activation[m] = a
        inverse_curvature[m] = 1.0 / curvature
    for _ in range(sweeps):
        for m in range(activation.size):
            gradient = regularization * activation[m]
            for k in range(ptr[m], ptr[m + 1]):
                gradient += weight[joint[k]] * jta[k] * residual[joint[k]]
            a = min(upper[m], max(lower[m], activation[m] - gradient * inverse_curvature[m]))
            change = a - activation[m]
            activation[m] = a
            for k in range(ptr[m], ptr[m + 1]):
                residual[joint[k]] += jta[k] * change
