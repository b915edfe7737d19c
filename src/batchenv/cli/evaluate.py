"""The command `batchenv evaluate`."""

from functools import partial
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from batchenv.cli.options import Changes
from batchenv.config import parse_changes
from batchenv.evaluate import Report, judge, load_recording, write_report
from batchenv.evaluate.evaluation import evaluate as judge_walker
from batchenv.evaluate.evaluation import is_recording_file
from batchenv.evaluate.numbers import MOST_STRIDES, MOST_WALKS, check_count, check_seconds, check_threads
from batchenv.evaluate.page import NOTHING
from batchenv.evaluate.walker import load_walker
from batchenv.extras import import_extra
from batchenv.files import check_output_directory
from batchenv.rng import checked_seed


def evaluate(
    walker: Positional[Annotated[str, arg(metavar="WALKER|RECORDING")]],
    *,
    out: Path,
    strides: int = 50,
    seeds: int = 20,
    seconds: float = 20.0,
    seed: int = 0,
    threads: int | None = None,
    quick: bool = False,
    change: Changes = (),
    trust: bool = False,
) -> None:
    """Compare a walker's gait with that of humans; write report.html and report.json.

    Args:
        walker: shipped walker, directory of a training run, or recording (.npz, .h5).
        out: directory for the report.
        strides: least number of strides; more walks are simulated until it is reached.
        seeds: least number of walks, each from another starting state.
        seconds: length of a walk [s].
        seed: seed of the starting states.
        threads: number of threads that step the worlds; by default all CPUs available to this process.
        quick: skip pushes, slippery ground, changed masses and weakened muscles.
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        trust: allow the walker's configuration to run the Python files that it names.
    """
    import_extra("matplotlib", "a report")
    check_output_directory(out, "--out")
    check_count("--strides", strides, MOST_STRIDES)
    check_count("--seeds", seeds, MOST_WALKS)
    check_seconds("--seconds", seconds)
    check_threads("--threads", threads)
    checked_seed(seed)
    if is_recording_file(walker):
        if change:
            raise SystemExit("--set is for walks, and a recording is walked already")
        report = judge(load_recording(walker), Path(walker).stem)
    else:
        report = judge_walker(
            load_walker(walker, trust=trust).with_changes(parse_changes(change)),
            walks=seeds,
            seconds=seconds,
            strides=strides,
            seed=seed,
            num_threads=threads,
            quick=quick,
            say=partial(print, flush=True),
        )
    _, page = write_report(report, out)
    print("\n".join([*_verdict_lines(report), *report.numbers["notes"], f"report: {page}"]))


def _verdict_lines(report: Report) -> list[str]:
    """Return the lines of a table: each target beside the walker's value."""
    words = {True: "", False: "falls short", None: NOTHING}
    lines = [f"{'measure':<32}{'walker':>8}  {'':<11}{'target':<16}"]
    for verdict in report.verdicts:
        target = verdict.target
        value = "" if verdict.value is None else target.show(verdict.value)
        line = f"{target.label:<32}{value:>8}  {target.unit:<11}{target.range:<16}{words[verdict.passed]}"
        lines.append(line.rstrip())
    push = report.numbers["push_n"]
    shown = NOTHING if push is None else f"{push:>8.0f}  N"
    return [*lines, f"{'push of 0.2 s withstood':<32}{shown}"]
