"""The command `batchenv train`."""

from contextlib import ExitStack, closing, suppress
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from batchenv.cli_ending import stopped
from batchenv.cli_options import MOST_SEED, MOST_STEPS, MOST_THREADS, MOST_WORLDS, check_whole
from batchenv.config import Config, GaitNetConfig, load_config
from batchenv.distributed.pool import LocalPool, Pool
from batchenv.distributed.runner import MakeBatchEnv, worlds_of_each
from batchenv.engine import available_cpus
from batchenv.env import BatchEnv
from batchenv.errors import OutputError
from batchenv.learn.stopping import StopTraining
from batchenv.startup import importing


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
    env_runners: int | None = None,
    ray: bool = False,
    address: str | None = None,
    overlap: bool = False,
    data: Path | None = None,
    trust: bool = False,
) -> None:
    """Train a policy, with progress, TensorBoard files and checkpoints; Ctrl-C saves.

    So do SIGTERM, a closed terminal and a closed pipe; the exit status is then 128 and the signal's number.

    Args:
        config: a YAML file or the name of a preset; by default walk, or with --resume that of the run.
        steps: environment steps in all; by default what the configuration says.
        envs: number of worlds.
        threads: threads that step them, with --env-runners those of each runner; by default the CPUs that
            this process may use, or a runner's share of the nodes.
        seed: of everything that is drawn.
        out: directory of the run; by default runs/NAME-DATE-TIME.
        resume: directory of a run to go on with.
        until: stop when the deterministic policy completes 95 % of 100 fresh episodes of 20 s near the
            reference's speed.
        env_runners: split the worlds over so many runners, which collect rollouts for one learner.
        ray: let the runners be processes that Ray starts, here or on the nodes of a cluster.
        address: of a running Ray cluster, or auto; by default Ray is started on this machine.
        overlap: let each runner, or the only one, step half of its worlds while the policy thinks about the
            other half.
        data: a directory that "@data/..." may mean, beside the package's own.
        trust: run the Python files that the configuration names, such as those of your own reward terms.
    """
    _check_options(steps, envs, threads, seed, out, resume, env_runners, ray, address)
    try:
        with importing():
            from batchenv.distributed.rollouts import RunnerRollouts
            from batchenv.learn.checkpoints import CHECKPOINT_FILE, load_checkpoint
            from batchenv.learn.progress import Output, TrainingProgress
            from batchenv.learn.run_directory import RunDirectory
            from batchenv.learn.training import check_vacant
            from batchenv.learn.training import train as learn
            from batchenv.learn.walks import Walks
    except ImportError as error:
        raise SystemExit(f"training needs more packages ({error}): pip install 'batchenv[train]'") from error
    if overlap and env_runners is None:
        env_runners = 1
    console = Output(highlight=False, soft_wrap=True)
    with ExitStack() as stack:
        checkpoint = directory = None
        if resume is not None:
            run_dir = resume.parent if resume.name == CHECKPOINT_FILE else resume
            load_checkpoint(run_dir)  # or there is nothing to lock
            directory = stack.enter_context(RunDirectory(run_dir))
            checkpoint = load_checkpoint(run_dir)
        name = config or "walk"
        text = checkpoint.config if checkpoint and config is None else name
        base = load_config(text, data, trust=trust)
        changes = {"training.steps": steps, "training.num_envs": envs, "training.seed": seed}
        resolved = base.replace({key: value for key, value in changes.items() if value is not None})
        num_envs, seed = resolved.training.num_envs, resolved.training.seed
        if until is not None and isinstance(resolved, GaitNetConfig):
            raise SystemExit("--until walks: only the walking task of batchenv is judged, not GaitNet's")
        if env_runners is not None:
            worlds_of_each(num_envs, env_runners)
        if out is not None:
            check_vacant(out)
            directory = stack.enter_context(RunDirectory(out))
        elif directory is None:
            named = Path("runs") / f"{Path(name).stem}-{datetime.now():%Y%m%d-%H%M%S}"
            directory = stack.enter_context(RunDirectory.numbered(named))
        pool = None
        if env_runners is not None:
            pool = stack.enter_context(_pool(resolved, env_runners, threads, ray, address, overlap))
        # With runners, one world here shows what theirs are like.
        env = stack.enter_context(BatchEnv(resolved, 1 if pool else num_envs, threads, seed))
        walks = stack.enter_context(closing(Walks(resolved, threads))) if until else None
        progress = stack.enter_context(TrainingProgress(console))
        where = f"{pool.size} runners of {pool.cpus} threads" if pool else f"{env.num_threads} threads"
        console.print(
            f"training {name}: {num_envs} worlds of {env.obs_dim} observations "
            f"and {env.action_dim} actions on {where}, in {directory.path}"
        )
        result = learn(
            RunnerRollouts(pool, env, num_envs) if pool else env,
            resolved,
            directory,
            resume=checkpoint,
            progress=progress,
            until=walks.until(console.print, seed) if walks else None,
        )
    ended = "stopped" if result.interrupted else "walks" if result.reached else "finished"
    summary = (
        f"{ended} at {result.steps:,} steps after {timedelta(seconds=round(result.seconds))} "
        f"on {where if pool else f'{env.num_threads} of {available_cpus()} CPUs'}: "
        f"{result.steps_per_second:,.0f} steps/s "
        f"({result.env_share:.0%} of the time in the environment), "
        f"mean episode length {result.first_length:.0f} -> {result.last_length:.0f} steps\n"
        f"checkpoint: {result.checkpoint}"
    )
    if pool and (pool.replaced or pool.late):
        summary += f"\n{pool.replaced} runners died and were replaced, {pool.late} rollouts were late"
    if result.stopped_by is None:
        console.print(summary)
        return
    with suppress(StopTraining, OutputError):  # standard output may be gone
        console.print(summary)
    stopped(
        result.stopped_by,
        f"{result.steps:,} steps are saved; go on with: batchenv train --resume {directory.path}",
    )


def _check_options(
    steps: int | None,
    envs: int | None,
    threads: int | None,
    seed: int | None,
    out: Path | None,
    resume: Path | None,
    env_runners: int | None,
    ray: bool,
    address: str | None,
) -> None:
    """SystemExit where options are out of bounds, or do not go together."""
    check_whole("--steps", steps, 1, MOST_STEPS)
    check_whole("--envs", envs, 1, MOST_WORLDS)
    check_whole("--threads", threads, 1, MOST_THREADS)
    check_whole("--seed", seed, 0, MOST_SEED)
    check_whole("--env-runners", env_runners, 1, MOST_WORLDS)
    if resume is not None and out is not None:
        raise SystemExit("--out and --resume exclude each other: a resumed run goes on in its own directory")
    if ray and env_runners is None:
        raise SystemExit("--ray needs to know how many runners to start: add --env-runners K")
    if address is not None and not ray:
        raise SystemExit("--address is of a Ray cluster: add --ray")


def _pool(
    config: Config, runners: int, threads: int | None, on_ray: bool, address: str | None, overlap: bool
) -> Pool:
    """Runners as the options say."""
    make_env, num_envs = MakeBatchEnv(config), worlds_of_each(config.training.num_envs, runners)
    if not on_ray:
        return LocalPool(make_env, runners, num_envs, threads or available_cpus(), overlap)
    try:
        from batchenv.distributed.ray_pool import RayPool
    except ImportError as error:
        raise SystemExit(f"--ray needs more packages ({error}): pip install 'batchenv[ray]'") from error
    return RayPool(make_env, runners, num_envs, cpus=threads, address=address, overlap=overlap)
