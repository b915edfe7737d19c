"""When walkers are drawn: at equal distances of their time, between the substeps of a step in slow motion."""

import time
from collections.abc import Callable

from batchenv.evaluate.stage import Stage


class Shutter:
    """Steps walkers, and draws them at equal distances of their time.

    Args:
        stage: the walkers.
        draw: called for every picture, once the camera has followed the walkers.
    """

    def __init__(self, stage: Stage, draw: Callable[[], None]):
        self._stage, self._draw = stage, draw
        self._timestep = stage.env.worlds.timestep
        self._substeps = round(stage.env.control_dt / self._timestep)
        self._since = 0.0  # substeps since the last picture was due
        self._interval = 1.0

    def step(self, slow: float = 1.0) -> None:
        """Advance by a control step; draw `slow` times as many pictures of it as usual."""
        self._interval = max(1.0, 1.0 / (self._stage.fps * slow * self._timestep))
        if self._since + self._substeps - 1 <= self._interval - 0.5:
            self._stage.step()
            self._pass(self._substeps)
            return
        done = 0

        def watch() -> None:
            nonlocal done
            done += 1
            if done < self._substeps:  # the last one is drawn after worlds that ended begin again
                self._pass(1)

        self._stage.step(watch)
        self._pass(1)

    def _pass(self, substeps: int) -> None:
        """Count substeps, and draw when a picture is due."""
        self._since += substeps
        if self._since > self._interval - 0.5:
            self._stage.follow(self._interval * self._timestep)
            self._since -= self._interval
            self._draw()


class Clock:
    """Keeps real time: waits until each picture is due, and forgets delays that cannot be made up for."""

    def __init__(self) -> None:
        self._due = time.perf_counter()

    def wait(self, seconds: float) -> None:
        """Wait until a time [s] after the last picture was due."""
        self._due += seconds
        now = time.perf_counter()
        if now > self._due + seconds:
            self._due = now
        time.sleep(max(0.0, self._due - now))
