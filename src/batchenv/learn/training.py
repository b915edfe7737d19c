"""Training: collect with the environment, learn with PPO, save; again."""

import gc
import logging
import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import numpy as np
import torch

from batchenv.config import Config, Training
from batchenv.engine import available_cpus
from batchenv.errors import BatchEnvError, CheckpointError, OutputError
from batchenv.files import write_atomically
from batchenv.inputs import checked_whole_number
from batchenv.learn.checkpoints import (
    CHECKPOINT_FILE,
    Checkpoint,
    load_checkpoint,
    on_host,
    pack,
    random_state,
    set_random_state,
    unpack,
)
from batchenv.learn.event_file import EventFile
from batchenv.learn.learnable_env import LearnableEnv
from batchenv.learn.policy import MUSCLES_FILE
from batchenv.learn.ppo import Actor, TruncationPPO, privileged_columns
from batchenv.learn.report import Episodes, Report, TrainingResult
from batchenv.learn.rollouts import EnvRollouts, Rollouts
from batchenv.learn.run_directory import RunDirectory
from batchenv.learn.stopping import StopTraining, stop_signals
from batchenv.learn.warm_start import Networks
from batchenv.shipped import CONFIG_FILE, POLICY_FILE

_log = logging.getLogger(__name__)

VALUE_ALONE_STEPS = 65_536
"""Environment steps in which a value function learns alone beside a policy that is no longer a beginner.

Advantages of a new value function are noise, which would undo in a few updates what the policy can do.
"""

Until = Callable[[Report, Callable[[], Checkpoint]], bool]


def train(
    env: LearnableEnv | Rollouts,
    config: Config,
    run_dir: str | Path | RunDirectory,
    steps: int | None = None,
    *,
    resume: Checkpoint | None = None,
    warm_start: Networks | None = None,
    progress: Callable[[Report], None] | None = None,
    until: Until | None = None,
) -> TrainingResult:
    """Train a policy with PPO, with checkpoints and TensorBoard scalars in the directory of the run.

    SIGINT (Ctrl-C), SIGTERM and SIGHUP end the run after the iteration under way, with a checkpoint, see
    `stop_signals`; so does `StopTraining`, raised by `progress`. Torch learns with `training.learn_threads`
    threads and otherwise, while worlds step, with one.

    Args:
        env: environment of `config`, or where else rollouts come from; it is reset, and left open.
        config: its section `training` is followed, the seed included; all of it is kept in the checkpoint.
        run_dir: directory of the run, made where it does not exist, and locked meanwhile.
        steps: environment steps (worlds times control steps) after which to stop, those of a resumed run
            included; a rollout is always finished. By default `training.steps`.
        resume: a checkpoint to go on from, see `load_checkpoint`. With as many worlds as it was saved with,
            the run goes on as if it had not been interrupted; with another number, or where the configuration
            of the environment has changed, in new episodes.
        warm_start: networks that a new run begins with, see `load_networks`; by default new ones.
        progress: called after each iteration.
        until: asked after each iteration whether the run is at its goal; given the report, and a function
            that makes a checkpoint of that moment.

    Returns:
        How it ended.

    Raises:
        CheckpointError: `resume` is of an environment with other columns, or `warm_start` does not fit, or
            `run_dir` holds another run, or another process trains in it.
        OutputError: a file cannot be written, as on a full disk; the last checkpoint is whole.
        BatchEnvError: learning diverged; the last checkpoint is from before.
    """
    total = config.training.steps if steps is None else steps
    checked_whole_number("steps", total, 1, 10**15)
    with ExitStack() as stack:
        directory = run_dir
        if not isinstance(directory, RunDirectory):
            check_vacant(Path(directory), resume)
            directory = stack.enter_context(RunDirectory(directory))
        check_vacant(directory.path, resume)
        directory.remove_partials((CHECKPOINT_FILE, CONFIG_FILE, POLICY_FILE, MUSCLES_FILE))
        stack.enter_context(_torch_threads(1))
        gc.freeze()  # keeps the garbage collector from searching loaded modules in every hundredth step
        stack.callback(gc.unfreeze)
        rollouts = env if isinstance(env, Rollouts) else EnvRollouts(env)
        run = (
            _new_run(rollouts, config, warm_start)
            if resume is None
            else _resumed_run(rollouts, config, resume)
        )
        run.limit_scatter()
        text = run.config_text.encode()
        write_atomically(directory.path / CONFIG_FILE, lambda file: file.write(text))
        if not (directory.path / CHECKPOINT_FILE).exists():
            run.checkpoint().save(directory.path)
        return _run_until(total, run, directory.path, progress or (lambda report: None), until)


def check_vacant(run_dir: Path, resume: Checkpoint | None = None) -> None:
    """Refuse a directory that holds a run, unless that is resumed.

    Raises:
        CheckpointError: it holds one.
    """
    if resume is None and os.path.lexists(run_dir / CHECKPOINT_FILE):
        raise CheckpointError(
            f"{run_dir} already holds a checkpoint: resume that run, or choose another directory."
        )


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
    def training(self) -> Training:
        """What the configuration says of training at this moment."""
        return self.config.training.after(self.steps)

    def limit_scatter(self) -> None:
        """Cut standard deviations of actions to `training.most_std`."""
        cast(Actor, self.ppo.actor).limit_scatter(self.training.most_std)

    @property
    def config_text(self) -> str:
        return self.config.to_yaml()

    def checkpoint(self) -> Checkpoint:
        worlds, muscles = self.rollouts.snapshot()
        hidden = privileged_columns(self.config.training.privileged_terms, self.rollouts.env.env)
        return Checkpoint(
            steps=self.steps,
            num_envs=self.rollouts.num_envs,
            seed=self.seed,
            config=self.config_text,
            observations=self.rollouts.observations,
            actions=self.rollouts.actions,
            learner=on_host(self.ppo.save()),
            random=random_state(),
            env=worlds,
            episodes=pack(self.episodes),
            muscles=muscles,
            privileged=tuple(np.array(self.rollouts.observations)[hidden].tolist()),
        )


def _new_run(rollouts: Rollouts, config: Config, warm_start: Networks | None) -> _Run:
    seed = config.training.seed
    torch.manual_seed(seed)
    ppo = rollouts.begin(config, seed, staggered=warm_start is not None)
    if warm_start is not None:
        warm_start.load_into(ppo, rollouts.observations, rollouts.actions)
        config = config.replace({"training.value_alone_steps": value_alone_steps(config, warm_start)})
    return _Run(rollouts, ppo, config, seed)


def value_alone_steps(config: Config, warm_start: Networks) -> int | None:
    """For how many steps of a run the value function alone learns; None: it does not."""
    steps, teacher = config.training.value_alone_steps, config.training.teacher
    return VALUE_ALONE_STEPS if warm_start.critic is None and steps is None and teacher is None else steps


def _resumed_run(rollouts: Rollouts, config: Config, checkpoint: Checkpoint) -> _Run:
    checkpoint.check_layout(rollouts.observations, rollouts.actions)
    torch.manual_seed(checkpoint.seed + checkpoint.steps)  # for a GPU, whose generator is not kept
    ppo = rollouts.begin(config, checkpoint.seed + checkpoint.steps, staggered=True)
    checkpoint.load_into(ppo)
    rollouts.restore(checkpoint)
    set_random_state(checkpoint.random)
    episodes = Episodes.restored(unpack(checkpoint.episodes))
    return _Run(rollouts, ppo, config, checkpoint.seed, checkpoint.steps, episodes)


def _run_until(
    total: int, run: _Run, run_dir: Path, progress: Callable[[Report], None], until: Until | None
) -> TrainingResult:
    start, start_steps, env_seconds = time.monotonic(), run.steps, 0.0
    pace = _Pace(run.config.training)
    reached = False
    with stop_signals() as stop:
        try:
            with EventFile(run_dir, run.steps or None) as events:
                while run.steps < total and not reached and stop.number is None:
                    try:
                        report, seconds = _iterate(run, total)
                    except BatchEnvError as error:
                        if stop.number is None:
                            raise
                        _log.warning("the last iteration is lost: %s", error)  # runners were stopped, too
                        break
                    env_seconds += seconds
                    events.write(report.scalars(), run.steps)
                    try:
                        progress(report)
                        if pace.is_due():
                            run.checkpoint().save(run_dir)
                            pace.restart()
                        reached = until is not None and until(report, run.checkpoint)
                    except StopTraining as told:
                        stop.number = told.number
            path = run.checkpoint().save(run_dir)
        except OutputError as error:
            raise _without_disk(run, run_dir, error) from error
        elapsed = time.monotonic() - start
        unfinished = run.steps < total and not reached
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
            stopped_by=stop.number if unfinished else None,
            reached=reached,
        )


class _Pace:
    """When the next checkpoint is due: after so many seconds, and where asked for, so many iterations."""

    def __init__(self, training: Training):
        self._training, self._iterations = training, 0
        self._saved = time.monotonic()

    def is_due(self) -> bool:
        """Count an iteration, and return whether to save after it."""
        self._iterations += 1
        every = self._training.checkpoint_iterations
        late = time.monotonic() - self._saved >= self._training.checkpoint_seconds
        return late or (every is not None and self._iterations % every == 0)

    def restart(self) -> None:
        """Note that a checkpoint was saved."""
        self._saved = time.monotonic()


def _without_disk(run: _Run, run_dir: Path, error: OutputError) -> OutputError:
    """Save once more, for it may be the progress that cannot be written; say what was saved."""
    try:
        run.checkpoint().save(run_dir)
        saved = run.steps
    except OutputError:
        saved = load_checkpoint(run_dir).steps
    return OutputError(
        f"{error}; training stopped at {run.steps:,} steps, "
        f"and the checkpoint in {run_dir} holds {saved:,} of them"
    )


def _iterate(run: _Run, total: int) -> tuple[Report, float]:
    """Collect one rollout and learn from it; also return the seconds that the environment took."""
    started = time.perf_counter()
    cast(Actor, run.ppo.actor).rests = run.steps < (run.training.value_alone_steps or 0)
    collected = run.rollouts.collect(run.ppo, run.config.training.num_steps_per_env, run.steps)
    run.steps += collected.steps
    run.episodes.add(run.steps, collected.returns, collected.lengths)
    losses = _learn(run, min(run.config.training.learn_threads, available_cpus()))
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
        taught=collected.taught,
    )
    return report, collected.env_seconds


def _learn(run: _Run, threads: int) -> dict[str, float]:
    """Learn from the rollout; refuse to go on, and to save, once a weight is no number."""
    losses, error = {}, None
    with _torch_threads(threads):
        try:
            alone = run.steps <= (run.training.value_alone_steps or 0)
            run.ppo.heed(run.training)
            losses = run.ppo.update(value_alone=alone) | run.rollouts.learn()
            run.limit_scatter()
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
