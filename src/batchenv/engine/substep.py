"""One physics substep, compiled: PD law, coordinator, activation, and the sums that a task reads.

Every function takes the shared record (`block`) and the addresses of the mjModel and mjData that MuJoCo hands
to the callback. Muscle parameters are read from that model, so that per-world fields act.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import mujoco
import numba
import numpy as np
from numba import carray

from batchenv.engine.block import ACTIVATION_SQUARED_AT, MUSCLE, NETWORK, PD, TORQUE, WORLD_AT
from batchenv.engine.memory import (
    f32_pointer,
    f64_pointer,
    i32_pointer,
    load_address,
    offset,
    stack_f64,
    u32_pointer,
)
from batchenv.engine.muscle_net.kernel import muscle_network
from batchenv.engine.muscles import (
    activation_reach,
    coupling_slope,
    effective_moment_arms,
    excitation_for,
    muscle_bias,
    muscle_gain,
)
from batchenv.engine.static_optimization import static_optimization

# Offsets of the fields that the callback reads, frozen into the compiled code; the magic number depends on
# them.
QPOS = offset("mjData", "qpos")
QVEL = offset("mjData", "qvel")
ACT = offset("mjData", "act")
CTRL = offset("mjData", "ctrl")
QFRC_APPLIED = offset("mjData", "qfrc_applied")
QFRC_ACTUATOR = offset("mjData", "qfrc_actuator")
USERDATA = offset("mjData", "userdata")
SENSORDATA = offset("mjData", "sensordata")
LENGTH = offset("mjData", "actuator_length")
VELOCITY = offset("mjData", "actuator_velocity")
MOMENT = offset("mjData", "actuator_moment")
MOMENT_ROWNNZ = offset("mjData", "moment_rownnz")
MOMENT_ROWADR = offset("mjData", "moment_rowadr")
MOMENT_COLIND = offset("mjData", "moment_colind")
NUSERDATA = offset("mjModel", "nuserdata")
GAINPRM = offset("mjModel", "actuator_gainprm")
BIASPRM = offset("mjModel", "actuator_biasprm")
DYNPRM = offset("mjModel", "actuator_dynprm")
ACC0 = offset("mjModel", "actuator_acc0")
LENGTHRANGE = offset("mjModel", "actuator_lengthrange")
TIMESTEP = offset("mjModel", "opt.timestep")
N_GAIN, N_BIAS, N_DYN = mujoco.mjNGAIN, mujoco.mjNBIAS, mujoco.mjNDYN


@numba.njit(inline="always")
def f64(base, at, n):
    return carray(f64_pointer(load_address(base + at)), (n,))


@numba.njit(inline="always")
def i32(base, at, n):
    return carray(i32_pointer(load_address(base + at)), (n,))


@numba.njit(inline="always")
def f64_2d(base, at, n, k):
    return carray(f64_pointer(load_address(base + at)), (n, k))


@numba.njit(inline="always")
def shared_f64(address, n):
    return carray(f64_pointer(address), (n,))


@numba.njit(inline="always")
def shared_i32(address, n):
    return carray(i32_pointer(address), (n,))


@numba.njit
def dof_slopes(block, data, slope):
    """dq_dof / dq_joint: 1 for a joint's own dof, the polynomial's slope for a bound one."""
    qpos = f64(data, QPOS, block.n_qpos)
    joint_qposadr = shared_i32(block.joint_qposadr, block.n_joint)
    bound_dofadr = shared_i32(block.bound_dofadr, block.n_bound)
    bound_joint = shared_i32(block.bound_joint, block.n_bound)
    driver_q0 = shared_f64(block.bound_driver_q0, block.n_bound)
    coef = carray(f64_pointer(block.bound_coef), (block.n_bound, 5))
    for d in range(block.n_dof):
        slope[d] = 1.0
    for b in range(block.n_bound):
        x = qpos[joint_qposadr[bound_joint[b]]] - driver_q0[b]
        slope[bound_dofadr[b]] = coupling_slope(x, coef[b])


@numba.njit
def pack_moments(block, data):
    """Close MuJoCo's sparse moments up to those that are not zero in every pose (see `MomentStructure`).

    A muscle's row has a place for every dof that moves its path; most move all of it and have no moment. The
    implicit integrator's J^T B J takes the square of a row's places.
    """
    kept = carray(u32_pointer(block.kept_entry), (block.n_kept,))
    dof = shared_i32(block.kept_dof, block.n_kept)
    number = shared_i32(block.kept_number, block.n_muscle)
    moment, colind = f64(data, MOMENT, block.n_moment), i32(data, MOMENT_COLIND, block.n_kept)
    for k in range(block.n_kept):
        moment[k] = moment[kept[k]]
        colind[k] = dof[k]
    rownnz = i32(data, MOMENT_ROWNNZ, block.n_muscle)
    rowadr = i32(data, MOMENT_ROWADR, block.n_muscle)
    start = 0
    for m in range(block.n_muscle):
        rownnz[m], rowadr[m] = number[m], start
        start += number[m]


@numba.njit
def accumulate(block, data, user, substep, slope):
    """Add what the substep before this one did: MuJoCo's own forces and touch sensors."""
    act = f64(data, ACT, block.n_muscle)
    squared = 0.0
    for m in range(block.n_muscle):
        squared += act[m] * act[m]
    user[ACTIVATION_SQUARED_AT] += squared / max(1, block.n_muscle)
    if substep == 0:
        return
    force = f64(data, QFRC_ACTUATOR, block.n_dof)
    dof_joint = shared_i32(block.dof_joint, block.n_dof)
    achieved = carray(stack_f64(block.n_joint), (block.n_joint,))
    for j in range(block.n_joint):
        achieved[j] = 0.0
    for d in range(block.n_dof):
        if dof_joint[d] >= 0:
            achieved[dof_joint[d]] += force[d] * slope[d]
    for j in range(block.n_joint):
        desired = user[block.at_desired + j]
        made = desired if block.actuator == TORQUE or block.actuator == PD else achieved[j]
        user[block.at_achieved_sum + j] += made
        if block.actuator != MUSCLE:
            user[block.at_desired_sum + j] += desired
            user[block.at_residual_squared_sum + j] += (made - desired) ** 2
    sensordata = f64(data, SENSORDATA, block.n_sensordata)
    sensor_adr = shared_i32(block.foot_sensor_adr, block.n_foot)
    for f in range(block.n_foot):
        load = sensordata[sensor_adr[f]]
        user[block.at_foot_load_sum + f] += load
        user[block.at_foot_load_peak + f] = max(user[block.at_foot_load_peak + f], load)


@numba.njit
def desired_torques(block, model, data, user, substep):
    """PD around a target that moves at its rate through the step; for `tor` the target itself."""
    n = block.n_joint
    if block.actuator == TORQUE:
        for j in range(n):
            user[block.at_desired + j] = user[block.at_target + j]
        return
    elapsed = substep * carray(f64_pointer(model + TIMESTEP), (1,))[0]
    qpos, qvel = f64(data, QPOS, block.n_qpos), f64(data, QVEL, block.n_dof)
    qposadr = shared_i32(block.joint_qposadr, n)
    dofadr = shared_i32(block.joint_dofadr, n)
    kp, kv = shared_f64(block.kp, n), shared_f64(block.kv, n)
    for j in range(n):
        rate = user[block.at_target_rate + j]
        target = user[block.at_target + j] + elapsed * rate
        user[block.at_desired + j] = kp[j] * (target - qpos[qposadr[j]]) + kv[j] * (rate - qvel[dofadr[j]])


@numba.njit
def coordinate(block, model, data, user, substep, slope):
    """Desired torques to muscle activations, into the activation slots of userdata."""
    n, nj, nnz = block.n_muscle, block.n_joint, block.n_crossing
    jta = carray(stack_f64(nnz), (nnz,))
    effective_moment_arms(
        carray(u32_pointer(block.moment_entry), (block.n_entry,)),
        carray(u32_pointer(block.moment_dof), (block.n_entry,)),
        carray(u32_pointer(block.moment_place), (block.n_entry,)),
        slope,
        f64(data, MOMENT, block.n_moment),
        jta,
    )
    # Errors are weighted by scaling both sides of the torque balance.
    scale = shared_f64(block.torque_scale, nj)
    need = carray(stack_f64(nj), (nj,))
    for j in range(nj):
        need[j] = user[block.at_desired + j] * scale[j]
    ptr, joint = (
        shared_i32(block.muscle_ptr, n + 1),
        shared_i32(block.muscle_joint, nnz),
    )
    length, velocity = f64(data, LENGTH, n), f64(data, VELOCITY, n)
    lengthrange, acc0 = f64_2d(model, LENGTHRANGE, n, 2), f64(model, ACC0, n)
    gainprm, biasprm = (
        f64_2d(model, GAINPRM, n, N_GAIN),
        f64_2d(model, BIASPRM, n, N_BIAS),
    )
    dynprm = f64_2d(model, DYNPRM, n, N_DYN)
    act = f64(data, ACT, n)
    timestep = carray(f64_pointer(model + TIMESTEP), (1,))[0]
    lower, upper = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,))
    passive, gain = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,))
    for m in range(n):
        passive[m] = muscle_bias(length[m], lengthrange[m], acc0[m], biasprm[m])
        gain[m] = muscle_gain(length[m], velocity[m], lengthrange[m], acc0[m], gainprm[m])
        lower[m], upper[m] = 0.0, 1.0
        if block.activation_dynamics:
            lower[m], upper[m] = activation_reach(act[m], timestep, dynprm[m, 0], dynprm[m, 1])
    crossing = carray(u32_pointer(block.crossing_muscle), (nnz,))
    for k in range(nnz):
        arm, m = jta[k] * scale[joint[k]], crossing[k]
        need[joint[k]] -= arm * passive[m]
        jta[k] = arm * gain[m]
    activation = user[block.at_activation : block.at_activation + n]
    if block.coordinator == NETWORK:  # its torques are not scaled, see `assembly.control_block`
        if block.tuples:
            store_tuple(block, user, substep, need, jta, ptr, joint)
        evaluate_network(block, jta, need, lower, upper, activation)
        return
    static_optimization(
        carray(u32_pointer(block.turn_muscle), (n,)),
        carray(u32_pointer(block.turn_entry), (n, block.turn_width)),
        carray(u32_pointer(block.turn_joint), (n, block.turn_width)),
        jta,
        need,
        block.regularization,
        lower,
        upper,
        block.sweeps,
        carray(stack_f64(nj), (nj,)),
        activation,
    )


@numba.njit
def evaluate_network(block, jta, need, lower, upper, activation):
    """Activations that the muscle network gives, cut to what the muscles' dynamics let them reach."""
    n, n_base = activation.size, block.base_sizes_size - 1
    z = carray(stack_f64(n), (n,))
    previous_z = carray(stack_f64(n), (n if n_base > 0 else 0,))
    if n_base > 0:
        muscle_network(
            block.base_weights,
            block.base_bits,
            shared_i32(block.base_sizes, n_base + 1),
            jta,
            need,
            previous_z[:0],
            1.0,
            previous_z,
            activation,
        )
    muscle_network(
        block.network_weights,
        block.network_bits,
        shared_i32(block.network_sizes, block.network_sizes_size),
        jta,
        need,
        previous_z,
        block.network_weight,
        z,
        activation,
    )
    for m in range(n):
        activation[m] = min(upper[m], max(lower[m], activation[m]))


@numba.njit
def store_tuple(block, user, substep, need, jta, ptr, joint):
    """Keep the coordinator's problem, in the substep drawn for this world, for a network to learn from."""
    world = np.int64(user[WORLD_AT])
    if substep != shared_i32(block.tuple_substep, world + 1)[world]:
        return
    n, nj, nnz = block.n_muscle, block.n_joint, block.n_crossing
    torque = carray(f32_pointer(block.tuple_torque), (world + 1, nj))[world]
    reduced = carray(f32_pointer(block.tuple_jta_reduced), (world + 1, nnz))[world]
    dense = carray(f32_pointer(block.tuple_jta), (world + 1, nj, n))[world]
    for j in range(nj):
        torque[j] = np.float32(need[j])
    for m in range(n):
        for k in range(ptr[m], ptr[m + 1]):
            reduced[k] = dense[joint[k], m] = np.float32(jta[k])


@numba.njit
def activate(block, model, data, user):
    """Carry the muscles to the coordinator's activations: through their dynamics, or at once."""
    n = block.n_muscle
    act, ctrl = f64(data, ACT, n), f64(data, CTRL, n)
    dynprm = f64_2d(model, DYNPRM, n, N_DYN)
    timestep = carray(f64_pointer(model + TIMESTEP), (1,))[0]
    for m in range(n):
        a = user[block.at_activation + m]
        if block.activation_dynamics:
            ctrl[m] = excitation_for(a, act[m], timestep, dynprm[m, 0], dynprm[m, 1])
        else:
            ctrl[m] = act[m] = a


@numba.njit
def apply_torques(block, data, user):
    """Apply the desired torques at the joints; of a PD law, all but the damping that the model itself has."""
    n = block.n_joint
    applied, qvel = f64(data, QFRC_APPLIED, block.n_dof), f64(data, QVEL, block.n_dof)
    dofadr, kv = shared_i32(block.joint_dofadr, n), shared_f64(block.kv, n)
    for j in range(n):
        damping = kv[j] * qvel[dofadr[j]] if block.actuator == PD else 0.0
        applied[dofadr[j]] = user[block.at_desired + j] + damping
