"""Contacts with our height fields, compiled, in place of MuJoCo's in its table of collision functions.

MuJoCo takes each cell of a field for two prisms and looks for the shortest way out of each. A foot that is
some millimetres deep in even ground finds the walls between prisms, too, and is pushed sideways. Here
spheres, capsules and ellipsoids touch the plane of the triangle below them, as they touch a level floor:
capsules at both ends, and in the middle where the ground bulges. Other shapes, and height fields that are not
ours, are left to MuJoCo.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import ctypes
import math
from typing import Any

import mujoco
import numba
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from batchenv.body.uneven_floor import DEPTH
from batchenv.compiled import c_function, once
from batchenv.engine.memory import (
    address_of,
    field_array,
    field_array_2d,
    offset,
    shared_array_2d,
    stack_f64,
    struct_of,
)
from batchenv.messages import mujoco_global

GEOM_TYPE, GEOM_DATAID = offset("mjModel", "geom_type"), offset("mjModel", "geom_dataid")
GEOM_SIZE, GEOM_RBOUND = offset("mjModel", "geom_size"), offset("mjModel", "geom_rbound")
FIELD_SIZE, FIELD_ADR = offset("mjModel", "hfield_size"), offset("mjModel", "hfield_adr")
FIELD_NROW, FIELD_NCOL = offset("mjModel", "hfield_nrow"), offset("mjModel", "hfield_ncol")
FIELD_DATA = offset("mjModel", "hfield_data")
GEOM_XPOS, GEOM_XMAT = offset("mjData", "geom_xpos"), offset("mjData", "geom_xmat")
_FIELD, _SPHERE, _CAPSULE, _ELLIPSOID = (
    int(getattr(mujoco.mjtGeom, f"mjGEOM_{name}")) for name in ("HFIELD", "SPHERE", "CAPSULE", "ELLIPSOID")
)
_BULGE = 1e-6  # [m]
_TYPES = int(mujoco.mjtGeom.mjGEOM_SDF) + 1  # mjNGEOMTYPES
_CONTACT = ctypes.sizeof(struct_of("mjPreContact")) // 8  # dist, pos, normal, tangent: numbers
_f64, _f64_2d = field_array(types.float64), field_array_2d(types.float64)
_i32, _f32 = field_array(types.int32), field_array(types.float32)
_contacts = shared_array_2d(types.float64)
_SIGNATURE = types.int32(types.voidptr, types.voidptr, types.voidptr, types.int32, types.int32, types.float64)


@numba.njit(error_model="numpy")
def _ground(model, field, x, y):
    """Height (z) of a field at a place of its own frame, and its slopes along x and y."""
    size = _f64_2d(model, FIELD_SIZE, field + 1, 4)[field]
    nrow = _i32(model, FIELD_NROW, field + 1)[field]
    ncol = _i32(model, FIELD_NCOL, field + 1)[field]
    first = _i32(model, FIELD_ADR, field + 1)[field]
    heights = _f32(model, FIELD_DATA, first + nrow * ncol)
    dx, dy = 2.0 * size[0] / (ncol - 1), 2.0 * size[1] / (nrow - 1)
    u = min(max((x + size[0]) / dx, 0.0), ncol - 1.0)
    v = min(max((y + size[1]) / dy, 0.0), nrow - 1.0)
    column, row = min(int(u), ncol - 2), min(int(v), nrow - 2)
    u, v = u - column, v - row
    at = first + row * ncol + column
    here, across = np.float64(heights[at]), np.float64(heights[at + ncol + 1])
    if u > v:
        beside = np.float64(heights[at + 1])
        along_x, along_y = beside - here, across - beside
    else:
        beside = np.float64(heights[at + ncol])
        along_x, along_y = across - beside, beside - here
    z = size[2] * (here + u * along_x + v * along_y)
    return z, size[2] * along_x / dx, size[2] * along_y / dy


@numba.njit(error_model="numpy")
def _touch(model, data, field, floor, point, radius, out):
    """Write the contact of a sphere around a point with the floor; return the distance between them [m]."""
    origin = _f64_2d(data, GEOM_XPOS, floor + 1, 3)[floor]
    frame = _f64_2d(data, GEOM_XMAT, floor + 1, 9)[floor]
    a, b, c = point[0] - origin[0], point[1] - origin[1], point[2] - origin[2]
    x = frame[0] * a + frame[3] * b + frame[6] * c
    y = frame[1] * a + frame[4] * b + frame[7] * c
    z = frame[2] * a + frame[5] * b + frame[8] * c
    height, slope_x, slope_y = _ground(model, field, x, y)
    up = 1.0 / math.sqrt(1.0 + slope_x * slope_x + slope_y * slope_y)
    distance = (z - height) * up - radius
    out[0] = distance
    for k in range(3):
        normal = up * (frame[3 * k + 2] - slope_x * frame[3 * k] - slope_y * frame[3 * k + 1])
        out[1 + k] = point[k] - (radius + 0.5 * distance) * normal
        out[4 + k] = normal
        out[7 + k] = 0.0  # MuJoCo chooses tangents
    return distance


@numba.njit(error_model="numpy")
def _lowest(rotation, size, center, point):
    """Write the lowest point of an ellipsoid, as `batchenv.body.foot_geometry` has it."""
    length = 0.0
    for k in range(3):
        length += (size[k] * rotation[6 + k]) ** 2
    length = math.sqrt(length)
    for i in range(3):
        point[i] = center[i]
        for k in range(3):
            point[i] -= rotation[3 * i + k] * size[k] * size[k] * rotation[6 + k] / length


@once
def compile_contacts():
    """Compile the collision function of our fields, or load it from Numba's cache."""

    @c_function(_SIGNATURE)
    def collide(model_pointer, data_pointer, contacts, floor, geom, margin):
        model, data = address_of(model_pointer), address_of(data_pointer)
        field = _i32(model, GEOM_DATAID, floor + 1)[floor]
        origin = _f64_2d(data, GEOM_XPOS, floor + 1, 3)[floor]
        center = _f64_2d(data, GEOM_XPOS, geom + 1, 3)[geom]
        highest = _f64_2d(model, FIELD_SIZE, field + 1, 4)[field, 2]
        if center[2] - origin[2] > highest + _f64(model, GEOM_RBOUND, geom + 1)[geom] + margin:
            return 0
        rotation = _f64_2d(data, GEOM_XMAT, geom + 1, 9)[geom]
        size = _f64_2d(model, GEOM_SIZE, geom + 1, 3)[geom]
        kind = _i32(model, GEOM_TYPE, geom + 1)[geom]
        out = _contacts(address_of(contacts), 3, _CONTACT)
        point, found = numba.carray(stack_f64(3), (3,)), 0
        if kind != _CAPSULE:
            if kind == _ELLIPSOID:
                _lowest(rotation, size, center, point)
            else:
                point[:] = center
            radius = 0.0 if kind == _ELLIPSOID else size[0]
            return np.int32(_touch(model, data, field, floor, point, radius, out[0]) < margin)
        middle = -_BULGE
        for end in (1.0, -1.0):
            for k in range(3):
                point[k] = center[k] + end * size[1] * rotation[3 * k + 2]
            distance = _touch(model, data, field, floor, point, size[0], out[found])
            middle += 0.5 * distance
            found += distance < margin
        point[:] = center
        distance = _touch(model, data, field, floor, point, size[0], out[found])
        found += distance < min(margin, middle)
        return np.int32(found)

    return collide


@intrinsic
def _call(typingctx, function, model, data, contacts, floor, geom, margin):
    """Call a collision function at an address."""
    signature = _SIGNATURE.return_type(types.uintp, *_SIGNATURE.args)

    def generate(context, builder, sig, args):
        kinds = [context.get_value_type(kind) for kind in _SIGNATURE.args]
        kind = ir.FunctionType(context.get_value_type(_SIGNATURE.return_type), kinds)
        return builder.call(builder.inttoptr(args[0], kind.as_pointer()), args[1:])

    return signature, generate


@once
def install_contacts() -> list[Any]:
    """Let our fields have contacts of their own in this process; return what has to be kept for that."""
    address = ctypes.addressof(mujoco_global("mjCOLLISIONFUNC"))
    table = (ctypes.c_size_t * (_TYPES * _TYPES)).from_address(address)
    ours = np.uintp(compile_contacts().address or 0)
    kept: list[Any] = []
    for kind in (_SPHERE, _CAPSULE, _ELLIPSOID):
        place = _FIELD * _TYPES + kind
        kept.append(_either(ours, np.uintp(table[place])))
        table[place] = kept[-1].address
    return kept


def _either(ours: np.uintp, mujocos: np.uintp) -> Any:
    """A collision function for our fields, and for others MuJoCo's; of this process, so it is not cached."""

    @numba.cfunc(_SIGNATURE)
    def collide(model_pointer, data_pointer, contacts, floor, geom, margin):
        model = address_of(model_pointer)
        field = _i32(model, GEOM_DATAID, floor + 1)[floor]
        own = _f64_2d(model, FIELD_SIZE, field + 1, 4)[field, 3] == DEPTH
        return _call(ours if own else mujocos, model_pointer, data_pointer, contacts, floor, geom, margin)

    return collide
