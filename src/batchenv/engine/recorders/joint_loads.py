"""Recorder of joint loads, compiled: the force that a joint hands on to all it carries.

By Newton's second law of what a joint carries, its momentum p and mass m,

    load = dp/dt - m g - forces of the ground on it - pull of muscles on it

with dp/dt as it was over a substep. MuJoCo's own joint reactions know nothing of muscles, which act on it as
generalised forces.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import math
from collections.abc import Sequence

import mujoco
import numba
import numpy as np
from numba import carray

from batchenv.engine.fields import (
    BODY_MASS,
    CONTACT,
    CONTACT_SIZE,
    CVEL,
    EFC_ID,
    EFC_TYPE,
    GEOM1,
    GEOM2,
    GRAVITY,
    SUBTREE_COM,
    XIPOS,
    f64,
    f64_2d,
    i32,
    shared_i32,
    shared_u32,
    timestep_of,
)
from batchenv.engine.memory import f64_pointer, i32_pointer, load_address, stack_f64
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={"n_load": np.int64, "n_carried": np.int64, "n_load_geom": np.int64},
    arrays={"carried_body": np.uint32, "carried_joint": np.uint32, "geom_joint": np.int32},
    slots=("load_momentum", "load_external", "load_log"),
)

_FIRST_CONTACT = int(mujoco.mjtConstraint.mjCNSTR_CONTACT_FRICTIONLESS)


def values(model: mujoco.MjModel, carrying: Sequence[int], substeps: int) -> Values:
    """Describe what each loaded joint carries: the subtree of a body.

    Args:
        model: of the body.
        carrying: for each loaded joint, the body it moves; none may carry another (L,).
        substeps: S of `load_log` (S, L) [N].
    """
    above = np.full(model.nbody, -1)
    for body in range(1, model.nbody):
        own = [k for k, carried in enumerate(carrying) if carried == body]
        above[body] = own[0] if own else above[model.body_parentid[body]]
    ids = np.flatnonzero(above >= 0)
    n = len(carrying)
    return Values(
        numbers={"n_load": n, "n_carried": ids.size, "n_load_geom": model.ngeom},
        arrays={
            "carried_body": ids,
            "carried_joint": above[ids],
            "geom_joint": above[model.geom_bodyid],
        },
        slots={"load_momentum": (n, 3), "load_external": (n, 3), "load_log": (substeps, n)},
    )


@numba.njit(error_model="numpy")
def log_loads(block, model, data, user, substep):
    """Loads in the substep before, for all joints (C,) [N]; and the momentum of what they carry now."""
    n = block.n_load
    if n == 0:
        return
    momentum, mass = carray(stack_f64(3 * n), (n, 3)), carray(stack_f64(n), (n,))
    carried_momentum(block, model, data, momentum, mass)
    before = user[block.at_load_momentum : block.at_load_momentum + 3 * n].reshape((n, 3))
    outer = user[block.at_load_external : block.at_load_external + 3 * n].reshape((n, 3))
    gravity = carray(f64_pointer(model + GRAVITY), (3,))
    for joint in range(n):
        square = 0.0
        for i in range(3):
            change = (momentum[joint, i] - before[joint, i]) / timestep_of(model)
            square += (change - mass[joint] * gravity[i] - outer[joint, i]) ** 2
            before[joint, i], outer[joint, i] = momentum[joint, i], 0.0
        if 0 < substep <= block.substeps:
            user[block.at_load_log + (substep - 1) * n + joint] = math.sqrt(square)


@numba.njit(error_model="numpy")
def carried_momentum(block, model, data, momentum, mass):
    """Momentum (C, 3) [kg m/s] and mass (C,) [kg] of what each joint carries."""
    com = f64_2d(data, SUBTREE_COM, block.n_body, 3)[1]
    cvel, xipos = f64_2d(data, CVEL, block.n_body, 6), f64_2d(data, XIPOS, block.n_body, 3)
    body_mass = f64(model, BODY_MASS, block.n_body)
    body, joint = (
        shared_u32(block.carried_body, block.n_carried),
        shared_u32(block.carried_joint, block.n_carried),
    )
    momentum[:] = 0.0
    mass[:] = 0.0
    for k in range(block.n_carried):
        b, j = body[k], joint[k]
        v, m = cvel[b], body_mass[b]
        x, y, z = xipos[b, 0] - com[0], xipos[b, 1] - com[1], xipos[b, 2] - com[2]
        momentum[j, 0] += m * (v[3] + v[1] * z - v[2] * y)
        momentum[j, 1] += m * (v[4] + v[2] * x - v[0] * z)
        momentum[j, 2] += m * (v[5] + v[0] * y - v[1] * x)
        mass[j] += m


@numba.njit(error_model="numpy")
def keep_pull(block, user, pull, force):
    """Add what muscles pull what the joints carry with.

    Args:
        pull: gradient of each muscle's length by the place of what a joint carries (P, 3), see `trace_paths`.
        force: of each muscle (M,) [N].
    """
    muscle, joint = (
        shared_u32(block.pull_muscle, block.n_pull),
        shared_u32(block.pull_joint, block.n_pull),
    )
    outer = user[block.at_load_external : block.at_load_external + 3 * block.n_load]
    for p in range(block.n_pull):
        for i in range(3):
            outer[np.int64(3 * joint[p]) + i] -= force[muscle[p]] * pull[p, i]


@numba.njit(error_model="numpy")
def keep_contact_forces(block, data, user, n_made, ptr, value, force):
    """Add what the ground pushes what the joints carry with.

    The first columns of a row are those of the root's translation: along it the force on the body counts.

    Args:
        n_made: number of rows that MuJoCo made.
        ptr, value: those rows in compressed form.
        force: of each row (n,).
    """
    kind, contact_of = i32(data, EFC_TYPE, n_made), i32(data, EFC_ID, n_made)
    outer = user[block.at_load_external : block.at_load_external + 3 * block.n_load]
    for r in range(n_made):
        if kind[r] >= _FIRST_CONTACT:
            contact = load_address(data + CONTACT) + np.uintp(CONTACT_SIZE) * np.uintp(contact_of[r])
            for at in (GEOM1, GEOM2):
                geom = carray(i32_pointer(contact + np.uintp(at)), (1,))[0]
                joint = shared_i32(block.geom_joint, block.n_load_geom)[geom]
                if joint >= 0:
                    for i in range(3):
                        outer[3 * joint + i] += value[ptr[r] + i] * force[r]
