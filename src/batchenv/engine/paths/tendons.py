"""Muscles on MuJoCo's tendons, compiled: moment arms, capacity, and activation."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numba
import numpy as np

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import inner
from batchenv.engine.fields import (
    ACC0,
    ACT,
    BIASPRM,
    CTRL,
    DYNPRM,
    GAINPRM,
    LENGTH,
    LENGTHRANGE,
    MOMENT,
    MOMENT_COLIND,
    MOMENT_ROWADR,
    MOMENT_ROWNNZ,
    N_BIAS,
    N_DYN,
    N_GAIN,
    QPOS,
    VELOCITY,
    f64,
    f64_2d,
    i32,
    shared_f64,
    shared_f64_2d,
    shared_i32,
    shared_u32,
    timestep_of,
)
from batchenv.engine.muscles.mass import fiber_forces
from batchenv.engine.muscles.mujoco import (
    activation_reach,
    coupling_slope,
    effective_moment_arms,
    excitation_for,
    muscle_bias,
    muscle_gain,
    next_activation,
)
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"n_bound": np.int64, "n_entry": np.int64, "n_kept": np.int64, "n_place": np.int64}
    | {"activation_dynamics": np.int64, "early_activation": np.int64},
    arrays={
        "bound_dofadr": np.int32,
        "bound_joint": np.int32,
        "bound_driver_q0": np.float64,
        "bound_coef": np.float64,
        "dof_joint": np.int32,
        "kept_entry": np.uint32,
        "kept_dof": np.int32,
        "kept_number": np.int32,
        "moment_entry": np.uint32,
        "moment_dof": np.uint32,
        "moment_place": np.uint32,
    },
)


def values(mechanism: Mechanism, activation_dynamics: bool, *, early: bool) -> Values:
    """Describe the tendons of a body.

    Args:
        mechanism: the body.
        activation_dynamics: whether activations follow MuJoCo's muscle dynamics.
        early: whether the force of a substep is that of the activation at its end (`actuator_actearly`).
    """
    moments = mechanism.moments
    assert moments is not None
    return Values(
        numbers={
            "n_bound": mechanism.bound_joint.size,
            "n_entry": moments.entry.size,
            "n_kept": moments.kept.size,
            "n_place": mechanism.model.nJmom,
            "activation_dynamics": activation_dynamics,
            "early_activation": early and activation_dynamics,
        },
        arrays={
            "bound_dofadr": mechanism.bound_dofadr,
            "bound_joint": mechanism.bound_joint,
            "bound_driver_q0": mechanism.bound_driver_q0,
            "bound_coef": mechanism.bound_coef,
            "dof_joint": moments.dof_joint,
            "kept_entry": moments.kept,
            "kept_dof": moments.kept_dof,
            "kept_number": moments.kept_number,
            "moment_entry": np.searchsorted(moments.kept, moments.entry),  # once they are packed
            "moment_dof": moments.dof,
            "moment_place": moments.place,
        },
    )


@inner
def coupling_slopes(block, data, slope):
    """dq_dof / dq_joint (nv,): 1 for a joint's own dof, the polynomial's slope for a bound one."""
    qpos = f64(data, QPOS, block.n_qpos)
    joint_qposadr = shared_i32(block.joint_qposadr, block.n_joint)
    bound_dofadr = shared_i32(block.bound_dofadr, block.n_bound)
    bound_joint = shared_i32(block.bound_joint, block.n_bound)
    driver_q0 = shared_f64(block.bound_driver_q0, block.n_bound)
    coef = shared_f64_2d(block.bound_coef, block.n_bound, 5)
    for d in range(block.n_dof):
        slope[d] = 1.0
    for b in range(block.n_bound):
        x = qpos[joint_qposadr[bound_joint[b]]] - driver_q0[b]
        slope[bound_dofadr[b]] = coupling_slope(x, coef[b])


@inner
def pack_moments(block, data):
    """Compact MuJoCo's sparse moments in place to those that are not zero in every pose (`MomentStructure`).

    A muscle's row has a place for every dof that moves its path; most move all of it and have no moment. The
    implicit integrator's J^T B J takes the square of a row's places.
    """
    if block.n_kept == block.n_place:
        return
    kept = shared_u32(block.kept_entry, block.n_kept)
    dof = shared_i32(block.kept_dof, block.n_kept)
    number = shared_i32(block.kept_number, block.n_muscle)
    moment, colind = f64(data, MOMENT, block.n_place), i32(data, MOMENT_COLIND, block.n_kept)
    for k in range(block.n_kept):
        moment[k] = moment[kept[k]]
        colind[k] = dof[k]
    rownnz = i32(data, MOMENT_ROWNNZ, block.n_muscle)
    rowadr = i32(data, MOMENT_ROWADR, block.n_muscle)
    start = 0
    for m in range(block.n_muscle):
        rownnz[m], rowadr[m] = number[m], start
        start += number[m]


@inner
def actuator_strengths(block, model, data, gain, bias):
    """Force of MuJoCo's muscles at full activation, and added to it at any (M,) [N], with each world's own
    parameters; tension is negative."""
    n = block.n_muscle
    length, velocity = f64(data, LENGTH, n), f64(data, VELOCITY, n)
    lengthrange, acc0 = f64_2d(model, LENGTHRANGE, n, 2), f64(model, ACC0, n)
    gainprm, biasprm = f64_2d(model, GAINPRM, n, N_GAIN), f64_2d(model, BIASPRM, n, N_BIAS)
    for m in range(n):
        bias[m] = muscle_bias(length[m], lengthrange[m], acc0[m], biasprm[m])
        gain[m] = muscle_gain(length[m], velocity[m], lengthrange[m], acc0[m], gainprm[m])


@inner
def fiber_strengths(block, data, gain, bias):
    """As `actuator_strengths`, of muscles on MuJoCo's tendons whose forces the engine applies."""
    n = block.n_muscle
    velocity = f64(data, VELOCITY, n if block.velocity_force else 0)
    fiber_forces(block, f64(data, LENGTH, n), velocity, gain, bias)
    for m in range(n):
        gain[m], bias[m] = -gain[m], -bias[m]


@inner
def tendon_torques(block, data, slope, gain, bias, jta, jtp):
    """What muscles on tendons can do at the joints in this pose.

    Args:
        slope: of `coupling_slopes` (nv,).
        gain, bias: see `actuator_strengths` (M,) [N].
        jta: out, torque at full activation on each joint crossed (nnz,) [Nm].
        jtp: out, torque of all passive forces (J,) [Nm].
    """
    nnz = block.n_crossing
    effective_moment_arms(
        shared_u32(block.moment_entry, block.n_entry),
        shared_u32(block.moment_dof, block.n_entry),
        shared_u32(block.moment_place, block.n_entry),
        slope,
        f64(data, MOMENT, block.n_kept),
        jta,
    )
    joint, muscle = shared_i32(block.muscle_joint, nnz), shared_u32(block.crossing_muscle, nnz)
    for j in range(block.n_joint):
        jtp[j] = 0.0
    for k in range(nnz):
        arm, m = jta[k], muscle[k]
        jtp[joint[k]] += arm * bias[m]
        jta[k] = arm * gain[m]


@inner
def bound_activations(block, model, data, lower, upper):
    """Lowest and highest activation that each muscle can reach in this substep (M,)."""
    n = block.n_muscle
    act, dynprm, timestep = f64(data, ACT, n), f64_2d(model, DYNPRM, n, N_DYN), timestep_of(model)
    for m in range(n):
        lower[m], upper[m] = 0.0, 1.0
        if block.activation_dynamics:
            lower[m], upper[m] = activation_reach(act[m], timestep, dynprm[m, 0], dynprm[m, 1])


@numba.njit(error_model="numpy")
def excite(block, data, user):
    """Hand excitations to MuJoCo's muscles."""
    ctrl = f64(data, CTRL, block.n_muscle)
    for m in range(block.n_muscle):
        ctrl[m] = user[block.at_excitation + m]


@inner
def activate(block, model, data, user):
    """Carry MuJoCo's muscles to the coordinator's activations: through their dynamics, or at once."""
    n = block.n_muscle
    act, ctrl = f64(data, ACT, n), f64(data, CTRL, n)
    dynprm, timestep = f64_2d(model, DYNPRM, n, N_DYN), timestep_of(model)
    for m in range(n):
        a = user[block.at_activation + m]
        if block.activation_dynamics:
            ctrl[m] = excitation_for(a, act[m], timestep, dynprm[m, 0], dynprm[m, 1])
        else:
            ctrl[m] = act[m] = a


@inner
def actuator_forces(block, model, data, gain, bias, force):
    """Forces (M,) [N] that MuJoCo's muscles will make in this substep, excitations being set."""
    n = block.n_muscle
    act, ctrl = f64(data, ACT, n), f64(data, CTRL, n)
    dynprm, timestep = f64_2d(model, DYNPRM, n, N_DYN), timestep_of(model)
    for m in range(n):
        a = act[m]
        if block.early_activation:
            a = next_activation(ctrl[m], a, timestep, dynprm[m, 0], dynprm[m, 1])
        force[m] = gain[m] * a + bias[m]


@inner
def fiber_tensions(block, user, gain, bias, force):
    """Forces (M,) [N] of muscles whose forces the engine applies, by the activations chosen."""
    for m in range(block.n_muscle):
        force[m] = gain[m] * user[block.at_activation + m] + bias[m]


@inner
def spread_tendons(block, data, force, total):
    """Add the generalised forces (nv,) of forces along the tendons (M,) [N]."""
    moment, dof = f64(data, MOMENT, block.n_kept), shared_i32(block.kept_dof, block.n_kept)
    number = shared_i32(block.kept_number, block.n_muscle)
    k = 0
    for m in range(block.n_muscle):
        for _ in range(number[m]):
            total[dof[k]] += moment[k] * force[m]
            k += 1
