"""Shipped terminations: the walker fell, turned away or left its line."""

import math
from typing import Annotated, Any

from pydantic import Field

from batchenv.arrays import array_namespace, summed
from batchenv.mdp.marks import termination_term

Array = Any
Fraction = Annotated[float, Field(ge=0, lt=1)]
Angle = Annotated[float, Field(gt=0, le=math.pi)]
Distance = Annotated[float, Field(gt=0, le=1e6)]


@termination_term
def fallen(root_pos: Array, reference_root_height: Array, *, min_height: Fraction = 0.6) -> Array:
    """Whether the root is below a fraction of the reference's height (N,)."""
    return root_pos[:, 2] < min_height * reference_root_height


@termination_term
def tilted(root_up: Array, *, max_tilt: Angle = 0.8) -> Array:
    """Whether the trunk leans by more than an angle [rad] (N,)."""
    return root_up[:, 2] < math.cos(max_tilt)


@termination_term
def turned(heading: Array, *, max_heading: Angle = 0.8) -> Array:
    """Whether the walker faces away from its line by more than an angle [rad] (N,)."""
    xp = array_namespace(heading)
    return xp.abs(heading) > max_heading


@termination_term
def drifted(root_pos: Array, *, max_drift: Distance = 1.0) -> Array:
    """Whether the walker is farther from its line than a distance [m] (N,)."""
    xp = array_namespace(root_pos)
    return xp.abs(root_pos[:, 1]) > max_drift


@termination_term
def off_path(root_pos: Array, reference_root_pos: Array, *, max_distance: Distance = 0.5) -> Array:
    """Whether the root is farther from the clip's than a distance [m] (N,)."""
    return summed((root_pos - reference_root_pos) ** 2) > max_distance**2


@termination_term
def off_posture(effector_pos: Array, reference_effector_pos: Array, *, max_distance: Distance = 0.5) -> Array:
    """Whether a heel, the trunk or an arm is farther from its place in the clip than a distance [m] (N,)."""
    xp = array_namespace(effector_pos)
    squared = summed((effector_pos - reference_effector_pos) ** 2)
    return xp.max(squared, axis=-1) > max_distance**2


@termination_term
def off_attitude(root_turn: Array, *, max_angle: Angle = 0.8) -> Array:
    """Whether the root is turned from the clip's by more than an angle [rad] (N,)."""
    return root_turn > max_angle
