"""How a training run is told to end early, with all that it learned."""

import logging
import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from types import FrameType
from typing import IO

_log = logging.getLogger(__name__)


class StopTraining(Exception):
    """Raised by a progress display to end a run after the current iteration, as a signal does.

    Args:
        number: the signal whose effect it has, such as SIGPIPE where nobody reads the progress any more.
    """

    def __init__(self, number: signal.Signals):
        super().__init__(number.name)
        self.number = number


@dataclass
class Stop:
    """Which signal, if any, has told the run to end."""

    number: signal.Signals | None = None


@contextmanager
def stop_signals() -> Iterator[Stop]:
    """Note the first SIGINT, SIGTERM or SIGHUP; a second SIGINT or SIGTERM acts as if nobody had listened.

    A terminal that closes may send SIGHUP twice, so the second does nothing; where it is ignored, as under
    `nohup`, it stays so. Outside the main thread, nothing is noted.
    """
    stop = Stop()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    numbers = [signal.SIGINT, signal.SIGTERM]
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
        numbers.append(signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}

    def note(number: int, frame: FrameType | None) -> None:
        again = number != signal.SIGHUP
        if again:
            signal.signal(number, before[signal.Signals(number)])
        if stop.number is None:
            stop.number = signal.Signals(number)
            hint = "; once more to stop without saving" if again else ""
            _log.warning("stopping after this iteration%s", hint)

    try:
        for number in numbers:
            signal.signal(number, note)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def silence(stream: IO[str]) -> None:
    """Let all that is still written to a stream vanish, also what Python flushes when it ends."""
    with suppress(OSError, ValueError):
        descriptor = os.open(os.devnull, os.O_WRONLY)
        os.dup2(descriptor, stream.fileno())
        os.close(descriptor)
