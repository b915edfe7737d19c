"""Where the GaitNet kernel finds MuJoCo's fields, and the arrays of its own record."""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import ctypes

import numba
from numba import carray

from batchenv.engine.memory import f64_pointer, i32_pointer, load_address, offset, struct_of, u32_pointer

# Offsets of the fields that the kernel reads, frozen into the compiled code; its digest depends on them.
QPOS = offset("mjData", "qpos")
QVEL = offset("mjData", "qvel")
QFRC_APPLIED = offset("mjData", "qfrc_applied")
QFRC_BIAS = offset("mjData", "qfrc_bias")
QACC_WARMSTART = offset("mjData", "qacc_warmstart")
QFRC_PASSIVE = offset("mjData", "qfrc_passive")
USERDATA = offset("mjData", "userdata")
XPOS = offset("mjData", "xpos")
XMAT = offset("mjData", "xmat")
XIPOS = offset("mjData", "xipos")
CVEL = offset("mjData", "cvel")
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
EFC_FRICTIONLOSS = offset("mjData", "efc_frictionloss")
CONTACT = offset("mjData", "contact")
CONTACT_SIZE = ctypes.sizeof(struct_of("mjContact"))
GEOM1 = offset("mjContact", "geom1")
GEOM2 = offset("mjContact", "geom2")
ROWNNZ = offset("mjModel", "M_rownnz")
ROWADR = offset("mjModel", "M_rowadr")
COLIND = offset("mjModel", "M_colind")
BODY_MASS = offset("mjModel", "body_mass")
GRAVITY = offset("mjModel", "opt.gravity")
DISABLE = offset("mjModel", "opt.disableflags")
TIMESTEP = offset("mjModel", "opt.timestep")


@numba.njit(inline="always")
def shared_u32(address, n):
    return carray(u32_pointer(address), (n,))


@numba.njit(inline="always")
def shared_f64_2d(address, n, k):
    return carray(f64_pointer(address), (n, k))


@numba.njit(inline="always")
def model_i32(model, at, n):
    return carray(i32_pointer(load_address(model + at)), (n,))


@numba.njit(inline="always")
def data_i32(data, at, n):
    return carray(i32_pointer(load_address(data + at)), (n,))


@numba.njit(inline="always")
def timestep_of(model):
    return carray(f64_pointer(model + TIMESTEP), (1,))[0]
