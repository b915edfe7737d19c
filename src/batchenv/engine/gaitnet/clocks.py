"""The two clocks of a GaitNet world, compiled: the world's, and one that the policy may let run faster."""

import math

import numba

from batchenv.engine.gaitnet.block import HARD_CLIPPING


@numba.njit(error_model="numpy")
def phase_of(time, cycle):
    """Place in the cycle, in [0, 1)."""
    return time / cycle - math.floor(time / cycle)


@numba.njit(error_model="numpy")
def is_mirrored(block, user):
    """Whether symmetry is enforced and this world is in the second half of its cycle."""
    clock = block.at_global_time if block.clipping == HARD_CLIPPING else block.at_local_time
    return block.mirrored != 0 and phase_of(user[clock], user[block.at_cycle]) > 0.5


@numba.njit(error_model="numpy")
def advance_clocks(block, user, timestep):
    """Both clocks by a substep; with hard clipping the local one is kept in the global one's cycle."""
    cycle = user[block.at_cycle]
    whole = user[block.at_global_time] + timestep
    local = user[block.at_local_time] + timestep * (1.0 + user[block.at_phase_action])
    if block.clipping == HARD_CLIPPING:
        count, local_count = math.floor(whole / cycle), math.floor(local / cycle)
        if count > local_count:
            local = whole
        elif count < local_count:
            local = local_count * cycle
    user[block.at_global_time] = whole
    user[block.at_local_time] = local
