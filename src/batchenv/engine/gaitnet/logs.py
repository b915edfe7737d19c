"""What is kept of every substep of a GaitNet world for who judges the step, compiled."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import numba
import numpy as np
from numba import carray

from batchenv.engine.gaitnet.clocks import is_mirrored
from batchenv.engine.gaitnet.fields import (
    CONTACT,
    CONTACT_SIZE,
    CVEL,
    GEOM1,
    GEOM2,
    NCON,
    NEFC,
    SUBTREE_COM,
    XIPOS,
    shared_u32,
)
from batchenv.engine.memory import i32_pointer, load_address
from batchenv.engine.substep import f64_2d, shared_i32


@numba.njit(error_model="numpy")
def log_start(block, data, user, k):
    """Centre of mass, velocity of the head's, and the mirror at the start of a substep."""
    user[block.at_mirror_log + k] = 1.0 if is_mirrored(block, user) else 0.0
    com = f64_2d(data, SUBTREE_COM, block.n_body, 3)[1]
    head = block.head_body
    v, at = f64_2d(data, CVEL, block.n_body, 6)[head], f64_2d(data, XIPOS, block.n_body, 3)[head]
    x, y, z = at[0] - com[0], at[1] - com[1], at[2] - com[2]
    user[block.at_com_log + 3 * k] = com[0]
    user[block.at_com_log + 3 * k + 1] = com[1]
    user[block.at_com_log + 3 * k + 2] = com[2]
    user[block.at_head_velocity_log + 3 * k] = v[3] + v[1] * z - v[2] * y
    user[block.at_head_velocity_log + 3 * k + 1] = v[4] + v[2] * x - v[0] * z
    user[block.at_head_velocity_log + 3 * k + 2] = v[5] + v[0] * y - v[1] * x


@numba.njit(error_model="numpy")
def log_end(block, data, user, k):
    """What substep k led to: places of the feet, what touches the ground, the local clock."""
    xipos = f64_2d(data, XIPOS, block.n_body, 3)
    foot = shared_u32(block.foot_body, block.n_foot)
    for f in range(block.n_foot):
        for i in range(3):
            user[block.at_foot_log + 3 * (k * block.n_foot + f) + i] = xipos[foot[f], i]
    user[block.at_local_time_log + k] = user[block.at_local_time]
    start = block.at_contact_log + k * block.n_contact
    for c in range(block.n_contact):
        user[start + c] = 0.0
    contact = load_address(data + CONTACT)
    for _ in range(carray(i32_pointer(data + NCON), (1,))[0]):
        for at in (GEOM1, GEOM2):
            geom = carray(i32_pointer(contact + np.uintp(at)), (1,))[0]
            column = shared_i32(block.contact_column, geom + 1)[geom]
            if column >= 0:
                user[start + column] = 1.0
        contact += np.uintp(CONTACT_SIZE)


@numba.njit(error_model="numpy")
def drop_constraints(data):
    """Spare MuJoCo the forces of a world that is only measured, whose velocities are current already."""
    carray(i32_pointer(data + NEFC), (1,))[0] = 0
