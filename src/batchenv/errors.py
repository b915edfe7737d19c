"""The one exception tree of batchenv."""

import difflib
from collections.abc import Iterable


class BatchEnvError(Exception):
    """Base of every error that batchenv raises on purpose."""


class ConfigError(BatchEnvError, ValueError):
    """A configuration is invalid."""


class BodyError(BatchEnvError, ValueError):
    """A body lacks what a task or an actuator needs."""


class InputError(BatchEnvError, ValueError):
    """An array handed in at run time has a wrong shape, type or value."""


class UsageError(BatchEnvError, RuntimeError):
    """A call came at a time when it has no meaning."""


class HostOnlyError(UsageError):
    """A configuration asks for what worlds on a device cannot compute there, and the host can."""


class EngineError(BatchEnvError, RuntimeError):
    """Worlds moved without their control law; they are good for nothing but a reset."""


class CheckpointError(BatchEnvError, RuntimeError):
    """A checkpoint cannot be read, or does not fit."""


class OutputError(BatchEnvError, OSError):
    """A file or directory cannot be written."""


def nearest(name: str, candidates: Iterable[str], likeness: float = 0.5) -> str:
    """Return " Did you mean 'x'?" for the candidate most like name, or "" where none is so like it.

    >>> nearest("sim_hx", ["sim_hz", "control_hz"])
    " Did you mean 'sim_hz'?"
    """
    match = difflib.get_close_matches(name, list(candidates), n=1, cutoff=likeness)
    return f" Did you mean {match[0]!r}?" if match else ""
