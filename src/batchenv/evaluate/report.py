"""Write a report: report.json for programs and a self-contained report.html for people."""

import json
from pathlib import Path

from batchenv.arrays import shown
from batchenv.errors import InputError
from batchenv.evaluate.judge import Report
from batchenv.evaluate.page import render_page
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


def _write(path: Path, text: str) -> None:
    write_atomically(path, lambda file: file.write(text.encode()))
