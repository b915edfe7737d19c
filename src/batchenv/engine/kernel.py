"""The kernel of `Worlds`: what the control callback runs in every substep of a world.

Code out of Numba's cache can never run on a block of another shape: the kernel leaves alone what does not
bear the digest of its own sources.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import functools

import numpy as np
from numba import carray, cfunc, types

from batchenv.engine import substep as kernels
from batchenv.engine.block import BLOCK_AT, MASS, MUSCLE, SUBSTEP_AT, block_pointer
from batchenv.engine.control import integers, source_digest
from batchenv.engine.memory import address_of, stack_f64
from batchenv.engine.substep import (
    CTRL,
    USERDATA,
    accumulate,
    activate,
    apply_torques,
    coordinate,
    desired_torques,
    dof_slopes,
    f64,
    pack_moments,
)

KERNEL_SOURCES = (
    "block.py",
    "kernel.py",
    "memory.py",
    "muscle_net/kernel.py",
    "muscle_net/layout.py",
    "muscles.py",
    "static_optimization.py",
    "substep.py",
)


@functools.cache
def kernel_digest() -> int:
    """Changes with any source or offset of the compiled kernel."""
    return source_digest(KERNEL_SOURCES, integers(kernels))


@functools.cache
def compile_kernel():
    """Compile the kernel, or load it from Numba's cache; its `address` is what a block holds.

    `expected` is a closure constant because closure constants key Numba's cache.
    """
    expected = kernel_digest()

    @cfunc(types.void(types.voidptr, types.voidptr), cache=True)
    def kernel(model_pointer, data_pointer):
        model, data = address_of(model_pointer), address_of(data_pointer)
        address = np.uintp(np.int64(f64(data, USERDATA, BLOCK_AT + 1)[BLOCK_AT]))
        block = carray(block_pointer(address), (1,))[0]
        if block.digest != expected:
            return
        user = f64(data, USERDATA, block.at_foot_load_peak + block.n_foot)
        substep = np.int64(user[SUBSTEP_AT])
        slope = carray(stack_f64(block.n_dof), (block.n_dof,))
        dof_slopes(block, data, slope)
        accumulate(block, data, user, substep, slope)
        if block.actuator == MUSCLE or block.actuator == MASS:
            pack_moments(block, data)
        if block.actuator == MUSCLE:
            ctrl = f64(data, CTRL, block.n_muscle)
            for m in range(block.n_muscle):
                ctrl[m] = user[block.at_target + m]
        else:
            desired_torques(block, model, data, user, substep)
            if block.actuator == MASS:
                if substep % block.inference_every == 0:
                    coordinate(block, model, data, user, substep, slope)
                activate(block, model, data, user)
            else:
                apply_torques(block, data, user)
        # Last of all: Numba swallows exceptions, and a step finds by this count that one came in between.
        user[SUBSTEP_AT] = substep + 1.0

    return kernel
