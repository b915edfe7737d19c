"""The command `batchenv train`."""

from contextlib import ExitStack, closing
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from batchenv.config import Config, load_config
from batchenv.distributed.pool import LocalPool, Pool
from batchenv.distributed.runner import MakeBatchEnv, worlds_of_each
from batchenv.engine import available_cpus
from batchenv.env import BatchEnv


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
    try:
        from rich.console import Console

        from batchenv.distributed.rollouts import RunnerRollouts
        from batchenv.learn.checkpoints import load_checkpoint
        from batchenv.learn.progress import TrainingProgress
        from batchenv.learn.training import train as learn
        from batchenv.learn.walks import Walks
    except ImportError as error:
        raise SystemExit(f"training needs more packages ({error}): pip install 'batchenv[train]'") from error
    if resume is not None and out is not None:
        raise SystemExit("--out and --resume exclude each other: a resumed run goes on in its own directory")
    if ray and env_runners is None:
        raise SystemExit("--ray needs to know how many runners to start: add --env-runners K")
    if overlap and env_runners is None:
        env_runners = 1
    if address is not None and not ray:
        raise SystemExit("--address is of a Ray cluster: add --ray")
    checkpoint = None if resume is None else load_checkpoint(resume)
    name = config or "walk"
    base = load_config(checkpoint.config if checkpoint and config is None else name, data, trust=trust)
    changes = {"training.steps": steps, "training.num_envs": envs, "training.seed": seed}
    resolved = base.replace({key: value for key, value in changes.items() if value is not None})
    num_envs, seed = resolved.training.num_envs, resolved.training.seed
    run_dir = resume or out or Path("runs") / f"{Path(name).stem}-{datetime.now():%Y%m%d-%H%M%S}"
    console = Console(highlight=False, soft_wrap=True)
    with ExitStack() as stack:
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
            f"and {env.action_dim} actions on {where}, in {run_dir}"
        )
        result = learn(
            RunnerRollouts(pool, env, num_envs) if pool else env,
            resolved,
            run_dir,
            resume=checkpoint,
            progress=progress,
            until=walks.until(console.print, seed) if walks else None,
        )
    ended = "stopped" if result.interrupted else "walks" if result.reached else "finished"
    print(
        f"{ended} at {result.steps:,} steps after {timedelta(seconds=round(result.seconds))} "
        f"on {where if pool else f'{env.num_threads} of {available_cpus()} CPUs'}: "
        f"{result.steps_per_second:,.0f} steps/s "
        f"({result.env_share:.0%} of the time in the environment), "
        f"mean episode length {result.first_length:.0f} -> {result.last_length:.0f} steps\n"
        f"checkpoint: {result.checkpoint}"
    )
    if pool and (pool.replaced or pool.late):
        print(f"{pool.replaced} runners died and were replaced, {pool.late} rollouts were late")
    if result.interrupted:
        print(f"go on with: batchenv train --resume {run_dir}")


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
