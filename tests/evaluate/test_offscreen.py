import gc
import os
import subprocess
import sys
import threading

import mujoco
import numpy as np
import pytest

from batchenv.errors import InputError, UsageError
from batchenv.evaluate import offscreen
from batchenv.evaluate.offscreen import BACKENDS, Offscreen, checked_size, choose_backend, usable

needs_gl = pytest.mark.skipif(
    not any(usable(backend) for backend in BACKENDS),
    reason="needs OpenGL without a screen: apt-get install libegl1 or libosmesa6",
)
BALL = "<mujoco><worldbody><light pos='0 0 3'/><geom size='.5' rgba='{} 1'/></worldbody></mujoco>"


class Ball:
    """A picture of a ball of some colour."""

    def __init__(self, colour: str, width: int = 32, height: int = 24):
        self.model = mujoco.MjModel.from_xml_string(BALL.format(colour))
        data = mujoco.MjData(self.model)
        mujoco.mj_forward(self.model, data)
        self._scene = mujoco.MjvScene(self.model, 10)
        everything = mujoco.mjtCatBit.mjCAT_ALL.value
        mujoco.mjv_updateScene(
            self.model, data, mujoco.MjvOption(), None, mujoco.MjvCamera(), everything, self._scene
        )
        self.screen = Offscreen(self.model, width, height)

    def colour(self) -> str:
        """The channel that most light of its picture is in."""
        return ("red", "green", "blue")[self.screen.render(self._scene).sum(axis=(0, 1), dtype=int).argmax()]


@needs_gl
def test_several_screens_draw_in_turns_and_one_closes_without_the_others():
    red, green = Ball("1 0 0"), Ball("0 1 0", 64, 64)
    for _ in range(2):
        assert (red.colour(), green.colour()) == ("red", "green")
    red.screen.close()
    blue = Ball("0 0 1")
    assert (green.colour(), blue.colour()) == ("green", "blue")
    with pytest.raises(UsageError, match="render after close"):
        red.colour()
    del blue
    gc.collect()
    assert green.colour() == "green"
    green.screen.close()
    green.screen.close()


@needs_gl
def test_a_screen_draws_in_whichever_thread_asks():
    ball, colours = Ball("1 0 0"), []
    for _ in range(2):
        thread = threading.Thread(target=lambda: colours.append(ball.colour()))
        thread.start()
        thread.join()
        colours.append(ball.colour())
    assert colours == ["red"] * 4
    ball.screen.close()


LEAVE_OPEN = """
from tests.evaluate.test_offscreen import Ball
kept = [Ball("1 0 0"), Ball("0 1 0")]
print(kept[0].colour(), kept[1].colour())
"""


@needs_gl
@pytest.mark.parametrize("platform", ["", "glx"])
def test_nothing_is_said_at_exit_of_screens_left_open_whatever_pyopengl_was_told(platform):
    environment = os.environ | ({"PYOPENGL_PLATFORM": platform} if platform else {})
    ended = subprocess.run(
        [sys.executable, "-c", LEAVE_OPEN], env=environment, capture_output=True, text=True, check=False
    )
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout == "red green\n"


@pytest.mark.parametrize("size", [0, -1, 4097, 10**30, 64.0, float("nan"), True, "64", None])
def test_sizes_that_no_picture_has_are_refused(size):
    with pytest.raises(InputError, match=rf"width is {size!r}; expected a whole number of pixels from 1"):
        checked_size(size, 48)
    with pytest.raises(InputError, match=rf"height is {size!r}; expected"):
        checked_size(64, size)
    assert checked_size(np.int64(64), 48) == (64, 48)


def test_a_machine_without_opengl_is_told_what_to_install(monkeypatch):
    monkeypatch.setattr(offscreen, "usable", lambda backend: False)
    monkeypatch.setattr(offscreen, "_obstacle", lambda backend: f"{backend}: no library")
    monkeypatch.setattr(offscreen, "_loaded_platform", lambda: None)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    with pytest.raises(UsageError, match=r"egl: no library; osmesa: no library.*apt-get install -y libegl1"):
        choose_backend()


def test_a_pyopengl_that_was_loaded_for_a_screen_is_named(monkeypatch):
    monkeypatch.setattr(offscreen, "_loaded_platform", lambda: "glx")
    monkeypatch.setattr(offscreen, "usable", lambda backend: True)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    with pytest.raises(UsageError, match="PyOpenGL was loaded for glx .*set PYOPENGL_PLATFORM=egl before"):
        Offscreen(mujoco.MjModel.from_xml_string("<mujoco/>"), 32, 32)


def test_a_backend_that_pyopengl_was_loaded_for_already_goes_first(monkeypatch):
    monkeypatch.setattr(offscreen, "_loaded_platform", lambda: "osmesa")
    monkeypatch.setattr(offscreen, "usable", lambda backend: True)
    monkeypatch.delenv("MUJOCO_GL", raising=False)
    assert choose_backend() == "osmesa"
