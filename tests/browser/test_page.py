"""The page in a real browser, which needs Chromium (apt-get install chromium): `make test-browser`."""

import io
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable

import matplotlib.image
import numpy as np
import pytest

from batchenv.evaluate.browser import Browser, check_browser
from batchenv.evaluate.stage import Stage
from tests.evaluate.untrained import save_run, untrained

pytestmark = pytest.mark.browser
# Chromium draws without a GPU.
_FLAGS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist"]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def wait_until(condition: Callable[[], bool], seconds: float = 90.0) -> None:
    """Wait for a condition, and fail where it does not come true."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "it did not come true"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def chromium():
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium")
    assert path, "apt-get install chromium"
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=path, args=_FLAGS)
        yield started
        started.close()


@pytest.fixture(scope="module")
def stage():
    """Two walkers that know commands, and fall after a second."""
    with Stage(untrained("command"), (1, 2), num_threads=1) as made:
        yield made


@pytest.fixture(scope="module")
def page(chromium, stage):
    """A page of them, while they walk."""
    with Browser(stage, port=free_port()) as browser:
        walking = threading.Thread(target=lambda: browser.run(600.0))
        walking.start()
        shown = chromium.new_page(viewport={"width": 1280, "height": 720})
        shown.goto(browser.url)
        shown.get_by_text("speed [m/s]").wait_for(timeout=60_000)
        yield shown
        shown.close()
        browser.stop()
        walking.join()


def pixels(page) -> np.ndarray:
    """What the page shows between its panels (h, w, 3)."""
    shot = page.screenshot(timeout=90_000, clip={"x": 400, "y": 100, "width": 480, "height": 560})
    return matplotlib.image.imread(io.BytesIO(shot), format="png")[..., :3]


def test_the_page_shows_walkers_that_move(page):
    wait_until(lambda: red(pixels(page)) > 20)  # active muscles
    first = pixels(page)
    wait_until(lambda: (np.abs(pixels(page) - first).max(axis=-1) > 0.2).mean() > 0.01)


def test_a_slider_tells_all_walkers_another_speed(page, stage):
    slider = page.get_by_role("slider").nth(sliders(page).index("speed [m/s]"))
    slider.focus()
    page.keyboard.press("Home")
    wait_until(lambda: (stage.env.commands[:, 0] == 0.0).all())
    page.keyboard.press("End")
    wait_until(lambda: (stage.env.commands[:, 0] == 2.0).all())
    assert stage.asked["speed"] == 2.0


def test_keys_turn_push_and_pause(page, stage):
    page.mouse.click(640, 300)
    stage.asked.pop("yaw_rate", None)
    page.keyboard.press("j")
    wait_until(lambda: "yaw_rate" in stage.asked)
    applied = stage.env.worlds.bind("xfrc_applied")[:, stage.env.body.trunk_body, :3]
    page.get_by_text("Left", exact=True).click()
    wait_until(lambda: bool(np.allclose(np.linalg.norm(applied, axis=1), 60.0)), 5.0)
    page.mouse.click(640, 300)
    page.keyboard.press(" ")
    page.get_by_role("button", name="Go on").wait_for(timeout=10_000)
    before = stage.seconds
    time.sleep(0.3)
    assert stage.seconds == before
    page.get_by_role("button", name="Go on").click()
    wait_until(lambda: stage.seconds > before)


def test_ctrl_c_ends_the_command_and_frees_the_port(tmp_path):
    run, port = save_run(untrained(), tmp_path / "faller"), free_port()
    words = ["-m", "batchenv.cli", "play", run, "--browser", "--port", port, "--threads", 1]
    with subprocess.Popen(
        [sys.executable, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as command:
        assert command.stdout is not None and command.stderr is not None
        assert f"faller walks at http://localhost:{port}" in command.stdout.readline()
        with urllib.request.urlopen(f"http://localhost:{port}", timeout=10) as answer:
            assert b"<html" in answer.read().lower()
        command.send_signal(signal.SIGINT)
        said, complaints = command.communicate(timeout=120)
    assert (command.returncode, complaints) == (0, "")
    assert "s walked" in said
    check_browser("localhost", port)


def red(picture: np.ndarray) -> int:
    """Number of red pixels."""
    return int((picture[..., 0] > picture[..., 1:].max(axis=-1) + 0.2).sum())


def sliders(page) -> list[str]:
    """Labels of the page's sliders, in their order."""
    return page.evaluate(
        """() => [...document.querySelectorAll('[role=slider]')].map(slider => {
            let around = slider;
            while (around && !around.innerText.includes('[') && around.parentElement) {
                around = around.parentElement;
            }
            return around.innerText.split('\\n')[0];
        })"""
    )
