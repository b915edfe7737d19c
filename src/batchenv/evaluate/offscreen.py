"""Rendering without a window, on whatever OpenGL this machine has."""

import functools
import importlib
import os
import subprocess
import sys
from typing import Any, Self

import mujoco
import numpy as np

from batchenv.errors import UsageError

BACKENDS = ("egl", "osmesa")  # by preference: the first one can use a GPU
_TRY = "import mujoco.{0} as backend; context = backend.GLContext(16, 16); context.make_current()"


@functools.cache
def usable(backend: str) -> bool:
    """Whether a context of this backend can be made here.

    Another process tries: a driver that is broken may take its process with it, and PyOpenGL keeps to one
    backend for the whole life of a process.
    """
    environment = {key: value for key, value in os.environ.items() if key != "PYOPENGL_PLATFORM"}
    words = [sys.executable, "-c", _TRY.format(backend)]
    return (
        subprocess.run(words, env=environment | {"MUJOCO_GL": backend}, capture_output=True).returncode == 0
    )


def choose_backend() -> str:
    """Choose the backend to render with: that which MUJOCO_GL names, or the first that works.

    Raises:
        UsageError: there is none.
    """
    named = os.environ.get("MUJOCO_GL", "").lower().strip()
    if named in BACKENDS:
        if not usable(named):
            raise UsageError(f"MUJOCO_GL is {named!r}, which does not work on this machine. {_ADVICE}")
        return named
    for backend in BACKENDS:
        if usable(backend):
            return backend
    raise UsageError(f"this machine has no OpenGL to render a video with. {_ADVICE}")


_ADVICE = "On Debian and Ubuntu: apt-get install -y libegl1 (uses a GPU if there is one), or libosmesa6."


class Offscreen:
    """A framebuffer to render scenes of one model into.

    Args:
        model: whose meshes and textures are loaded.
        width, height: of the pictures.

    Raises:
        UsageError: this machine cannot render.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int):
        backend = importlib.import_module(f"mujoco.{choose_backend()}")
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        self._gl: Any = backend.GLContext(width, height)
        self._gl.make_current()
        self._context = mujoco.MjrContext(model, mujoco.mjtFontScale.mjFONTSCALE_150.value)
        mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), np.uint8)

    def render(self, scene: mujoco.MjvScene) -> np.ndarray:
        """Return the picture of a scene (height, width, 3), top row first, good until the next call."""
        mujoco.mjr_render(self._rect, scene, self._context)
        mujoco.mjr_readPixels(self._pixels, None, self._rect, self._context)
        return self._pixels[::-1]

    def close(self) -> None:
        """Free the framebuffer."""
        if self._gl is not None:
            self._context.free()
            self._gl.free()
            self._gl = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()
