"""Recorder of joint loads, compiled: the force that a joint transmits to the bodies that it carries.

By Newton's second law for the bodies that a joint carries, of momentum p and mass m,

    load = dp/dt - m g - forces of the ground on it - pull of muscles on it

with dp/dt as it was over a substep. MuJoCo's own joint reactions do not include muscles, which act as
generalised forces.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import math
from collections.abc import Sequence

import mujoco
import numba
import numpy as np

from batchenv.body.mechanism import Mechanism
from batchenv.compiled import inner
from batchenv.engine.fields import (
    BODY_MASS,
    CONTACT,
    CONTACT_FRAME,
    CONTACT_FRICTION,
    CONTACT_ROW,
    CONTACT_SIZE,
    CVEL,
    EFC_ID,
    EFC_TYPE,
    GEOM1,
    GEOM2,
    GRAVITY,
    SENSORDATA,
    SUBTREE_COM,
    TEN_WRAPADR,
    WRAP_OBJ,
    WRAP_XPOS,
    XIPOS,
    f64,
    f64_2d,
    i32,
    shared_i32,
    shared_u32,
    timestep_of,
)
from batchenv.engine.memory import carray, f64_pointer, i32_pointer, load_address, stack_f64
from batchenv.engine.record import Part, Values

PART = Part(
    numbers={
        "n_load": np.int64,
        "n_carried": np.int64,
        "n_load_geom": np.int64,
        "n_wrap": np.int64,
        "n_tendon": np.int64,
        "n_sensed": np.int64,
        "n_load_sensordata": np.int64,
        "load_shift": np.int64,
    },
    arrays={
        "carried_body": np.uint32,
        "carried_joint": np.uint32,
        "geom_joint": np.int32,
        "wrap_ptr": np.int32,
        "wrap_geom": np.int32,
        "wrap_joint": np.int32,
        "sensed_adr": np.int32,
        "sensed_joint": np.int32,
    },
    slots=("load_momentum", "load_external", "load_log"),
)

_FIRST_CONTACT = int(mujoco.mjtConstraint.mjCNSTR_CONTACT_FRICTIONLESS)


def values(mechanism: Mechanism, carrying: Sequence[int], substeps: int, *, measured: bool) -> Values:
    """Describe what each loaded joint carries: the subtree of a body.

    Row k of `load_log` (S, L) [N] is of substep k where worlds are measured after a step; else it is of the
    substep before, for that of the last substep is known when the next step begins.

    Args:
        mechanism: the body.
        carrying: for each loaded joint, the body it moves; none may carry another (L,).
        substeps: S.
        measured: whether the kernel runs once more after the last substep.
    """
    model, n = mechanism.model, len(carrying)
    above = np.full(model.nbody, -1)
    for body in range(1, model.nbody):
        own = [k for k, carried in enumerate(carrying) if carried == body]
        above[body] = own[0] if own else above[model.body_parentid[body]]
    ids, adr = np.flatnonzero(above >= 0), mechanism.foot_sensor_adr
    round_wraps = (mujoco.mjtWrap.mjWRAP_SPHERE, mujoco.mjtWrap.mjWRAP_CYLINDER)
    on_geom = np.isin(model.wrap_type, [int(kind) for kind in round_wraps])
    owner = [
        model.geom_bodyid[i] if is_geom else model.site_bodyid[i] if kind == mujoco.mjtWrap.mjWRAP_SITE else 0
        for i, kind, is_geom in zip(model.wrap_objid, model.wrap_type, on_geom, strict=True)
    ]
    muscle_tendon = model.actuator_trnid[:, 0] if mechanism.way_points is None else np.zeros(0, int)
    first = model.tendon_adr[muscle_tendon]
    return Values(
        numbers={
            "n_load": n,
            "n_carried": ids.size,
            "n_load_geom": model.ngeom,
            "n_wrap": model.nwrap,
            "n_tendon": model.ntendon,
            "n_sensed": adr.size,
            "n_load_sensordata": model.nsensordata,
            "load_shift": int(measured),
        },
        arrays={
            "carried_body": ids,
            "carried_joint": above[ids],
            "geom_joint": above[model.geom_bodyid],
            "wrap_ptr": np.stack([muscle_tendon, first, first + model.tendon_num[muscle_tendon]], axis=1),
            "wrap_geom": np.where(on_geom, model.wrap_objid, -1),
            "wrap_joint": above[np.array(owner, int)],
            "sensed_adr": adr - 2,  # all three components of the force
            "sensed_joint": above[mechanism.foot_body],
        },
        slots={"load_momentum": (n, 3), "load_external": (n, 3), "load_log": (substeps, n)},
    )


@inner
def log_loads(block, model, data, user, substep):
    """Log the loads of all joints (C,) in the substep before [N], and keep the momenta they carry now."""
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
        k = substep - block.load_shift
        if 0 <= k < block.substeps:
            user[block.at_load_log + k * n + joint] = math.sqrt(square)


@inner
def carried_momentum(block, model, data, momentum, mass):
    """Momentum (C, 3) [kg m/s] and mass (C,) [kg] of the bodies that each joint carries."""
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


@inner
def keep_pull(block, user, pull, force):
    """Add the pull of muscles on the bodies that the joints carry.

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


@inner
def keep_contact_forces(block, data, user, n_made, force):
    """Add the contact forces on the bodies that the joints carry; arguments as of `add_contact_forces`."""
    outer = user[block.at_load_external : block.at_load_external + 3 * block.n_load]
    add_contact_forces(data, shared_i32(block.geom_joint, block.n_load_geom), n_made, force, outer)


@numba.njit(error_model="numpy")
def add_contact_forces(data, geom_group, n_made, force, outer):
    """Add the contact forces on the geoms of each group to a flat array (3 G,) [N].

    Each row of a contact is an edge of its friction pyramid: along the normal, and to one side of it.

    Args:
        geom_group: group of each geom, or -1 (ngeom,).
        n_made: number of rows that MuJoCo made.
        force: of each row (n,) [N].
    """
    kind, contact_of = i32(data, EFC_TYPE, n_made), i32(data, EFC_ID, n_made)
    for r in range(n_made):
        if kind[r] >= _FIRST_CONTACT:
            contact = load_address(data + CONTACT) + np.uintp(CONTACT_SIZE) * np.uintp(contact_of[r])
            frame = carray(f64_pointer(contact + np.uintp(CONTACT_FRAME)), (3, 3))
            friction = carray(f64_pointer(contact + np.uintp(CONTACT_FRICTION)), (2,))
            edge = r - carray(i32_pointer(contact + np.uintp(CONTACT_ROW)), (1,))[0]
            side, slope = edge // 2, 0.0
            if kind[r] != _FIRST_CONTACT and side < 2:
                slope = friction[side] if edge % 2 == 0 else -friction[side]
            for at, sign in ((GEOM1, -1.0), (GEOM2, 1.0)):
                geom = carray(i32_pointer(contact + np.uintp(at)), (1,))[0]
                joint = geom_group[geom] if geom >= 0 else -1
                if joint >= 0:
                    for i in range(3):
                        way = frame[0, i] + (slope * frame[1 + side, i] if side < 2 else 0.0)
                        outer[3 * joint + i] += sign * way * force[r]


@inner
def keep_sensed_forces(block, data, user):
    """Add the floor's forces on the feet in the substep before, from the model's sensors."""
    sensordata = f64(data, SENSORDATA, block.n_load_sensordata)
    adr, joint = shared_i32(block.sensed_adr, block.n_sensed), shared_i32(block.sensed_joint, block.n_sensed)
    outer = user[block.at_load_external : block.at_load_external + 3 * block.n_load]
    for s in range(block.n_sensed):
        if joint[s] >= 0:
            for i in range(3):
                outer[3 * joint[s] + i] += sensordata[adr[s] + i]


@inner
def keep_tendon_pull(block, model, data, user, force):
    """Add the pull of muscles on MuJoCo's tendons on the bodies that the joints carry.

    A tendon pulls what lies on one side of a joint along the stretch of its path that leaves it. MuJoCo puts
    one point of the path at each site, and two at each geom that the path touches.

    Args:
        force: of each muscle, tension negative (M,) [N].
    """
    n = block.n_muscle
    tendon_of = carray(i32_pointer(block.wrap_ptr), (n, 3))
    geom, joint = shared_i32(block.wrap_geom, block.n_wrap), shared_i32(block.wrap_joint, block.n_wrap)
    points, found = f64_2d(data, WRAP_XPOS, 2 * block.n_wrap, 3), i32(data, WRAP_OBJ, 2 * block.n_wrap)
    outer = user[block.at_load_external : block.at_load_external + 3 * block.n_load]
    starts = i32(data, TEN_WRAPADR, block.n_tendon)
    for m in range(n):
        point, before = starts[tendon_of[m, 0]], -2
        for w in range(tendon_of[m, 1], tendon_of[m, 2]):
            touching = geom[w] < 0 or found[point] == geom[w]
            if touching:
                if before != -2 and joint[w] != before:
                    _pull(points[point - 1], points[point], -force[m], before, joint[w], outer)
                before = joint[w]
                point += 1 if geom[w] < 0 else 2


@numba.njit(error_model="numpy")
def _pull(start, end, tension, joint_start, joint_end, outer):
    x, y, z = end[0] - start[0], end[1] - start[1], end[2] - start[2]
    share = tension / max(1e-12, math.sqrt(x * x + y * y + z * z))
    _push(joint_start, share * x, share * y, share * z, outer)
    _push(joint_end, -share * x, -share * y, -share * z, outer)


@numba.njit(error_model="numpy")
def _push(joint, x, y, z, outer):
    if joint >= 0:
        outer[3 * joint] += x
        outer[3 * joint + 1] += y
        outer[3 * joint + 2] += z
