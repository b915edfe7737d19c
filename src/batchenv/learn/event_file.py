"""Scalars for TensorBoard, written by this thread: a full disk is an error here and now."""

import os
import secrets
import time
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Self

from tensorboard.compat.proto.event_pb2 import (  # generated at run time
    Event,  # pyright: ignore[reportAttributeAccessIssue]
    SessionLog,  # pyright: ignore[reportAttributeAccessIssue]
)
from tensorboard.compat.proto.summary_pb2 import (
    Summary,  # pyright: ignore[reportAttributeAccessIssue]
)
from tensorboard.summary.writer.record_writer import RecordWriter

from batchenv.errors import OutputError

_FLAGS = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class EventFile:
    """A new file in a directory that TensorBoard shows.

    Args:
        directory: of the run.
        resumed: step that the run goes on from: TensorBoard forgets what other files say of later ones.

    Raises:
        OutputError: it cannot be written to, here and in `write`.
    """

    def __init__(self, directory: Path, resumed: int | None = None):
        # TensorBoard reads the files of a directory in the order of their names: the time comes first.
        name = f"events.out.tfevents.{time.time_ns() // 10**6}.{os.getpid()}.{secrets.token_hex(4)}"
        self.path = directory / name
        try:
            self._file = os.fdopen(os.open(self.path, _FLAGS, 0o666), "wb", buffering=0)
        except OSError as error:
            raise self._error(error) from error
        self._records = RecordWriter(self._file)
        self._record(Event(file_version="brain.Event:2"))
        if resumed is not None:
            self._record(Event(step=resumed, session_log=SessionLog(status=SessionLog.START)))

    def write(self, scalars: Mapping[str, float], step: int) -> None:
        """Append scalars by tag, all of the same step."""
        values = [Summary.Value(tag=tag, simple_value=value) for tag, value in scalars.items()]
        self._record(Event(step=step, summary=Summary(value=values)))

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _record(self, event: Event) -> None:
        event.wall_time = time.time()
        try:
            self._records.write(event.SerializeToString())
        except OSError as error:
            raise self._error(error) from error

    def _error(self, error: OSError) -> OutputError:
        return OutputError(f"{self.path} cannot be written: {error.strerror}")
