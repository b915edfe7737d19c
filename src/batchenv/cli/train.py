"""The command `batchenv train`."""

from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

from batchenv.cli.options import Changes
from batchenv.cli.train_options import TrainOptions
from batchenv.extras import import_extra
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
    warm_start: Path | None = None,
    until: Literal["walks"] | None = None,
    env_runners: int | None = None,
    ray: bool = False,
    address: str | None = None,
    overlap: bool = False,
    logger: Literal["tensorboard", "wandb"] = "tensorboard",
    change: Changes = (),
    data: Path | None = None,
    trust: bool = False,
) -> None:
    """Train a policy with PPO; Ctrl-C saves the run before it ends.

    Args:
        config: YAML file or name of a preset; by default walk, or with --resume that of the run.
        steps: total number of environment steps; by default that of the configuration.
        envs: number of worlds; by default that of the configuration.
        threads: number of threads that step the worlds, with --env-runners those of each runner; by default
            all CPUs available to this process, or a runner's share of the nodes.
        seed: seed of all random draws; by default that of the configuration.
        out: directory of the run; by default runs/NAME-DATE-TIME.
        resume: directory of a run to continue.
        warm_start: directory of a training run, or name of a walker, with whose networks the new run
            begins; columns are matched by name.
        until: stop when the deterministic policy completes 95 % of 100 new episodes of 20 s, near the
            reference's speed or, where there are commands, 90 % of them as told.
        env_runners: number of runners that share the worlds and collect rollouts for one learner.
        ray: start the runners as processes of Ray, on this machine or on the nodes of a cluster.
        address: address of a running Ray cluster, or auto; by default Ray is started on this machine.
        overlap: let each runner step half of its worlds while the policy computes actions for the other half.
        logger: wandb logs at Weights & Biases, too; files for TensorBoard are written in any case.
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        data: additional directory to search for "@data/..." files.
        trust: allow the configuration to run the Python files that it names, such as your own reward terms.
    """
    options = TrainOptions(
        config=config,
        steps=steps,
        envs=envs,
        threads=threads,
        seed=seed,
        out=out,
        resume=resume,
        warm_start=warm_start,
        until_walking=until == "walks",
        env_runners=env_runners,
        ray=ray,
        address=address,
        overlap=overlap,
        wandb=logger == "wandb",
        sets=change,
        data=data,
        trust=trust,
    )
    options.check()
    with importing():
        for module in ("rich", "tensorboard", "torch", "rsl_rl"):
            import_extra(module, "training")
        if ray:
            import_extra("ray", "--ray")
        from batchenv.cli.train_run import run
    run(options)
