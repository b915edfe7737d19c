"""A progress bar for training, or plain lines where there is no terminal."""

import errno
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from math import isnan
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import BarColumn, Progress, ProgressColumn, TaskID, TextColumn

from batchenv.errors import OutputError
from batchenv.learn.report import PretrainingReport, Report
from batchenv.learn.stopping import StopTraining, silence

_SECONDS_BETWEEN_LINES = 10.0
_LONG = 365 * 86_400.0  # [s]
_STAGES = {True: ", static optimisation teaches the network", False: ", the network coordinates"}


class Output(Console):
    """Standard output, which may go away: its reader ends, its terminal closes, its disk is full."""

    def print(self, *objects: Any, **options: Any) -> None:
        """Print as rich does.

        Raises:
            StopTraining: standard output is closed; later output is dropped.
            OutputError: the disk that standard output goes to is full.
        """
        with _watched(self):
            super().print(*objects, **options)

    def on_broken_pipe(self) -> None:
        """Let the error pass, where rich would end the process."""
        raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


@contextmanager
def _watched(console: Console) -> Iterator[None]:
    """Say what it means that a console cannot be written to."""
    try:
        yield
    except OSError as error:
        if isinstance(error, OutputError):
            raise
        console.quiet = True
        silence(console.file)
        number = {errno.EPIPE: signal.SIGPIPE, errno.EIO: signal.SIGHUP}.get(error.errno or 0)
        if number is not None:
            raise StopTraining(number) from error
        raise OutputError(f"standard output cannot be written: {error.strerror}") from error


class _Bar:
    """A progress bar on a terminal that no thread redraws behind our back."""

    def __init__(self, console: Console, *columns: ProgressColumn):
        self.console = console
        self.bar = Progress(*columns, console=console, disable=not console.is_terminal, auto_refresh=False)

    def __enter__(self) -> Self:
        with _watched(self.console):
            self.bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(StopTraining, OutputError), _watched(self.console):
            self.bar.stop()


class TrainingProgress(_Bar):
    """Shows steps, rate, time left, mean return and mean episode length; call it with each `Report`.

    Args:
        console: where to. On a terminal this is a bar; elsewhere one line about every ten seconds.

    Examples:
        >>> with TrainingProgress(Console()) as progress:
        ...     result = train(env, config, run_dir, steps=20_000, progress=progress)  # doctest: +SKIP
    """

    def __init__(self, console: Console):
        super().__init__(
            console,
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[state]}"),
        )
        self._last_line = -_SECONDS_BETWEEN_LINES
        self._rate = 0.0
        self._task: TaskID | None = None

    def __call__(self, report: Report) -> None:
        """Show a report."""
        newest = report.steps_per_second
        self._rate = 0.9 * self._rate + 0.1 * newest if self._rate else newest
        with _watched(self.console):
            if self.console.is_terminal:
                self._move_bar(report)
            else:
                self._print_line(report)

    def _move_bar(self, report: Report) -> None:
        if self._task is None:
            self._task = self.bar.add_task("", total=report.total_steps, state="")
        state = self._state(report, "") + (", taught" if report.taught else "")
        self.bar.update(self._task, completed=report.steps, state=state, refresh=True)

    def _print_line(self, report: Report) -> None:
        now = time.monotonic()
        if report.steps < report.total_steps and now - self._last_line < _SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        stage = "" if report.taught is None else _STAGES[report.taught]
        line = f"{report.steps:,} of {report.total_steps:,} steps, {self._state(report, 'mean ')}{stage}"
        self.console.print(line, highlight=False, soft_wrap=True)

    def _state(self, report: Report, mean: str) -> str:
        seconds = max(0, report.total_steps - report.steps) / self._rate
        left = timedelta(seconds=round(seconds)) if seconds < _LONG else "more than a year"
        state = f"{self._rate:,.0f}/s, {left} left, "
        if isnan(report.mean_length):
            return state + "no episode has ended yet"
        return state + f"{mean}return {report.mean_return:.2f}, {mean}length {report.mean_length:.0f}"


class PretrainingProgress(_Bar):
    """Shows how far pretraining is, its loss and its torque error; call it with each `PretrainingReport`.

    Args:
        console: where to. On a terminal this is a bar; elsewhere one line about every ten seconds.
    """

    def __init__(self, console: Console):
        super().__init__(
            console,
            TextColumn("{task.percentage:>3.0f} %"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[state]}"),
        )
        self._last_line = -_SECONDS_BETWEEN_LINES
        self._task = self.bar.add_task("", total=1.0, state="drawing states")

    def __call__(self, report: PretrainingReport) -> None:
        """Show a report."""
        state = f"{report.updates:,} updates, loss {report.loss:.5f}, error {report.torque_error:.1f} Nm"
        now = time.monotonic()
        with _watched(self.console):
            self.bar.update(self._task, completed=report.share, state=state, refresh=True)
            if not self.console.is_terminal and now - self._last_line >= _SECONDS_BETWEEN_LINES:
                self._last_line = now
                self.console.print(f"{report.share:.0%}: {state}", highlight=False, soft_wrap=True)
