"""Muscles on paths of way-points, compiled: their capacity, and their forces.

The engine traces these paths and applies the muscles' forces at the joints; MuJoCo knows none of them.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numba
import numpy as np

from batchenv.body.mechanism import WayPoints
from batchenv.compiled import inner
from batchenv.engine.fields import (
    QFRC_APPLIED,
    QVEL,
    XMAT,
    XPOS,
    f64,
    f64_2d,
    shared_f64,
    shared_f64_2d,
    shared_i32,
    shared_u32,
)
from batchenv.engine.memory import carray, stack_f64, u32_pointer
from batchenv.engine.muscles.mass import fiber_forces
from batchenv.engine.paths.geometry import (
    gather_wrenches,
    path_lengths,
    place_anchors,
    place_entries,
    polyline,
    project_wrenches,
    slopes,
)
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={
        "n_path_body": np.int64,
        "n_path_entry": np.int64,
        "n_anchor": np.int64,
        "n_run": np.int64,
        "n_pair": np.int64,
        "n_moment": np.int64,
        "n_pull": np.int64,
        "first_body_forces": np.int64,
    },
    arrays={
        "path_body": np.uint32,
        "path_body_ptr": np.uint32,
        "entry_pos": np.float64,
        "entry_weight": np.float64,
        "entry_push": np.float64,
        "entry_anchor": np.uint32,
        "joined": np.float64,
        "anchor_ptr": np.uint32,
        "run_ptr": np.uint32,
        "run_pair": np.uint32,
        "pair_body": np.uint32,
        "pair_above": np.uint32,
        "pair_ptr": np.uint32,
        "pair_moment": np.uint32,
        "pair_axis": np.float64,
        "path_muscle": np.uint32,
        "path_joint": np.uint32,
        "pull_pair": np.uint32,
        "pull_muscle": np.uint32,
        "pull_joint": np.uint32,
    },
)


def values(paths: WayPoints, *, first_body_forces: bool) -> Values:
    """Describe muscle paths.

    Args:
        paths: of all muscles.
        first_body_forces: push the first body of a blended anchor only; forces are then no gradient of the
            muscle's length.
    """
    names = {"body": "path_body", "body_ptr": "path_body_ptr", "muscle": "path_muscle", "joint": "path_joint"}
    return Values(
        numbers={
            "n_path_body": paths.body.size,
            "n_path_entry": paths.entry_weight.size,
            "n_anchor": paths.joined.size,
            "n_run": paths.run_pair.size,
            "n_pair": paths.pair_body.size,
            "n_moment": paths.muscle.size,
            "n_pull": paths.pull_pair.size,
            "first_body_forces": first_body_forces,
        },
        arrays={names.get(name, name): value for name, value in vars(paths).items()},
    )


@numba.njit(error_model="numpy")
def trace_paths(block, data, first_body, length, moment, pull):
    """Length of each muscle (M,) [m], and its gradient by the coordinates that move it (K,) [m/rad].

    Args:
        first_body: push each anchor's first body only, as the original does; the result is then no gradient.
        pull: out, gradient of the lengths by the place of what loaded joints carry (P, 3).
    """
    n_entry, n_anchor, n_pair, n_body = block.n_path_entry, block.n_anchor, block.n_pair, block.n_path_body
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
        shared_f64_2d(block.entry_pos, 3, n_entry),
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
        shared_f64_2d(block.pair_axis, block.n_moment, 3),
        wrench,
        moment,
    )


@inner
def path_velocities(block, data, moment, velocity):
    """Rates of the lengths (M,) [m/s], from their gradient (K,) [m/rad]."""
    muscle, joint = (
        shared_u32(block.path_muscle, block.n_moment),
        shared_u32(block.path_joint, block.n_moment),
    )
    dofadr, qvel = shared_i32(block.joint_dofadr, block.n_joint), f64(data, QVEL, block.n_dof)
    for m in range(block.n_muscle):
        velocity[m] = 0.0
    for k in range(block.n_moment):
        velocity[muscle[k]] += moment[k] * qvel[dofadr[joint[k]]]


@numba.njit(error_model="numpy")
def way_point_torques(block, data, length, moment, pull, active, passive, jta, jtp):
    """Compute the capacity of muscles on way-points in this pose.

    Args:
        length: out, of each path (M,) [m].
        moment: out, gradient of the lengths (K,) [m/rad].
        pull: out, see `trace_paths` (P, 3).
        active, passive: out, force at full activation and without any (M,) [N].
        jta: out, torque at full activation on each joint coordinate crossed (nnz,) [Nm].
        jtp: out, torque of all passive forces (J,) [Nm].
    """
    n = block.n_muscle
    velocity = carray(stack_f64(n), (n if block.velocity_force else 0,))
    muscle, joint = (
        shared_u32(block.path_muscle, block.n_moment),
        shared_u32(block.path_joint, block.n_moment),
    )
    if block.velocity_force:
        trace_paths(block, data, False, length, moment, pull)
        path_velocities(block, data, moment, velocity)
    if block.first_body_forces or not block.velocity_force:
        trace_paths(block, data, block.first_body_forces != 0, length, moment, pull)
    fiber_forces(block, length, velocity, active, passive)
    for k in range(block.n_crossing):
        jta[k] = -active[muscle[k]] * moment[k]
    for j in range(block.n_joint):
        jtp[j] = 0.0
    for k in range(block.n_moment):
        jtp[joint[k]] -= passive[muscle[k]] * moment[k]


@numba.njit(error_model="numpy")
def apply_way_points(block, data, user, moment, active, passive, force):
    """Add the generalised forces of all muscles.

    Args:
        force: out, tension of each muscle (M,) [N].
    """
    applied = f64(data, QFRC_APPLIED, block.n_dof)
    for m in range(block.n_muscle):
        force[m] = active[m] * user[block.at_activation + m] + passive[m]
    muscle, joint = (
        shared_u32(block.path_muscle, block.n_moment),
        shared_u32(block.path_joint, block.n_moment),
    )
    dofadr = shared_i32(block.joint_dofadr, block.n_joint)
    for k in range(block.n_moment):
        applied[dofadr[joint[k]]] -= force[muscle[k]] * moment[k]
