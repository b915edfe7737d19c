"""What is drawn of walkers beside their bodies: colours of muscles, and forces of the floor."""

import mujoco
import numpy as np

from batchenv.mdp.figure import Look
from batchenv.mdp.leg_loads import floor_contacts

RELAXED, ACTIVE = np.array([0.50, 0.62, 0.88]), np.array([0.85, 0.04, 0.06])  # colours of muscles
FULLY_ACTIVE = 0.7  # activation from which a muscle is all red
THIN, THICK = 0.006, 0.011  # radius of a muscle at rest and fully active [m]
FORCE_LENGTH = 0.0013  # of the arrow of a ground reaction [m/N]
FORCE_WIDTH = 0.018  # [m]
FORCE_COLOUR = np.array([0.10, 0.62, 0.36, 1.0], np.float32)
FORCE_LEAST = 20.0  # [N]; smaller ones are not drawn


def most_geoms(model: mujoco.MjModel) -> int:
    """Number of shapes that a picture of a model may hold: geoms, segments of muscles, contacts."""
    return model.ngeom + 3 * model.nwrap + 100  # a muscle that bends around a geom has three pieces there


def muscle_colours(share: np.ndarray) -> np.ndarray:
    """Colours (n, 3) between those of a relaxed and of an active muscle; shares (n,) from 0 to 1."""
    return (1 - share[:, None]) * RELAXED + share[:, None] * ACTIVE


def colour_muscles(look: Look, activation: np.ndarray) -> np.ndarray:
    """Colour muscles by their activations (M,); return how active each looks, 0 to 1 (M,)."""
    share = np.clip(activation / FULLY_ACTIVE, 0.0, 1.0)
    look.model.tendon_rgba[look.tendons, :3] = muscle_colours(share)
    return share


def foot_forces(look: Look, data: mujoco.MjData) -> tuple[np.ndarray, np.ndarray]:
    """Force of the floor on each foot (F, 3) [N], and its centre of pressure (F, 3) [m], or 0."""
    forces, places = np.zeros((2, len(look.feet), 3))
    for contact in floor_contacts(look.model, data, look.floor_geom):
        for foot, bodies in enumerate(look.feet):
            if contact.body in bodies:
                forces[foot] += contact.force
                places[foot] += contact.normal * contact.place
    pressed = forces[:, 2] > 0.0
    places[pressed] /= forces[pressed, 2:]
    return forces, places


def ground_reactions(look: Look, data: mujoco.MjData) -> list[tuple[np.ndarray, np.ndarray]]:
    """Force (3,) [N] of the floor on each foot that it touches, and its centre of pressure (3,) [m]."""
    return [pair for pair in zip(*foot_forces(look, data), strict=True) if pair[0][2] > FORCE_LEAST]


def add_force(scene: mujoco.MjvScene, force: np.ndarray, place: np.ndarray) -> None:
    """Add the arrow of a force (3,) [N] at a place (3,) [m] to a scene that has room for it."""
    if scene.ngeom >= scene.maxgeom:
        return
    geom = scene.geoms[scene.ngeom]
    arrow = mujoco.mjtGeom.mjGEOM_ARROW.value
    mujoco.mjv_initGeom(geom, arrow, np.zeros(3), np.zeros(3), np.zeros(9), FORCE_COLOUR)
    mujoco.mjv_connector(geom, arrow, FORCE_WIDTH, place, place + FORCE_LENGTH * force)
    scene.ngeom += 1


def draw_quickly(model: mujoco.MjModel) -> None:
    """Give a model no more detail than is seen: vertices of muscles and shadows take most of the time."""
    model.vis.quality.numslices, model.vis.quality.numstacks = 12, 6
    model.vis.quality.shadowsize = 2048
    model.mat_reflectance[:] = 0.0


def light_softly(model: mujoco.MjModel, num_walkers: int) -> mujoco.MjModel:
    """Light a model softly, with shadows of all walkers."""
    model.vis.headlight.ambient[:] = 0.35
    model.vis.headlight.diffuse[:] = 0.35
    model.vis.headlight.specular[:] = 0.05
    model.light_diffuse[:], model.light_specular[:] = 0.6, 0.1
    model.vis.map.shadowclip = 0.5 + 0.25 * num_walkers**0.5
    return model
