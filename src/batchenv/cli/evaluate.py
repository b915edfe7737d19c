"""The command `batchenv evaluate`."""

from math import ceil
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from batchenv.cli.options import Changes
from batchenv.config import parse_changes
from batchenv.evaluate import RECORDING_SUFFIXES, Report, judge, load_recording, write_report
from batchenv.evaluate.numbers import MOST_STRIDES, MOST_WALKS, check_count, check_seconds, check_threads
from batchenv.evaluate.record import record
from batchenv.evaluate.robustness import robustness
from batchenv.evaluate.walker import Walker, load_walker
from batchenv.files import check_output_directory
from batchenv.learn.policy import POLICY_FILE
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
    try:
        import matplotlib  # noqa: F401  # so that its absence is reported before the walks
    except ImportError as error:
        raise SystemExit(f"reports need more packages ({error}): pip install 'batchenv[evaluate]'") from error
    check_output_directory(out, "--out")
    check_count("--strides", strides, MOST_STRIDES)
    check_count("--seeds", seeds, MOST_WALKS)
    check_seconds("--seconds", seconds)
    check_threads("--threads", threads)
    checked_seed(seed)
    if Path(walker).suffix in RECORDING_SUFFIXES and Path(walker).name != POLICY_FILE:
        if change:
            raise SystemExit("--set is for walks, and a recording is walked already")
        report = judge(load_recording(walker), Path(walker).stem)
    else:
        loaded = load_walker(walker, trust=trust).with_changes(parse_changes(change))
        walks = max(seeds, ceil(strides * loaded.period() / seconds))
        check_count("the number of walks for --strides and --seconds", walks, MOST_WALKS)
        report = _simulated(loaded, walks, seconds, seed, threads, quick)
    _, page = write_report(report, out)
    print("\n".join([*_verdict_lines(report), *report.numbers["notes"], f"report: {page}"]))


def _simulated(
    walker: Walker, walks: int, seconds: float, seed: int, threads: int | None, quick: bool
) -> Report:
    """Return the report of a walker after letting it walk, and unless `quick`, after perturbing it."""
    print(f"{walker.name}: {walks} walks of {seconds:g} s", flush=True)
    recording = record(walker, walks, seconds, seed, threads)
    if quick:
        return judge(recording, walker.name)
    print("pushes, slippery ground, other masses, weaker muscles", flush=True)
    withstood = robustness(walker, seed=seed, num_threads=threads)
    return judge(recording, walker.name, withstood.push_n, withstood.survived)


def _verdict_lines(report: Report) -> list[str]:
    """Return the lines of a table: each target beside the walker's value."""
    words = {True: "", False: "falls short", None: "not measured"}
    lines = [f"{'measure':<32}{'walker':>8}  {'':<11}{'target':<16}"]
    for verdict in report.verdicts:
        target = verdict.target
        value = "-" if verdict.value is None else target.show(verdict.value)
        line = f"{target.label:<32}{value:>8}  {target.unit:<11}{target.range:<16}{words[verdict.passed]}"
        lines.append(line.rstrip())
    push = report.numbers["push_n"]
    return lines if push is None else [*lines, f"{'push of 0.2 s withstood':<32}{push:>8.0f}  N"]
