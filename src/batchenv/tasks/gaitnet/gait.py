"""Which foot stands, where it is to stand, and where the next one is: by the clock or by contacts, compiled.

By phase, the clock says which foot stands. By contact, the feet say it: RIGHT_STANCE, LEFT_TAKEOFF,
LEFT_STANCE, RIGHT_TAKEOFF, and around again.
"""

# Numba finds the types of a compiled function's parameters when it is called.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

import math

import numpy as np

from batchenv.compiled import compiled

LEFT, RIGHT = 0, 1
RIGHT_STANCE, LEFT_TAKEOFF, LEFT_STANCE, RIGHT_TAKEOFF = 0, 1, 2, 3
# The right foot stands from a third of a cycle on, for half a cycle.
RIGHT_FROM, RIGHT_TO = 0.33, 0.83
# Smoothing of contacts per substep, and from where on a foot counts as touching.
SMOOTHING, TOUCHING = 0.25, 0.5
# A foot strikes with this share of the body's weight on it, this share of the stride ahead.
STRIKE_LOAD, STRIKE_WAY = 0.2, 0.5
# By which GaitNet's gait makes a mass a weight, unlike its world [m/s^2].
_GRAVITY = 9.81


def left_by_clock(phase: np.ndarray) -> np.ndarray:
    """Whether the left foot stands at phases of the gait (n,), each in [0, 1)."""
    return ~((phase > RIGHT_FROM) & (phase <= RIGHT_TO))


@compiled()
def follow_phase(
    # logs of a step
    local_time,
    foot,
    # gait
    cycle,
    stride_length,
    timestep,
    # state
    left_stance,
    current_foot,
    current_target,
    next_target,
    stance_clock,
    stride_time,
):
    """Go through the substeps of a step by the clock.

    Args:
        local_time: after each substep (N, S) [s].
        foot: centres of mass of the left and the right foot (N, S, 2, 3) [m].
        cycle: by which the clock is read (N,) [s].
        stride_length: way of one cycle (N,) [m].
        timestep: of a substep [s].
        left_stance: whether the left foot stands (N,).
        current_foot: the foot that stands (N, 3) [m].
        current_target, next_target: where it and the next are to stand (N, 3) [m].
        stance_clock: since each foot began to stand (N, 2) [s]; NaN before it did.
        stride_time: from one stance of a foot to its next (N, 2) [s]; NaN before there were two.
    """
    for i in range(local_time.shape[0]):
        for k in range(local_time.shape[1]):
            phase = local_time[i, k] / cycle[i]
            phase -= math.floor(phase)
            left = not (RIGHT_FROM < phase <= RIGHT_TO)
            stance_clock[i] += timestep
            if left != left_stance[i]:
                left_stance[i] = left
                _switch(
                    i,
                    current_foot,
                    stride_length[i],
                    left,
                    current_target,
                    next_target,
                    stance_clock,
                    stride_time,
                )
            current_target[i, 1] = next_target[i, 1] = 0.0
            current_foot[i] = foot[i, k, LEFT if left else RIGHT]


@compiled()
def _switch(i, current_foot, way, left, current_target, next_target, stance_clock, stride_time):
    """The next foothold is the current one; a stride ahead of the foot that stood is the next."""
    current_target[i] = next_target[i]
    next_target[i] = current_foot[i]
    next_target[i, 2] += way
    side = LEFT if left else RIGHT
    stride_time[i, side] = stance_clock[i, side]
    stance_clock[i, side] = 0.0


@compiled()
def follow_contacts(
    # logs of a step
    contact,
    foot,
    force,
    # body
    mass,
    is_left,
    # gait
    stride_length,
    timestep,
    # state
    contact_phase,
    smoothed,
    left_stance,
    current_foot,
    current_target,
    next_target,
    stance_clock,
    stride_time,
    strike_z,
):
    """Go through the substeps of a step by what touches the ground.

    Args:
        contact: whether each shape touches the ground after each substep (N, S, C).
        foot: as for `follow_phase`.
        force: sums of the contact forces on the left and on the right foot (N, S, 2, 3) [N].
        mass: of the body (N,) [kg].
        is_left: of each shape (C,).
        contact_phase: RIGHT_STANCE, ... (N,).
        smoothed: contacts of the left and the right foot, smoothed (N, 2); NaN before the first.
        strike_z: where each foot last struck the ground (N, 2) [m].
        current_foot: where the foot that stands struck the ground (N, 3) [m].
        stride_length, timestep, left_stance, current_target, next_target, stance_clock, stride_time: as for
            `follow_phase`.
    """
    for i in range(contact.shape[0]):
        for k in range(contact.shape[1]):
            touched = np.zeros(2)
            for c in range(contact.shape[2]):
                if contact[i, k, c] > 0.0:
                    touched[LEFT if is_left[c] else RIGHT] = 1.0
            stance_clock[i] += timestep
            for side in range(2):
                if math.isnan(smoothed[i, side]):
                    smoothed[i, side] = touched[side]
                smoothed[i, side] += SMOOTHING * (touched[side] - smoothed[i, side])
            standing = LEFT if contact_phase[i] >= LEFT_STANCE else RIGHT
            swinging = 1 - standing
            push = force[i, k, swinging]
            load = math.sqrt(push[0] ** 2 + push[1] ** 2 + push[2] ** 2) / (_GRAVITY * mass[i])
            on, off = smoothed[i, standing] > TOUCHING, smoothed[i, swinging] > TOUCHING
            if contact_phase[i] == RIGHT_STANCE or contact_phase[i] == LEFT_STANCE:
                if on and not off:
                    contact_phase[i] += 1
            elif (
                off
                and load > STRIKE_LOAD
                and foot[i, k, swinging, 2] - strike_z[i, swinging] > STRIKE_WAY * stride_length[i]
            ):
                contact_phase[i] = (contact_phase[i] + 1) % 4
                left_stance[i] = swinging == LEFT
                _switch(
                    i,
                    current_foot,
                    stride_length[i],
                    swinging == LEFT,
                    current_target,
                    next_target,
                    stance_clock,
                    stride_time,
                )
                current_foot[i] = foot[i, k, swinging]
                strike_z[i, swinging] = foot[i, k, swinging, 2]
