"""A progress bar for training, or plain lines where there is no terminal."""

import time
from datetime import timedelta
from math import isnan
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn

from batchenv.learn.pretraining_report import PretrainingReport
from batchenv.learn.report import Report

_SECONDS_BETWEEN_LINES = 10.0


class TrainingProgress:
    """Shows steps, rate, time left, mean return and mean episode length; call it with each `Report`.

    Args:
        console: where to. On a terminal this is a bar; elsewhere one line about every ten seconds.

    Example:
        >>> with TrainingProgress(Console()) as progress:
        ...     result = train(env, config, run_dir, steps=20_000, progress=progress)  # doctest: +SKIP
    """

    def __init__(self, console: Console):
        self._console = console
        self._last_line = -_SECONDS_BETWEEN_LINES
        self._rate = 0.0
        self._task: TaskID | None = None
        self._bar = Progress(
            TextColumn("{task.completed:,.0f}/{task.total:,.0f}"),
            BarColumn(bar_width=10),
            TextColumn("{task.fields[state]}"),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, report: Report) -> None:
        """Show a report."""
        newest = report.steps_per_second
        self._rate = 0.9 * self._rate + 0.1 * newest if self._rate else newest
        if self._console.is_terminal:
            self._move_bar(report)
        else:
            self._print_line(report)

    def _move_bar(self, report: Report) -> None:
        if self._task is None:
            self._task = self._bar.add_task("", total=report.total_steps, state="")
        self._bar.update(self._task, completed=report.steps, state=self._state(report, ""))

    def _print_line(self, report: Report) -> None:
        now = time.monotonic()
        if report.steps < report.total_steps and now - self._last_line < _SECONDS_BETWEEN_LINES:
            return
        self._last_line = now
        line = f"{report.steps:,} of {report.total_steps:,} steps, {self._state(report, 'mean ')}"
        self._console.print(line, highlight=False, soft_wrap=True)

    def _state(self, report: Report, mean: str) -> str:
        left = timedelta(seconds=round(max(0, report.total_steps - report.steps) / self._rate))
        state = f"{self._rate:,.0f}/s, {left} left, "
        if isnan(report.mean_length):
            return state + "no episode has ended yet"
        return state + f"{mean}return {report.mean_return:.2f}, {mean}length {report.mean_length:.0f}"


class PretrainingProgress:
    """Shows how far pretraining is, its loss and its torque error; call it with each `PretrainingReport`.

    Args:
        console: where to. On a terminal this is a bar; elsewhere one line about every ten seconds.
    """

    def __init__(self, console: Console):
        self._console, self._last_line = console, -_SECONDS_BETWEEN_LINES
        self._bar = Progress(
            TextColumn("{task.percentage:>3.0f} %"),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[state]}"),
            console=console,
            disable=not console.is_terminal,
        )
        self._task = self._bar.add_task("", total=1.0, state="drawing states")

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def __call__(self, report: PretrainingReport) -> None:
        """Show a report."""
        state = f"{report.updates:,} updates, loss {report.loss:.5f}, error {report.torque_error:.1f} Nm"
        self._bar.update(self._task, completed=report.share, state=state)
        now = time.monotonic()
        if not self._console.is_terminal and now - self._last_line >= _SECONDS_BETWEEN_LINES:
            self._last_line = now
            self._console.print(f"{report.share:.0%}: {state}", highlight=False, soft_wrap=True)
