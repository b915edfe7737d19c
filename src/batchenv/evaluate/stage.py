"""Walkers on a stage: worlds stepped by a policy, and drawn together in one scene.

MuJoCo draws one MjData at a time; each world's state is put into one MjData of a model that has the meshes,
and its geoms are added to the scene at the world's own place.
"""

from typing import Self

import mujoco
import numpy as np

from batchenv.env import BatchEnv
from batchenv.evaluate.numbers import check_count, check_threads
from batchenv.evaluate.walker import Walker
from batchenv.mdp.figure import Figure, Look
from batchenv.mdp.leg_loads import floor_contacts
from batchenv.rng import checked_seed

LANE, ROW = 1.1, 1.7  # distance of walkers beside and behind one another [m]
RELAXED, ACTIVE = np.array([0.50, 0.62, 0.88]), np.array([0.85, 0.04, 0.06])  # colours of muscles
FULLY_ACTIVE = 0.7  # activation from which a muscle is all red
EPISODE_SECONDS = 1e4  # nobody walks that long: an episode ends with a fall
LOOK_AT_HEIGHT = 0.87  # [m]
FORCE_LENGTH = 0.0013  # of the arrow of a ground reaction [m/N]
FORCE_WIDTH = 0.018  # [m]
FORCE_COLOUR = np.array([0.10, 0.62, 0.36, 1.0], np.float32)
FORCE_LEAST = 20.0  # [N]; smaller ones are not drawn
FOLLOW_SECONDS = 0.3  # time constant of the camera [s]
MOST_WALKERS = 400
GEOMS_PER_WALKER = 700  # at most: bones, segments of muscles, contacts

_ALL, _MOVING = mujoco.mjtCatBit.mjCAT_ALL.value, mujoco.mjtCatBit.mjCAT_DYNAMIC.value


def check_grid(grid: tuple[int, int]) -> None:
    """InputError unless a grid has rows and lanes of walkers, and not more than can be drawn."""
    for name, value in zip(("rows", "lanes"), grid, strict=True):
        check_count(f"grid: {name}", value, MOST_WALKERS)
    check_count("grid: walkers", grid[0] * grid[1], MOST_WALKERS)


class Stage:
    """Worlds that walk in lanes, to be looked at.

    A walker that ends its episode begins the next one where it stood. Muscles turn from blue to red, and grow
    thicker, with their activation.

    Args:
        walker: who walks.
        grid: rows behind one another, and lanes.
        contacts: whether to draw the force of the floor on each foot, from its centre of pressure.
        seed: of the starts.
        num_threads: as for `BatchEnv`.

    Raises:
        InputError: a number is impossible.

    Attributes:
        env: the worlds.
        figure: how the worlds are drawn.
        model, data: with meshes, to draw from; the state is that of the last world drawn.
        camera: follows the walkers from their right, from the front.
        falls: number of episodes that were terminated.
    """

    def __init__(
        self,
        walker: Walker,
        grid: tuple[int, int] = (1, 1),
        contacts: bool = False,
        seed: int = 0,
        num_threads: int | None = None,
    ):
        check_grid(grid)
        check_threads("num_threads", num_threads)
        checked_seed(seed)
        self.env: BatchEnv = walker.worlds(grid[0] * grid[1], EPISODE_SECONDS, num_threads)
        self._policy = walker.policy
        self.figure: Figure = self.env.task.figure(self.env.worlds)
        self._axes = self.figure.look.axes
        self.model = _in_soft_light(self.figure.look.model, self.env.num_envs)
        self.data = mujoco.MjData(self.model)
        self.option, self._perturb = mujoco.MjvOption(), mujoco.MjvPerturb()
        self._contacts = contacts
        self.falls = 0
        row, lane = np.divmod(np.arange(grid[0] * grid[1]), grid[1])
        self._origin = np.zeros((self.env.num_envs, 3))  # of each world, in the walking frame
        self._origin[:, 0] = ((grid[0] - 1) / 2 - row) * ROW
        self._origin[:, 1] = (lane - (grid[1] - 1) / 2) * LANE
        self._lane = self._origin[:, 1].copy()
        self.obs = self.env.reset(seed)
        self.camera = mujoco.MjvCamera()
        self._extent = max(0.0, (grid[0] - 1) * ROW, (grid[1] - 1) * LANE)
        self._frame_camera()

    def step(self) -> None:
        """Advance every walker by a control step, and the camera with them."""
        before = self._places()
        self.obs, _, dones = self.env.step(self._policy(self.obs))
        self.falls += int(self.env.terminated.sum())
        after = self._places()
        self._origin[dones, 0] += (before - after)[dones, 0]
        self._origin[dones, 1] = self._lane[dones]
        self.camera.lookat[:] += self.env.task.usual_speed * self.env.control_dt * self._axes[0]
        share = min(1.0, self.env.control_dt / FOLLOW_SECONDS)
        self.camera.lookat[:] += share * (self._middle() - self.camera.lookat)

    def draw(self, scene: mujoco.MjvScene) -> None:
        """Draw the floor and all walkers into a scene, over what was there."""
        for world in range(self.env.num_envs):
            self.pose(world)
            drawn = (self.model, self.data, self.option, self._perturb)
            if world == 0:
                mujoco.mjv_updateScene(*drawn, self.camera, _ALL, scene)
            else:
                mujoco.mjv_addGeoms(*drawn, _MOVING, scene)
            self._add_contacts(scene)

    def draw_beside_first(self, scene: mujoco.MjvScene) -> None:
        """Draw all but the floor and the first walker over what was in a scene, and pose the first."""
        scene.ngeom = 0
        for world in reversed(range(self.env.num_envs)):
            self.pose(world)
            if world > 0:
                mujoco.mjv_addGeoms(self.model, self.data, self.option, self._perturb, _MOVING, scene)
            self._add_contacts(scene)

    def pose(self, world: int) -> None:
        """Put a world's state into `data`, and its activations into the colours of `model`."""
        self.figure.put(self.data, world, self._axes.T @ self._origin[world])
        share = colour_muscles(self.figure.look, self.figure.activation(world))
        self.model.tendon_width[self.figure.look.tendons] = 0.006 + 0.005 * share

    def new_scene(self) -> mujoco.MjvScene:
        """A scene with room for all walkers."""
        return mujoco.MjvScene(self.model, maxgeom=GEOMS_PER_WALKER * self.env.num_envs + 100)

    def close(self) -> None:
        """Free the worlds."""
        self.env.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def fps(self) -> float:
        """Steps in a second [Hz]."""
        return 1.0 / self.env.control_dt

    def _places(self) -> np.ndarray:
        """Where the pelvises are drawn, in the walking frame (N, 3) [m]."""
        return self.env.worlds.qpos[:, :3] @ self.env.task.axes.T + self._origin

    def _middle(self) -> np.ndarray:
        """Where the camera ought to look (3,) [m], in the world."""
        return self._axes.T @ [self._places()[:, 0].mean(), 0.0, LOOK_AT_HEIGHT]

    def _frame_camera(self) -> None:
        forward = self._axes[0]
        self.camera.lookat[:] = self._middle()
        self.camera.distance = 2.6 + 1.1 * self._extent
        # Azimuth is where the camera looks to: half-way between the walkers' left and their back.
        self.camera.azimuth = float(np.degrees(np.arctan2(forward[1], forward[0]))) + 125.0
        self.camera.elevation = -10.0 if self._extent == 0 else -20.0

    def _add_contacts(self, scene: mujoco.MjvScene) -> None:
        if self._contacts:
            for force, place in ground_reactions(self.figure.look, self.data):
                _add_arrow(scene, place, place + FORCE_LENGTH * force)


def colour_muscles(look: Look, activation: np.ndarray) -> np.ndarray:
    """Colour muscles by their activations (M,); return how active each looks, 0 to 1 (M,)."""
    share = np.clip(activation / FULLY_ACTIVE, 0.0, 1.0)
    look.model.tendon_rgba[look.tendons, :3] = (1 - share[:, None]) * RELAXED + share[:, None] * ACTIVE
    return share


def ground_reactions(look: Look, data: mujoco.MjData) -> list[tuple[np.ndarray, np.ndarray]]:
    """Force (3,) [N] of the floor on each foot that it touches, and its centre of pressure (3,) [m]."""
    found, contacts = [], list(floor_contacts(look.model, data, look.floor_geom))
    for foot in look.feet:
        own = [contact for contact in contacts if contact.body in foot]
        force = sum((contact.force for contact in own), np.zeros(3))
        moment = sum((contact.normal * contact.place for contact in own), np.zeros(3))
        if force[2] > FORCE_LEAST:
            found.append((force, moment / force[2]))
    return found


def _add_arrow(scene: mujoco.MjvScene, start: np.ndarray, end: np.ndarray) -> None:
    if scene.ngeom >= scene.maxgeom:
        return
    geom = scene.geoms[scene.ngeom]
    arrow = mujoco.mjtGeom.mjGEOM_ARROW.value
    mujoco.mjv_initGeom(geom, arrow, np.zeros(3), np.zeros(3), np.zeros(9), FORCE_COLOUR)
    mujoco.mjv_connector(geom, arrow, FORCE_WIDTH, start, end)
    scene.ngeom += 1


def _in_soft_light(model: mujoco.MjModel, num_walkers: int) -> mujoco.MjModel:
    """Light a model softly, with shadows of all walkers."""
    model.vis.headlight.ambient[:] = 0.35
    model.vis.headlight.diffuse[:] = 0.35
    model.vis.headlight.specular[:] = 0.05
    model.light_diffuse[:], model.light_specular[:] = 0.6, 0.1
    model.vis.map.shadowclip = 0.5 + 0.25 * num_walkers**0.5
    return model
