"""The compiled `mjcb_control`, called by MuJoCo in every `mj_step` between velocity and actuation stages.

A row of `userdata` without `magic()` is left alone, so other batches in the process are not touched. The
number is a digest of the sources and offsets of the compiled code, so that code out of Numba's cache can
never run on a block of another shape.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import ctypes
import functools
import hashlib
from pathlib import Path
from typing import Any

import mujoco
import numpy as np
from numba import carray, cfunc, types

from batchenv.engine import substep as kernels
from batchenv.engine.block import BLOCK_AT, MAGIC_AT, MASS, MUSCLE, N_HEADER, SUBSTEP_AT, block_pointer
from batchenv.engine.memory import address_of, i64_pointer, stack_f64
from batchenv.engine.substep import (
    CTRL,
    NUSERDATA,
    USERDATA,
    accumulate,
    activate,
    apply_torques,
    coordinate,
    desired_torques,
    dof_slopes,
    f64,
)
from batchenv.errors import UsageError

_CALLBACK: Any = ctypes.CFUNCTYPE(None, ctypes.c_void_p, ctypes.c_void_p)

KERNEL_SOURCES = (
    "block.py",
    "control.py",
    "memory.py",
    "muscle_net/kernel.py",
    "muscle_net/layout.py",
    "muscles.py",
    "static_optimization.py",
    "substep.py",
)


@functools.cache
def magic() -> int:
    """Number of 48 bits (exact in a float64) that changes with any source or offset of the compiled code."""
    folder = Path(__file__).parent
    digest = hashlib.sha256(b"".join((folder / name).read_bytes() for name in KERNEL_SOURCES))
    digest.update(repr([v for k, v in sorted(vars(kernels).items()) if isinstance(v, int)]).encode())
    return int.from_bytes(digest.digest()[:6], "little") | 1


@functools.cache
def compile_control():
    """Compile `mjcb_control`, or load it from Numba's cache; return it with its ctypes wrapper.

    `expected` is a closure constant because closure constants key Numba's cache.
    """
    expected = float(magic())

    @cfunc(types.void(types.voidptr, types.voidptr), cache=True)
    def control(model_pointer, data_pointer):
        model, data = address_of(model_pointer), address_of(data_pointer)
        if carray(i64_pointer(model + NUSERDATA), (1,))[0] < N_HEADER:
            return
        header = f64(data, USERDATA, N_HEADER)
        if header[MAGIC_AT] != expected:
            return
        block = carray(block_pointer(np.uintp(np.int64(header[BLOCK_AT]))), (1,))[0]
        user = f64(data, USERDATA, block.at_foot_load_peak + block.n_foot)
        substep = np.int64(user[SUBSTEP_AT])
        user[SUBSTEP_AT] += 1.0
        slope = carray(stack_f64(block.n_dof), (block.n_dof,))
        dof_slopes(block, data, slope)
        accumulate(block, data, user, substep, slope)
        if block.actuator == MUSCLE:
            ctrl = f64(data, CTRL, block.n_muscle)
            for m in range(block.n_muscle):
                ctrl[m] = user[block.at_target + m]
            return
        desired_torques(block, model, data, user, substep)
        if block.actuator == MASS:
            if substep % block.inference_every == 0:
                coordinate(block, model, data, user, substep, slope)
            activate(block, model, data, user)
            return
        apply_torques(block, data, user)

    return control, _CALLBACK(control.address)


def install() -> None:
    """Install the callback in this process, once; rows of other batches are not touched by it.

    Raises:
        UsageError: another `mjcb_control` is installed.
    """
    _, callback = compile_control()
    current = mujoco.get_mjcb_control()
    if current is not None and current is not callback:
        raise UsageError(
            "another mjcb_control is installed in this process, and MuJoCo has room for one: "
            "call mujoco.set_mjcb_control(None) before building batchenv worlds"
        )
    mujoco.set_mjcb_control(callback)
