"""Options of `batchenv train`, and the checks of those that exclude or need each other."""

from dataclasses import dataclass
from pathlib import Path

from batchenv.cli.options import MOST_SEED, MOST_STEPS, MOST_THREADS, MOST_WORLDS, check_whole


@dataclass(frozen=True)
class TrainOptions:
    """The options of `batchenv train`, see there.

    Attributes:
        config: YAML file or name of a preset; None for walk, or with `resume` the configuration of that run.
        steps, envs, seed: values that replace the configuration's; None keeps them.
        threads: number of threads, of each runner if there are runners.
        out, resume: directory of a new run, and that of a run to continue.
        warm_start: directory of a training run, or name of a walker, whose networks a new run begins with.
        until_walking: whether training stops when the policy walks.
        env_runners: number of runners; None trains in one process without runners.
        ray, address: whether the runners are processes of Ray, and the address of its cluster.
        overlap: whether each runner steps half of its worlds while the policy computes for the other half.
        wandb: whether the run is logged at Weights & Biases, too.
        sets: "KEY=VALUE" of further keys.
        data: additional directory for "@data/..." files.
        trust: whether the configuration may run Python files.
    """

    config: str | None
    steps: int | None
    envs: int | None
    threads: int | None
    seed: int | None
    out: Path | None
    resume: Path | None
    warm_start: Path | None
    until_walking: bool
    env_runners: int | None
    ray: bool
    address: str | None
    overlap: bool
    wandb: bool
    sets: tuple[tuple[str, ...], ...]
    data: Path | None
    trust: bool

    @property
    def name(self) -> str:
        """The configuration's name, for messages and the run's directory."""
        return self.config or "walk"

    @property
    def num_runners(self) -> int | None:
        """Number of runners, None for training without any; overlapping halves need one."""
        return 1 if self.overlap and self.env_runners is None else self.env_runners

    def check(self) -> None:
        """Raise SystemExit where an option is out of bounds, or does not fit another."""
        check_whole("--steps", self.steps, 1, MOST_STEPS)
        check_whole("--envs", self.envs, 1, MOST_WORLDS)
        check_whole("--threads", self.threads, 1, MOST_THREADS)
        check_whole("--seed", self.seed, 0, MOST_SEED)
        check_whole("--env-runners", self.env_runners, 1, MOST_WORLDS)
        if self.resume is not None and self.out is not None:
            raise SystemExit("--out and --resume exclude each other: a resumed run keeps its directory")
        if self.resume is not None and self.warm_start is not None:
            raise SystemExit(
                "--warm-start and --resume exclude each other: a resumed run has its own networks"
            )
        if self.ray and self.env_runners is None:
            raise SystemExit("--ray needs a number of runners: add --env-runners K")
        if self.address is not None and not self.ray:
            raise SystemExit("--address is the address of a Ray cluster: add --ray")
