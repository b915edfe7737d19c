"""Pictures of worlds, one at a time, without a window."""

from typing import Any, Self

import mujoco
import numpy as np

from batchenv.arrays import shown
from batchenv.env import BatchEnv
from batchenv.errors import InputError, UsageError
from batchenv.evaluate.drawing import colour_muscles, draw_quickly, most_geoms
from batchenv.evaluate.offscreen import Offscreen, checked_size
from batchenv.evaluate.stage import LOOK_AT_HEIGHT

RENDER_MODES = ("rgb_array",)
_BEHIND = 125.0  # azimuth of the camera from the walker's forward axis [deg]


def checked_render_mode(mode: Any) -> str | None:
    """Return a render mode that pictures can be drawn in, or None.

    Raises:
        InputError: there is no such mode.
    """
    if mode is not None and not (isinstance(mode, str) and mode in RENDER_MODES):
        raise InputError(f"render_mode is {shown(mode)}; expected None or one of {', '.join(RENDER_MODES)}")
    return mode


class Renderer:
    """Draws worlds of a batch, muscles coloured by activation, from the right and the front.

    Args:
        env: whose worlds.
        width, height: of the pictures.

    Raises:
        InputError: no picture has that size.
        UsageError: this machine cannot render, or the worlds are closed.
    """

    def __init__(self, env: BatchEnv, width: int, height: int):
        checked_size(width, height)
        _check_open(env)
        self._env, self._figure = env, env.task.figure(env.worlds)
        self._model, self._axes = self._figure.look.model, self._figure.look.axes
        self._model.vis.headlight.ambient[:] = self._model.vis.headlight.diffuse[:] = 0.35
        draw_quickly(self._model)
        self._data = mujoco.MjData(self._model)
        self._scene = mujoco.MjvScene(self._model, maxgeom=most_geoms(self._model))
        self._option, self._camera = mujoco.MjvOption(), mujoco.MjvCamera()
        forward = self._axes[0]
        self._camera.azimuth = float(np.degrees(np.arctan2(forward[1], forward[0]))) + _BEHIND
        self._camera.elevation, self._camera.distance = -10.0, 2.6
        self._screen = Offscreen(self._model, width, height)

    def draw(self, world: int) -> np.ndarray:
        """Return a new picture of a world (height, width, 3).

        Raises:
            UsageError: the worlds are closed.
        """
        _check_open(self._env)
        data, model = self._data, self._model
        self._figure.put(data, world, np.zeros(3))
        colour_muscles(self._figure.look, self._figure.activation(world))
        place = self._axes @ data.qpos[:3]
        self._camera.lookat[:] = self._axes.T @ [place[0], place[1], LOOK_AT_HEIGHT]
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(model, data, self._option, None, self._camera, everything, self._scene)
        return self._screen.render(self._scene).copy()

    def close(self) -> None:
        """Free the framebuffer."""
        self._screen.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _check_open(env: BatchEnv) -> None:
    if not hasattr(env, "worlds"):
        raise UsageError("render after close: this environment is closed, build a new one")
