"""What recordings hold of worlds, array in and array out: the names are those of `evaluate.LAYOUT`.

A task makes the capture of its own worlds; whoever records them needs to know nothing else about the body.
"""

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import mujoco
import numpy as np

from batchenv.body import Body
from batchenv.engine import Worlds
from batchenv.engine.muscles.mujoco import active_forces

Array = np.ndarray


class Capture(Protocol):
    """Measures worlds between their substeps."""

    @property
    def constants(self) -> dict[str, Any]:
        """What does not change over time: mass, gravity, names, and what is known of muscles."""
        ...

    def measure(self) -> dict[str, Array]:
        """Measure all worlds after a substep, each array (N, ...)."""
        ...

    def keep(self) -> None:
        """Keep what the measures after the next substep need; call it after every substep."""
        ...


class FloorContact(NamedTuple):
    """Where a body touches the floor.

    Attributes:
        body: its id.
        force: on it, in the world (3,) [N].
        place: in the world (3,) [m].
        normal: force across the surface [N].
    """

    body: int
    force: Array
    place: Array
    normal: float


def floor_contacts(model: mujoco.MjModel, data: mujoco.MjData, floor_geom: int) -> Iterator[FloorContact]:
    """Contacts with the floor, their forces by `mj_contactForce`."""
    wrench = np.zeros(6)
    for i in range(data.ncon):
        contact: Any = data.contact[i]
        geoms = contact.geom.tolist()
        if floor_geom not in geoms:
            continue
        on_second = geoms[0] == floor_geom
        mujoco.mj_contactForce(model, data, i, wrench)
        # The frame points from the first geom to the second.
        force = (1.0 if on_second else -1.0) * contact.frame.reshape(3, 3).T @ wrench[:3]
        body = int(model.geom_bodyid[geoms[int(on_second)]])
        yield FloorContact(body, force, contact.pos, wrench[0])


class WalkingCapture:
    """Measures a `Body` whose feet stand on sensors.

    Joint angles, the pelvis, their velocities and activations are those of the end of a substep; forces,
    torques, ground reactions, feet and fibers are those of its beginning.

    Args:
        worlds: of that body.
        axes: forward, left and up in the world (3, 3).
    """

    def __init__(self, worlds: Worlds[Body], axes: Array):
        self._worlds, self._body, self._axes = worlds, worlds.body, axes
        self._fibers = _Fibers(worlds) if worlds.law.actuator in ("mass", "muscle") else None
        self._driver = np.eye(len(self._body.joint_names))[self._body.bound_joint]

    @property
    def constants(self) -> dict[str, Any]:
        """What does not change over time, of worlds that have their parameters."""
        body = self._body
        constants = {
            "mass": body.mass,
            "gravity": body.weight / body.mass,
            "joint_names": tuple(map(body.names.common_joint, body.joint_names)),
        }
        return constants | (self._fibers.constants if self._fibers else {})

    def measure(self) -> dict[str, Array]:
        """Measure all worlds after a substep."""
        worlds, body, axes = self._worlds, self._body, self._axes
        qpos, qvel = worlds.qpos, worlds.qvel
        joint_pos, joint_vel = qpos[:, body.joint_qposadr], qvel[:, body.joint_dofadr]
        grf = worlds.bind("sensordata")[:, body.grf_sensor_adr[:, None] + np.arange(3)]
        measured = {
            "time": worlds.time,
            "joint_pos": body.joint_sign * joint_pos,
            "joint_vel": body.joint_sign * joint_vel,
            "joint_torque": body.joint_sign * self._torque(joint_pos, joint_vel),
            "grf": grf @ axes.T,
            "foot_pos": worlds.bind("xpos")[:, body.foot_body] @ axes.T,
            "root_pos": qpos[:, :3] @ axes.T,
            "root_vel": qvel[:, :3] @ axes.T,
        }
        return measured | (self._fibers.measure() if self._fibers else {})

    def keep(self) -> None:
        """Nothing has to be kept."""

    def _torque(self, joint_pos: Array, joint_vel: Array) -> Array:
        """Net torque of the actuators on each joint and, by their slopes, on those bound to it (N, J)."""
        if self._fibers is None:
            return self._worlds.slot("desired")
        body, force = self._body, self._worlds.bind("qfrc_actuator")
        # MuJoCo moves joints by their new velocity, so that this is where the forces were computed.
        before = joint_pos - self._worlds.timestep * joint_vel
        bound = force[:, body.bound_dofadr] * body.bound_slope(before)
        return force[:, body.joint_dofadr] + bound @ self._driver


class _Fibers:
    """MuJoCo's muscles in the words of a recording: tendons are rigid, and part of the actuator's length.

    Lengths over the optimum are `mju_muscleGain`'s: range[0] + (length - lengthrange[0]) / optimum, where the
    optimum [m] is the extent of lengthrange over that of range. The range is each world's own.
    """

    def __init__(self, worlds: Worlds[Body]):
        body, model = worlds.body, worlds.model
        self._worlds = worlds
        self._names = tuple(map(body.names.common_muscle, body.muscle_names))
        self._lengthrange, self._acc0 = model.actuator_lengthrange, model.actuator_acc0
        self._usual = model.actuator_gainprm

    @property
    def constants(self) -> dict[str, Any]:
        """Peak forces as the body has them, optima as the worlds have them, or the body where they differ."""
        force, scale = self._usual[:, 2], self._usual[:, 3]
        own = self._optimum(self._worlds.expand("actuator_gainprm"))
        return {
            "muscle_names": self._names,
            "muscle_peak_force": np.where(force < 0, scale / self._acc0, force),
            "optimal_fiber_length": own[0] if (own == own[0]).all() else self._optimum(self._usual),
        }

    def measure(self) -> dict[str, Array]:
        worlds = self._worlds
        length, velocity = worlds.bind("actuator_length"), worlds.bind("actuator_velocity")
        gainprm = worlds.expand("actuator_gainprm")
        optimum = self._optimum(gainprm)
        return {
            "activation": worlds.act,
            "excitation": np.clip(worlds.bind("ctrl"), 0.0, 1.0),
            "muscle_force": active_forces(
                length, velocity, worlds.act, self._lengthrange, self._acc0, gainprm
            ),
            "fiber_length": gainprm[..., 0] + (length - self._lengthrange[:, 0]) / optimum,
            "fiber_velocity": velocity / optimum,
        }

    def _optimum(self, gainprm: Array) -> Array:
        """Optimal fiber lengths (..., n_muscle) [m] by `actuator_gainprm` (..., n_muscle, >= 2)."""
        return np.ptp(self._lengthrange, axis=1) / (gainprm[..., 1] - gainprm[..., 0])
