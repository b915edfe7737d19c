"""The command `batchenv`: the only place that prints."""

import json
import logging
import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import tyro
from tyro.conf import Positional, arg

from batchenv.benchmark import Row, as_json, benchmark
from batchenv.config import PRESETS, Config, load_config
from batchenv.engine import available_cpus
from batchenv.env import BatchEnv
from batchenv.errors import BatchEnvError
from batchenv.mdp.task import reward_terms

app = tyro.extras.SubcommandApp()

ConfigName = Annotated[str, arg(metavar="CONFIG", help=f"a YAML file, or a preset: {', '.join(PRESETS)}")]


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
    """
    try:
        from rich.console import Console

        from batchenv.learn.checkpoints import load_checkpoint
        from batchenv.learn.progress import TrainingProgress
        from batchenv.learn.training import train as learn
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
    with (
        BatchEnv(resolved, resolved.training.num_envs, threads, resolved.training.seed) as env,
        TrainingProgress(console := Console()) as progress,
    ):
        console.print(
            f"training {name}: {env.num_envs} worlds of {env.obs_dim} observations and {env.action_dim} actions "
            f"on {env.num_threads} threads, in {run_dir}",
            highlight=False,
        )
        result = learn(env, resolved, run_dir, resume=checkpoint, progress=progress)
    print(
        f"{'stopped' if result.interrupted else 'finished'} at {result.steps:,} steps, "
        f"{result.steps_per_second:,.0f} steps/s ({result.env_share:.0%} of the time in the environment), "
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
    "| ratio to limit | MB per world | construct s | reset ms |\n|---|---|---|---|---|---|---|---|---|---|"
)


def _table_line(row: Row) -> str:
    driven = f"{row.actuator}, {row.coordinator}" if row.coordinator else row.actuator
    return (
        f"| {row.config} | {driven} | {row.envs} | {row.threads} | {row.steps_per_second:,.0f} "
        f"| {row.cpu_us_per_substep:.1f} ({row.limit_cpu_us_per_substep:.1f}) "
        f"| {row.ratio_to_limit:.3f} +- {row.ratio_spread:.3f} | {row.mb_per_env:.2f} "
        f"| {row.construction_s:.2f} | {row.reset_ms:.1f} |"
    )


def _write_json(file: Path, rows: list[Row]) -> None:
    file.write_text(json.dumps(as_json(rows), indent=1) + "\n")


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
