"""The command `batchenv`: the only place that prints."""

import json
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime, timedelta
from math import ceil
from pathlib import Path
from typing import Annotated, Literal

import numpy as np
import tyro
import yaml
from tyro.conf import Positional, arg

from batchenv.benchmark import Row, as_json, benchmark
from batchenv.cli_muscles import compare_coordinators, pretrain_muscles
from batchenv.config import PRESETS, Config, load_config
from batchenv.engine import available_cpus
from batchenv.env import BatchEnv, load_configured_body
from batchenv.errors import BatchEnvError, InputError
from batchenv.evaluate import RECORDING_SUFFIXES, Report, judge, load_recording, write_report
from batchenv.evaluate.record import record
from batchenv.evaluate.robustness import robustness
from batchenv.evaluate.rollout import read_sweep, roll_out
from batchenv.evaluate.stage import Stage
from batchenv.evaluate.video import check_video, film, write_video
from batchenv.evaluate.viewer import has_screen, show
from batchenv.evaluate.walker import load_walker
from batchenv.learn.policy import POLICY_FILE
from batchenv.mdp.task import reward_terms

app = tyro.extras.SubcommandApp()

ConfigName = Annotated[str, arg(metavar="CONFIG", help=f"a YAML file, or a preset: {', '.join(PRESETS)}")]
WalkerName = Annotated[
    str, arg(metavar="WALKER", help="a shipped walker, or the directory of a training run")
]


@app.command
def check(config: Positional[ConfigName]) -> None:
    """Validate a configuration, and print it with every default filled in."""
    resolved = load_config(config)
    reward_terms(resolved)
    print(resolved.to_yaml(), end="")


@app.command
def train(
    config: Positional[Annotated[str | None, arg(metavar="CONFIG")]] = None,
    *,
    steps: int | None = None,
    envs: int | None = None,
    threads: int | None = None,
    seed: int | None = None,
    out: Path | None = None,
    resume: Path | None = None,
    until: Literal["walks"] | None = None,
) -> None:
    """Train a policy, with progress, TensorBoard files and checkpoints; Ctrl-C saves.

    Args:
        config: a YAML file or the name of a preset; by default walk, or with --resume that of the run.
        steps: environment steps in all; by default what the configuration says.
        envs: number of worlds.
        threads: threads that step them; by default the CPUs that this process may use.
        seed: of everything that is drawn.
        out: directory of the run; by default runs/NAME-DATE-TIME.
        resume: directory of a run to go on with.
        until: stop when the deterministic policy completes 95 % of 100 fresh episodes of 20 s near the
            reference's speed.
    """
    try:
        from rich.console import Console

        from batchenv.learn.checkpoints import load_checkpoint
        from batchenv.learn.progress import TrainingProgress
        from batchenv.learn.training import train as learn
        from batchenv.learn.walks import Walks
    except ImportError as error:
        raise SystemExit(f"training needs more packages ({error}): pip install 'batchenv[train]'") from error
    checkpoint = None if resume is None else load_checkpoint(resume)
    if resume is not None and out is not None:
        raise SystemExit("--out and --resume exclude each other: a resumed run goes on in its own directory")
    name = config or "walk"
    base = load_config(checkpoint.config if checkpoint and config is None else name)
    changes = {"training.steps": steps, "training.num_envs": envs, "training.seed": seed}
    resolved = base.replace({key: value for key, value in changes.items() if value is not None})
    run_dir = resume or out or Path("runs") / f"{Path(name).stem}-{datetime.now():%Y%m%d-%H%M%S}"
    console = Console(highlight=False, soft_wrap=True)
    seed = resolved.training.seed
    with ExitStack() as stack:
        env = stack.enter_context(BatchEnv(resolved, resolved.training.num_envs, threads, seed))
        walks = stack.enter_context(closing(Walks(resolved, threads))) if until else None
        progress = stack.enter_context(TrainingProgress(console))
        console.print(
            f"training {name}: {env.num_envs} worlds of {env.obs_dim} observations "
            f"and {env.action_dim} actions on {env.num_threads} threads, in {run_dir}"
        )
        result = learn(
            env,
            resolved,
            run_dir,
            resume=checkpoint,
            progress=progress,
            until=walks.until(console.print, seed) if walks else None,
        )
    ended = "stopped" if result.interrupted else "walks" if result.reached else "finished"
    print(
        f"{ended} at {result.steps:,} steps after {timedelta(seconds=round(result.seconds))} "
        f"on {env.num_threads} of {available_cpus()} CPUs: {result.steps_per_second:,.0f} steps/s "
        f"({result.env_share:.0%} of the time in the environment), "
        f"mean episode length {result.first_length:.0f} -> {result.last_length:.0f} steps\n"
        f"checkpoint: {result.checkpoint}"
    )
    if result.interrupted:
        print(f"go on with: batchenv train --resume {run_dir}")


@app.command
def bench(
    config: Positional[ConfigName] = "walk",
    *,
    envs: tuple[int, ...] = (8, 16, 32, 128, 512),
    threads: int | None = None,
    json_file: Annotated[Path | None, arg(name="json")] = None,
    scaling: bool = False,
    alternations: int = 7,
) -> None:
    """Measure steps per second against the limit: bare Batch.step of the same model, interleaved in one run.

    Args:
        config: its actuator is measured, and beside it `muscle`, which takes excitations as they are.
        envs: numbers of worlds.
        threads: threads that step them; by default the CPUs that this process may use.
        json_file: file to write the figures to.
        scaling: measure with 1, 2, 4, ... threads.
        alternations: turns of environment and bare batch, at least 5.
    """
    if alternations < 5:
        raise SystemExit(f"--alternations {alternations}: at least 5, or the median says nothing")
    most = threads or available_cpus()
    counts = sorted({2**k for k in range(most.bit_length()) if 2**k <= most} | {most}) if scaling else [most]
    rows = []
    print(_TABLE_HEAD)
    for row in benchmark(_contenders(config), list(envs), counts, alternations):
        rows.append(row)
        print(_table_line(row), flush=True)
        if json_file is not None:
            _write_json(json_file, rows)


def _contenders(name: str) -> dict[str, Config]:
    config = load_config(name)
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


def _write_json(file: Path, rows: list[Row]) -> None:
    file.write_text(json.dumps(as_json(rows), indent=1) + "\n")


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
    """
    try:
        import matplotlib  # noqa: F401  # said before the walks, not after
    except ImportError as error:
        raise SystemExit(f"reports need more packages ({error}): pip install 'batchenv[evaluate]'") from error
    if Path(walker).suffix in RECORDING_SUFFIXES and Path(walker).name != POLICY_FILE:
        report = judge(load_recording(walker), Path(walker).stem)
    else:
        who = load_walker(walker)
        who = replace(who, config=who.config.replace(_changes(change)))
        walks = max(seeds, ceil(strides * who.config.environment.motion.period / seconds))
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
    """Values by key, as YAML reads them."""
    for pair in pairs:
        if "=" not in pair:
            raise InputError(f"--set {pair}: expected KEY=VALUE, such as environment.simulation.sim_hz=990")
    return {key: yaml.safe_load(value) for key, _, value in (pair.partition("=") for pair in pairs)}


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
) -> None:
    """Record a walk, or one for each row of a sweep, into an HDF5 file with named datasets and units.

    Args:
        out: the file, .h5; it is written as the walk goes on, and readable if that is interrupted.
        strides: length of a rollout, in cycles of the reference gait.
        sweep: CSV file, one rollout a row; columns: speed, period, friction, mass, muscle_strength, muscles.
        seed: of the starts.
        threads: threads that step the worlds; by default the CPUs that this process may use.
    """
    who = load_walker(walker)
    rows = None if sweep is None else read_sweep(sweep, load_configured_body(who.config).muscle_names)
    try:
        ended = roll_out(who, out, strides, rows, seed, threads)
    except KeyboardInterrupt:
        sys.exit(f"interrupted: {out} holds what was walked so far")
    print(f"{len(ended)} rollouts, {ended.count('completed')} completed, {ended.count('fell')} fell: {out}")


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
) -> None:
    """Show a walker in a window, or film it where there is no screen.

    Args:
        video: file to film into, .mp4 or .gif; without it a window opens.
        seconds: length of the video; a window stays until it is closed.
        grid: walkers behind one another x side by side, such as 4x4.
        contacts: draw the force of the floor on each foot.
        seed: of the starts.
        threads: threads that step the worlds; by default the CPUs that this process may use.
    """
    shape = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", grid)
    if shape is None:
        sys.exit(f"--grid {grid}: expected ROWSxLANES, such as 4x4")
    if video is None and not has_screen():
        sys.exit("there is no screen to open a window on: add --video FILE.mp4")
    if video is not None:
        check_video(video)
    with Stage(load_walker(walker), (int(shape[1]), int(shape[2])), contacts, seed, threads) as stage:
        if video is None:
            show(stage)
            return
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


def main(args: list[str] | None = None) -> None:
    """Run the command line; what a user did wrong is one message, not a traceback.

    Args:
        args: words after the program's name; by default those of this process.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        app.cli(prog="batchenv", args=args, description=__doc__, sort_subcommands=False)
    except BatchEnvError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
