"""Muscle force and moment arms, compiled: what `mj_fwdActuation` will make of an activation.

Force of a MuJoCo muscle is `gain * activation + bias`, both negative when it pulls [N]. The formulas are
those of `mju_muscleGain` and `mju_muscleBias`, and equal them bit for bit.
"""

import numba

from batchenv.compiled import compiled

MINVAL = 1e-15  # mjMINVAL


@numba.njit(error_model="numpy")
def force_length(length, lmin, lmax):
    """Active force-length curve at a normalised length; `mju_muscleGainLength`.

    Four parabolas; which one holds is chosen by value and not by branch, since it differs from muscle to
    muscle.
    """
    a, b = 0.5 * (lmin + 1.0), 0.5 * (1.0 + lmax)
    rising, short, inner = length <= a, length <= 1.0, length <= b
    distance = (
        length - lmin if rising else 1.0 - length if short else length - 1.0 if inner else lmax - length
    )
    width = a - lmin if rising else 1.0 - a if short else b - 1.0 if inner else lmax - b
    x = distance / max(MINVAL, width)
    half = 0.5 * x * x
    active = half if rising or not inner else 1.0 - half
    return active if lmin <= length <= lmax else 0.0


@numba.njit(error_model="numpy")
def force_velocity(velocity, fvmax):
    """Force-velocity curve at a normalised velocity, shortening negative; in `mju_muscleGain`."""
    y = fvmax - 1.0
    shortening = (velocity + 1.0) * (velocity + 1.0)
    lengthening = fvmax - (y - velocity) * (y - velocity) / max(MINVAL, y)
    moving = shortening if velocity <= 0.0 else lengthening if velocity <= y else fvmax
    return 0.0 if velocity <= -1.0 else moving


@numba.njit(error_model="numpy")
def force_velocity_slope(velocity, fvmax):
    """Slope of `force_velocity`; in `mjd_muscleGain_vel`."""
    y = fvmax - 1.0
    lengthening = 2.0 * (y - velocity) / max(MINVAL, y) if velocity <= y else 0.0
    moving = 2.0 * (velocity + 1.0) if velocity <= 0.0 else lengthening
    return 0.0 if velocity <= -1.0 else moving


@numba.njit(error_model="numpy")
def peak_force(force, scale, acc0):
    """Peak isometric force [N]; a negative `force` means `scale` over the acceleration at unit force."""
    return scale / max(MINVAL, acc0) if force < 0.0 else force


@numba.njit(error_model="numpy")
def muscle_gain(length, velocity, lengthrange, acc0, prm):
    """Force at full activation, less the passive force [N], <= 0; equals `mju_muscleGain`.

    Args:
        length: actuator length [m].
        velocity: actuator velocity [m/s].
        lengthrange: operating range (2,) [m].
        acc0: `actuator_acc0`.
        prm: `actuator_gainprm` (>= 9,).
    """
    optimal = (lengthrange[1] - lengthrange[0]) / max(MINVAL, prm[1] - prm[0])
    normal_length = prm[0] + (length - lengthrange[0]) / max(MINVAL, optimal)
    normal_velocity = velocity / max(MINVAL, optimal * prm[6])
    active = force_length(normal_length, prm[4], prm[5])
    return -peak_force(prm[2], prm[3], acc0) * active * force_velocity(normal_velocity, prm[8])


@numba.njit(error_model="numpy")
def muscle_gain_slope(length, velocity, lengthrange, acc0, prm):
    """Slope of `muscle_gain` over the velocity [Ns/m], <= 0; equals `mjd_muscleGain_vel`."""
    optimal = (lengthrange[1] - lengthrange[0]) / max(MINVAL, prm[1] - prm[0])
    normal_length = prm[0] + (length - lengthrange[0]) / max(MINVAL, optimal)
    fastest = max(MINVAL, optimal * prm[6])
    active = force_length(normal_length, prm[4], prm[5])
    slope = force_velocity_slope(velocity / fastest, prm[8])
    return -peak_force(prm[2], prm[3], acc0) * active * slope / fastest


@numba.njit(error_model="numpy")
def muscle_bias(length, lengthrange, acc0, prm):
    """Passive force [N], <= 0; equals `mju_muscleBias`. Arguments as of `muscle_gain`, with its biasprm."""
    optimal = (lengthrange[1] - lengthrange[0]) / max(MINVAL, prm[1] - prm[0])
    normal_length = prm[0] + (length - lengthrange[0]) / max(MINVAL, optimal)
    b = 0.5 * (1.0 + prm[5])
    inner = normal_length <= b
    x = ((normal_length - 1.0) if inner else (normal_length - b)) / max(MINVAL, b - 1.0)
    force = -peak_force(prm[2], prm[3], acc0) * prm[7]
    stretched = force * 0.5 * x * x if inner else force * (0.5 + x)
    return 0.0 if normal_length <= 1.0 else stretched


@numba.njit(error_model="numpy")
def activation_reach(activation, timestep, tau_activation, tau_deactivation):
    """Lowest and highest activation that one step can reach; inverts `mju_muscleDynamics`.

    Args:
        activation: now, in [0, 1].
        timestep: [s].
        tau_activation, tau_deactivation: time constants, `actuator_dynprm[:2]` [s].
    """
    scale = 0.5 + 1.5 * activation
    rise = timestep / max(MINVAL, tau_activation * scale)
    fall = timestep * scale / max(MINVAL, tau_deactivation)
    return max(0.0, activation * (1.0 - fall)), min(1.0, activation + rise * (1.0 - activation))


@numba.njit(error_model="numpy")
def excitation_for(target, activation, timestep, tau_activation, tau_deactivation):
    """Excitation in [0, 1] that carries activation to target in one step, or as far as it goes."""
    scale = 0.5 + 1.5 * activation
    tau = tau_activation * scale if target > activation else tau_deactivation / scale
    return min(1.0, max(0.0, activation + (target - activation) * tau / timestep))


@numba.njit(error_model="numpy")
def next_activation(excitation, activation, timestep, tau_activation, tau_deactivation):
    """Activation at the end of a step, between 0 and 1; as `mju_muscleDynamics` and Euler's step have it."""
    scale = 0.5 + 1.5 * activation
    tau = tau_activation * scale if excitation > activation else tau_deactivation / scale
    change = timestep * (excitation - activation) / max(MINVAL, tau)
    return min(1.0, max(0.0, activation + change))


@numba.njit(error_model="numpy")
def coupling_slope(x, coef):
    """d/dx of the polynomial sum_k coef[k] x^k of a mjEQ_JOINT equality (5 coefficients)."""
    return coef[1] + x * (2.0 * coef[2] + x * (3.0 * coef[3] + x * 4.0 * coef[4]))


@numba.njit(error_model="numpy")
def effective_moment_arms(
    # model: which of MuJoCo's sparse moments count, and where
    entry,
    dof,
    place,
    # data
    slope,
    moment,
    # out
    arms,
):
    """Moment arm of each muscle on each primary joint it crosses, through the bound joints.

    arm[m, j] = sum over dofs d of joint j and of the joints bound to it: moment[m, d] * dq_d/dq_j  [m].

    Args:
        entry, dof, place: index in `moment`, its dof, and its place in `arms` (n_entry,), see
            `MomentStructure`.
        slope: dq_dof / dq_joint (nv,).
        moment: `actuator_moment` (nJmom,) [m].
        arms: out (nnz,) [m].
    """
    for k in range(arms.size):
        arms[k] = 0.0
    for k in range(entry.size):
        arms[place[k]] += moment[entry[k]] * slope[dof[k]]


@compiled()
def active_forces(length, velocity, activation, lengthrange, acc0, gainprm):
    """Force of the contractile elements, tension positive (n, n_muscle) [N].

    Args:
        length, velocity: of the actuators (n, n_muscle) [m], [m/s].
        activation: (n, n_muscle).
        lengthrange: (n_muscle, 2) [m].
        acc0: `actuator_acc0` (n_muscle,).
        gainprm: each world's own `actuator_gainprm` (n, n_muscle, >= 9).
    """
    force = length.copy()
    for i in range(length.shape[0]):
        for m in range(length.shape[1]):
            gain = muscle_gain(length[i, m], velocity[i, m], lengthrange[m], acc0[m], gainprm[i, m])
            force[i, m] = -gain * activation[i, m]
    return force
