"""Walkers in MuJoCo's own window."""

import os
import sys
import threading
import time

import mujoco

from batchenv.evaluate.remote import Remote, keys_of
from batchenv.evaluate.shutter import Clock, Shutter
from batchenv.evaluate.stage import Stage

_IDLE_SECONDS = 0.03  # between two looks at the keys of who paused [s]


def has_screen() -> bool:
    """Whether a window can be opened here."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


class Keyboard:
    """Gives a remote what the window's keys stand for.

    Args:
        remote: that carries it out.
        stage: the walkers.
    """

    def __init__(self, remote: Remote, stage: Stage):
        self._remote, self._stage = remote, stage
        self._keys = {key.code: key for key in keys_of(stage)}

    def __call__(self, code: int) -> None:
        """Take a key that was pressed, in the window's thread; others than ours are the window's own."""
        if key := self._keys.get(code):
            self._remote.wish(lambda: key.act(self._remote))

    def help(self) -> tuple[str, str]:
        """Names of the keys and commands, and what they do and are, a line for each."""
        env = self._stage.env
        lines = [(key.name, key.does) for key in self._keys.values()]
        for column, value in zip(env.command_layout, env.commands[0], strict=True):
            lines.append((column.name, f"{value:.2f} {column.unit}"))
        names, meanings = zip(*lines, strict=True)
        return "\n".join(names), "\n".join(meanings)


def show(stage: Stage, seconds: float | None = None) -> None:
    """Let walkers walk in a window, in real time; its keys tell them where to go, and push them.

    The camera follows the walkers, from wherever it is moved to by hand.

    Args:
        stage: the walkers.
        seconds: after which the window closes [s]; None: when it is closed by hand.
    """
    from mujoco import viewer  # opens a connection to the display

    others = set(threading.enumerate())
    remote = Remote(stage)
    keyboard = Keyboard(remote, stage)
    options = {"show_left_ui": False, "show_right_ui": False, "key_callback": keyboard}
    with viewer.launch_passive(stage.model, stage.data, **options) as window:
        camera, clock = stage.camera.mujoco, Clock()
        seen = camera.lookat.copy()
        with window.lock():
            for name in ("lookat", "distance", "azimuth", "elevation"):
                setattr(window.cam, name, getattr(camera, name))
            window.opt.flags[:] = stage.option.flags

        def draw() -> None:
            with window.lock():
                window.cam.lookat[:] += camera.lookat - seen
                assert window.user_scn is not None
                stage.draw_beside_first(window.user_scn)
            seen[:] = camera.lookat
            window.set_texts((None, mujoco.mjtGridPos.mjGRID_TOPLEFT.value, *keyboard.help()))
            window.sync()
            clock.wait(1.0 / stage.fps)

        shutter = Shutter(stage, draw)
        end = time.perf_counter() + (seconds or float("inf"))
        while window.is_running() and time.perf_counter() < end:
            remote.obey()
            if remote.paused:
                window.sync()
                time.sleep(_IDLE_SECONDS)
            else:
                shutter.step(remote.slow)
    for thread in set(threading.enumerate()) - others:
        thread.join(timeout=5.0)  # the window's own, which would crash Python if it outlived it
