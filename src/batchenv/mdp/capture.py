"""What recordings hold of worlds, array in and array out: the names are those of `evaluate.LAYOUT`.

A task makes the capture of its own worlds; whoever records them needs to know nothing else about the body.
"""

from contextlib import suppress
from typing import Any, Protocol

import numpy as np

from batchenv.body import Body
from batchenv.body.gait_by_speed import leg_length
from batchenv.engine import Worlds
from batchenv.engine.muscles.mujoco import active_forces
from batchenv.errors import BodyError
from batchenv.mdp.leg_loads import LegLoads

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

    def measure_loads(self) -> dict[str, Array]:
        """Measure what takes longer: where the floor presses on the feet, and what joints carry."""
        ...

    def keep(self) -> None:
        """Keep what the measures after the next substep need; call it after every substep."""
        ...


def turned(quat: Array, axes: Array) -> Array:
    """Orientations of a root (..., 4), w first, in the frame of a recording.

    Args:
        quat: in the world; (1, 0, 0, 0) is upright, and faces forward.
        axes: forward, left and up in the world (3, 3).
    """
    return np.concatenate([quat[..., :1], quat[..., 1:] @ axes.T], axis=-1)


def angular_momentum(inertia: Array, velocity: Array) -> Array:
    """Angular momentum about the centre of mass of all bodies (N, 3) [kg m^2/s], in the world.

    It is the sum of `mju_mulInertVec` over the bodies, of which the first three components are kept.

    Args:
        inertia: MuJoCo's `cinert` (N, B, 10), of bodies of one tree.
        velocity: MuJoCo's `cvel` (N, B, 6).
    """
    turning, moving, first = velocity[..., :3], velocity[..., 3:], inertia[..., 6:9]
    rows = np.stack([inertia[..., [0, 3, 4]], inertia[..., [3, 1, 5]], inertia[..., [4, 5, 2]]], axis=-2)
    own = (rows * turning[..., None, :]).sum(axis=-1) + np.cross(first, moving)
    return own.sum(axis=1)


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
        self._loads = LegLoads(worlds, axes)
        self._fibers = _Fibers(worlds) if worlds.law.actuator in ("mass", "muscle") else None
        self._toes = self._body.toe_body if len(self._body.toe_body) == 2 else None
        self._driver = np.eye(len(self._body.joint_names))[self._body.bound_joint]

    @property
    def constants(self) -> dict[str, Any]:
        """What does not change over time, of worlds that have their parameters."""
        body = self._body
        constants = {
            "mass": body.mass,
            "gravity": body.weight / body.mass,
            "pelvis_tilt": body.pelvis_tilt,
            "joint_names": tuple(map(body.names.common_joint, body.joint_names)),
            "joint_center_names": self._loads.names,
        }
        with suppress(BodyError):  # a body without hips has no such length
            constants["leg_length"] = leg_length(body)
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
            "root_quat": turned(qpos[:, 3:7], axes),
            "angular_momentum": angular_momentum(worlds.bind("cinert"), worlds.bind("cvel")) @ axes.T,
        }
        if self._toes is not None:
            measured["toe_pos"] = worlds.bind("xpos")[:, self._toes] @ axes.T
        return measured | (self._fibers.measure() if self._fibers else {})

    def measure_loads(self) -> dict[str, Array]:
        """Measure feet and joints after a substep; see `LegLoads`."""
        return self._loads.measure()

    def keep(self) -> None:
        """Keep what the loads after the next substep need."""
        self._loads.keep()

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
