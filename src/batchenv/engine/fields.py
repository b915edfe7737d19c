"""Access of compiled code to MuJoCo's fields and to the arrays of the shared record."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import ctypes

import mujoco
import numba
from numba import carray

from batchenv.engine.memory import f64_pointer, i32_pointer, load_address, offset, struct_of, u32_pointer

# Offsets of fields, frozen into the compiled code; the kernel's digest depends on them.
QPOS = offset("mjData", "qpos")
QVEL = offset("mjData", "qvel")
ACT = offset("mjData", "act")
CTRL = offset("mjData", "ctrl")
QFRC_APPLIED = offset("mjData", "qfrc_applied")
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


@numba.njit(inline="always")
def f64(base, at, n):
    """The float64 array (n,) that a field of an mjModel or mjData points to."""
    return carray(f64_pointer(load_address(base + at)), (n,))


@numba.njit(inline="always")
def f64_2d(base, at, n, k):
    """As `f64`, (n, k)."""
    return carray(f64_pointer(load_address(base + at)), (n, k))


@numba.njit(inline="always")
def i32(base, at, n):
    """The int32 array (n,) that a field of an mjModel or mjData points to."""
    return carray(i32_pointer(load_address(base + at)), (n,))


@numba.njit(inline="always")
def shared_f64(address, n):
    """A float64 array (n,) of the shared record."""
    return carray(f64_pointer(address), (n,))


@numba.njit(inline="always")
def shared_f64_2d(address, n, k):
    """As `shared_f64`, (n, k)."""
    return carray(f64_pointer(address), (n, k))


@numba.njit(inline="always")
def shared_i32(address, n):
    """An int32 array (n,) of the shared record."""
    return carray(i32_pointer(address), (n,))


@numba.njit(inline="always")
def shared_u32(address, n):
    """A uint32 array (n,) of the shared record."""
    return carray(u32_pointer(address), (n,))


@numba.njit(inline="always")
def timestep_of(model):
    """Length of a substep [s]."""
    return carray(f64_pointer(model + TIMESTEP), (1,))[0]
