"""Calls that must not overlap, nor come from a process that the threads did not come along to."""

import os
import threading
from collections.abc import Callable

from batchenv.errors import UsageError


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

    def __enter__(self) -> None:
        self.process.check()
        me = threading.get_ident()
        # Python switches threads at calls and jumps back: between this reading and the writing there is none.
        inside, lent = self._thread, self._lent
        if inside is None or (inside == me and not lent):
            self._thread = me
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
