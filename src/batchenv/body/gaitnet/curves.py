"""The parameters of MuJoCo's muscle curves that come nearest to GaitNet's."""

import numpy as np

# GaitNet's bell exp(-(l - 1)^2 / 0.45) is half as high this far from its middle, and so is MuJoCo's bump
# halfway to the ends of its range, of which the lower one cannot be below zero.
_HALF_WIDTH = float(np.sqrt(0.45 * np.log(2)))
LMIN, LMAX = 0.0, 1 + 2 * _HALF_WIDTH
# GaitNet's passive force is f0 at this length, in optimal lengths.
_PASSIVE_LENGTH = 1.3
# MuJoCo's defaults: velocity of shortening at which a muscle has no force [optimal lengths/s], and the force
# of one that is stretched fast, as a fraction of its peak force.
VMAX, FVMAX = 1.5, 1.2
# A velocity so high that MuJoCo's curve is flat in the middle: in exported models, force does not depend on
# velocity, as GaitNet's muscles do not unless asked to.
FLAT_VMAX = 100.0


def passive_peak() -> float:
    """Return MuJoCo's fpmax for which its passive force is f0 at GaitNet's passive length.

    `mju_muscleBias` is fpmax / 2 x^2, with x the way from the optimal length to the middle of it and lmax.
    """
    x = (_PASSIVE_LENGTH - 1) / (0.5 * (1 + LMAX) - 1)
    return 2 / x**2
