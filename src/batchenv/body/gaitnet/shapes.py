"""Shapes of segments: sizes as GaitNet's files give them, inertia of the solid, MuJoCo's geom."""

from typing import Literal, get_args

import mujoco
import numpy as np

Shape = Literal["box", "sphere", "capsule", "cylinder"]

SHAPES: tuple[Shape, ...] = get_args(Shape)
GEOM_TYPES = {
    "box": mujoco.mjtGeom.mjGEOM_BOX,
    "sphere": mujoco.mjtGeom.mjGEOM_SPHERE,
    "capsule": mujoco.mjtGeom.mjGEOM_CAPSULE,
    "cylinder": mujoco.mjtGeom.mjGEOM_CYLINDER,
}


def principal_inertia(shape: Shape, size: np.ndarray, mass: float) -> np.ndarray:
    """Return the moments of inertia (3,) [kg m^2] of a homogeneous solid about its centre, along its axes.

    Args:
        shape: the round ones are about z.
        size: edges of a box; radius of a sphere; radius and height of a cylinder or, without its caps, of a
            capsule (3,) [m].
        mass: [kg].
    """
    if shape == "box":
        squares = np.asarray(size, float) ** 2
        return mass / 12 * (squares.sum() - squares)
    radius, height = float(size[0]), float(size[1])
    if shape == "sphere":
        return np.full(3, 0.4 * mass * radius**2)
    if shape == "cylinder":
        across = mass * (3 * radius**2 + height**2) / 12
        return np.array([across, across, mass * radius**2 / 2])
    # A capsule: a cylinder, and a ball whose halves are 3/8 of a radius further out, at its ends.
    ball = mass * 4 * radius / (4 * radius + 3 * height)
    tube = mass - ball
    across = tube * (3 * radius**2 + height**2) / 12
    across += ball * (0.4 * radius**2 + height**2 / 4 + 3 * height * radius / 8)
    along = tube * radius**2 / 2 + 0.4 * ball * radius**2
    return np.array([across, across, along])


def bounding_box(shape: Shape, size: np.ndarray) -> np.ndarray:
    """Return the edges (3,) [m] of the box around a shape."""
    if shape == "box":
        return np.asarray(size, float)
    radius, height = float(size[0]), float(size[1])
    length = {"sphere": 2 * radius, "cylinder": height, "capsule": height + 2 * radius}[shape]
    return np.array([2 * radius, 2 * radius, length])


def geom_size(shape: Shape, size: np.ndarray) -> np.ndarray:
    """Return the size (3,) of MuJoCo's geom of a shape: half edges, or radius and half height."""
    if shape == "box":
        return np.asarray(size, float) / 2
    return np.array([size[0], size[1] / 2, 0.0])


def reach(shape: Shape, size: np.ndarray, direction: np.ndarray) -> np.ndarray:
    """Return how far a shape reaches from its centre along unit vectors in its frame (..., 3): (...) [m]."""
    along, radius, half = np.abs(direction), float(size[0]), float(size[1]) / 2
    if shape == "box":
        return along @ (np.asarray(size, float) / 2)
    if shape == "cylinder":
        return half * along[..., 2] + radius * np.hypot(along[..., 0], along[..., 1])
    return radius + half * along[..., 2]
