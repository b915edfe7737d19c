"""The command `batchenv`: the only place that prints."""

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from math import ceil
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
from tyro.conf import Positional, arg

from batchenv.benchmark import Row, as_json, benchmark
from batchenv.benchmark_adapters import TABLE_HEAD as ADAPTER_TABLE_HEAD
from batchenv.benchmark_adapters import AdapterRow, benchmark_adapters
from batchenv.benchmark_gaitnet import TABLE_HEAD as GAITNET_TABLE_HEAD
from batchenv.benchmark_gaitnet import GaitNetRow, benchmark_gaitnet
from batchenv.build import check_scene, load_configured_body
from batchenv.cli_ending import conventional_ending, saying
from batchenv.cli_gaitnet import import_gaitnet
from batchenv.cli_muscles import compare_coordinators, pretrain_muscles
from batchenv.cli_train import train
from batchenv.config import PRESETS, Config, GaitNetConfig, load_config, parse_changes
from batchenv.engine import available_cpus
from batchenv.evaluate import RECORDING_SUFFIXES, Report, judge, load_recording, write_report
from batchenv.evaluate.mm_evalkit import export
from batchenv.evaluate.numbers import MOST_STRIDES, MOST_WALKS, check_count, check_seconds, check_threads
from batchenv.evaluate.record import record
from batchenv.evaluate.robustness import robustness
from batchenv.evaluate.rollout import read_sweep, roll_out
from batchenv.evaluate.stage import Stage, check_grid
from batchenv.evaluate.video import check_video, film, write_video
from batchenv.evaluate.viewer import has_screen, show
from batchenv.evaluate.walker import load_walker
from batchenv.files import check_output_directory, check_output_file, write_atomically
from batchenv.learn.policy import POLICY_FILE
from batchenv.random import checked_seed

app = tyro.extras.SubcommandApp()

ConfigName = Annotated[str, arg(metavar="CONFIG", help=f"a YAML file, or a preset: {', '.join(PRESETS)}")]
WalkerName = Annotated[
    str, arg(metavar="WALKER", help="a shipped walker, or the directory of a training run")
]


@app.command
def check(config: Positional[ConfigName], *, data: Path | None = None, trust: bool = False) -> None:
    """Validate a configuration, and print it with every default filled in; remarks go before it, as comments.

    Args:
        data: a directory that "@data/..." may mean, beside the package's own.
        trust: run the Python files that the configuration names, whose reward terms are then checked, too.
    """
    resolved = load_config(config, data, trust=trust)
    check_scene(resolved)
    for remark in resolved.remarks:
        print(f"# {remark}")
    print(resolved.to_yaml(), end="")


app.command(train)


@app.command
def bench(
    config: Positional[ConfigName] = "walk",
    *,
    envs: tuple[int, ...] = (8, 16, 32, 128, 512),
    threads: int | None = None,
    json_file: Annotated[Path | None, arg(name="json")] = None,
    scaling: bool = False,
    adapters: bool = False,
    alternations: int = 7,
    data: Path | None = None,
    trust: bool = False,
) -> None:
    """Measure steps per second against the limit: bare Batch.step of the same model, interleaved in one run.

    Args:
        config: its actuator is measured, and beside it `muscle`, which takes excitations as they are.
        envs: numbers of worlds.
        threads: threads that step them; by default the CPUs that this process may use.
        json_file: file to write the figures to.
        scaling: measure with 1, 2, 4, ... threads.
        adapters: measure VectorEnv and SB3VecEnv against BatchEnv instead.
        alternations: turns of environment and bare batch, at least 5.
        data: a directory that "@data/..." may mean, beside the package's own.
        trust: run the Python files that the configuration names.
    """
    if alternations < 5:
        raise SystemExit(f"--alternations {alternations}: at least 5, or the median says nothing")
    check_threads("--threads", threads)
    if json_file is not None:
        check_output_file(json_file, "--json")
    most = threads or available_cpus()
    counts = sorted({2**k for k in range(most.bit_length()) if 2**k <= most} | {most}) if scaling else [most]
    resolved = load_config(config, data, trust=trust)
    if isinstance(resolved, GaitNetConfig) and not adapters:
        name = Path(config).stem
        head, measured = GAITNET_TABLE_HEAD, benchmark_gaitnet(name, resolved, [*envs], counts, alternations)
    elif adapters:
        head, measured = ADAPTER_TABLE_HEAD, benchmark_adapters(resolved, [*envs], counts, alternations)
    else:
        contenders = _contenders(config, resolved)
        head, measured = _TABLE_HEAD, benchmark(contenders, [*envs], counts, alternations)
    rows = []
    print(head)
    with saying(lambda: f"{json_file or 'the table'} holds the {len(rows)} rows measured so far"):
        for row in measured:
            rows.append(row)
            print(_table_line(row) if isinstance(row, Row) else row.table_line(), flush=True)
            if json_file is not None:
                _write_json(json_file, rows)


def _contenders(name: str, config: Config) -> dict[str, Config]:
    if config.environment.skeleton.actuator == "muscle":
        return {name: config}
    excitations = {
        "environment.skeleton.actuator": "muscle",
        "environment.action.scale": 1.0,
        "environment.action.residual": False,
    }
    return {f"{Path(name).stem} (muscle)": config.replace(excitations), Path(name).stem: config}


_TABLE_HEAD = (
    "| config | actuator | worlds | threads | steps/s | CPU us per world and substep (limit) "
    "| ratio to limit | of wall time | MB per world | construct s | reset ms |\n" + "|---" * 11 + "|"
)


def _table_line(row: Row) -> str:
    driven = f"{row.actuator}, {row.coordinator}" if row.coordinator else row.actuator
    return (
        f"| {row.config} | {driven} | {row.envs} | {row.threads} | {row.steps_per_second:,.0f} "
        f"| {row.cpu_us_per_substep:.1f} ({row.limit_cpu_us_per_substep:.1f}) "
        f"| {row.ratio_to_limit:.3f} +- {row.ratio_spread:.3f} "
        f"| {row.wall_ratio_to_limit:.3f} | {row.mb_per_env:.2f} "
        f"| {row.construction_s:.2f} | {row.reset_ms:.1f} |"
    )


def _write_json(file: Path, rows: Sequence[Row | AdapterRow | GaitNetRow]) -> None:
    text = json.dumps(as_json(rows), indent=1) + "\n"
    write_atomically(file, lambda stream: stream.write(text.encode()))


@app.command
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
    change: Annotated[tuple[str, ...], arg(name="set", metavar="KEY=VALUE ...")] = (),
    trust: bool = False,
) -> None:
    """Judge a walk against humans: writes report.html and report.json.

    Args:
        walker: a shipped walker, the directory of a training run, or a recording (.npz, .h5).
        out: directory for the report.
        strides: number of strides at least; further walks are made for more.
        seeds: number of walks at least, each from a start of its own.
        seconds: length of a walk.
        seed: of the starts.
        threads: threads that step the worlds; by default the CPUs that this process may use.
        quick: leave out pushes, slippery ground, other masses and weaker muscles.
        change: keys of the configuration to walk under instead, such as environment.simulation.sim_hz=990.
        trust: run the Python files that the walker's configuration names.
    """
    try:
        import matplotlib  # noqa: F401  # said before the walks, not after
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
        who = load_walker(walker, trust=trust)
        who = replace(who, config=who.config.replace(_changes(change)))
        walks = max(seeds, ceil(strides * who.config.environment.motion.period / seconds))
        check_count("the number of walks for --strides and --seconds", walks, MOST_WALKS)
        print(f"{who.name}: {walks} walks of {seconds:g} s", flush=True)
        recording = record(who, walks, seconds, seed, threads)
        if quick:
            report = judge(recording, who.name)
        else:
            print("pushes, slippery ground, other masses, weaker muscles", flush=True)
            withstood = robustness(who, seed=seed, num_threads=threads)
            report = judge(recording, who.name, withstood.push_n, withstood.survived)
    _, page = write_report(report, out)
    print("\n".join([*_verdict_lines(report), *report.numbers["notes"], f"report: {page}"]))


def _changes(pairs: Iterable[str]) -> dict[str, object]:
    """Values by key, as configuration files have them."""
    return parse_changes(pairs)


def _verdict_lines(report: Report) -> list[str]:
    """Every target with what was found."""
    words = {True: "", False: "falls short", None: "not measured"}
    lines = [f"{'measure':<32}{'walker':>8}  {'':<11}{'target':<16}"]
    for verdict in report.verdicts:
        target = verdict.target
        value = "-" if verdict.value is None else target.show(verdict.value)
        line = f"{target.label:<32}{value:>8}  {target.unit:<11}{target.range:<16}{words[verdict.passed]}"
        lines.append(line.rstrip())
    push = report.numbers["push_n"]
    return lines if push is None else [*lines, f"{'push of 0.2 s withstood':<32}{push:>8.0f}  N"]


@app.command
def rollout(
    walker: Positional[WalkerName],
    *,
    out: Path,
    strides: int = 100,
    sweep: Path | None = None,
    seed: int = 0,
    threads: int | None = None,
    file_format: Annotated[Literal["hdf5", "mm-evalkit"], arg(name="format")] = "hdf5",
    trust: bool = False,
) -> None:
    """Record a walk, or one for each row of a sweep, into an HDF5 file with named datasets and units.

    Args:
        out: the file, .h5; it is written as the walk goes on, and readable if that is interrupted.
        strides: length of a rollout, in cycles of the reference gait.
        sweep: CSV file, one rollout a row; columns: speed, period, friction, mass, muscle_strength, and names
            of muscles, with or without their side, such as soleus_r or soleus.
        seed: of the starts.
        threads: threads that step the worlds; by default the CPUs that this process may use.
        file_format: mm-evalkit writes an .npz archive for MuscleMimic's evaluation of that name.
        trust: run the Python files that the walker's configuration names.
    """
    check_output_file(out, "--out")
    check_count("--strides", strides, MOST_STRIDES)
    check_threads("--threads", threads)
    checked_seed(seed)
    who = load_walker(walker, trust=trust)
    if file_format == "mm-evalkit":
        if sweep is not None:
            sys.exit("--sweep and --format mm-evalkit exclude each other: its archive holds one body's mass")
        print(f"{export(who, out, strides, seed=seed, num_threads=threads)[0]}: {out}")
        return
    rows = None
    if sweep is not None:
        body = load_configured_body(who.config)
        rows = read_sweep(sweep, body.muscle_names, body.names)
    before = _identity(out)
    walked = "holds what was walked so far"
    with saying(lambda: f"{out} {walked if _identity(out) != before else 'was not written'}"):
        ended = roll_out(who, out, strides, rows, seed, threads)
    print(f"{len(ended)} rollouts, {ended.count('completed')} completed, {ended.count('fell')} fell: {out}")


def _identity(file: Path) -> tuple[int, int] | None:
    """Which file a name stands for now."""
    try:
        status = file.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino


@app.command
def play(
    walker: Positional[WalkerName] = "walk",
    *,
    video: Path | None = None,
    seconds: float = 10.0,
    grid: str = "1x1",
    contacts: bool = False,
    seed: int = 0,
    threads: int | None = None,
    trust: bool = False,
) -> None:
    """Show a walker in a window, or film it where there is no screen.

    Args:
        video: file to film into, .mp4 or .gif; without it a window opens.
        seconds: length of the video; a window stays until it is closed.
        grid: walkers behind one another x side by side, such as 4x4.
        contacts: draw the force of the floor on each foot.
        seed: of the starts.
        threads: threads that step the worlds; by default the CPUs that this process may use.
        trust: run the Python files that the walker's configuration names.
    """
    shape = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", grid)
    if shape is None:
        sys.exit(f"--grid {grid}: expected ROWSxLANES, such as 4x4")
    check_grid((int(shape[1]), int(shape[2])))
    check_seconds("--seconds", seconds)
    check_threads("--threads", threads)
    checked_seed(seed)
    if video is None and not has_screen():
        sys.exit("there is no screen to open a window on: add --video FILE.mp4")
    if video is not None:
        check_video(video)
    with Stage(
        load_walker(walker, trust=trust), (int(shape[1]), int(shape[2])), contacts, seed, threads
    ) as stage:
        if video is None:
            show(stage)
            return
        before = _identity(video)
        filmed = "holds what was filmed so far"
        with saying(lambda: f"{video} {filmed if _identity(video) != before else 'was not written'}"):
            count = write_video(video, _reported(film(stage, seconds), stage.fps), stage.fps)
        print(f"{count} frames, {stage.falls} falls: {video}")


def _reported(frames: Iterable[np.ndarray], fps: float) -> Iterator[np.ndarray]:
    """Pass pictures on, and say after every second of film that there is another one."""
    for count, frame in enumerate(frames, 1):
        yield frame
        if count % round(fps) == 0:
            print(f"filmed {count / fps:.0f} s", flush=True)


app.command(pretrain_muscles)
app.command(compare_coordinators)
app.command(import_gaitnet)


def main(args: list[str] | None = None) -> None:
    """Run the command line; what a user did wrong is one message, not a traceback.

    Args:
        args: words after the program's name; by default those of this process.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    with conventional_ending():
        app.cli(prog="batchenv", args=args, description=__doc__, sort_subcommands=False)


if __name__ == "__main__":
    main()
