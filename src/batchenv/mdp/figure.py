"""What worlds look like: a model with all that the eye needs, and how a world's state is put into its data.

A task makes the figure of its own worlds. Whoever draws it finds z up, and needs to know nothing else about
the body.
"""

from dataclasses import dataclass
from typing import Protocol

import mujoco
import numpy as np

from batchenv.body import Body
from batchenv.engine import Worlds
from batchenv.engine.uneven_floor import FLOOR_FIELDS

Array = np.ndarray


@dataclass(frozen=True)
class Look:
    """A model to draw.

    Attributes:
        model: with meshes; z is up.
        axes: forward, left and up in its world (3, 3).
        tendons: that show the muscles (M,).
        floor_geom: id of the floor.
        feet: ids of the bodies of the right and the left foot.
    """

    model: mujoco.MjModel
    axes: Array
    tendons: Array
    floor_geom: int
    feet: tuple[tuple[int, ...], ...]


class Figure(Protocol):
    """Puts worlds into the data of a model that can be drawn."""

    @property
    def look(self) -> Look:
        """The model."""
        ...

    def put(self, data: mujoco.MjData, world: int, shift: Array) -> None:
        """Put a world's state into data, moved by `shift` (3,) [m], with the forces that act on it."""
        ...

    def activation(self, world: int) -> Array:
        """Activations of a world's muscles (M,)."""
        ...


class WalkingFigure:
    """Draws a `Body` with its meshes; muscles are MuJoCo's tendons.

    Args:
        worlds: of that body.
        body: the same with its meshes.
        axes: forward, left and up in the world (3, 3).
    """

    def __init__(self, worlds: Worlds[Body], body: Body, axes: Array):
        model, own = body.model, worlds.model
        # The forces of the worlds' own model.
        model.actuator_group[:], model.dof_damping[:] = own.actuator_group, own.dof_damping
        model.opt.disableactuator = own.opt.disableactuator
        self._worlds = worlds
        toes = body.toe_body if body.toe_body.size else body.foot_body
        feet = tuple((int(foot), int(toe)) for foot, toe in zip(body.foot_body, toes, strict=True))
        self.look = Look(model, axes, model.actuator_trnid[:, 0], body.floor_geom, feet)

    def put(self, data: mujoco.MjData, world: int, shift: Array) -> None:
        """Put a world's state into data; MuJoCo computes the forces of muscles and of the floor from it."""
        worlds = self._worlds
        data.qpos[:], data.qvel[:] = worlds.qpos[world], worlds.qvel[world]
        data.qpos[:3] += shift
        data.act[:], data.ctrl[:] = worlds.act[world], worlds.bind("ctrl")[world]
        data.qfrc_applied[:] = worlds.bind("qfrc_applied")[world]
        self._lay_floor(world, shift)
        mujoco.mj_forward(self.look.model, data)

    def activation(self, world: int) -> Array:
        """Activations of a world's muscles (M,)."""
        return self._worlds.act[world]

    def _lay_floor(self, world: int, shift: Array) -> None:
        """Make the floor that of a world."""
        worlds, model, floor = self._worlds, self.look.model, self.look.floor_geom
        if worlds.model.nhfield:
            for name in FLOOR_FIELDS:
                getattr(model, name)[floor] = worlds.expand(name)[world, worlds.body.floor_geom]
            model.geom_pos[floor] += shift
