"""The kernel of `GaitNetWorlds`: what the control callback runs in every substep of a world.

It runs once more after the last substep of a step, and after a reset, only to measure what the world has
come to. Code out of Numba's cache can never run on a block of another shape: the kernel leaves alone what
does not bear the digest of its own sources.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import functools

import numpy as np
from numba import carray, cfunc, types

from batchenv.engine.block import BLOCK_AT, SUBSTEP_AT
from batchenv.engine.control import integers, source_digest
from batchenv.engine.gaitnet import fields
from batchenv.engine.gaitnet.block import MEASURED, block_pointer
from batchenv.engine.gaitnet.clocks import advance_clocks
from batchenv.engine.gaitnet.fields import USERDATA, timestep_of
from batchenv.engine.gaitnet.loads import log_loads
from batchenv.engine.gaitnet.logs import drop_constraints, log_end, log_start
from batchenv.engine.gaitnet.muscles import observe
from batchenv.engine.gaitnet.substep import drive, start_targets
from batchenv.engine.memory import address_of
from batchenv.engine.substep import f64

KERNEL_SOURCES = (
    "block.py",
    "gaitnet/block.py",
    "gaitnet/clocks.py",
    "gaitnet/constraints.py",
    "gaitnet/fields.py",
    "gaitnet/forces.py",
    "gaitnet/geometry.py",
    "gaitnet/kernel.py",
    "gaitnet/loads.py",
    "gaitnet/logs.py",
    "gaitnet/muscles.py",
    "gaitnet/resistance.py",
    "gaitnet/stable_pd.py",
    "gaitnet/substep.py",
    "memory.py",
    "muscles.py",
    "muscle_net/kernel.py",
    "muscle_net/layout.py",
    "substep.py",
)


@functools.cache
def kernel_digest() -> int:
    """Changes with any source or offset of the compiled kernel."""
    return source_digest(KERNEL_SOURCES, integers(fields))


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
        user = f64(data, USERDATA, block.n_user)
        substep = np.int64(user[SUBSTEP_AT])
        log_loads(block, model, data, user, substep)
        if 0 < substep <= block.substeps:
            log_end(block, data, user, substep - 1)
        if substep < 0 or substep >= block.substeps:
            observe(block, data, user)
            drop_constraints(data)
            user[SUBSTEP_AT] = MEASURED
            return
        if substep == 0:
            start_targets(block, user)
        log_start(block, data, user, substep)
        drive(block, model, data, user, substep)
        advance_clocks(block, user, timestep_of(model))
        # Last of all: Numba swallows exceptions, and a step finds by this count that one came in between.
        user[SUBSTEP_AT] = substep + 1.0

    return kernel
