"""What GaitNet's worlds look like."""

import mujoco
import numpy as np

from batchenv.body.gaitnet import GaitNetBody
from batchenv.body.gaitnet.drawing import drawn_model, turned_root
from batchenv.engine import Worlds
from batchenv.mdp.figure import Look

Array = np.ndarray


class GaitNetFigure:
    """Draws a GaitNet body, turned so that z is up and x forward; muscles are tendons that pull nothing.

    Args:
        worlds: of that body.
        axes: forward, left and up in the world (3, 3).
    """

    def __init__(self, worlds: Worlds[GaitNetBody], axes: Array):
        body = worlds.body
        self._worlds, self._axes, self._ground = worlds, axes, np.array([0.0, 0.0, body.ground_height])
        model = drawn_model(body)
        self.look = Look(model, np.eye(3), np.arange(model.ntendon), body.floor_geom, body.foot_bodies)

    def put(self, data: mujoco.MjData, world: int, shift: Array) -> None:
        """Put a world's state into data, with the torques of its last substep."""
        worlds, axes = self._worlds, self._axes
        data.qpos[:], data.qvel[:] = worlds.qpos[world], worlds.qvel[world]
        place, data.qpos[3:7] = turned_root(data.qpos[:7], axes)
        data.qpos[:3] = place - self._ground + shift
        data.qvel[:3] = axes @ data.qvel[:3]
        # Nothing but the floor pushes on the root.
        made = worlds.bind("qfrc_applied")[world] - worlds.slot("constraint_force")[world]
        data.qfrc_applied[6:] = made[6:]
        mujoco.mj_forward(self.look.model, data)

    def activation(self, world: int) -> Array:
        """Activations of a world's muscles (M,); none where no muscle acts."""
        if not self._worlds.law.has_muscles:
            return np.zeros(len(self.look.tendons))
        return self._worlds.slot("activation")[world]
