"""One run of `batchenv train`, from its options to the summary. Imports Torch."""

import math
from collections.abc import Callable
from contextlib import ExitStack, closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from batchenv.build import on_warp
from batchenv.cli.ending import stopped
from batchenv.cli.train_options import TrainOptions
from batchenv.config import Config, load_config, parse_changes
from batchenv.distributed.pool import LocalPool, Pool
from batchenv.distributed.rollouts import RunnerRollouts
from batchenv.distributed.runner import MakeBatchEnv, worlds_of_each
from batchenv.engine import available_cpus
from batchenv.env import BatchEnv
from batchenv.errors import HostOnlyError, OutputError
from batchenv.extras import import_extra
from batchenv.learn.checkpoints import CHECKPOINT_FILE, Checkpoint, load_checkpoint
from batchenv.learn.progress import Output, TrainingProgress
from batchenv.learn.report import Report
from batchenv.learn.run_directory import RunDirectory
from batchenv.learn.stopping import StopTraining
from batchenv.learn.training import TrainingResult, check_vacant, value_alone_steps
from batchenv.learn.training import train as learn
from batchenv.learn.walking_criterion import WalkingCriterion
from batchenv.learn.wandb_log import WandbLog
from batchenv.learn.warm_start import Networks, load_networks
from batchenv.shipped import walker_path


def run(options: TrainOptions) -> None:
    """Train as the options say, and print a summary.

    Raises:
        SystemExit: an option does not fit the configuration, or a signal ended the run.
    """
    console = Output(highlight=False, soft_wrap=True)
    if options.wandb:
        import_extra("wandb", "--logger wandb")  # its absence is reported before any work
    with ExitStack() as stack:
        checkpoint, directory = _resumed(options.resume, stack)
        config = _configuration(options, checkpoint)
        networks = _networks(options.warm_start)
        directory = directory or _new_directory(options, stack)
        num_envs, seed = config.training.num_envs, config.training.seed
        pool = stack.enter_context(_pool(options, config)) if options.num_runners else None
        env = stack.enter_context(_environment(options, config, pool, console))
        criterion = None
        if options.until_walking:
            criterion = stack.enter_context(closing(WalkingCriterion(config, options.threads)))
        shown = stack.enter_context(TrainingProgress(console))
        log = stack.enter_context(WandbLog(directory.path, config)) if options.wandb else None
        begun = f"going on after {checkpoint.steps:,} steps" if checkpoint else f"training {options.name}"
        where = f"{_counted(pool.size, 'runner')} of {_counted(pool.cpus, 'thread')}" if pool else _place(env)
        console.print(
            f"{begun}: {num_envs} worlds of {env.obs_dim} observations "
            f"and {env.action_dim} actions on {where}, in {directory.path}"
        )
        if checkpoint and checkpoint.steps >= config.training.steps:
            console.print(f"it has its {checkpoint.steps:,} steps already: give more with --steps")
        if networks is not None:
            console.print(_taken_over(networks, config, env))
        result = learn(
            RunnerRollouts(pool, env, num_envs) if pool else env,
            config,
            directory,
            resume=checkpoint,
            warm_start=networks,
            progress=_both(log, shown) if log else shown,
            until=criterion.stop_condition(console.print, seed, env.max_episode_steps) if criterion else None,
        )
    on_cpus = pool is None and isinstance(env, BatchEnv)
    where = f"{env.num_threads} of {available_cpus()} CPUs" if on_cpus else where
    summary = _summary(result, where, pool)
    if result.stopped_by is None:
        console.print(summary)
        return
    with suppress(StopTraining, OutputError):  # standard output may be closed
        console.print(summary)
    again = f"batchenv train --resume {directory.path}{' --until walks' * options.until_walking}"
    stopped(result.stopped_by, f"{result.steps:,} steps are saved; go on with: {again}")


def _both(log: WandbLog, progress: TrainingProgress) -> Callable[[Report], None]:
    """Return what logs a report, and shows it."""

    def report_to_both(report: Report) -> None:
        log(report)
        progress(report)

    return report_to_both


def _resumed(resume: Path | None, stack: ExitStack) -> tuple[Checkpoint, RunDirectory] | tuple[None, None]:
    """Return the checkpoint and the locked directory of a run to continue."""
    if resume is None:
        return None, None
    path = resume.parent if resume.name == CHECKPOINT_FILE else resume
    load_checkpoint(path)  # a directory without a checkpoint is not locked
    directory = stack.enter_context(RunDirectory(path))
    return load_checkpoint(path), directory


def _configuration(options: TrainOptions, checkpoint: Checkpoint | None) -> Config:
    """Return the configuration of the run, checked against the options."""
    text = checkpoint.config if checkpoint and options.config is None else options.name
    config = load_config(text, options.data, trust=options.trust).replace(_changes(options))
    if options.num_runners is not None:
        worlds_of_each(config.training.num_envs, options.num_runners)
    return config


def _networks(origin: Path | None) -> Networks | None:
    """Return the networks of a run, or of a shipped walker by name, to begin with."""
    return None if origin is None else load_networks(walker_path(origin))


def _taken_over(networks: Networks, config: Config, env: Any) -> str:
    """What a run begins with of earlier networks, and what it learns first."""
    shares = []
    for kind, layout, known in (
        ("observations", env.obs_layout, networks.observations),
        ("actions", env.action_layout, networks.actions),
    ):
        names = [column.name for column in layout]
        new = [name for name in names if name not in known]
        listed = f" (new: {', '.join(new[:3])}{', ...' if len(new) > 3 else ''})" if new else ""
        shares.append(f"{len(names) - len(new)} of {len(names)} {kind}{listed}")
    alone = value_alone_steps(config, networks)
    first = f"; for {alone:,} steps the value function alone learns" if alone else ""
    return f"the earlier networks know {' and '.join(shares)}{first}"


def _changes(options: TrainOptions) -> dict[str, Any]:
    """Return values by configuration key that replace the configuration's."""
    values = {
        "training.steps": options.steps,
        "training.num_envs": options.envs,
        "training.seed": options.seed,
    }
    given = {key: value for key, value in values.items() if value is not None}
    return parse_changes(options.sets) | given


def _new_directory(options: TrainOptions, stack: ExitStack) -> RunDirectory:
    """Return the locked directory of a new run."""
    if options.out is not None:
        check_vacant(options.out)
        return stack.enter_context(RunDirectory(options.out))
    path = Path("runs") / f"{Path(options.name).stem}-{datetime.now():%Y%m%d-%H%M%S}"
    return stack.enter_context(RunDirectory.numbered(path))


def _environment(options: TrainOptions, config: Config, pool: Pool | None, console: Output) -> Any:
    """Return the worlds to learn in: a `DeviceEnv` where the engine is warp and its terms allow that.

    With runners, one world here shows what theirs are like.
    """
    num_envs, seed = config.training.num_envs, config.training.seed
    if on_warp(config):
        try:
            return _device_environment(config, pool)
        except HostOnlyError as error:
            console.print(f"state, terms and learner are on the host: {error}")
    return BatchEnv(config, 1 if pool else num_envs, options.threads, seed)


def _device_environment(config: Config, pool: Pool | None) -> Any:
    """Return worlds whose state, terms and learner are on a device.

    Raises:
        HostOnlyError: a term, or the runners, need the host.
    """
    if pool is not None:
        raise HostOnlyError("runners collect rollouts there")
    import_extra("mujoco_warp", "environment.simulation.engine warp")
    from batchenv.device_env import DeviceEnv

    return DeviceEnv(config, config.training.num_envs, config.training.seed)


def _place(env: Any) -> str:
    """Where an environment's worlds are stepped."""
    return _counted(env.num_threads, "thread") if isinstance(env, BatchEnv) else f"device {env.device}"


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'' if count == 1 else 's'}"


def _pool(options: TrainOptions, config: Config) -> Pool:
    """Return the runners that the options ask for."""
    runners = options.num_runners or 1
    make_env, num_envs = MakeBatchEnv(config), worlds_of_each(config.training.num_envs, runners)
    if not options.ray:
        return LocalPool(make_env, runners, num_envs, options.threads or available_cpus(), options.overlap)
    from batchenv.distributed.ray_pool import RayPool

    return RayPool(
        make_env, runners, num_envs, cpus=options.threads, address=options.address, overlap=options.overlap
    )


def _lengths(result: TrainingResult) -> str:
    """How the length of episodes changed."""
    if math.isnan(result.last_length):
        return "no episode has ended yet"
    return f"mean episode length {result.first_length:.0f} -> {result.last_length:.0f} steps"


def _summary(result: TrainingResult, where: str, pool: Pool | None) -> str:
    """Return the lines that end a run."""
    ended = "stopped" if result.interrupted else "walks" if result.reached else "finished"
    lines = [
        f"{ended} at {result.steps:,} steps after {timedelta(seconds=round(result.seconds))} "
        f"on {where}: {result.steps_per_second:,.0f} steps/s "
        f"({result.env_share:.0%} of the time in the environment), {_lengths(result)}",
        f"checkpoint: {result.checkpoint}",
    ]
    if pool and (pool.replaced or pool.late):
        lines.append(f"{pool.replaced} runners died and were replaced, {pool.late} rollouts were late")
    return "\n".join(lines)
