"""Walkers in MuJoCo's own window."""

import os
import sys
import threading
import time

from batchenv.evaluate.stage import Stage


def has_screen() -> bool:
    """Whether a window can be opened here."""
    return sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def show(stage: Stage, seconds: float | None = None) -> None:
    """Let walkers walk in a window, in real time.

    The camera follows the walkers, from wherever it is moved to by hand.

    Args:
        stage: the walkers.
        seconds: after which the window closes [s]; None: when it is closed by hand.
    """
    from mujoco import viewer  # opens a connection to the display

    others = set(threading.enumerate())
    with viewer.launch_passive(stage.model, stage.data, show_left_ui=False, show_right_ui=False) as window:
        with window.lock():
            for name in ("lookat", "distance", "azimuth", "elevation"):
                setattr(window.cam, name, getattr(stage.camera, name))
        begin = due = time.perf_counter()
        while window.is_running() and (seconds is None or due - begin < seconds):
            moved = -stage.camera.lookat.copy()
            stage.step()
            moved += stage.camera.lookat
            with window.lock():
                window.cam.lookat[:] += moved
                assert window.user_scn is not None
                stage.draw_beside_first(window.user_scn)
            window.sync()
            due += stage.env.control_dt
            time.sleep(max(0.0, due - time.perf_counter()))
    for thread in set(threading.enumerate()) - others:
        thread.join(timeout=5.0)  # the window's own, which would crash Python if it outlived it
