"""Endings of the command: one sentence for people, and the exit status that shells expect."""

import contextlib
import errno
import signal
import sys
from collections.abc import Callable, Iterator
from typing import NoReturn

from batchenv.errors import BatchEnvError
from batchenv.interrupts import Interrupted, ending_at_once
from batchenv.learn.stopping import StopTraining, silence
from batchenv.startup import imported

_CAUSES = {
    signal.SIGINT: "interrupted",
    signal.SIGTERM: "terminated",
    signal.SIGHUP: "the terminal has closed",
    signal.SIGPIPE: "nobody reads standard output any more",
}
_LOST = {errno.EPIPE: signal.SIGPIPE, errno.EIO: signal.SIGHUP}
_FULL = (errno.ENOSPC, errno.EFBIG, errno.EDQUOT)


def stopped(number: signal.Signals, outcome: str = "") -> NoReturn:
    """Exit with the status of a program that a signal ended, and a sentence on standard error.

    Args:
        number: the signal.
        outcome: result of the work so far, printed after a colon.
    """
    cause = _CAUSES.get(number, number.name)
    with contextlib.suppress(OSError, ValueError):
        print(f"{cause}: {outcome}" if outcome else cause, file=sys.stderr, flush=True)
    raise SystemExit(128 + number)


@contextlib.contextmanager
def conventional_ending() -> Iterator[None]:
    """Report user errors, signals and a lost standard output as one sentence and an exit status."""
    imported()
    with ending_at_once():
        try:
            yield
            if sys.stdout is not None:  # closed by the shell: `>&-`
                sys.stdout.flush()
        except BatchEnvError as error:
            sys.exit(f"error: {error}")
        except KeyboardInterrupt as told:
            stopped(_number(told))
        except StopTraining as told:
            stopped(told.number)
        except MemoryError:
            sys.exit("error: there is too little memory")
        except OSError as error:
            _end_by(error)


@contextlib.contextmanager
def saying(kept: Callable[[], str]) -> Iterator[None]:
    """Report the results so far where a signal, or a closed pipe, ends the block."""
    try:
        yield
    except KeyboardInterrupt as told:
        stopped(_number(told), kept())
    except BrokenPipeError:
        silence(sys.stdout)
        stopped(signal.SIGPIPE, kept())


def _number(told: KeyboardInterrupt) -> signal.Signals:
    return signal.Signals(told.signum) if isinstance(told, Interrupted) else signal.SIGINT


def _end_by(error: OSError) -> NoReturn:
    """Exit after an error of the system; one without a file name concerns standard output."""
    if error.filename is not None:
        sys.exit(f"error: {error.filename}: {error.strerror}")
    if error.errno not in (*_LOST, *_FULL):
        raise error
    silence(sys.stdout)
    if error.errno in _LOST:
        stopped(_LOST[error.errno])
    sys.exit(f"error: standard output cannot be written: {error.strerror}")
