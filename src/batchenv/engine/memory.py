"""Offsets of MuJoCo's fields, and pointers by which compiled Python reaches them.

Offsets of mjModel and mjData fields come from `mujoco.introspect`, so no header and no version is written
down here. `check_layout` compares them with a living MjData before anything is installed.
"""

import ctypes
import functools
from typing import Any

import mujoco
from mujoco.introspect import ast_nodes, structs
from numba import types
from numba.extending import intrinsic
from numba.np.arrayobj import get_cfarray_intrinsic, make_array, populate_array

_PRIMITIVE = {
    "int": ctypes.c_int,
    "float": ctypes.c_float,
    "double": ctypes.c_double,
    "char": ctypes.c_char,
    "size_t": ctypes.c_size_t,
    "unsigned char": ctypes.c_ubyte,
    "unsigned int": ctypes.c_uint,
    "uint64_t": ctypes.c_uint64,
    "uintptr_t": ctypes.c_size_t,
    "mjtNum": ctypes.c_double,
    "mjtByte": ctypes.c_ubyte,
    "mjtBool": ctypes.c_bool,
    "mjtSize": ctypes.c_int64,
}


def _ctypes_of(node: object) -> Any:
    """The ctypes type of a field as `mujoco.introspect` describes it."""
    if isinstance(node, ast_nodes.PointerType):
        return ctypes.c_void_p
    if isinstance(node, ast_nodes.ArrayType):
        return functools.reduce(
            lambda inner, extent: inner * extent,
            reversed(node.extents),
            _ctypes_of(node.inner_type),
        )
    if isinstance(node, ast_nodes.ValueType):
        if node.name in _PRIMITIVE:
            return _PRIMITIVE[node.name]
        return struct_of(node.name) if node.name in structs.STRUCTS else ctypes.c_int  # an enum
    fields = [(field.name, _ctypes_of(field.type)) for field in node.fields]  # pyright: ignore
    return type("Anonymous", (ctypes.Structure,), {"_fields_": fields})


@functools.cache
def struct_of(name: str) -> type[ctypes.Structure]:
    """The ctypes layout of a MuJoCo struct.

    Args:
        name: the struct, as in the C API: "mjModel", "mjData", "mjOption".
    """
    declared: Any = structs.STRUCTS[name].fields  # none of the structs here has a union among them
    fields = [(field.name, _ctypes_of(field.type)) for field in declared]
    return type(name, (ctypes.Structure,), {"_fields_": fields})


def offset(struct: str, field: str) -> int:
    """Offset in bytes of a field in a MuJoCo struct; "opt.timestep" reaches into a nested struct.

    >>> offset("mjOption", "timestep")
    0
    """
    head, _, rest = field.partition(".")
    layout = struct_of(struct)
    start = getattr(layout, head).offset
    if not rest:
        return start
    return start + getattr(dict(layout._fields_)[head], rest).offset  # pyright: ignore


def check_layout(model: mujoco.MjModel) -> None:
    """Compare the computed layout with a living MjModel and MjData.

    Raises:
        RuntimeError: this build of MuJoCo lays its structs out otherwise than it says.
    """
    data = mujoco.MjData(model)
    live_data = struct_of("mjData").from_address(data._address)
    live_model = struct_of("mjModel").from_address(model._address)
    for live, owner, fields in (
        (
            live_data,
            data,
            ("qpos", "ctrl", "userdata", "actuator_moment", "sensordata"),
        ),
        (live_model, model, ("qpos0", "actuator_gainprm", "actuator_lengthrange")),
    ):
        for field in fields:
            array = getattr(owner, field)
            if array.size and getattr(live, field) != array.ctypes.data:
                raise RuntimeError(
                    f"MuJoCo {mujoco.__version__}: {field} is not where mujoco.introspect says; "
                    "install a release this library was tested with (mujoco 3.17)"
                )


def _load(element: types.Type):
    """An intrinsic that reinterprets an address as a pointer to `element`."""

    @intrinsic
    def cast(typingctx, address):
        signature = types.CPointer(element)(types.uintp)

        def generate(context, builder, sig, args):
            return builder.inttoptr(args[0], context.get_value_type(sig.return_type))

        return signature, generate

    return cast


f64_pointer = _load(types.float64)
f32_pointer = _load(types.float32)
i32_pointer = _load(types.int32)
u32_pointer = _load(types.uint32)
i64_pointer = _load(types.int64)


@intrinsic
def load_address(typingctx, address):
    """The address stored at an address: one pointer followed."""
    signature = types.uintp(types.uintp)

    def generate(context, builder, sig, args):
        pointer = builder.inttoptr(args[0], context.get_value_type(types.CPointer(types.uintp)))
        return builder.load(pointer)

    return signature, generate


@intrinsic
def address_of(typingctx, pointer):
    """The address a void pointer holds."""
    signature = types.uintp(types.voidptr)

    def generate(context, builder, sig, args):
        return builder.ptrtoint(args[0], context.get_value_type(types.uintp))

    return signature, generate


def _stack(element: types.Type):
    """An intrinsic that makes room on the caller's stack until the caller returns; never inside a loop."""

    @intrinsic
    def room(typingctx, count):
        signature = types.CPointer(element)(types.intp)

        def generate(context, builder, sig, args):
            return builder.alloca(context.get_value_type(element), size=args[0])

        return signature, generate

    return room


stack_f64 = _stack(types.float64)
stack_i64 = _stack(types.int64)


def record_pointer(element: types.Type):
    """An intrinsic that reinterprets an address as a pointer to a record type."""
    return _load(element)


# `numba.carray` without the function around it, which is compiled for every shape, and counts references.
carray: Any = get_cfarray_intrinsic("C", None)


def _array(element: Any, ndim: int, *, in_field: bool) -> Any:
    """What an intrinsic returns that makes an array of what lies at an address.

    Compiled functions that call `carray` would do the same, but Numba compiles them once more for every
    constant that they are called with or, inlined, at every call, which together takes seconds.

    Args:
        element: type of its numbers.
        ndim: 1 or 2.
        in_field: whether the address is stored where the two first arguments lead together.
    """
    kind = types.Array(element, ndim, "C")
    places = 2 if in_field else 1

    def generate(context, builder, sig, args):
        address, shape = args[0], args[places:]
        if in_field:
            place = builder.add(args[0], args[1])
            address = builder.load(
                builder.inttoptr(place, context.get_value_type(types.CPointer(types.uintp)))
            )
        size = context.get_constant(types.intp, element.bitwidth // 8)
        strides = [size] if ndim == 1 else [builder.mul(size, shape[1]), size]
        array = make_array(kind)(context, builder)
        data = builder.inttoptr(address, context.get_data_type(element).as_pointer())
        populate_array(array, data=data, shape=shape, strides=strides, itemsize=size, meminfo=None)
        return array._getvalue()

    return kind(*[types.uintp] * places, *[types.intp] * ndim), generate


def field_array(element: Any):
    """An intrinsic (base, offset, n): the array (n,) that a field of an mjModel or mjData points to."""

    @intrinsic
    def array(typingctx, base, at, n):
        return _array(element, 1, in_field=True)

    return array


def field_array_2d(element: Any):
    """As `field_array`, (base, offset, n, k): the array (n, k)."""

    @intrinsic
    def array(typingctx, base, at, n, k):
        return _array(element, 2, in_field=True)

    return array


def shared_array(element: Any):
    """An intrinsic (address, n): the array (n,) that begins at an address."""

    @intrinsic
    def array(typingctx, address, n):
        return _array(element, 1, in_field=False)

    return array


def shared_array_2d(element: Any):
    """As `shared_array`, (address, n, k): the array (n, k)."""

    @intrinsic
    def array(typingctx, address, n, k):
        return _array(element, 2, in_field=False)

    return array
