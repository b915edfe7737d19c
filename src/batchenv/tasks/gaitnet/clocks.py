"""The two clocks of a GaitNet world, compiled: a global one, and a local one that actions speed up."""

# Numba finds the types of a compiled function's parameters when it is called.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

import math

import numba
import numpy as np

from batchenv.compiled import compiled

# How a world's local time is kept with the global one.
NO_CLIPPING, HARD_CLIPPING, SOFT_CLIPPING = 0, 1, 2
CLIPPING = {"none": NO_CLIPPING, "hard": HARD_CLIPPING, "soft": SOFT_CLIPPING}


@numba.njit(error_model="numpy")
def phase_of(time, cycle):
    """Place in the cycle, in [0, 1)."""
    return time / cycle - math.floor(time / cycle)


@numba.njit(error_model="numpy")
def _in_mirror(global_time, local_time, cycle, clipping):
    return phase_of(global_time if clipping == HARD_CLIPPING else local_time, cycle) > 0.5


@compiled(error_model="numpy")
def in_mirror(global_time, local_time, cycle, clipping):
    """Whether worlds (n,) are in the second half of their cycle, which symmetry mirrors."""
    out = np.empty(global_time.size, np.bool_)
    for i in range(out.size):
        out[i] = _in_mirror(global_time[i], local_time[i], cycle[i], clipping)
    return out


@compiled(error_model="numpy")
def run_clocks(
    # gait
    phase_action,
    cycle,
    timestep,
    clipping,
    # state
    half_cycles,
    global_time,
    local_time,
    # out
    local_log,
    mirrored,
):
    """Run the clocks through the substeps of a step.

    Args:
        phase_action: relative speed-up of local clocks over global ones (N,).
        cycle: of the gait (N,) [s].
        timestep: of a substep [s].
        clipping: with HARD_CLIPPING the local clock is kept in the global one's cycle; with SOFT_CLIPPING the
            global one is set to the local one whenever that has come to another half of a cycle.
        half_cycles: that the local clock had gone through when it last was (N,).
        global_time, local_time: of the clocks (N,) [s].
        local_log: out, local time after each substep (N, S) [s].
        mirrored: out, whether the world is in the second half of its cycle in each substep and after the last
            (N, S + 1).
    """
    substeps = local_log.shape[1]
    for i in range(cycle.size):
        for k in range(substeps):
            mirrored[i, k] = _in_mirror(global_time[i], local_time[i], cycle[i], clipping)
            whole = global_time[i] + timestep
            local = local_time[i] + timestep * (1.0 + phase_action[i])
            if clipping == HARD_CLIPPING:
                count, local_count = math.floor(whole / cycle[i]), math.floor(local / cycle[i])
                if count > local_count:
                    local = whole
                elif count < local_count:
                    local = local_count * cycle[i]
            if clipping == SOFT_CLIPPING:
                halves = int(local / (0.5 * cycle[i]))
                if halves != half_cycles[i]:
                    whole, half_cycles[i] = local, halves
            global_time[i], local_time[i] = whole, local
            local_log[i, k] = local
        mirrored[i, substeps] = _in_mirror(global_time[i], local_time[i], cycle[i], clipping)
