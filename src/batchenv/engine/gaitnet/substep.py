"""One physics substep of a GaitNet world, compiled: from targets to the forces on its joints.

Every function takes the shared record (`block`) and the addresses of the mjModel and mjData that MuJoCo hands
to the callback; positions, velocities, `qfrc_bias` and `M` are then current, `qfrc_constraint` is that of the
last substep.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numba
from numba import carray

from batchenv.engine.gaitnet.block import MASS, MASS_LOWER, MUSCLE, TORQUE
from batchenv.engine.gaitnet.clocks import is_mirrored
from batchenv.engine.gaitnet.fields import (
    COLIND,
    INERTIA,
    QFRC_APPLIED,
    QFRC_BIAS,
    QPOS,
    QVEL,
    ROWADR,
    ROWNNZ,
    model_i32,
    shared_u32,
    timestep_of,
)
from batchenv.engine.gaitnet.muscles import apply_muscles, measure_muscles, mirror_crossings, mirror_joints
from batchenv.engine.gaitnet.resistance import resist
from batchenv.engine.gaitnet.stable_pd import (
    ball_coordinates,
    factor_inertia,
    position_errors,
    stable_pd,
    target_quaternions,
)
from batchenv.engine.memory import stack_f64
from batchenv.engine.substep import evaluate_network, f64, shared_f64, shared_i32, store_tuple


@numba.njit(error_model="numpy")
def start_targets(block, user):
    """Quaternions of the targets, once in each step."""
    n = block.n_ball
    target_quaternions(
        shared_u32(block.ball_dofadr, n),
        user[block.at_target : block.at_target + block.n_dof],
        user[block.at_target_quat : block.at_target_quat + 4 * n].reshape((n, 4)),
    )


@numba.njit(error_model="numpy")
def pd_torques(block, model, data, user, coordinates, external, torque):
    """Torques of stable PD around the target (nv,) [Nm].

    Args:
        coordinates: of the ball joints (B, 3).
        external: further generalised forces (nv - 6,), or (0,).
        torque: out.
    """
    n, nnz = block.n_dof, block.n_nonzero
    timestep = timestep_of(model)
    kp, kv = shared_f64(block.kp, n), shared_f64(block.kv, n)
    qvel = f64(data, QVEL, n)
    error, acc = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,))
    rows = carray(stack_f64(n * block.row_width), (n, block.row_width))
    factor = carray(stack_f64(nnz), (nnz,))
    rownnz, rowadr = model_i32(model, ROWNNZ, n), model_i32(model, ROWADR, n)
    colind = model_i32(model, COLIND, nnz)
    position_errors(
        shared_u32(block.ball_dofadr, block.n_ball),
        shared_u32(block.hinge_qposadr, block.n_hinge),
        shared_u32(block.hinge_dofadr, block.n_hinge),
        timestep,
        f64(data, QPOS, n + 1 + block.n_ball),
        coordinates,
        qvel,
        user[block.at_target : block.at_target + n],
        user[block.at_target_quat : block.at_target_quat + 4 * block.n_ball].reshape((block.n_ball, 4)),
        error,
    )
    factor_inertia(
        f64(data, INERTIA, nnz), shared_f64(block.diagonal, n), rownnz, rowadr, colind, rows, factor
    )
    stable_pd(
        kp,
        kv,
        timestep,
        rownnz,
        rowadr,
        colind,
        factor,
        f64(data, QFRC_BIAS, n),
        user[block.at_constraint_force : block.at_constraint_force + n],
        external,
        qvel,
        error,
        acc,
        torque,
    )


@numba.njit(error_model="numpy")
def coordinate(block, user, substep, jta, jtp, torque):
    """Torques that are wanted (nv,) to muscle activations, into the activation slots of userdata."""
    n, nj, nnz = block.n_muscle, block.n_joint, block.n_crossing
    seen, need = carray(stack_f64(nnz), (nnz,)), carray(stack_f64(nj), (nj,))
    resting, found = carray(stack_f64(nj), (nj,)), carray(stack_f64(n), (n,))
    lower, upper = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,))
    mirrored = is_mirrored(block, user)
    if mirrored:
        mirror_crossings(block, jta, seen)
        mirror_joints(block, torque[6:], need)
        mirror_joints(block, jtp, resting)
    else:
        for k in range(nnz):
            seen[k] = jta[k]
        for j in range(nj):
            need[j], resting[j] = torque[6 + j], jtp[j]
    if not block.passive_in_pd:
        for j in range(nj):
            need[j] -= resting[j]
    for m in range(n):
        lower[m], upper[m] = 0.0, 1.0
    if block.tuples:
        ptr, joint = shared_i32(block.muscle_ptr, n + 1), shared_i32(block.muscle_joint, nnz)
        store_tuple(block, user, substep, need, seen, ptr, joint)
    evaluate_network(block, seen, need, lower, upper, found)
    twin = shared_u32(block.mirror_muscle, n)
    for m in range(n):
        user[block.at_activation + m] = found[twin[m]] if mirrored else found[m]


@numba.njit(error_model="numpy")
def apply_torques(block, user, torque, applied):
    """Add the torques that no muscle makes."""
    dof = shared_u32(block.torque_dof, block.n_torque)
    for i in range(block.n_torque):
        applied[dof[i]] += torque[dof[i]]
        user[block.at_torque_sum] += abs(torque[dof[i]])


@numba.njit(error_model="numpy")
def drive(block, model, data, user, substep):
    """Forces of this substep: torques, activations, and what they do to the joints."""
    n, nj, nnz, nv = block.n_muscle, block.n_joint, block.n_crossing, block.n_dof
    applied = f64(data, QFRC_APPLIED, nv)
    torque, none = carray(stack_f64(nv), (nv,)), carray(stack_f64(1), (0,))
    jtp = carray(stack_f64(nj), (nj,))
    jta, moment = carray(stack_f64(nnz), (nnz,)), carray(stack_f64(block.n_moment), (block.n_moment,))
    active, passive = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,))
    coordinates = carray(stack_f64(3 * block.n_ball), (block.n_ball, 3))
    ball_coordinates(
        shared_u32(block.ball_qposadr, block.n_ball), f64(data, QPOS, nv + 1 + block.n_ball), coordinates
    )
    pull = carray(stack_f64(3 * block.n_pull), (block.n_pull, 3))
    actuator = block.actuator
    coordinated = actuator in (MASS, MASS_LOWER)
    for d in range(nv):
        applied[d] = 0.0
        torque[d] = user[block.at_target + d]
    if coordinated or actuator == MUSCLE:
        measure_muscles(block, data, moment, pull, active, passive, jta, jtp)
    if actuator == MUSCLE:
        for m in range(n):
            user[block.at_activation + m] = min(1.0, max(0.0, user[block.at_excitation + m]))
    elif actuator != TORQUE:
        pd_torques(block, model, data, user, coordinates, none, torque)
    if coordinated and substep % block.inference_every == 0:
        if block.passive_in_pd:
            wanted = carray(stack_f64(nv), (nv,))
            pd_torques(block, model, data, user, coordinates, jtp, wanted)
            coordinate(block, user, substep, jta, jtp, wanted)
        else:
            coordinate(block, user, substep, jta, jtp, torque)
    if coordinated or actuator == MUSCLE:
        apply_muscles(block, user, moment, pull, active, passive, applied)
    apply_torques(block, user, torque, applied)
    resist(block, model, data, user, coordinates, applied)
