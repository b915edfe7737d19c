"""What recordings hold of GaitNet's worlds."""

from typing import Any

import mujoco
import numpy as np

from batchenv.body.gaitnet import GaitNetBody
from batchenv.body.gaitnet.clinical import ClinicalAngles
from batchenv.engine import Worlds
from batchenv.mdp.capture import turned
from batchenv.mdp.leg_loads import floor_contacts, foot_wrenches, pressure

Array = np.ndarray


class GaitNetCapture:
    """Measures a GaitNet body: legs in the terms of gait analysis, and the forces of the floor on the feet.

    The engine keeps contact forces as one generalised force. That on each foot is the force that MuJoCo's
    constraints make at the acceleration that the world had, which is the engine's solution.

    Joint angles, the pelvis and activations are those of the end of a substep; torques, ground reactions and
    feet are those of its beginning. How this body's muscles use energy is not known, so that their forces and
    fibers are left out.

    Args:
        worlds: of that body.
        axes: forward, left and up in the world (3, 3).
        feet: bodies of the right and the left foot, ids of MuJoCo, the hindfoot first.
    """

    def __init__(self, worlds: Worlds[GaitNetBody], axes: Array, feet: tuple[tuple[int, ...], ...]):
        self._worlds, self._body, self._axes, self._feet = worlds, worlds.body, axes, feet
        self._clinical = ClinicalAngles(self._body.skeleton)
        self._data = mujoco.MjData(worlds.model)
        self._foot_of = np.full(worlds.model.nbody, -1)
        for side, bodies in enumerate(feet):
            self._foot_of[list(bodies)] = side
        self._before = worlds.qvel.copy()

    @property
    def constants(self) -> dict[str, Any]:
        """What does not change over time."""
        body = self._body
        constants: dict[str, Any] = {
            "mass": body.mass,
            "gravity": float(np.linalg.norm(self._worlds.model.opt.gravity)),
            "joint_names": self._clinical.names,
        }
        if self._worlds.law.has_muscles:
            constants["muscle_names"] = tuple(map(body.names.common_muscle, body.muscle_names))
        return constants

    def measure(self) -> dict[str, Array]:
        """Measure all worlds after a substep."""
        worlds, body, axes = self._worlds, self._body, self._axes
        wrenches, foot_pos = self._ground_reactions()
        q, ground = body.from_qpos(worlds.qpos), np.array([0.0, 0.0, body.ground_height])
        made = worlds.bind("qfrc_applied") - worlds.slot("constraint_force")
        measured = {
            "time": worlds.time,
            "joint_pos": self._clinical.angles(q),
            "joint_torque": self._clinical.torques(q, made[:, body.mujoco_dof]),
            "grf": wrenches[:, :, 0] @ axes.T,
            "foot_pos": foot_pos @ axes.T - ground,
            "root_pos": worlds.qpos[:, :3] @ axes.T - ground,
            "root_vel": worlds.qvel[:, :3] @ axes.T,
            "root_quat": turned(worlds.qpos[:, 3:7], axes),
            **pressure(wrenches, axes, body.ground_height),
        }
        if worlds.law.has_muscles:
            measured["activation"] = worlds.slot("activation")
        return measured

    def measure_loads(self) -> dict[str, Array]:
        """Nothing: where the floor presses is known in any case, and loads on joints are not."""
        return {}

    def keep(self) -> None:
        """Keep the velocities, whose change is the next substep's acceleration."""
        self._before[:] = self._worlds.qvel

    def _ground_reactions(self) -> tuple[Array, Array]:
        """Forces and moments on both feet (N, 2, 2, 3), as `foot_wrenches`, and their places (N, 2, 3)."""
        worlds, data = self._worlds, self._data
        wrenches, place = np.zeros((worlds.num_worlds, 2, 2, 3)), np.zeros((worlds.num_worlds, 2, 3))
        acceleration = (worlds.qvel - self._before) / worlds.timestep
        for world in np.flatnonzero(np.isfinite(acceleration).all(axis=1)):
            model = worlds.own_model(int(world))
            data.qpos[:], data.qvel[:] = worlds.qpos[world], self._before[world]
            mujoco.mj_integratePos(model, data.qpos, worlds.qvel[world], -worlds.timestep)
            mujoco.mj_fwdPosition(model, data)
            mujoco.mj_fwdVelocity(model, data)
            error = np.zeros(data.nefc)
            mujoco.mj_mulJacVec(model, data, error, acceleration[world])
            mujoco.mj_constraintUpdate(model, data, error - data.efc_aref, None, 0)
            contacts = floor_contacts(model, data, self._body.floor_geom)
            wrenches[world] = foot_wrenches(contacts, self._foot_of)
            place[world] = data.xipos[[bodies[0] for bodies in self._feet]]
        return wrenches, place
