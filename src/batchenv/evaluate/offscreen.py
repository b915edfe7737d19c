"""Rendering without a window, on whatever OpenGL this machine has."""

import atexit
import functools
import importlib
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Self

import mujoco
import numpy as np

from batchenv.arrays import is_whole, shown
from batchenv.errors import InputError, UsageError

BACKENDS = ("egl", "osmesa")  # by preference: the first one can use a GPU
LARGEST = 4096  # width and height [pixels]; the framebuffer with its samples then takes 0.7 GB
_TRY = "import mujoco.{0} as backend; context = backend.GLContext(16, 16); context.make_current()"
_TRY_SECONDS = 60.0
_ADVICE = "On Debian and Ubuntu: apt-get install -y libegl1 (uses a GPU if there is one), or libosmesa6."


def checked_size(width: Any, height: Any) -> tuple[int, int]:
    """Return the size of a picture [pixels].

    Raises:
        InputError: a side is not a whole number from 1 to `LARGEST`.
    """
    for name, value in (("width", width), ("height", height)):
        if not (is_whole(value) and 1 <= value <= LARGEST):
            raise InputError(
                f"{name} is {shown(value)}; expected a whole number of pixels from 1 to {LARGEST}"
            )
    return int(width), int(height)


def usable(backend: str) -> bool:
    """Whether a context of this backend can be made here."""
    return not _obstacle(backend)


@functools.cache
def _obstacle(backend: str) -> str:
    """Why no context of this backend can be made here, or "".

    Another process tries: a driver that is broken may take its process with it, and PyOpenGL keeps to one
    backend for the whole life of a process.
    """
    words = [sys.executable, "-c", _TRY.format(backend)]
    chosen = os.environ | {"MUJOCO_GL": backend, "PYOPENGL_PLATFORM": backend}
    try:
        tried = subprocess.run(words, env=chosen, capture_output=True, text=True, timeout=_TRY_SECONDS)
    except subprocess.TimeoutExpired:
        return f"{backend}: no answer within {_TRY_SECONDS:g} s"
    if tried.returncode == 0:
        return ""
    said = tried.stderr.strip().splitlines()
    return f"{backend}: {said[-1] if said else f'the driver ended with signal {-tried.returncode}'}"


def choose_backend() -> str:
    """Choose the backend to render with: that which MUJOCO_GL names, or the first that works.

    Raises:
        UsageError: there is none.
    """
    named = os.environ.get("MUJOCO_GL", "").lower().strip()
    wanted = (named,) if named in BACKENDS else BACKENDS
    loaded = _loaded_platform()
    for backend in sorted(wanted, key=lambda backend: backend != loaded):
        if usable(backend):
            return backend
    tried = "; ".join(_obstacle(backend) for backend in wanted)
    if named in BACKENDS:
        raise UsageError(f"MUJOCO_GL is {named!r}, which does not work on this machine ({tried}). {_ADVICE}")
    raise UsageError(f"this machine has no OpenGL to render pictures with ({tried}). {_ADVICE}")


def _loaded_platform() -> str | None:
    """Platform that PyOpenGL was loaded for in this process, in lower case; None where it was not."""
    platform = getattr(sys.modules.get("OpenGL.platform"), "PLATFORM", None)
    return None if platform is None else type(platform).__name__.removesuffix("Platform").lower()


def _import_backend() -> Any:
    """MuJoCo's module of the chosen backend.

    Raises:
        UsageError: there is none, or this program has loaded PyOpenGL itself, for another one.
    """
    backend, loaded = choose_backend(), _loaded_platform()
    if loaded not in (None, backend):
        raise UsageError(
            f"PyOpenGL was loaded for {loaded} before batchenv rendered; "
            f"set PYOPENGL_PLATFORM={backend} before anything imports OpenGL"
        )
    os.environ["PYOPENGL_PLATFORM"] = backend  # a shell's profile may name one that needs a screen
    return importlib.import_module(f"mujoco.{backend}")


class Offscreen:
    """A framebuffer to render scenes of one model into.

    Args:
        model: whose meshes and textures are loaded.
        width, height: of the pictures.
        samples: of each pixel, which smooth edges; without a graphics card, four take as long again.

    Raises:
        UsageError: this machine cannot render.
    """

    def __init__(self, model: mujoco.MjModel, width: int, height: int, samples: int = 4):
        width, height = checked_size(width, height)
        backend = _import_backend()
        model.vis.global_.offwidth, model.vis.global_.offheight = width, height
        model.vis.quality.offsamples = samples
        gl = backend.GLContext(width, height)
        self._keep_current: Callable[[], Any] = functools.partial(_current, gl, getattr(backend, "EGL", None))
        try:
            with self._keep_current():
                self._context = mujoco.MjrContext(model, _font_scale(height))
                mujoco.mjr_setBuffer(mujoco.mjtFramebuffer.mjFB_OFFSCREEN.value, self._context)
        except mujoco.FatalError as error:
            gl.free()
            raise UsageError(f"OpenGL cannot draw pictures of {width} x {height} pixels ({error})") from error
        self._rect = mujoco.MjrRect(0, 0, width, height)
        self._pixels = np.empty((height, width, 3), np.uint8)
        # EGL ends at exit, too; whatever is still open must be freed before.
        self._free = functools.partial(_free, gl, self._context, self._keep_current)
        atexit.register(self._free)

    def render(
        self,
        scene: mujoco.MjvScene,
        overlay: Callable[[mujoco.MjrRect, mujoco.MjrContext], None] | None = None,
    ) -> np.ndarray:
        """Return the picture of a scene (height, width, 3), top row first, good until the next call.

        Args:
            scene: what is drawn.
            overlay: draws over it.

        Raises:
            UsageError: after `close`.
        """
        if self._free is None:
            raise UsageError("render after close: this framebuffer is freed")
        with self._keep_current():
            mujoco.mjr_render(self._rect, scene, self._context)
            if overlay is not None:
                overlay(self._rect, self._context)
            mujoco.mjr_readPixels(self._pixels, None, self._rect, self._context)
        return self._pixels[::-1]

    def close(self) -> None:
        """Free the framebuffer."""
        free, self._free = getattr(self, "_free", None), None
        if free is not None:
            atexit.unregister(free)
            free()

    def __del__(self) -> None:
        self.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self.close()


def _font_scale(height: int) -> int:
    """Size of text that is legible in a picture of this height [%], as MuJoCo has it."""
    return int(np.clip(50 * round(height / 300), 50, 300))


@contextmanager
def _current(gl: Any, egl: Any) -> Iterator[None]:
    """Make an OpenGL context current, and afterwards the one that was: several may live in one thread."""
    if egl is None:  # OSMesa
        gl.make_current()
        yield
        return
    before, context = None, egl.eglGetCurrentContext()
    if context:
        surfaces = (egl.eglGetCurrentSurface(which) for which in (egl.EGL_DRAW, egl.EGL_READ))
        before = (egl.eglGetCurrentDisplay(), *surfaces, context)
    gl.make_current()
    try:
        yield
    finally:
        if before is not None:
            egl.eglMakeCurrent(*before)
        else:
            egl.eglReleaseThread()  # so that another thread may draw


def _free(gl: Any, context: mujoco.MjrContext, keep_current: Callable[[], Any]) -> None:
    with keep_current():
        context.free()
    gl.free()
