"""Recorder of every substep, compiled: centre of mass, chosen bodies, contacts and their forces."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

from collections.abc import Sequence

import numba
import numpy as np

from batchenv.compiled import inner
from batchenv.engine.fields import (
    CONTACT,
    CONTACT_SIZE,
    CVEL,
    GEOM1,
    GEOM2,
    NCON,
    SUBTREE_COM,
    XIPOS,
    f64_2d,
    shared_i32,
    shared_u32,
)
from batchenv.engine.memory import carray, i32_pointer, load_address
from batchenv.engine.record import Part, Values
from batchenv.engine.recorders.joint_loads import add_contact_forces

PART = Part(
    numbers={
        "velocity_body": np.int64,
        "n_logged": np.int64,
        "n_contact": np.int64,
        "n_geom": np.int64,
        "n_side": np.int64,
    },
    arrays={"logged_body": np.uint32, "contact_column": np.int32, "geom_side": np.int32},
    slots=("com_log", "velocity_log", "position_log", "contact_log", "force_log"),
)


def values(
    n_geom: int,
    substeps: int,
    velocity_body: int,
    bodies: Sequence[int],
    geoms: Sequence[int],
    sides: Sequence[Sequence[int]],
) -> Values:
    """Describe what is logged.

    Args:
        n_geom: geoms of the model.
        substeps: S.
        velocity_body: body whose velocity is logged, as is the centre of mass of all, at the start of each
            substep: `velocity_log` and `com_log` (S, 3) [m/s], [m].
        bodies: whose centres of mass are logged at the end of each substep: `position_log` (S, n, 3) [m].
        geoms: for which it is logged whether they touch anything then: `contact_log` (S, C).
        sides: geoms whose contact forces in each substep are summed: `force_log` (S, n, 3) [N].
    """
    side = np.full(n_geom, -1, np.int32)
    for k, group in enumerate(sides):
        side[np.asarray(group, int)] = k
    column = np.full(n_geom, -1, np.int32)
    column[np.asarray(geoms, int)] = np.arange(len(geoms))
    return Values(
        numbers={
            "velocity_body": velocity_body,
            "n_logged": len(bodies),
            "n_contact": len(geoms),
            "n_geom": n_geom,
            "n_side": len(sides),
        },
        arrays={"logged_body": np.asarray(bodies), "contact_column": column, "geom_side": side},
        slots={
            "com_log": (substeps, 3),
            "velocity_log": (substeps, 3),
            "position_log": (substeps, len(bodies), 3),
            "contact_log": (substeps, len(geoms)),
            "force_log": (substeps, len(sides), 3),
        },
    )


@numba.njit(error_model="numpy")
def log_start(block, data, user, k):
    """Log the centre of mass, and the velocity of a body's, at the start of substep k."""
    com = f64_2d(data, SUBTREE_COM, block.n_body, 3)[1]
    body = block.velocity_body
    v, at = f64_2d(data, CVEL, block.n_body, 6)[body], f64_2d(data, XIPOS, block.n_body, 3)[body]
    x, y, z = at[0] - com[0], at[1] - com[1], at[2] - com[2]
    user[block.at_com_log + 3 * k] = com[0]
    user[block.at_com_log + 3 * k + 1] = com[1]
    user[block.at_com_log + 3 * k + 2] = com[2]
    user[block.at_velocity_log + 3 * k] = v[3] + v[1] * z - v[2] * y
    user[block.at_velocity_log + 3 * k + 1] = v[4] + v[2] * x - v[0] * z
    user[block.at_velocity_log + 3 * k + 2] = v[5] + v[0] * y - v[1] * x


@inner
def log_forces(block, data, user, k, n_made, force):
    """Log the sums of the forces of contacts in substep k, from the forces of rows (n,) [N]."""
    log = user[block.at_force_log + 3 * k * block.n_side : block.at_force_log + 3 * (k + 1) * block.n_side]
    log[:] = 0.0
    add_contact_forces(data, shared_i32(block.geom_side, block.n_geom), n_made, force, log)


@numba.njit(error_model="numpy")
def log_end(block, data, user, k):
    """Log what substep k led to: places of bodies, and which geoms touch anything."""
    xipos = f64_2d(data, XIPOS, block.n_body, 3)
    logged = shared_u32(block.logged_body, block.n_logged)
    for b in range(block.n_logged):
        for i in range(3):
            user[block.at_position_log + 3 * (k * block.n_logged + b) + i] = xipos[logged[b], i]
    start = block.at_contact_log + k * block.n_contact
    for c in range(block.n_contact):
        user[start + c] = 0.0
    column = shared_i32(block.contact_column, block.n_geom)
    contact = load_address(data + CONTACT)
    for _ in range(carray(i32_pointer(data + NCON), (1,))[0]):
        for at in (GEOM1, GEOM2):
            geom = carray(i32_pointer(contact + np.uintp(at)), (1,))[0]
            if geom >= 0 and column[geom] >= 0:
                user[start + column[geom]] = 1.0
        contact += np.uintp(CONTACT_SIZE)
