"""When an episode ends early: the walker fell, turned away or left its line."""

import math
from typing import Any

from batchenv.arrays import array_namespace

Array = Any


def fallen(root_pos: Array, reference_root_height: Array, *, min_height: float) -> Array:
    """Whether the root is below a fraction of the reference's height (N,)."""
    return root_pos[:, 2] < min_height * reference_root_height


def tilted(root_up: Array, *, max_tilt: float) -> Array:
    """Whether the trunk leans by more than an angle [rad] (N,)."""
    return root_up[:, 2] < math.cos(max_tilt)


def turned(heading: Array, *, max_heading: float) -> Array:
    """Whether the walker faces away from its line by more than an angle [rad] (N,)."""
    xp = array_namespace(heading)
    return xp.abs(heading) > max_heading


def drifted(root_pos: Array, *, max_drift: float) -> Array:
    """Whether the walker is farther from its line than a distance [m] (N,)."""
    xp = array_namespace(root_pos)
    return xp.abs(root_pos[:, 1]) > max_drift
