"""Calls that must not overlap, nor come from a process that the threads did not come along to."""

import atexit
import os
import threading
import time
import weakref
from collections.abc import Callable

from batchenv.errors import UsageError

_LONGEST_END = 10.0
"""That the process waits at its end for a call of another thread [s]."""


class Process:
    """The process in which something with threads was built: they do not come along into a fork of it.

    Args:
        what: how messages call it.
    """

    def __init__(self, what: str):
        self.what, self._id = what, os.getpid()

    @property
    def here(self) -> bool:
        """Whether this is that process."""
        return os.getpid() == self._id

    def check(self) -> None:
        """Refuse a call in a fork.

        Raises:
            UsageError: this is another process.
        """
        if not self.here:
            raise UsageError(
                f"{self.what} was built in process {self._id} and cannot be used in its fork {os.getpid()}, "
                "where its threads do not run: build it in the fork, or start processes by 'spawn'"
            )


class Calls:
    """Context of every call of an object, which lets in one at a time.

    An interruption on the way out, by Ctrl-C, leaves the context shut; it is open again to the same
    thread.

    Args:
        what: how messages call the object.
    """

    def __init__(self, what: str):
        self.process = Process(what)
        self._thread: int | None = None
        self._lent = False
        self._is_ending = False
        _all.add(self)

    def __enter__(self) -> None:
        self.process.check()
        me = threading.get_ident()
        # Python switches threads at calls and jumps back: between this reading and the writing there is none.
        inside, lent = self._thread, self._lent
        if inside is None or (inside == me and not lent):
            self._thread = me
            if self._is_ending and threading.current_thread().daemon:
                self._thread = None
                threading.Event().wait()  # until the process is gone, as Python lets such threads end
            return
        who = "this thread, by the function that watches the step" if inside == me else "another thread"
        raise UsageError(f"{self.process.what} is in a call of {who}: let that call end first")

    def __exit__(self, *error: object) -> None:
        self._thread = None

    def lend(self, function: Callable[[], None]) -> Callable[[], None]:
        """A function of the caller's that is called from within a call, and may not call the object."""

        def lent() -> None:
            self._lent = True
            try:
                function()
            finally:
                self._lent = False

        return lent

    def end(self, until: float) -> None:
        """Let the call of another thread end, and no further one of a daemon begin.

        Args:
            until: when to wait no longer, by `time.monotonic`.
        """
        self._is_ending = True
        while self.process.here and self._thread not in (None, threading.get_ident()):
            if time.monotonic() > until:
                return
            time.sleep(0.001)


_all: "weakref.WeakSet[Calls]" = weakref.WeakSet()


@atexit.register
def _end_all() -> None:
    """Before Python frees what daemons still step: it does not wait for such threads."""
    until = time.monotonic() + _LONGEST_END
    for calls in list(_all):
        calls.end(until)
