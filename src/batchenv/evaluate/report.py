"""Write a report: report.json for programs and a self-contained report.html for people."""

import json
from pathlib import Path

from batchenv.arrays import shown
from batchenv.errors import InputError
from batchenv.evaluate.by_speed import AtSpeed
from batchenv.evaluate.judge import Report
from batchenv.evaluate.page import NOTHING, render_page
from batchenv.evaluate.page_speeds import speed_title
from batchenv.evaluate.plots import figures, to_bytes
from batchenv.files import check_output_directory, write_atomically
from batchenv.files.paths import checked_path


def write_report(report: Report, out_dir: str | Path) -> tuple[Path, Path]:
    """Write report.json and report.html into `out_dir`, made where it does not exist.

    Returns:
        The paths of the two files.

    Raises:
        InputError: it is no report, or no path.
        OutputError: they cannot be written.
        UsageError: matplotlib is not installed.
    """
    if not isinstance(report, Report):
        raise InputError(f"{shown(report)} is no Report; judge returns one")
    folder = checked_path("out_dir", out_dir)
    check_output_directory(folder)
    folder.mkdir(parents=True, exist_ok=True)
    images = {name: to_bytes(figure) for name, figure in figures(report).items()}
    numbers, page = folder / "report.json", folder / "report.html"
    _write(numbers, json.dumps(report.numbers, indent=1, allow_nan=False) + "\n")
    _write(page, render_page(report, images))
    return numbers, page


def verdict_lines(report: Report) -> list[str]:
    """Return the lines of a table for a terminal: each target beside the walker's value."""
    lines = [f"{'measure':<32}{'walker':>8}  {'':<11}{'target':<16}"]
    for verdict in report.verdicts:
        target = verdict.target
        value = "" if verdict.value is None else verdict.shown
        word = "" if verdict.met else verdict.word
        line = f"{target.label:<32}{value:>8}  {target.unit:<11}{target.range:<16}{word}"
        lines.append(line.rstrip())
    push = report.numbers["push_n"]
    shown = NOTHING if push is None else f"{push:>8.0f}  N"
    lines.append(f"{'push of 0.2 s withstood':<32}{shown}")
    if report.by_speed:
        lines.append("beside humans at the same speed: marks met, met as rewarded, missed")
        lines += [_speed_line(each) for each in report.by_speed]
    missed = [each["name"] for each in report.numbers["withstood"] or () if not each["passed"]]
    if missed:
        lines.append(f"not withstood by 90 %: {', '.join(missed)}")
    return lines


def _speed_line(each: AtSpeed) -> str:
    met = sum(verdict.met for verdict in each.verdicts)
    asked = sum(verdict.passed is True and verdict.followed for verdict in each.verdicts)
    missed = sum(verdict.passed is False for verdict in each.verdicts)
    return f"{speed_title(each):<32}{met:>8}{asked:>4}{missed:>4}"


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
