"""Access of compiled code to MuJoCo's fields and to the arrays of the shared record."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import ctypes

import mujoco
import numba
from numba import types

from batchenv.engine.memory import (
    field_array,
    field_array_2d,
    offset,
    shared_array,
    shared_array_2d,
    struct_of,
)

# Offsets of fields, frozen into the compiled code; the kernel's digest depends on them.
QPOS = offset("mjData", "qpos")
QVEL = offset("mjData", "qvel")
ACT = offset("mjData", "act")
CTRL = offset("mjData", "ctrl")
QFRC_APPLIED = offset("mjData", "qfrc_applied")
XFRC_APPLIED = offset("mjData", "xfrc_applied")
QFRC_ACTUATOR = offset("mjData", "qfrc_actuator")
QFRC_BIAS = offset("mjData", "qfrc_bias")
QFRC_PASSIVE = offset("mjData", "qfrc_passive")
QACC_WARMSTART = offset("mjData", "qacc_warmstart")
USERDATA = offset("mjData", "userdata")
SENSORDATA = offset("mjData", "sensordata")
LENGTH = offset("mjData", "actuator_length")
VELOCITY = offset("mjData", "actuator_velocity")
MOMENT = offset("mjData", "actuator_moment")
MOMENT_ROWNNZ = offset("mjData", "moment_rownnz")
MOMENT_ROWADR = offset("mjData", "moment_rowadr")
MOMENT_COLIND = offset("mjData", "moment_colind")
XPOS = offset("mjData", "xpos")
XMAT = offset("mjData", "xmat")
XIPOS = offset("mjData", "xipos")
CVEL = offset("mjData", "cvel")
CDOF = offset("mjData", "cdof")
SUBTREE_COM = offset("mjData", "subtree_com")
INERTIA = offset("mjData", "M")
FACTOR = offset("mjData", "qLD")
FACTOR_DIAGONAL = offset("mjData", "qLDiagInv")
NCON = offset("mjData", "ncon")
NEFC = offset("mjData", "nefc")
EFC_ID = offset("mjData", "efc_id")
EFC_TYPE = offset("mjData", "efc_type")
EFC_JACOBIAN = offset("mjData", "efc_J")
EFC_ROWNNZ = offset("mjData", "efc_J_rownnz")
EFC_ROWADR = offset("mjData", "efc_J_rowadr")
EFC_COLIND = offset("mjData", "efc_J_colind")
EFC_REGULARISER = offset("mjData", "efc_R")
EFC_REFERENCE = offset("mjData", "efc_aref")
EFC_FORCE = offset("mjData", "efc_force")
EFC_FRICTIONLOSS = offset("mjData", "efc_frictionloss")
CONTACT = offset("mjData", "contact")
CONTACT_SIZE = ctypes.sizeof(struct_of("mjContact"))
CONTACT_FRAME = offset("mjContact", "frame")
CONTACT_FRICTION = offset("mjContact", "friction")
CONTACT_ROW = offset("mjContact", "efc_address")
GEOM1 = offset("mjContact", "geom1")
GEOM2 = offset("mjContact", "geom2")
TEN_WRAPADR = offset("mjData", "ten_wrapadr")
WRAP_OBJ = offset("mjData", "wrap_obj")
WRAP_XPOS = offset("mjData", "wrap_xpos")
GAINPRM = offset("mjModel", "actuator_gainprm")
BIASPRM = offset("mjModel", "actuator_biasprm")
DYNPRM = offset("mjModel", "actuator_dynprm")
ACC0 = offset("mjModel", "actuator_acc0")
LENGTHRANGE = offset("mjModel", "actuator_lengthrange")
M_ROWNNZ = offset("mjModel", "M_rownnz")
M_ROWADR = offset("mjModel", "M_rowadr")
M_COLIND = offset("mjModel", "M_colind")
BODY_MASS = offset("mjModel", "body_mass")
GRAVITY = offset("mjModel", "opt.gravity")
DISABLE = offset("mjModel", "opt.disableflags")
TIMESTEP = offset("mjModel", "opt.timestep")
N_GAIN, N_BIAS, N_DYN = mujoco.mjNGAIN, mujoco.mjNBIAS, mujoco.mjNDYN


# Arrays that fields of an mjModel or mjData point to, (base, offset, n) or (base, offset, n, k).
f64, f64_2d, i32 = field_array(types.float64), field_array_2d(types.float64), field_array(types.int32)
# Arrays of the shared record, (address, n) or (address, n, k).
shared_f64, shared_f64_2d = shared_array(types.float64), shared_array_2d(types.float64)
shared_i32, shared_u32 = shared_array(types.int32), shared_array(types.uint32)


@numba.njit(error_model="numpy")
def timestep_of(model):
    """Length of a substep [s]."""
    return shared_f64(model + TIMESTEP, 1)[0]
