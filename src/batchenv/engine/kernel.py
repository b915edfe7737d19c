"""The kernel that the control callback runs in every substep of a world, part after part.

    recorders of the substep before -> controller -> paths and muscles -> coordinator -> forces -> constraints

Which parts it has are integers in its closure. Numba compiles the branches of those alone, and keeps one
kernel in its cache for each choice. Code out of that cache can never run on a record of another shape: the
kernel ignores records without the digest of its own sources.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false
# ruff: noqa: SIM102 -- Numba leaves out a branch by a condition that is one comparison with a constant

import functools
from typing import NamedTuple

import numpy as np
from numba import types

from batchenv.compiled import c_function, once, source_digest
from batchenv.engine import fields
from batchenv.engine.callback import integers
from batchenv.engine.constraints.rows import apply_constraint_forces, skip_constraints
from batchenv.engine.constraints.tree_newton import apply_tree_newton
from batchenv.engine.controllers.pd import pd_torques
from batchenv.engine.controllers.stable_pd import ball_coordinates, stable_pd_torques, start_targets
from batchenv.engine.coordinators.problem import (
    copy,
    mirror_crossings,
    mirror_joints,
    mirror_muscles,
    required_torques,
)
from batchenv.engine.coordinators.shared_network import evaluate_network, is_taught, store_sample
from batchenv.engine.coordinators.static_optimization import optimize
from batchenv.engine.devices import apply_devices, relieve
from batchenv.engine.disturbances import disturb_activations, disturb_body
from batchenv.engine.fields import LENGTH, QFRC_APPLIED, QPOS, USERDATA, VELOCITY, f64, shared_u32
from batchenv.engine.guests import call_guest
from batchenv.engine.joints import apply_ideal_torques, clear_applied, take_torques
from batchenv.engine.memory import address_of, carray, stack_f64
from batchenv.engine.muscles.crossings import take_excitations
from batchenv.engine.muscles.damping import damp_muscles
from batchenv.engine.parts import block_pointer
from batchenv.engine.paths.polynomials import polynomial_paths
from batchenv.engine.paths.tendons import (
    activate,
    actuator_forces,
    actuator_strengths,
    bound_activations,
    coupling_slopes,
    excite,
    fiber_strengths,
    fiber_tensions,
    pack_moments,
    spread_tendons,
    tendon_torques,
)
from batchenv.engine.paths.way_points import apply_way_points, path_velocities, way_point_torques
from batchenv.engine.record import MEASURED, RECORD_AT, SUBSTEP_AT
from batchenv.engine.recorders.capacity import record_capacity
from batchenv.engine.recorders.effort import record_effort, record_ideal_torques, record_mujoco_effort
from batchenv.engine.recorders.foot_loads import record_foot_loads
from batchenv.engine.recorders.joint_loads import keep_pull, keep_sensed_forces, keep_tendon_pull, log_loads
from batchenv.engine.recorders.joint_torques import record_joint_torques
from batchenv.engine.recorders.logs import log_end, log_start
from batchenv.engine.recorders.muscles import record_actuators, record_fibers

# Of each kind of part, the ones there are.
NO_CONTROLLER, TORQUE, PD, STABLE_PD = 0, 1, 2, 3
NO_COORDINATOR, DIRECT, STATIC_OPTIMIZATION, NETWORK, GUEST = 0, 1, 2, 3, 4
TENDONS, WAY_POINTS = 0, 1
MUJOCO_SOLVER, ACTIVE_SET, TREE_NEWTON = 0, 1, 2


class Choice(NamedTuple):
    """The parts of a kernel.

    Attributes:
        controller: TORQUE where targets are torques, PD, STABLE_PD, or NO_CONTROLLER.
        coordinator: DIRECT where targets are excitations, STATIC_OPTIMIZATION, NETWORK, GUEST for a user's
            own, or NO_COORDINATOR where no muscle acts.
        paths: TENDONS of MuJoCo, or WAY_POINTS.
        polynomials: whether polynomials stand for some of the tendons.
        own_forces: whether the engine applies the forces of muscles, instead of MuJoCo's actuators.
        constraints: MUJOCO_SOLVER, ACTIVE_SET or TREE_NEWTON.
        ideal: whether ideal torques drive some joints.
        mirrored: whether the coordinator may see the world in the mirror.
        joint_torques, foot_loads, joint_loads, logs, capacity, muscles: whether these are recorded.
        guests: whether recorders of a user's own are called.
        disturbed: whether joints, bodies or activations are.
        damped: whether the kernel adds the damping of MuJoCo's muscles to the mass matrix.
    """

    controller: int
    coordinator: int
    paths: int
    polynomials: int
    own_forces: int
    constraints: int
    ideal: int
    mirrored: int
    joint_torques: int
    foot_loads: int
    joint_loads: int
    logs: int
    capacity: int
    muscles: int
    guests: int
    disturbed: int
    damped: int


@functools.cache
def kernel_digest() -> int:
    """Return a digest that changes with any source or offset of the compiled kernel."""
    return source_digest(__name__, integers(fields))


@once
def compile_kernel(choice: Choice):
    """Compile the kernel of some parts, or load it from Numba's cache; its `address` is what a record holds.

    Closure constants key Numba's cache, and so does `expected`.
    """
    expected = kernel_digest()
    controller, coordinator, paths, polynomials, own_forces, constraints = choice[:6]
    ideal, mirrored, joint_torques, foot_loads, joint_loads, logs, capacity, muscles, guests = choice[6:15]
    disturbed, damped = choice.disturbed, choice.damped
    applies = int(ideal == 1 or own_forces == 1 or constraints == ACTIVE_SET or disturbed == 1)
    has_muscles = int(coordinator != NO_COORDINATOR)
    # Strengths of MuJoCo's muscles are needed where the coordinator runs; else MuJoCo computes them itself.
    solved_here = int(constraints != MUJOCO_SOLVER)
    forces_known = int(own_forces == 0 and (solved_here == 1 or muscles == 1 or joint_loads == 1))
    in_every_substep = int(own_forces == 1 or forces_known == 1)
    coordinates = int(coordinator in (STATIC_OPTIMIZATION, NETWORK, GUEST))

    @c_function(types.void(types.voidptr, types.voidptr), allocates=False)
    def kernel(model_pointer, data_pointer):
        model, data = address_of(model_pointer), address_of(data_pointer)
        address = np.uintp(np.int64(f64(data, USERDATA, RECORD_AT + 1)[RECORD_AT]))
        block = carray(block_pointer(address), (1,))[0]
        if block.digest != expected:
            return
        user = f64(data, USERDATA, block.n_user)
        substep = np.int64(user[SUBSTEP_AT])
        n, nj, nnz, nv = block.n_muscle, block.n_joint, block.n_crossing, block.n_dof
        jta, jtp = carray(stack_f64(nnz), (nnz,)), carray(stack_f64(nj), (nj,))
        length, force = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,))
        active, passive = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,))
        moment = carray(stack_f64(block.n_moment), (block.n_moment,))
        pull = carray(stack_f64(3 * block.n_pull), (block.n_pull, 3))
        slope = carray(stack_f64(nv), (nv,))
        ball = carray(stack_f64(3 * block.n_ball), (block.n_ball, 3))

        # What the substep before has led to.
        if joint_loads == 1:
            if constraints == MUJOCO_SOLVER:
                keep_sensed_forces(block, data, user)
            log_loads(block, model, data, user, substep)
        if logs == 1:
            if 0 < substep <= block.substeps:
                log_end(block, data, user, substep - 1)
        if polynomials == 1:
            pack_moments(block, data)
            polynomial_paths(block, data)
        if substep < 0 or substep >= block.substeps:
            if capacity == 1:
                way_point_torques(block, data, length, moment, pull, active, passive, jta, jtp)
                record_capacity(block, user, user[block.at_mirrored + block.substeps] > 0.0, jta, jtp)
            if solved_here == 1:
                skip_constraints(data)
            user[SUBSTEP_AT] = MEASURED
            return
        if paths == TENDONS:
            coupling_slopes(block, data, slope)
        if joint_torques == 1:
            record_joint_torques(block, data, user, substep, slope)
        if foot_loads == 1:
            record_foot_loads(block, data, user, substep)
        if logs == 1:
            log_start(block, data, user, substep)
        if guests == 1:
            place = user.ctypes.data
            if call_guest(block.guest_recorder, data, place, substep, 0, 0, 0, 0, 0) != 1:
                return
        if applies == 1 or block.n_device > 0:
            clear_applied(block, data)
        if disturbed == 1:
            disturb_body(block, data, user, substep)

        # What the muscles can do in this pose.
        if has_muscles == 1:
            if paths == TENDONS:
                if polynomials == 0:
                    pack_moments(block, data)
                due = in_every_substep == 1 or (coordinates == 1 and substep % block.inference_every == 0)
                if due:
                    if own_forces == 1:
                        fiber_strengths(block, data, active, passive)
                    else:
                        actuator_strengths(block, model, data, active, passive)
            if paths == WAY_POINTS:
                way_point_torques(block, data, length, moment, pull, active, passive, jta, jtp)

        # Which torques are desired.
        if controller == TORQUE:
            take_torques(block, user)
        if controller == PD:
            pd_torques(block, model, data, user, substep)
        if constraints == ACTIVE_SET:
            ball_coordinates(
                shared_u32(block.ball_qposadr, block.n_ball), f64(data, QPOS, block.n_qpos), ball
            )
        desired = user[block.at_desired : block.at_desired + nj]
        if controller == STABLE_PD:
            if substep == 0:
                start_targets(block, user)
            stable_pd_torques(block, model, data, user, ball, jtp[:0], desired)
        if block.n_device > 0:
            apply_devices(block, data, user, substep)
            if controller != NO_CONTROLLER:
                relieve(block, user, substep, desired)

        # Which activations make them.
        activation = user[block.at_activation : block.at_activation + n]
        if coordinates == 1:
            if substep % block.inference_every == 0:
                wanted, required = carray(stack_f64(nj), (nj,)), carray(stack_f64(nj), (nj,))
                lower, upper = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,))
                for j in range(nj):
                    wanted[j] = desired[j]
                if paths == TENDONS:
                    tendon_torques(block, data, slope, active, passive, jta, jtp)
                if controller == STABLE_PD:
                    if block.foresee_passive:
                        stable_pd_torques(block, model, data, user, ball, jtp, wanted)
                for m in range(n):
                    lower[m], upper[m] = 0.0, 1.0
                if own_forces == 0:
                    bound_activations(block, model, data, lower, upper)
                required_torques(block, wanted, jtp, required)
                in_mirror = False
                if mirrored == 1:
                    in_mirror = user[block.at_mirrored + substep] > 0.0
                    if in_mirror:
                        seen = carray(stack_f64(nnz), (nnz,))
                        mirror_crossings(block, jta, seen)
                        mirror_joints(block, required, wanted)
                        mirror_muscles(block, activation, force)
                        copy(seen, jta)
                        copy(wanted, required)
                        copy(force, activation)
                if coordinator == NETWORK:
                    if block.samples:
                        store_sample(block, user, substep, required, jta)
                    if is_taught(block):
                        optimize(block, jta, required, lower, upper, activation)
                    else:
                        evaluate_network(block, jta, required, lower, upper, activation)
                if coordinator == STATIC_OPTIMIZATION:
                    optimize(block, jta, required, lower, upper, activation)
                if coordinator == GUEST:
                    ended = call_guest(
                        block.guest_coordinator,
                        block.muscle_ptr,
                        block.muscle_joint,
                        jta.ctypes.data,
                        required.ctypes.data,
                        lower.ctypes.data,
                        upper.ctypes.data,
                        activation.ctypes.data,
                        data,
                    )
                    if ended != 1:
                        return
                    for m in range(n):
                        activation[m] = min(upper[m], max(lower[m], activation[m]))
                if mirrored == 1:
                    if in_mirror:
                        mirror_muscles(block, activation, force)
                        copy(force, activation)

        # What they do to the body.
        actuated = carray(stack_f64(nv), (nv,))
        for d in range(nv):
            actuated[d] = 0.0
        if has_muscles == 1:
            if own_forces == 1:
                if coordinator == DIRECT:
                    take_excitations(block, user)
                if disturbed == 1:
                    disturb_activations(block, user, substep)
                if paths == TENDONS:
                    fiber_tensions(block, user, active, passive, force)
                    spread_tendons(block, data, force, f64(data, QFRC_APPLIED, nv))
                    if muscles == 1:
                        record_fibers(block, user, f64(data, LENGTH, n), f64(data, VELOCITY, n), force, -1.0)
                if paths == WAY_POINTS:
                    apply_way_points(block, data, user, moment, active, passive, force)
                    if joint_loads == 1:
                        keep_pull(block, user, pull, force)
                    if muscles == 1:
                        path_velocities(block, data, moment, active)
                        record_fibers(block, user, length, active, force, 1.0)
                record_effort(block, user)
            if own_forces == 0:
                if coordinator == DIRECT:
                    excite(block, data, user)
                else:
                    activate(block, model, data, user)
                record_mujoco_effort(block, data, user)
                if forces_known == 1:
                    actuator_forces(block, model, data, active, passive, force)
                if muscles == 1:
                    record_actuators(block, model, data, user, force)
                if solved_here == 1:
                    spread_tendons(block, data, force, actuated)
            if paths == TENDONS:
                if joint_loads == 1:
                    keep_tendon_pull(block, model, data, user, force)
        if ideal == 1:
            apply_ideal_torques(block, data, user)
            record_ideal_torques(block, user)
        if constraints == ACTIVE_SET:
            apply_constraint_forces(block, model, data, user, ball, actuated)
        if constraints == TREE_NEWTON:
            apply_tree_newton(block, data, user, actuated)
        if damped == 1:
            damp_muscles(block, model, data)
        # Last of all: Numba swallows exceptions, and a step finds by this count that one came in between.
        user[SUBSTEP_AT] = substep + 1.0

    return kernel
