"""The phase of the gait cycle, a clock in [0, 1) with 0 at right heel strike."""

from typing import Any

import numpy as np

from batchenv.arrays import array_namespace

Array = Any


def advance(phase: Array, dt: Array | float, period: Array | float, warp: Array | float = 0.0) -> Array:
    """Phase after a time.

    Args:
        phase: (N,).
        dt: [s], one for all or of a shape that goes with the others.
        period: of the cycle (N,) or one for all [s].
        warp: fraction by which the clock runs fast (N,) or one for all.
    """
    return (phase + dt / period * (1.0 + warp)) % 1.0


def encode(phase: Array) -> Array:
    """Sine and cosine of the phase (N, 2): an encoding without a jump."""
    xp = array_namespace(phase)
    angle = 2.0 * np.pi * phase
    return xp.concat([xp.sin(angle)[..., None], xp.cos(angle)[..., None]], axis=-1)
