"""Training: collect with the environment, learn with PPO, save; again."""

import gc
import logging
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch.utils.tensorboard import SummaryWriter

from batchenv.config import Config
from batchenv.engine import available_cpus
from batchenv.errors import BatchEnvError, CheckpointError, InputError
from batchenv.files import write_atomically
from batchenv.learn.checkpoints import (
    CHECKPOINT_FILE,
    CONFIG_FILE,
    Checkpoint,
    pack,
    random_state,
    set_random_state,
    unpack,
)
from batchenv.learn.learnable_env import LearnableEnv
from batchenv.learn.ppo import TruncationPPO
from batchenv.learn.report import Episodes, Report, TrainingResult
from batchenv.learn.rollouts import EnvRollouts, Rollouts

_log = logging.getLogger(__name__)

Until = Callable[[Report, Callable[[], Checkpoint]], bool]


def train(
    env: LearnableEnv | Rollouts,
    config: Config,
    run_dir: str | Path,
    steps: int | None = None,
    *,
    resume: Checkpoint | None = None,
    progress: Callable[[Report], None] | None = None,
    until: Until | None = None,
) -> TrainingResult:
    """Train a policy with PPO, with checkpoints and TensorBoard scalars in the directory of the run.

    SIGINT (Ctrl-C) and SIGTERM end the run after the iteration under way, with a checkpoint; a second one at
    once. Torch learns with `training.learn_threads` threads and otherwise, while worlds step, with one.

    Args:
        env: environment of `config`, or where else rollouts come from; it is reset, and left open.
        config: its section `training` is followed, the seed included; all of it is kept in the checkpoint.
        run_dir: directory of the run, made where it does not exist.
        steps: environment steps (worlds times control steps) after which to stop, those of a resumed run
            included; a rollout is always finished. By default `training.steps`.
        resume: a checkpoint to go on from, see `load_checkpoint`. With as many worlds as it was saved with,
            the run goes on as if it had not been interrupted; with another number, in new episodes.
        progress: called after each iteration.
        until: asked after each iteration whether the run is at its goal; given the report, and a function
            that makes a checkpoint of that moment.

    Returns:
        How it ended.

    Raises:
        CheckpointError: `resume` is of an environment with other columns, or `run_dir` holds another run.
        BatchEnvError: learning diverged; the last checkpoint is from before.
    """
    run_dir = Path(run_dir)
    total = config.training.steps if steps is None else steps
    if total < 1:
        raise InputError(f"steps is {total}; expected at least 1.")
    if resume is None and (run_dir / CHECKPOINT_FILE).exists():
        raise CheckpointError(
            f"{run_dir} already holds a checkpoint: resume that run, or choose another directory."
        )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()  # what is loaded by now need not be searched for garbage in every hundredth step
    try:
        rollouts = env if isinstance(env, Rollouts) else EnvRollouts(env)
        run = _new_run(rollouts, config) if resume is None else _resumed_run(rollouts, config, resume)
        run_dir.mkdir(parents=True, exist_ok=True)
        write_atomically(run_dir / CONFIG_FILE, lambda file: file.write(run.config_text.encode()))
        if not (run_dir / CHECKPOINT_FILE).exists():
            run.checkpoint().save(run_dir)
        return _run_until(total, run, run_dir, progress or (lambda report: None), until)
    finally:
        gc.unfreeze()
        torch.set_num_threads(threads)


@dataclass
class _Run:
    """A training run under way."""

    rollouts: Rollouts
    ppo: TruncationPPO
    config: Config
    seed: int
    steps: int = 0
    episodes: Episodes = field(default_factory=Episodes)

    @property
    def config_text(self) -> str:
        return self.config.to_yaml()

    def checkpoint(self) -> Checkpoint:
        worlds, muscles = self.rollouts.snapshot()
        return Checkpoint(
            steps=self.steps,
            num_envs=self.rollouts.num_envs,
            seed=self.seed,
            config=self.config_text,
            observations=self.rollouts.observations,
            actions=self.rollouts.actions,
            learner=self.ppo.save(),
            random=random_state(),
            env=worlds,
            episodes=pack(self.episodes),
            muscles=muscles,
        )


def _new_run(rollouts: Rollouts, config: Config) -> _Run:
    seed = config.training.seed
    torch.manual_seed(seed)
    return _Run(rollouts, rollouts.begin(config, seed), config, seed)


def _resumed_run(rollouts: Rollouts, config: Config, checkpoint: Checkpoint) -> _Run:
    checkpoint.check_layout(rollouts.observations, rollouts.actions)
    ppo = rollouts.begin(config, checkpoint.seed + checkpoint.steps)
    checkpoint.load_into(ppo)
    rollouts.restore(checkpoint)
    set_random_state(checkpoint.random)
    episodes = Episodes.restored(unpack(checkpoint.episodes))
    return _Run(rollouts, ppo, config, checkpoint.seed, checkpoint.steps, episodes)


def _run_until(
    total: int, run: _Run, run_dir: Path, progress: Callable[[Report], None], until: Until | None
) -> TrainingResult:
    training = run.config.training
    start = saved = time.monotonic()
    start_steps, env_seconds, reached, iterations = run.steps, 0.0, False, 0
    purge_step = run.steps or None
    with _stop_signals() as stop, SummaryWriter(str(run_dir), purge_step=purge_step, flush_secs=10) as writer:
        while run.steps < total and not stop.is_set():
            report, seconds = _iterate(run, total, min(training.learn_threads, available_cpus()))
            env_seconds += seconds
            for tag, value in report.scalars().items():
                writer.add_scalar(tag, value, run.steps)
            progress(report)
            iterations += 1
            every = training.checkpoint_iterations
            if (every and iterations % every == 0) or time.monotonic() - saved >= training.checkpoint_seconds:
                saved = time.monotonic()
                run.checkpoint().save(run_dir)
            if until is not None and until(report, run.checkpoint):
                reached = True
                break
        path = run.checkpoint().save(run_dir)
        elapsed = time.monotonic() - start
        return TrainingResult(
            steps=run.steps,
            steps_done=run.steps - start_steps,
            seconds=elapsed,
            steps_per_second=(run.steps - start_steps) / elapsed,
            env_share=env_seconds / elapsed,
            first_length=run.episodes.first_length,
            last_length=run.episodes.mean_length,
            last_return=run.episodes.mean_return,
            checkpoint=path,
            interrupted=run.steps < total and not reached,
            reached=reached,
        )


def _iterate(run: _Run, total: int, learn_threads: int) -> tuple[Report, float]:
    """Collect one rollout and learn from it; also return the seconds that the environment took."""
    started = time.perf_counter()
    collected = run.rollouts.collect(run.ppo, run.config.training.num_steps_per_env, run.steps)
    run.steps += collected.steps
    run.episodes.add(run.steps, collected.returns, collected.lengths)
    losses = _learn(run, learn_threads)
    seconds = time.perf_counter() - started
    report = Report(
        steps=run.steps,
        total_steps=total,
        steps_per_second=collected.steps / seconds,
        mean_return=run.episodes.mean_return,
        mean_length=run.episodes.mean_length,
        reward_terms=collected.reward_terms,
        losses=losses,
        learning_rate=run.ppo.learning_rate,
        std=run.ppo.actor.output_std.mean().item(),
        env_share=collected.env_seconds / seconds,
    )
    return report, collected.env_seconds


def _learn(run: _Run, threads: int) -> dict[str, float]:
    """Learn from the rollout; refuse to go on, and to save, once a weight is no number."""
    losses, error = {}, None
    with _torch_threads(threads):
        try:
            losses = run.ppo.update() | run.rollouts.learn()
        except RuntimeError as caught:
            error = caught
    for name, parameter in run.ppo.actor.named_parameters():
        if not torch.isfinite(parameter).all():
            raise BatchEnvError(
                f"Learning diverged at step {run.steps}: the policy's {name} is not finite. The last "
                "checkpoint is from before; a lower training.learning_rate or training.desired_kl may help."
            ) from error
    if error is not None:
        raise error
    return losses


@contextmanager
def _torch_threads(number: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """Turn the first SIGINT or SIGTERM into an event; a second acts as if nobody had listened."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop
        return
    before = {int(number): signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}

    def note(number: int, frame: object) -> None:
        _log.warning("stopping after this iteration; once more to stop without saving")
        stop.set()
        signal.signal(number, before[number])

    try:
        for number in before:
            signal.signal(number, note)
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
