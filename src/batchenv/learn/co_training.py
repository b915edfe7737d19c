"""The muscle network learns while the policy does: from the samples of each rollout."""

from collections.abc import Mapping
from typing import Any

import torch

from batchenv.config import Config
from batchenv.engine.coordinators.shared_network import NetworkCoordinator
from batchenv.env import BatchEnv
from batchenv.errors import CheckpointError
from batchenv.learn.muscle_learner import MuscleLearner


class CoTraining:
    """Collects samples beside a rollout, and learns from them after it.

    Args:
        env: keeps samples; its muscle network is where learning starts.
        coordinator: of its worlds.
        config: its section `training.muscle_network` is followed.
    """

    def __init__(self, env: BatchEnv, coordinator: NetworkCoordinator, config: Config):
        training, samples = config.training, env.muscle_samples()
        self._env, self._coordinator, self._taught_steps = env, coordinator, config.taught_steps
        self.learner = learner_of(coordinator, env.muscle_network(), config)
        rows = training.num_steps_per_env * env.num_envs
        self._jta = torch.zeros(rows, samples.jta_reduced.shape[1])
        self._torque = torch.zeros(rows, samples.torque.shape[1])
        self._views = torch.from_numpy(samples.jta_reduced), torch.from_numpy(samples.torque)
        self._filled = 0

    def begin(self, steps: int) -> bool | None:
        """Begin a rollout, in which static optimisation coordinates as long as it teaches.

        Args:
            steps: environment steps done in the run so far.

        Returns:
            Whether it teaches; None in a run in which it never does.
        """
        self._coordinator.taught = steps < self._taught_steps
        return self._coordinator.taught if self._taught_steps else None

    def record(self) -> None:
        """Copy the samples of the step just taken."""
        rows = slice(self._filled, self._filled + self._env.num_envs)
        self._jta[rows], self._torque[rows] = self._views
        self._filled = rows.stop

    def learn(self) -> dict[str, float]:
        """Learn from the samples of the rollout; the network coordinates with its new weights."""
        losses = self.learner.learn(self._jta[: self._filled], self._torque[: self._filled])
        self._filled, self._coordinator.taught = 0, False
        self._env.set_muscle_network(self.learner.network())
        return losses

    def restore(self, state: Mapping[str, Any] | None) -> None:
        """Go on from a checkpoint, and give the worlds its weights.

        Raises:
            CheckpointError: it has no muscle network, or one of other sizes.
        """
        if state is None:
            raise CheckpointError("The checkpoint holds no muscle network: it was trained without one.")
        try:
            self.learner.load_state_dict(state)
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(f"The checkpoint's muscle network is not as configured: {error}") from error
        self._env.set_muscle_network(self.learner.network())


def co_training(env: object, config: Config) -> CoTraining | None:
    """Start co-training, where an environment keeps samples of a muscle network."""
    coordinator = env.worlds.coordinator if isinstance(env, BatchEnv) else None
    if coordinator is None or coordinator.samples is None or not isinstance(env, BatchEnv):
        return None
    return CoTraining(env, coordinator, config)


def learner_of(coordinator: NetworkCoordinator, state: Mapping[str, Any], config: Config) -> MuscleLearner:
    """A learner of a batch's network, from some first parameters."""
    base = coordinator.base
    return MuscleLearner(
        coordinator.network.layout,
        config.training.muscle_network,
        state,
        base=None if base is None else (base.layout, base.state()),
        weight=coordinator.law.weight,
        seed=config.training.seed,
    )
