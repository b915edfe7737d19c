"""Masses that a body wears, such as those of exoskeletons."""

from collections.abc import Mapping
from typing import Any

import mujoco
import numpy as np

from batchenv.body.names import BodyNames
from batchenv.body.sources import keep_strength
from batchenv.errors import BodyError, nearest


def add_masses(
    spec: mujoco.MjSpec, model: mujoco.MjModel, masses: Mapping[str, float], names: BodyNames
) -> float:
    """Add masses to segments of a spec, at their centres of mass; muscles keep their strength.

    Args:
        spec: to change.
        model: compiled from it.
        masses: [kg] by segment; one without a side is added to the segments of either side.
        names: what marks the sides.

    Returns:
        What is added in all [kg].

    Raises:
        BodyError: there is no such segment, or the file lets geoms alone have mass.
    """
    if spec.compiler.inertiafromgeom == mujoco.mjtInertiaFromGeom.mjINERTIAFROMGEOM_TRUE:
        raise BodyError('the file has inertiafromgeom="true", and a device has no geom; expected "auto".')
    own = [model.body(i).name for i in range(1, model.nbody)]
    total = 0.0
    for segment, mass in masses.items():
        bodies = [name for name in own if segment in (name, names.without_side(name))]
        if not bodies:
            known = list(dict.fromkeys(map(names.without_side, own)))
            raise BodyError(
                f"a device adds mass to {segment!r}, which is no segment of the body."
                f"{nearest(segment, [*known, *own])} Segments: {', '.join(known)}."
            )
        for name in bodies:
            _add_mass(spec.body(name), model.body(name), mass)
        total += mass * len(bodies)
    for actuator in spec.actuators:
        if actuator.gaintype == mujoco.mjtGain.mjGAIN_MUSCLE:
            keep_strength(actuator, model)
    spec.compiler.LRopt.useexisting = 1
    return total


def _add_mass(body: mujoco.MjsBody, compiled: Any, mass: float) -> None:
    """Make the inertia that MuJoCo found for a body its own, with a point mass at the centre."""
    if not body.explicitinertial:
        body.explicitinertial, body.mass = True, float(compiled.mass[0])
        body.ipos, body.iquat, body.inertia = compiled.ipos, compiled.iquat, compiled.inertia
        body.ialt.type = mujoco.mjtOrientation.mjORIENTATION_QUAT
        body.fullinertia = np.full(6, np.nan)
    body.mass += mass
