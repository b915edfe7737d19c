"""What becomes of an input: it works, it is refused with a reason, or it is one of several faults."""

import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import batchenv
from batchenv.errors import BatchEnvError

GOOD = ("works", "refused")
FAULTS = ("unnamed", "foreign", "non-finite", "silent", "hang", "memory", "crash")
MEANINGS = {
    "works": "finite observations and rewards, or what was asked for",
    "refused": "a BatchEnvError that names the offender",
    "unnamed": "a BatchEnvError that does not name the offender",
    "foreign": "another exception, or a traceback",
    "non-finite": "accepted, and then observations or rewards that are no finite numbers",
    "silent": "nonsense accepted, damage not noticed, or state changed by a refused call",
    "hang": "took more than 10 s",
    "memory": "took more than 1 GB",
    "crash": "the process died",
}
_SOURCES = str(Path(batchenv.__file__).parent)


@dataclass(frozen=True)
class Outcome:
    """What became of an input.

    Attributes:
        kind: one of `GOOD` or `FAULTS`.
        text: what was said or seen.
        place: file and function of batchenv where it came from; faults of one kind and place are alike.
    """

    kind: str
    text: str = ""
    place: str = ""

    @property
    def good(self) -> bool:
        """Whether the outcome is one that is promised."""
        return self.kind in GOOD


class Fault(Exception):
    """An attempt saw a fault; `kind` is one of `FAULTS`."""

    def __init__(self, kind: str, text: str):
        super().__init__(text)
        self.kind = kind


def judged(attempt: Callable[[], str | None], names: Sequence[str] = ()) -> Outcome:
    """Attempt an input and say what became of it.

    Args:
        attempt: works and returns None or a remark, or raises a `BatchEnvError`, a `Fault`, or anything else.
        names: a refusal has to contain one of these; none: any text will do.
    """
    try:
        return Outcome("works", attempt() or "")
    except Fault as fault:
        return Outcome(fault.kind, str(fault), _place(fault))
    except BatchEnvError as error:
        text = str(error)
        named = text.strip() and (not names or any(name.lower() in text.lower() for name in names))
        return Outcome("refused" if named else "unnamed", text, _place(error))
    except MemoryError as error:
        return Outcome("memory", repr(error), _place(error))
    except BaseException as error:  # SystemExit and KeyboardInterrupt, too, are nobody's promise
        tail = "".join(traceback.format_exception(error)[-4:])
        return Outcome("foreign", f"{type(error).__name__}: {error}\n{tail}"[:4000], _place(error))


def _place(error: BaseException) -> str:
    frames = [
        f for f in traceback.extract_tb(error.__traceback__) if f.filename.startswith((_SOURCES, "<string>"))
    ]
    if not frames:
        return type(error).__name__
    last = frames[-1]
    where = Path(last.filename).name if last.filename.startswith("<") else last.filename[len(_SOURCES) + 1 :]
    return f"{type(error).__name__} in {where}:{last.name}"
