"""Walkers on a stage: worlds stepped by a policy, told and pushed by a spectator, and drawn in one scene.

MuJoCo draws one MjData at a time; each world's state is put into one MjData of a model that has the meshes,
and its geoms are added to the scene at the world's own place.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, Self

import mujoco
import numpy as np

from batchenv.env import BatchEnv
from batchenv.evaluate.camera import FollowingCamera, check_view
from batchenv.evaluate.drawing import (
    THICK,
    THIN,
    add_force,
    colour_muscles,
    draw_quickly,
    ground_reactions,
    light_softly,
    most_geoms,
)
from batchenv.evaluate.numbers import check_count, check_number, check_seconds, check_threads
from batchenv.evaluate.told import command_range, command_ranges
from batchenv.evaluate.walker import Walker
from batchenv.mdp.figure import Figure, Look
from batchenv.rng import checked_seed

LANE, ROW = 1.1, 1.7  # distance of walkers beside and behind one another [m]
EPISODE_SECONDS = 1e4  # nobody walks that long: an episode ends with a fall
LOOK_AT_HEIGHT = 0.87  # [m]
MOST_WALKERS = 400
MOST_PUSH = 10_000.0  # [N]
USUAL_FPS = 30.0  # [Hz]
SPEED_SECONDS = 0.5  # time constant of the speed that is shown [s]

_ALL, _MOVING = mujoco.mjtCatBit.mjCAT_ALL.value, mujoco.mjtCatBit.mjCAT_DYNAMIC.value


class Scenery(Protocol):
    """Bodies that can be drawn, one after another.

    Attributes:
        model, data: with meshes, to draw from.
        option: what is drawn of them.
        camera: follows them.
    """

    model: mujoco.MjModel
    data: mujoco.MjData
    option: mujoco.MjvOption
    camera: FollowingCamera

    @property
    def look(self) -> Look:
        """What the model looks like."""
        ...

    @property
    def count(self) -> int:
        """How many there are."""
        ...

    def pose(self, world: int) -> None:
        """Put the state of one into `data`."""
        ...


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
        muscles: whether to draw them.
        view: from where the camera looks.

    Raises:
        InputError: a number is impossible.

    Attributes:
        env: the worlds.
        figure: how the worlds are drawn.
        model, data: with meshes, to draw from; the state is that of the last world drawn.
        camera: follows the walkers.
        followed: walker that the camera follows; None: the middle of all.
        falls: number of episodes that were terminated since the start.
        seconds: that the walkers have walked since then [s].
        asked: what a spectator asked, by column of the commands.
        before_restart, before_step: called before all start again, and before every step.
    """

    def __init__(
        self,
        walker: Walker,
        grid: tuple[int, int] = (1, 1),
        contacts: bool = False,
        seed: int = 0,
        num_threads: int | None = None,
        *,
        muscles: bool = True,
        view: str = "quarter",
    ):
        check_grid(grid)
        check_threads("num_threads", num_threads)
        check_view("view", view)
        checked_seed(seed)
        self.env: BatchEnv = walker.worlds(grid[0] * grid[1], EPISODE_SECONDS, num_threads)
        self._policy, self._seed = walker.policy, seed
        self.figure: Figure = self.env.task.figure(self.env.worlds)
        self._axes = self.figure.look.axes
        self.model = light_softly(self.figure.look.model, self.env.num_envs)
        draw_quickly(self.model)
        self.data = mujoco.MjData(self.model)
        self.option, self._perturb = mujoco.MjvOption(), mujoco.MjvPerturb()
        self.option.flags[mujoco.mjtVisFlag.mjVIS_TENDON] = muscles
        self._contacts = contacts
        row, lane = np.divmod(np.arange(grid[0] * grid[1]), grid[1])
        self._start = np.zeros((self.env.num_envs, 3))  # of each world, in the walking frame
        self._start[:, 0] = ((grid[0] - 1) / 2 - row) * ROW
        self._start[:, 1] = (lane - (grid[1] - 1) / 2) * LANE
        # Who is told where to go leaves its lane, and the others.
        self._kept = slice(2) if self.env.command_layout else slice(1)
        self.asked: dict[str, float] = {}
        self.before_restart: Callable[[], None] = lambda: None
        self.before_step: Callable[[], None] = lambda: None
        self.followed = 0 if self.env.command_layout else None
        self.restart()
        extent = max(0.0, (grid[0] - 1) * ROW, (grid[1] - 1) * LANE)
        usual = self.env.task.usual_speed
        self.camera = FollowingCamera(view, self._axes[0], self.middle(), usual, extent)

    def restart(self) -> None:
        """Let all walkers start again where they did; what they were asked lasts."""
        self.before_restart()
        self.obs = self.env.reset(self._seed)
        self._origin = self._start.copy()
        self._force, self._pushes_left = np.zeros((self.env.num_envs, 3)), 0
        self._velocity = np.zeros((self.env.num_envs, 3))
        self.falls, self.seconds = 0, 0.0
        self._ask_again(np.arange(self.env.num_envs), self.asked)

    def step(self, watch: Callable[[], None] | None = None) -> None:
        """Advance every walker by a control step; `watch` is called after every substep."""
        self.before_step()
        before, told = self.places(), self.env.commands
        self._push_on()
        self.obs, _, dones = self.env.step(self._policy(self.obs), watch)
        self.falls += int(self.env.terminated.sum())
        after = self.places()
        self._origin[dones, self._kept] += (before - after)[dones, self._kept]
        self._origin[dones, 2] = 0.0
        if dones.any():
            self._ask_again(np.flatnonzero(dones), self._held(told[dones]))
        dt, self.seconds = self.env.control_dt, self.seconds + self.env.control_dt
        moved = np.where(dones[:, None], 0.0, after - before)
        self._velocity += min(1.0, dt / SPEED_SECONDS) * (moved / dt - self._velocity)

    def ask(self, values: Mapping[str, float] | None) -> None:
        """Ask all walkers for something else, from now on; None: what the configuration draws.

        Raises:
            InputError: a name or a value cannot be.
            UsageError: the walkers know no commands.
        """
        self.obs = self.env.set_command(np.arange(self.env.num_envs), values)
        self.asked = {} if values is None else self.asked | dict(values)

    def check_asked(self, values: Mapping[str, float]) -> None:
        """Raise what `ask` would raise."""
        self.env.task.checked_commands(values, self.env.num_envs)

    def command_range(self, name: str) -> tuple[float, float] | None:
        """Least and greatest value that the configuration draws for a column; None where it does not say."""
        return command_range(self.env.config, name)

    def push(self, newtons: float, direction: float, seconds: float) -> None:
        """Push the trunks of all walkers.

        Args:
            newtons: of the force [N].
            direction: into which they are pushed, 0 forward, from there to their left [rad].
            seconds: how long, rounded to control steps of at least one [s].

        Raises:
            InputError: a number is impossible.
        """
        check_number("newtons", newtons, 0.0, MOST_PUSH, " N")
        check_number("direction", direction, -10.0, 10.0, " rad")
        check_seconds("seconds", seconds)
        ahead = self._headings()
        left = np.cross(self.env.task.axes[2], ahead)
        self._force = newtons * (np.cos(direction) * ahead + np.sin(direction) * left)
        self._pushes_left = max(1, round(seconds / self.env.control_dt))

    def draw(self, scene: mujoco.MjvScene) -> None:
        """Draw the floor and all walkers into a scene, over what was there."""
        for world in range(self.env.num_envs):
            self.pose(world)
            drawn = (self.model, self.data, self.option, self._perturb)
            if world == 0:
                mujoco.mjv_updateScene(*drawn, self.camera.mujoco, _ALL, scene)
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
        self.model.tendon_width[self.figure.look.tendons] = THIN + (THICK - THIN) * share

    def new_scene(self) -> mujoco.MjvScene:
        """A scene with room for all walkers."""
        return mujoco.MjvScene(self.model, maxgeom=most_geoms(self.model) * self.env.num_envs)

    def follow(self, seconds: float) -> None:
        """Let the camera follow the walkers for a time [s]."""
        self.camera.follow(self.middle(), seconds)

    def close(self) -> None:
        """Free the worlds."""
        self.env.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()

    @property
    def look(self) -> Look:
        """What the model looks like."""
        return self.figure.look

    @property
    def count(self) -> int:
        """Number of walkers."""
        return self.env.num_envs

    @property
    def fps(self) -> float:
        """Pictures in a second [Hz]: of every step, or every nth where steps are shorter than usual."""
        control_hz = 1.0 / self.env.control_dt
        return control_hz / max(1, round(control_hz / USUAL_FPS))

    @property
    def slowest(self) -> int:
        """Largest factor of slow motion, where every substep has a picture."""
        return int(1.0 / (self.env.worlds.timestep * self.fps) + 1e-6)

    @property
    def speeds(self) -> np.ndarray:
        """Speed of each walker over the ground, smoothed (N,) [m/s]."""
        return np.linalg.norm(self._velocity[:, :2], axis=1)

    def places(self) -> np.ndarray:
        """Where the pelvises are drawn, in the walking frame (N, 3) [m]."""
        return self.env.worlds.qpos[:, :3] @ self.env.task.axes.T + self._origin

    def middle(self) -> np.ndarray:
        """Where the camera ought to look (3,) [m], in the world."""
        places = self.places()
        ahead, aside, _ = places.mean(axis=0) if self.followed is None else places[self.followed]
        return self._axes.T @ [ahead, aside, LOOK_AT_HEIGHT]

    def _headings(self) -> np.ndarray:
        """Directions that the roots face, on the ground of the worlds' own frame (N, 3)."""
        forward, up = self.env.task.axes[0], self.env.task.axes[2]
        quat = self.env.worlds.qpos[:, 3:7]
        axis = np.cross(quat[:, 1:], forward) + quat[:, :1] * forward
        ahead = forward + 2.0 * np.cross(quat[:, 1:], axis)
        ahead -= (ahead @ up)[:, None] * up
        return ahead / np.maximum(np.linalg.norm(ahead, axis=1, keepdims=True), 1e-9)

    def _push_on(self) -> None:
        """Let a push act on the next step, and take it away after its last one."""
        if self._pushes_left < 0:
            return
        applied = self.env.worlds.bind("xfrc_applied")[:, self.env.body.trunk_body, :3]
        applied[:] = self._force if self._pushes_left else 0.0
        self._pushes_left -= 1

    def _ask_again(self, ids: np.ndarray, values: Mapping[str, Any]) -> None:
        """Ask walkers (n,) that began an episode what they were asked before."""
        if ids.size and values:
            self.obs = self.env.set_command(ids, values)

    def _held(self, told: np.ndarray) -> dict[str, np.ndarray]:
        """Of the commands told (n, C), columns of those of which a spectator asked any (n,)."""
        asked = set(self.asked)
        for ranges in command_ranges(self.env.config).values() if asked else ():
            asked |= ranges.keys() if asked & ranges.keys() else set()
        names = [column.name for column in self.env.command_layout]
        return {name: values for name, values in zip(names, told.T, strict=True) if name in asked}

    def _add_contacts(self, scene: mujoco.MjvScene) -> None:
        if self._contacts:
            for force, place in ground_reactions(self.figure.look, self.data):
                add_force(scene, force, place)
