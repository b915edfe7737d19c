"""Signals that ask a program to end, taken between steps so that nothing is torn."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_waiting: list[int] = []  # signals that blocks of `held_back` hold back now, in the main thread


class Interrupted(KeyboardInterrupt):
    """A signal asked this program to end.

    Attributes:
        signum: the signal.
    """

    def __init__(self, signum: int):
        super().__init__(signal.strsignal(signum) or f"signal {signum}")
        self.signum = signum


class EndAtOnce:
    """A signal handler that ends whatever runs, and remembers the signal.

    Destructors and callbacks of C libraries swallow exceptions; `held_back` raises again what they swallowed.
    """

    def __init__(self) -> None:
        self.signum: int | None = None

    def __call__(self, signum: int, frame: FrameType | None) -> None:
        self.signum = signum
        raise Interrupted(signum)


@contextmanager
def ending_at_once() -> Iterator[None]:
    """Let SIGINT, SIGTERM and SIGHUP raise `Interrupted`, in the main thread; those ignored stay ignored."""
    with _handled(lambda before: EndAtOnce()):
        yield


@contextmanager
def held_back() -> Iterator[Callable[[], None]]:
    """Hold back the first SIGINT, SIGTERM or SIGHUP; a second acts at once. In other threads, do nothing.

    A block within another knows the signal that the outer one holds back.

    Yields:
        A function to call where work may end: it raises `Interrupted` if a signal has come. So does leaving
        the block.

    >>> with held_back() as check:
    ...     for step in range(3):
    ...         check()
    """
    in_main = threading.current_thread() is threading.main_thread()
    came = _waiting.copy() if in_main else []
    outer = len(came)

    def hold(before: Any) -> Any:
        if isinstance(before, EndAtOnce) and before.signum is not None:
            came.append(before.signum)  # an exception that somebody swallowed

        def handler(signum: int, frame: FrameType | None) -> None:
            came.append(signum)
            _waiting.append(signum)
            signal.signal(signum, before)

        return handler

    def check() -> None:
        if came:
            raise Interrupted(came[0])

    try:
        with _handled(hold):
            yield check
            check()
    finally:
        if in_main:
            del _waiting[outer:]


@contextmanager
def _handled(make: Callable[[Any], Any]) -> Iterator[None]:
    """Replace the handlers of `SIGNALS` by those that `make` makes of them, for the time of the block."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in SIGNALS}
    # None is a handler that C code installed.
    taken = [number for number in SIGNALS if before[number] not in (signal.SIG_IGN, None)]
    try:
        for number in taken:
            signal.signal(number, make(before[number]))
        yield
    finally:
        for number in taken:
            signal.signal(number, before[number])
