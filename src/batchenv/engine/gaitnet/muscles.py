"""What the muscles of a GaitNet world can do, and what they do, compiled.

Functions take the shared record (`block`) and the address of the mjData that MuJoCo hands to the callback.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numba
import numpy as np
from numba import carray

from batchenv.engine.gaitnet.clocks import is_mirrored
from batchenv.engine.gaitnet.fields import QVEL, XMAT, XPOS, shared_u32
from batchenv.engine.gaitnet.forces import mujoco_muscle_forces, muscle_forces
from batchenv.engine.gaitnet.geometry import (
    gather_wrenches,
    path_lengths,
    place_anchors,
    place_entries,
    polyline,
    project_wrenches,
    slopes,
)
from batchenv.engine.gaitnet.loads import keep_pull
from batchenv.engine.memory import f64_pointer, stack_f64, u32_pointer
from batchenv.engine.substep import f64, f64_2d, shared_f64, shared_i32


@numba.njit(error_model="numpy")
def trace_paths(block, data, first_body, length, moment, pull):
    """Length of each muscle (M,) [m], and its gradient by the coordinates that move it (K,) [m/rad].

    Args:
        first_body: push each anchor's first body only, as the original does; the result is then no gradient.
        pull: out, gradient of the lengths by the place of what loaded joints carry (P, 3).
    """
    n_entry, n_anchor, n_pair, n_body = block.n_entry, block.n_anchor, block.n_pair, block.n_path_body
    xpos, xmat = f64_2d(data, XPOS, block.n_body, 3), f64_2d(data, XMAT, block.n_body, 9)
    origin = xpos[1]
    entry_anchor = shared_u32(block.entry_anchor, n_entry)
    weight = shared_f64(block.entry_weight, n_entry)
    e = carray(stack_f64(3 * n_entry), (3, n_entry))
    ex, ey, ez = e[0], e[1], e[2]
    a = carray(stack_f64(7 * n_anchor), (7, n_anchor))
    ax, ay, az, ux, uy, uz, segment = a[0], a[1], a[2], a[3], a[4], a[5], a[6]
    place_entries(
        xpos,
        xmat,
        origin,
        shared_u32(block.path_body, n_body),
        shared_u32(block.path_body_ptr, n_body + 1),
        carray(f64_pointer(block.entry_pos), (3, n_entry)),
        weight,
        ex,
        ey,
        ez,
    )
    place_anchors(entry_anchor, ex, ey, ez, ax, ay, az)
    polyline(ax, ay, az, shared_f64(block.joined, n_anchor), ux, uy, uz, segment)
    path_lengths(segment, shared_u32(block.anchor_ptr, block.n_muscle + 1), length)
    slopes(ux, uy, uz)
    if first_body:
        weight = shared_f64(block.entry_push, n_entry)
        for k in range(n_entry):
            anchor = entry_anchor[k]
            ex[k], ey[k], ez[k] = weight[k] * ax[anchor], weight[k] * ay[anchor], weight[k] * az[anchor]
    wrench = carray(stack_f64(6 * n_pair), (n_pair, 6))
    gather_wrenches(
        carray(u32_pointer(block.run_ptr), (block.n_run, 2)),
        shared_u32(block.run_pair, block.n_run),
        entry_anchor,
        weight,
        ex,
        ey,
        ez,
        ux,
        uy,
        uz,
        shared_u32(block.pair_above, n_pair),
        wrench,
    )
    pair = shared_u32(block.pull_pair, block.n_pull)
    for p in range(block.n_pull):
        for i in range(3):
            pull[p, i] = wrench[pair[p], i]
    project_wrenches(
        xpos,
        xmat,
        origin,
        shared_u32(block.pair_body, n_pair),
        shared_u32(block.pair_ptr, n_pair + 1),
        shared_u32(block.pair_moment, block.n_moment),
        carray(f64_pointer(block.pair_axis), (block.n_moment, 3)),
        wrench,
        moment,
    )


@numba.njit(error_model="numpy")
def measure_muscles(block, data, moment, pull, active, passive, jta, jtp):
    """What the muscles can do in this pose.

    Args:
        moment: out, gradient of the lengths (K,) [m/rad].
        pull: out, see `trace_paths` (P, 3).
        active, passive: out, force at full activation and without any (M,) [N].
        jta: out, torque at full activation on each joint coordinate crossed (nnz,) [Nm].
        jtp: out, torque of all passive forces (J,) [Nm].
    """
    n = block.n_muscle
    length = carray(stack_f64(n), (n,))
    velocity = carray(stack_f64(n), (n if block.velocity_force else 0,))
    muscle, dof = (
        shared_u32(block.moment_muscle, block.n_moment),
        shared_u32(block.moment_dof, block.n_moment),
    )
    if block.velocity_force:
        trace_paths(block, data, False, length, moment, pull)
        qvel = f64(data, QVEL, block.n_dof)
        for m in range(n):
            velocity[m] = 0.0
        for k in range(block.n_moment):
            velocity[muscle[k]] += moment[k] * qvel[dof[k] + np.uint32(6)]
    if block.first_body_forces or not block.velocity_force:
        trace_paths(block, data, block.first_body_forces != 0, length, moment, pull)
    parameters = (
        shared_f64(block.peak_force, n),
        shared_f64(block.optimal_length, n),
        shared_f64(block.tendon_length, n),
        shared_f64(block.reference_length, n),
    )
    if block.mujoco_muscles:
        curves = shared_f64(block.muscle_curves, 9)
        mujoco_muscle_forces(*parameters, curves, length, velocity, active, passive)
    else:
        muscle_forces(*parameters, length, velocity, active, passive)
    for k in range(block.n_crossing):
        jta[k] = -active[muscle[k]] * moment[k]
    for j in range(block.n_joint):
        jtp[j] = 0.0
    for k in range(block.n_moment):
        jtp[dof[k]] -= passive[muscle[k]] * moment[k]


@numba.njit(error_model="numpy")
def mirror_joints(block, values, out):
    """The mirror image of a number for each joint coordinate (J,)."""
    joint, sign = shared_u32(block.mirror_joint, block.n_joint), shared_f64(block.mirror_sign, block.n_joint)
    for j in range(block.n_joint):
        out[j] = sign[j] * values[joint[j]]


@numba.njit(error_model="numpy")
def mirror_crossings(block, values, out):
    """The mirror image of a number for each pair of a muscle and a joint coordinate (nnz,)."""
    crossing = shared_u32(block.mirror_crossing, block.n_crossing)
    sign = shared_f64(block.mirror_crossing_sign, block.n_crossing)
    for k in range(block.n_crossing):
        out[k] = sign[k] * values[crossing[k]]


@numba.njit(error_model="numpy")
def observe(block, data, user):
    """Whether the world is seen in the mirror, and what its muscles can do, for who watches between steps."""
    n, nj, nnz = block.n_muscle, block.n_joint, block.n_crossing
    moment = carray(stack_f64(block.n_moment), (block.n_moment,))
    active, passive = carray(stack_f64(n), (n,)), carray(stack_f64(n), (n,))
    jta, jtp = carray(stack_f64(nnz), (nnz,)), carray(stack_f64(nj), (nj,))
    seen = carray(stack_f64(nnz), (nnz,))
    pull = carray(stack_f64(3 * block.n_pull), (block.n_pull, 3))
    measure_muscles(block, data, moment, pull, active, passive, jta, jtp)
    below = user[block.at_negative_torque : block.at_negative_torque + nj]
    above = user[block.at_positive_torque : block.at_positive_torque + nj]
    for j in range(nj):
        below[j] = above[j] = 0.0
    mirrored = is_mirrored(block, user)
    user[block.at_mirror] = 1.0 if mirrored else 0.0
    resting = user[block.at_passive_torque : block.at_passive_torque + nj]
    if mirrored:
        mirror_crossings(block, jta, seen)
        mirror_joints(block, jtp, resting)
    else:
        for k in range(nnz):
            seen[k] = jta[k]
        for j in range(nj):
            resting[j] = jtp[j]
    joint = shared_i32(block.muscle_joint, nnz)
    for k in range(nnz):
        below[joint[k]] += 0.5 * min(seen[k], 0.0)
        above[joint[k]] += 0.5 * max(seen[k], 0.0)


@numba.njit(error_model="numpy")
def apply_muscles(block, user, moment, pull, active, passive, applied):
    """Add the generalised forces of all muscles, and what their activations cost."""
    n = block.n_muscle
    force = carray(stack_f64(n), (n,))
    weight = shared_f64(block.metabolic_weight, n)
    cost = 0.0
    for m in range(n):
        a = user[block.at_activation + m]
        force[m] = active[m] * a + passive[m]
        cost += weight[m] * (a * a if block.activation_power == 2.0 else a)
    user[block.at_metabolic_sum] += cost
    keep_pull(block, user, pull, force)
    muscle, dof = (
        shared_u32(block.moment_muscle, block.n_moment),
        shared_u32(block.moment_dof, block.n_moment),
    )
    for k in range(block.n_moment):
        applied[dof[k] + np.uint32(6)] -= force[muscle[k]] * moment[k]
