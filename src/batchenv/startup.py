"""The command's first seconds: while packages are imported, Ctrl-C ends it at once and without a traceback.

Extensions in C may swallow `KeyboardInterrupt`, or turn it into an `ImportError`. This module is imported
before all others, and does nothing in programs that merely use the package.
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import NoReturn

_MODULES = ("batchenv", "batchenv.cli")


def is_command() -> bool:
    """Whether this process is `batchenv ...` or `python -m batchenv ...`, in its main thread."""
    words = sys.orig_argv
    module = "-m" in words and "".join(words[words.index("-m") + 1 :][:1]) in _MODULES
    named = bool(sys.argv) and os.path.basename(sys.argv[0]) == "batchenv"
    return (module or named) and threading.current_thread() is threading.main_thread()


def leave(number: int, frame: FrameType | None) -> NoReturn:
    """Handle SIGINT: end the process as shells expect of one that Ctrl-C has ended."""
    os.write(2, b"interrupted\n")
    os._exit(128 + number)


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Let Ctrl-C end the command at once, while it imports more packages."""
    before = signal.getsignal(signal.SIGINT)
    if not is_command() or before in (signal.SIG_IGN, signal.SIG_DFL, None):
        yield
        return
    signal.signal(signal.SIGINT, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def imported() -> None:
    """Let Ctrl-C raise `KeyboardInterrupt` again."""
    if signal.getsignal(signal.SIGINT) is leave:
        signal.signal(signal.SIGINT, signal.default_int_handler)


if is_command() and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
    signal.signal(signal.SIGINT, leave)
