"""The compiled `mjcb_control`, called by MuJoCo in every `mj_step` between velocity and actuation stages.

MuJoCo has room for one callback in a process. Ours hands each world on to the kernel of its batch, whose
address is the first field of the record that the world's `userdata` points to. A row of `userdata` without
`magic()` is left alone, so other batches in the process are not touched.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import ctypes
import functools
from types import ModuleType
from typing import Any

import mujoco
import numpy as np
from llvmlite import ir
from numba import types
from numba.extending import intrinsic

from batchenv.compiled import c_function, once, source_digest
from batchenv.engine.memory import (
    address_of,
    carray,
    f64_pointer,
    i64_pointer,
    load_address,
    offset,
)
from batchenv.engine.record import MAGIC_AT, N_HEADER, RECORD_AT
from batchenv.errors import UsageError
from batchenv.messages import mujoco_global

_CALLBACK: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)
_CALLBACKS = (
    "mjcb_control",
    "mjcb_passive",
    "mjcb_contactfilter",
    "mjcb_sensor",
    "mjcb_time",
    "mjcb_act_dyn",
    "mjcb_act_gain",
    "mjcb_act_bias",
)

NUSERDATA = offset("mjModel", "nuserdata")
USERDATA = offset("mjData", "userdata")


def integers(module: ModuleType) -> list[int]:
    """The integer constants of a module, in the order of their names."""
    return [v for _, v in sorted(vars(module).items()) if isinstance(v, int)]


@functools.cache
def magic() -> int:
    """Return the number that our rows of `userdata` begin with."""
    return source_digest(__name__, (NUSERDATA, USERDATA))


@intrinsic
def call_kernel(typingctx, kernel, model, data):
    """Call the C function at an address with the addresses of an mjModel and an mjData."""
    signature = types.void(types.uintp, types.voidptr, types.voidptr)

    def generate(context, builder, sig, args):
        pointer = context.get_value_type(types.voidptr)
        function = ir.FunctionType(ir.VoidType(), [pointer, pointer])
        builder.call(builder.inttoptr(args[0], function.as_pointer()), args[1:])
        return context.get_dummy_value()

    return signature, generate


@once
def compile_control():
    """Compile `mjcb_control`, or load it from Numba's cache; return it with its ctypes wrapper.

    `expected` is a closure constant because closure constants key Numba's cache.
    """
    expected = float(magic())

    @c_function(types.void(types.voidptr, types.voidptr), allocates=False)
    def control(model_pointer, data_pointer):
        model, data = address_of(model_pointer), address_of(data_pointer)
        if carray(i64_pointer(model + NUSERDATA), (1,))[0] < N_HEADER:
            return
        header = carray(f64_pointer(load_address(data + USERDATA)), (N_HEADER,))
        if header[MAGIC_AT] == expected:
            block = np.uintp(np.int64(header[RECORD_AT]))
            call_kernel(load_address(block), model_pointer, data_pointer)

    return control, _CALLBACK(control.address)


class Callbacks:
    """MuJoCo's physics callbacks: global variables of the process, which any library may change."""

    def __init__(self) -> None:
        self._pointers = [mujoco_global(name) for name in _CALLBACKS]
        self._accepted: list[int | None] = []
        self._control, self._callback = compile_control()

    def install(self) -> None:
        """Install the control callback where there is none; rows of other batches are not touched by it.

        Raises:
            UsageError: another `mjcb_control` is installed, or another callback is a Python function.
        """
        if mujoco_global("mjcb_control").value is None:
            mujoco.set_mjcb_control(self._callback)
        self.check()

    def check(self) -> None:
        """Refuse to step where our callback would not be called.

        Raises:
            UsageError: it is not installed any more, or another callback is a Python function.
        """
        values = [pointer.value for pointer in self._pointers]
        if values == self._accepted:
            return
        control = values[_CALLBACKS.index("mjcb_control")]
        if control is None:
            raise UsageError(
                "something in this process removed batchenv's mjcb_control from MuJoCo, and without it no "
                "muscle acts: call env.reset(), which installs it again"
            )
        if control != self._control.address:
            raise UsageError(
                "another mjcb_control is installed in this process, and MuJoCo has room for one: "
                "call mujoco.set_mjcb_control(None), then build or reset batchenv's worlds"
            )
        for name in _CALLBACKS:
            other = getattr(mujoco, f"get_{name}")()
            if other is not None and not hasattr(other, "argtypes"):
                raise UsageError(
                    f"{name} is a Python function, and MuJoCo's threads call none: call "
                    f"mujoco.set_{name}(None), or install a C function through ctypes"
                )
        self._accepted = values


@once
def callbacks() -> Callbacks:
    """Those of this process."""
    return Callbacks()
