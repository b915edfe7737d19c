"""What spectators want, from the keys of a window or the page of a browser."""

import logging
import math
import queue
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from batchenv.errors import BatchEnvError, InputError
from batchenv.evaluate.stage import Stage

_log = logging.getLogger(__name__)

SPEED, TURN = "speed", "yaw_rate"  # columns of the commands that keys change
SPEED_STEP, TURN_STEP = 0.1, 0.1  # [m/s], [rad/s]
LIMITS = {SPEED: (-20.0, 20.0), TURN: (-4.0, 4.0)}  # where the configuration says none
DIRECTIONS = {
    "forward": 0.0,
    "backward": math.pi,
    "left": math.pi / 2,
    "right": -math.pi / 2,
}  # of a push [rad]
PUSH_NEWTONS, PUSH_SECONDS = 60.0, 0.2


class Key(NamedTuple):
    """A key of both viewers.

    Attributes:
        name: for people.
        code: by which MuJoCo's window, which has GLFW's codes, reports it.
        hotkey: by which the browser's page knows it.
        does: what it is for.
        act: carries it out.
        command: column that the walkers must know for it.
    """

    name: str
    code: int
    hotkey: str
    does: str
    act: "Callable[[Remote], None]"
    command: str | None = None


@dataclass
class Push:
    """Size [N] and length [s] of the next push."""

    newtons: float = PUSH_NEWTONS
    seconds: float = PUSH_SECONDS


class Remote:
    """Takes wishes from any thread, and carries them out between two steps.

    Args:
        stage: the walkers.

    Attributes:
        paused: whether walkers stand still.
        slow: factor of slow motion, 1 for real time.
        next_push: what a push is like.
    """

    def __init__(self, stage: Stage):
        self._stage = stage
        self._wishes: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        self.paused, self.slow, self.next_push = False, 1.0, Push()

    def wish(self, what: Callable[[], None]) -> None:
        """Have something done before the next step."""
        self._wishes.put(what)

    def obey(self) -> None:
        """Do what was wished for; a page may ask for what cannot be, which ends nothing."""
        while not self._wishes.empty():
            try:
                self._wishes.get()()
            except BatchEnvError as error:
                _log.warning("%s", error)

    def pause(self) -> None:
        """Stop walking, or go on."""
        self.paused = not self.paused

    def nudge(self, name: str, by: float) -> None:
        """Change a command that the walkers know by a little, within the range of the configuration."""
        stage = self._stage
        names = [column.name for column in stage.env.command_layout]
        if name in names:
            now = stage.asked.get(name, float(stage.env.commands[0, names.index(name)]))
            least, most = stage.command_range(name) or LIMITS.get(name, (-math.inf, math.inf))
            stage.ask({name: round(min(most, max(least, now + by)), 6)})

    def push(self, direction: str) -> None:
        """Push all walkers into one of `DIRECTIONS`.

        Raises:
            InputError: there is no such direction, or no such push.
        """
        if direction not in DIRECTIONS:
            raise InputError(f"there is no direction {direction!r} of a push: {', '.join(DIRECTIONS)}")
        self._stage.push(self.next_push.newtons, DIRECTIONS[direction], self.next_push.seconds)


KEYS = (
    # The page of the browser moves its camera with the arrows and with W, A, S, D.
    Key("Up", 265, "I", "faster", lambda remote: remote.nudge(SPEED, SPEED_STEP), SPEED),
    Key("Down", 264, "K", "slower", lambda remote: remote.nudge(SPEED, -SPEED_STEP), SPEED),
    Key("Left", 263, "J", "turn left", lambda remote: remote.nudge(TURN, TURN_STEP), TURN),
    Key("Right", 262, "L", "turn right", lambda remote: remote.nudge(TURN, -TURN_STEP), TURN),
    Key("6", 54, "6", "push forward", lambda remote: remote.push("forward")),
    Key("7", 55, "7", "push backward", lambda remote: remote.push("backward")),
    Key("8", 56, "8", "push left", lambda remote: remote.push("left")),
    Key("9", 57, "9", "push right", lambda remote: remote.push("right")),
    Key("Space", 32, "space", "pause, go on", lambda remote: remote.pause()),
)


def keys_of(stage: Stage) -> tuple[Key, ...]:
    """Keys that have an effect on these walkers."""
    names = {column.name for column in stage.env.command_layout}
    return tuple(key for key in KEYS if key.command is None or key.command in names)
