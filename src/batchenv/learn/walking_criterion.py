"""Stopping criterion of training: the deterministic policy walks."""

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from batchenv.build import on_warp
from batchenv.config import Config
from batchenv.env import BatchEnv
from batchenv.errors import UsageError
from batchenv.learn.checkpoints import Checkpoint
from batchenv.learn.report import Report
from batchenv.learn.training import Until

MIN_EPISODE_SHARE = 0.45
"""Mean length of training episodes, as a share of full length, below which no policy is tested."""
STEPS_BETWEEN_TESTS = 40_000
"""Least number of environment steps of training between two tests."""
# Commands with the columns that observe them, and how far the mean over an episode may be from what is told.
_TOLD = {"speed": 0.1, "yaw_rate": math.radians(5.0)}  # [m/s], [rad/s]

Act = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class WalkingResult:
    """Result of a policy in new episodes.

    Attributes:
        completed: share of episodes completed, or not over yet when too many had failed.
        speed: mean forward speed in those [m/s]; NaN where too many had failed.
        passed: whether the policy meets the criterion.
        kept: share of episodes that were completed as told; None where nothing is commanded.
        seconds: how long it was tested until too many had failed [s]; None where they had not.
    """

    completed: float
    speed: float
    passed: bool
    kept: float | None = None
    seconds: float | None = None

    @property
    def line(self) -> str:
        """What was found, in words."""
        if self.seconds is not None:
            fallen = 1.0 - self.completed
            return f"{fallen:.0%} of fresh episodes had fallen after {self.seconds:.1f} s: does not walk yet"
        kept = "" if self.kept is None else f", {self.kept:.0%} as told"
        verdict = "walks" if self.passed else "does not walk yet"
        return f"{self.completed:.0%} of fresh episodes completed{kept}, {self.speed:.2f} m/s: {verdict}"


class WalkingCriterion:
    """Test of a policy in new episodes: most must be completed, near the task's target speed if it has one.

    Where speed or turning are commanded, 90 % must be completed with a mean speed within 0.1 m/s, and a mean
    rate of turning within 5 degrees/s, of what they were told.

    Args:
        config: configuration of the training; its task is tested in longer episodes, on the engine numba.
        num_threads: number of threads that step the worlds.
        episodes: number of episodes.
        seconds: length of an episode [s].
        share: least share of episodes completed.
        tolerance: largest deviation of the mean speed from the target [m/s].
        share_as_told: least share of episodes completed as commanded, where anything is.

    Raises:
        UsageError: the policy does not see its speed.
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
        share_as_told: float = 0.9,
    ):
        changes = config.lasting(seconds)
        if on_warp(config):
            changes["environment.simulation.engine"] = "numba"
        seen = config.without_privileged()
        self.env = BatchEnv(seen.replace(changes), episodes, num_threads, seed=0)
        self.share, self.tolerance, self.share_as_told = share, tolerance, share_as_told
        self.next_steps = 0
        names, wanted = [column.name for column in self.env.obs_layout], self.env.task.speed_column
        if wanted not in names:
            self.close()
            raise UsageError(f"walking is tested by observing {wanted!r}, which the policy does not see")
        self._speed_column = names.index(wanted)
        seen_in = {"speed": wanted, "yaw_rate": "root_angvel/up"}
        commands = [column.name for column in self.env.command_layout]
        told = [name for name in _TOLD if name in commands and seen_in[name] in names]
        self._told = [commands.index(name) for name in told]
        self._seen = [names.index(seen_in[name]) for name in told]
        self._tolerances = np.array([_TOLD[name] for name in told])

    def __call__(self, act: Act, seed: int) -> WalkingResult:
        """Test a policy.

        Args:
            act: function from observations (N, obs_dim) to actions (N, action_dim).
            seed: seed of the episodes.
        """
        env = self.env
        fallen, speeds = np.zeros(env.num_envs, bool), np.zeros(env.num_envs)
        missed = np.zeros((env.num_envs, len(self._told)))
        obs = env.reset(seed)
        for step in range(env.max_episode_steps):
            told = env.commands[:, self._told]
            obs, _, dones = env.step(act(obs))
            fallen |= env.terminated
            seen = np.where(dones[:, None], env.final_obs, obs)
            speeds += seen[:, self._speed_column]
            missed += seen[:, self._seen] - told
            if fallen.mean() > 1.0 - self.share:  # the verdict is known
                completed, seconds = float(1.0 - fallen.mean()), (step + 1) * env.control_dt
                return WalkingResult(completed, math.nan, False, seconds=seconds)
        speed = float(speeds[~fallen].mean() / env.max_episode_steps)
        completed = float(1.0 - fallen.mean())
        if self._told:
            as_told = (np.abs(missed) <= self._tolerances * env.max_episode_steps).all(axis=1)
            kept = float((as_told & ~fallen).mean())
            return WalkingResult(completed, speed, kept >= self.share_as_told, kept)
        near = not env.task.one_speed or abs(speed - env.task.usual_speed) <= self.tolerance
        return WalkingResult(completed, speed, bool(near))

    def stop_condition(self, say: Callable[[str], None], seed: int, full_episode: int) -> Until:
        """Return the condition that `train` takes as `until`; it tests the policy once episodes are long.

        Args:
            say: function called with the verdict of every test.
            seed: seed of the first test; each test draws other episodes.
            full_episode: length of an episode in training that no fall cuts short [steps].
        """
        asked = 0

        def walks(report: Report, checkpoint: Callable[[], Checkpoint]) -> bool:
            nonlocal asked
            if not report.mean_length >= MIN_EPISODE_SHARE * full_episode or report.steps < self.next_steps:
                return False
            now = checkpoint()
            if (network := now.muscle_network) is not None:
                self.env.set_muscle_network(network)
            check = self(now.policy, seed + (asked := asked + 1))
            self.next_steps = report.steps + STEPS_BETWEEN_TESTS
            say(f"{report.steps:,} steps: {check.line}")
            return check.passed

        return walks

    def close(self) -> None:
        """Free the worlds."""
        self.env.close()
