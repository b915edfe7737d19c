"""Where the floor presses on the feet, and what the joints of the legs carry."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import mujoco
import numpy as np

from batchenv.body import Body
from batchenv.body.names import SIDES
from batchenv.engine import Worlds

Array = np.ndarray

CENTERS = {"hip_flexion": "hip", "knee_angle": "knee", "ankle_angle": "ankle"}
"""Joints whose centres and loads are measured, by the coordinate that turns them."""


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


def foot_wrenches(contacts: Iterator[FloorContact], foot_of: Array) -> Array:
    """Forces on two feet, and their moments about the origin of the world (2, 2, 3) [N], [Nm].

    Args:
        contacts: with the floor.
        foot_of: foot that each body is part of, or -1 (nbody,).
    """
    wrenches = np.zeros((2, 2, 3))
    for contact in contacts:
        if (side := foot_of[contact.body]) >= 0:
            wrenches[side, 0] += contact.force
            wrenches[side, 1] += np.cross(contact.place, contact.force)
    return wrenches


def pressure(wrenches: Array, axes: Array, height: float = 0.0) -> dict[str, Array]:
    """Centres of pressure and free moments, as force plates have them.

    With a force F and a moment M about a point of the floor, x = -M_y / F_z, y = M_x / F_z, and the free
    moment is M_z - x F_y + y F_x.

    Args:
        wrenches: of both feet, see `foot_wrenches` (N, 2, 2, 3).
        axes: forward, left and up in the world (3, 3).
        height: of the floor [m].

    Returns:
        cop (N, 2, 3) [m], 0 where a foot bears nothing, and free_moment (N, 2) [Nm].
    """
    force, moment = (wrenches @ axes.T).transpose(2, 0, 1, 3)
    bearing = force[..., 2] > 0.0
    load = np.where(bearing, force[..., 2], 1.0)
    x = np.where(bearing, -(moment[..., 1] - height * force[..., 0]) / load, 0.0)
    y = np.where(bearing, (moment[..., 0] + height * force[..., 1]) / load, 0.0)
    free = np.where(bearing, moment[..., 2] - x * force[..., 1] + y * force[..., 0], 0.0)
    return {"cop": np.stack([x, y, np.zeros_like(x)], axis=-1), "free_moment": free}


class LegLoads:
    """Measures the feet and the joints of a `Body`, world by world, in copies of MuJoCo's data.

    All is of the beginning of the last substep. Loads are those of `mj_rnePostConstraint` at the acceleration
    of the substep: what moves the parts beyond a joint, and neither the floor nor the tendons of muscles
    do. Where muscles have other paths than MuJoCo's tendons, no load is measured.

    Args:
        worlds: of that body.
        axes: forward, left and up in the world (3, 3).
    """

    def __init__(self, worlds: Worlds[Body], axes: Array):
        body, model = worlds.body, worlds.model
        self._worlds, self._axes, self._data = worlds, axes, mujoco.MjData(model)
        self._foot_of = np.full(model.nbody, -1)
        for side, foot in enumerate(body.foot_body):
            self._foot_of[_subtree(model, foot)] = side
        self._joints, self.names = _centers(body)
        self._below = model.jnt_bodyid[self._joints]
        on_tendons = body.polynomials is None and worlds.law.muscle_model == "mujoco"
        self._known = bool(self.names) and (on_tendons or not worlds.law.has_muscles)
        self._before = worlds.qvel.copy()

    def keep(self) -> None:
        """Keep the velocities, whose change is the next substep's acceleration."""
        self._before[:] = self._worlds.qvel

    def measure(self) -> dict[str, Array]:
        """Measure all worlds after a substep."""
        worlds, axes = self._worlds, self._axes
        wrenches = np.zeros((worlds.num_worlds, 2, 2, 3))
        center, load = np.zeros((2, worlds.num_worlds, len(self.names), 3))
        for world in range(worlds.num_worlds):
            data, model = worlds.batch.get_data(world, self._data), worlds.own_model(world)
            contacts = floor_contacts(model, data, worlds.body.floor_geom)
            wrenches[world] = foot_wrenches(contacts, self._foot_of)
            center[world] = data.xanchor[self._joints]
            if self._known:
                data.qacc[:] = (worlds.qvel[world] - self._before[world]) / worlds.timestep
                data.qvel[:] = self._before[world]
                mujoco.mj_rnePostConstraint(model, data)
                load[world] = data.cfrc_int[self._below, 3:]
        measured = pressure(wrenches, axes)
        if self.names:
            measured["joint_center"] = center @ axes.T
        if self._known:
            measured["joint_load"] = load @ axes.T
        return measured


def _centers(body: Body) -> tuple[Array, tuple[str, ...]]:
    """Ids of the joints whose centres are measured (L,), and what these are called: hip_r."""
    found: dict[str, int] = {}
    for name, kind in zip(body.joint_names, body.joint_kinds, strict=True):
        side = body.names.split(name).side
        if kind in CENTERS and side is not None:
            found[CENTERS[kind] + SIDES[side]] = body.model.joint(name).id
    return np.array(list(found.values()), int), tuple(found)


def _subtree(model: mujoco.MjModel, root: int) -> list[int]:
    """Ids of a body and of all that it carries."""
    carried = [int(root)]
    for body in range(int(root) + 1, model.nbody):
        if model.body_parentid[body] in carried:
            carried.append(body)
    return carried
