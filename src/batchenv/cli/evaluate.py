"""The command `batchenv evaluate`."""

from functools import partial
from pathlib import Path
from typing import Annotated

from tyro.conf import Positional, arg

from batchenv.cli.options import Changes
from batchenv.extras import import_extra
from batchenv.files import check_output_directory
from batchenv.startup import importing


def evaluate(
    walker: Positional[Annotated[str, arg(metavar="WALKER|RECORDING")]],
    *,
    out: Path = Path("report"),
    strides: int = 50,
    seeds: int = 20,
    seconds: float = 20.0,
    seed: int = 0,
    threads: int | None = None,
    quick: bool = False,
    forces: Path | None = None,
    mass: float | None = None,
    change: Changes = (),
    trust: bool = False,
) -> None:
    """Compare a walker's gait with that of humans; write report.html and report.json.

    Args:
        walker: shipped walker, directory of a training run, or recording: .npz, .h5, or a motion of OpenSim,
            .mot or .sto.
        out: directory for the report.
        strides: least number of strides; more walks are simulated until it is reached.
        seeds: least number of walks, each from another starting state; as many follow each command, and meet
            each disturbance.
        seconds: length of a walk [s]; a stop and a course of commands keep theirs.
        seed: seed of the starting states.
        threads: number of threads that step the worlds; by default all CPUs available to this process.
        quick: skip all disturbances: pushes, slopes, bumps, late actions, slippery ground, other bodies.
        forces: file of ground forces of a motion; by default the one of its name with _grf at the end.
        mass: mass of the body of a motion [kg], where its header does not say it.
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        trust: allow the walker's configuration to run the Python files that it names.
    """
    with importing():
        import_extra("matplotlib", "a report")
        from batchenv.config import parse_changes
        from batchenv.evaluate import write_report
        from batchenv.evaluate.evaluation import evaluate as judge_walker
        from batchenv.evaluate.evaluation import is_recording_file
        from batchenv.evaluate.numbers import (
            MOST_STRIDES,
            MOST_WALKS,
            check_count,
            check_seconds,
            check_threads,
        )
        from batchenv.evaluate.report import verdict_lines
        from batchenv.evaluate.walker import load_walker
        from batchenv.rng import checked_seed
    check_output_directory(out, "--out")
    check_count("--strides", strides, MOST_STRIDES)
    check_count("--seeds", seeds, MOST_WALKS)
    check_seconds("--seconds", seconds)
    check_threads("--threads", threads)
    checked_seed(seed)
    if is_recording_file(walker):
        if change:
            raise SystemExit("--set is for walks, and a recording is walked already")
        report = judge_walker(walker, forces=forces, mass=mass)
    else:
        if forces is not None or mass is not None:
            raise SystemExit("--forces and --mass are for recordings of OpenSim, .mot or .sto")
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
    print("\n".join([*verdict_lines(report), *report.numbers["notes"], f"report: {page}"]))
