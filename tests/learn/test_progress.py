import io
from dataclasses import replace
from math import nan

from rich.console import Console

from batchenv.learn.progress import TrainingProgress
from batchenv.learn.report import Report

REPORT = Report(1_000_000, 4_000_000, 2_000.0, nan, nan, {}, {}, 1e-3, 0.3, 0.9)


def shown(console: Console, *reports: Report) -> str:
    with TrainingProgress(console) as progress:
        for report in reports:
            progress(report)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_without_a_terminal_lines_are_plain_and_rare():
    second = replace(REPORT, steps=1_000_100)
    last = replace(REPORT, steps=4_000_000, mean_return=12.345, mean_length=87.6)
    text = shown(Console(file=io.StringIO()), REPORT, second, last)
    assert text.splitlines() == [
        "1,000,000 of 4,000,000 steps, 2,000/s, 0:25:00 left, no episode has ended yet",
        "4,000,000 of 4,000,000 steps, 2,000/s, 0:00:00 left, mean return 12.35, mean length 88",
    ]


def test_the_stage_of_a_taught_run_is_said():
    for taught, words in (
        (True, "static optimisation teaches the network"),
        (False, "the network coordinates"),
    ):
        report = replace(REPORT, taught=taught)
        assert shown(Console(file=io.StringIO()), report).strip().endswith(f"yet, {words}")
        bar = shown(Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None), report)
        assert (", taught" in bar) == taught


def test_on_a_terminal_one_line_of_eighty_columns_shows_everything():
    report = replace(REPORT, mean_return=123.45, mean_length=287.6)
    text = shown(Console(file=io.StringIO(), force_terminal=True, width=80, color_system=None), report)
    line = next(line for line in text.splitlines() if "1,000,000/4,000,000" in line)
    assert "2,000/s, 0:25:00 left, return 123.45, length 288" in line
