"""What devices worn on the body do over the gait cycle."""

from collections.abc import Mapping

import numpy as np

from batchenv.body import Body
from batchenv.body.names import LEFT
from batchenv.config.devices import Device
from batchenv.errors import ConfigError, nearest
from batchenv.mdp.measure import interpolate

Array = np.ndarray
_ROWS = 1000  # of a table of torques over one cycle


class Assistance:
    """Torques of devices over the gait cycle.

    Args:
        devices: by name, as `environment.devices` has them.
        body: that wears them.

    Attributes:
        joints: primary joint that each torque drives (K,), on both sides; devices may share one.

    Raises:
        ConfigError: a device names a joint that the body lacks, or one that is not of both legs.
    """

    def __init__(self, devices: Mapping[str, Device], body: Body):
        cycle = np.arange(_ROWS) / _ROWS
        columns: list[Array] = []
        joints: list[int] = []
        for name, device in devices.items():
            scale = body.mass - body.worn_mass if device.unit == "Nm/kg" else 1.0
            for joint in _joints(device, body, f"environment.devices.{name}.joints"):
                late = 0.5 * body.names.is_left(body.joint_names[joint])
                torque = periodic_pchip(np.array(device.torque), (cycle + late) % 1.0)
                columns.append(body.joint_sign[joint] * scale * torque)
                joints.append(joint)
        self.joints = tuple(joints)
        self._table = np.reshape(columns, (len(columns), _ROWS)).T.copy()

    def torques(self, phase: Array) -> Array:
        """Torques (..., K) [Nm] at phases of the right leg (...); the left leg is half a cycle ahead."""
        return interpolate(self._table, phase.ravel()).reshape(*phase.shape, -1)


def worn_masses(devices: Mapping[str, Device]) -> dict[str, float]:
    """Masses of all devices by segment [kg]."""
    masses: dict[str, float] = {}
    for device in devices.values():
        for segment, mass in device.mass.items():
            masses[segment] = masses.get(segment, 0.0) + mass
    return masses


def periodic_pchip(knots: Array, phase: Array) -> Array:
    """Values of a periodic cubic without overshoot at phases in [0, 1).

    Slopes as of SciPy's `PchipInterpolator`: Fritsch, Butland, SIAM J Sci Stat Comput 5:300 (1984).

    Args:
        knots: phases [%], rising, and values (n, 2).
        phase: (m,).
    """
    x, y = knots[:, 0] / 100.0, knots[:, 1]
    step = np.diff(x, append=x[0] + 1.0)  # behind each knot
    secant = (np.roll(y, -1) - y) / step
    before, ahead = np.roll(secant, 1), secant
    weight, other = 2.0 * step + np.roll(step, 1), step + 2.0 * np.roll(step, 1)
    turns = before * ahead <= 0.0
    safe = np.where(turns, 1.0, before), np.where(turns, 1.0, ahead)
    slope = np.where(turns, 0.0, (weight + other) / (weight / safe[0] + other / safe[1]))
    k = np.searchsorted(x, phase, side="right") - 1
    length = step[k]
    t = ((phase - x[k]) % 1.0) / length
    following = (k + 1) % len(x)
    return (
        y[k]
        + t * length * slope[k]
        + t**2 * (3.0 * (y[following] - y[k]) - length * (2.0 * slope[k] + slope[following]))
        + t**3 * (2.0 * (y[k] - y[following]) + length * (slope[k] + slope[following]))
    )


def _joints(device: Device, body: Body, where: str) -> list[int]:
    """Primary joints that a device drives.

    Raises:
        ConfigError: the body lacks one, or it is not of both legs.
    """
    bare = [body.names.without_side(name) for name in body.joint_names]
    found: list[int] = []
    for name in device.joints:
        own = [j for j, joint in enumerate(bare) if joint == name]
        own = own or [j for j, kind in enumerate(body.joint_kinds) if kind == name]
        if not own:
            known = list(dict.fromkeys([*bare, *body.joint_kinds]))
            raise ConfigError(
                f"{where} names {name!r}, which is not a joint of the body.{nearest(name, known)} "
                f"Joints: {', '.join(dict.fromkeys(bare))}."
            )
        sides = {body.names.split(body.joint_names[j]).side for j in own}
        if None in sides or LEFT not in sides:
            raise ConfigError(f"{where} names {name!r}, which is no joint of both legs; expected one.")
        found += [j for j in own if j not in found]
    return found
