"""When training may stop: the deterministic policy walks."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from batchenv.config import Config
from batchenv.env import BatchEnv
from batchenv.learn.checkpoints import Checkpoint
from batchenv.learn.report import Report
from batchenv.learn.training import Until

READY = 0.45
"""Share of a full episode that training episodes must last before a policy is judged."""
PAUSE = 40_000
"""Environment steps of training between two verdicts."""

Act = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class WalkCheck:
    """How a policy did in fresh episodes.

    Attributes:
        completed: share of them that it completed.
        speed: mean forward speed in those [m/s].
        passed: whether that is walking.
    """

    completed: float
    speed: float
    passed: bool


class Walks:
    """Lets a policy walk fresh episodes: most must be completed, near the speed asked for.

    Args:
        config: of the training; its task is judged in longer episodes.
        num_threads: threads that step the worlds.
        episodes: how many fresh episodes.
        seconds: how long each [s].
        share: of them that must be completed.
        tolerance: of the mean speed, around the reference's [m/s].
    """

    def __init__(
        self,
        config: Config,
        num_threads: int | None = None,
        *,
        episodes: int = 100,
        seconds: float = 20.0,
        share: float = 0.95,
        tolerance: float = 0.06,
    ):
        self.env = BatchEnv(
            config.replace({"environment.episode.max_seconds": seconds}), episodes, num_threads, seed=0
        )
        self.share, self.tolerance = share, tolerance
        self.training_steps = (
            config.environment.episode.max_seconds * config.environment.simulation.control_hz
        )
        self.next_steps = 0

    def __call__(self, act: Act, seed: int) -> WalkCheck:
        """Judge a policy.

        Args:
            act: actions (N, action_dim) from observations (N, obs_dim).
            seed: of the episodes.
        """
        env = self.env
        forward = [column.name for column in env.obs_layout].index("root_linvel/forward")
        fallen, speeds = np.zeros(env.num_envs, bool), np.zeros(env.num_envs)
        obs = env.reset(seed)
        for _ in range(env.max_episode_steps):
            obs, _, _ = env.step(act(obs))
            fallen |= env.terminated
            speeds += obs[:, forward]
            if fallen.mean() > 1.0 - self.share:  # the verdict is known
                return WalkCheck(float(1.0 - fallen.mean()), float("nan"), False)
        speed = float(speeds[~fallen].mean() / env.max_episode_steps)
        near = abs(speed - env.task.gait.speed) <= self.tolerance
        return WalkCheck(float(1.0 - fallen.mean()), speed, bool(near))

    def until(self, say: Callable[[str], None], seed: int) -> Until:
        """What `train` may be given: judges the policy when episodes in training are near their full length.

        Args:
            say: is told every verdict.
            seed: of the first fresh episodes; each verdict takes others.
        """
        asked = 0

        def walks(report: Report, checkpoint: Callable[[], Checkpoint]) -> bool:
            nonlocal asked
            if not report.mean_length >= READY * self.training_steps or report.steps < self.next_steps:
                return False
            now = checkpoint()
            if (network := now.muscle_network) is not None:
                self.env.set_muscle_network(network)
            check = self(now.policy, seed + (asked := asked + 1))
            self.next_steps = report.steps + PAUSE
            verdict = "walks" if check.passed else "does not walk yet"
            say(f"{report.steps:,} steps: {check.completed:.0%} of fresh episodes completed, "
                f"{check.speed:.2f} m/s: {verdict}")  # fmt: skip
            return check.passed

        return walks

    def close(self) -> None:
        """Free the worlds."""
        self.env.close()
