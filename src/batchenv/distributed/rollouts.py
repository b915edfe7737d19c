"""Rollouts of a pool of runners, as `train` takes them."""

import time
from collections.abc import Sequence

import numpy as np
import torch
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch.distributions import Normal

from batchenv.config import Config
from batchenv.distributed.pool import Pool
from batchenv.distributed.runner import Rollout, RolloutRequest
from batchenv.errors import InputError
from batchenv.learn.apprentice import build_learner
from batchenv.learn.checkpoints import Checkpoint, policy_of
from batchenv.learn.learnable_env import LearnableEnv
from batchenv.learn.ppo import TruncationPPO
from batchenv.learn.rollouts import Collected, Rollouts
from batchenv.learn.rsl_rl_env import RslRlEnv


class RunnerRollouts(Rollouts):
    """Rollouts that K runners collect, side by side along the axis of the worlds.

    A runner samples with the policy it was sent, and says what it sampled with, so that a late rollout is
    learned from with the probabilities of its own policy.

    Args:
        pool: the runners; it is left open.
        env: any environment with the columns of theirs; it is not stepped.
        num_envs: worlds of all runners together.
    """

    def __init__(self, pool: Pool, env: LearnableEnv, num_envs: int):
        self.pool, self.env, self.num_envs = pool, RslRlEnv(env), num_envs
        self.observations = tuple(column.name for column in env.obs_layout)
        self.actions = tuple(column.name for column in env.action_layout)
        self._seed = 0

    def begin(self, config: Config, seed: int, *, staggered: bool = False) -> TruncationPPO:
        """See `Rollouts.begin`.

        Raises:
            InputError: a muscle network is to learn beside the policy, which it does in one process only.
        """
        muscle, self._seed = config.environment.muscle, seed
        if muscle.coordinator == "network" and muscle.network.keep_samples:
            raise InputError(
                "environment.muscle.network.keep_samples is true, but a muscle network learns in one process "
                "only: train without runners, or set keep_samples to false to keep the network as it is"
            )
        self.pool.begin(seed, staggered=staggered)
        return build_learner(self.env, config.training, _nothing(self.env.env))

    @torch.inference_mode()
    def collect(self, ppo: TruncationPPO, horizon: int, steps: int) -> Collected:
        """See `Rollouts.collect`."""
        begun = time.perf_counter()
        rollouts = self.pool.collect(self._request(ppo, horizon, steps))
        waited = time.perf_counter() - begun
        fill(ppo, rollouts)
        return Collected(
            steps=sum(rollout.rewards.size for rollout in rollouts),
            returns=np.concatenate([rollout.returns for rollout in rollouts]),
            lengths=np.concatenate([rollout.lengths for rollout in rollouts]),
            reward_terms={
                name: sum(rollout.reward_terms[name] for rollout in rollouts) / len(rollouts)
                for name in rollouts[0].reward_terms
            },
            env_seconds=waited,
        )

    def restore(self, checkpoint: Checkpoint) -> None:
        """Go on in the new episodes: the worlds of runners are not kept."""

    def _request(self, ppo: TruncationPPO, horizon: int, steps: int) -> RolloutRequest:
        policy = policy_of(ppo.actor.state_dict(), self.observations, self.actions, steps)
        ppo.actor(_nothing(self.env.env), stochastic_output=True)
        return RolloutRequest(policy, ppo.actor.output_std[0].numpy(), horizon, self._seed, steps)


def fill(ppo: TruncationPPO, rollouts: Sequence[Rollout]) -> None:
    """Put rollouts into PPO's storage as if it had acted itself, and let it compute the returns.

    Args:
        ppo: its storage is replaced where the number of worlds differs from its own.
        rollouts: of as many steps each.
    """
    parts = {
        name: torch.from_numpy(np.concatenate([getattr(rollout, name) for rollout in rollouts], axis=1))
        for name in ("obs", "actions", "means", "rewards", "dones", "time_outs")
    }
    horizon, worlds = parts["rewards"].shape
    std = torch.from_numpy(np.concatenate([np.tile(r.std, (r.rewards.shape[1], 1)) for r in rollouts]))
    final_obs = torch.from_numpy(np.concatenate([_final_obs(rollout) for rollout in rollouts], axis=1))
    last_obs = _wrapped(np.concatenate([rollout.last_obs for rollout in rollouts]))
    if ppo.storage.num_envs != worlds:
        with torch.inference_mode(False):  # what gradients flow through later must not be of this mode
            ppo.storage = RolloutStorage("rl", worlds, horizon, last_obs, parts["actions"].shape[2:])
    log_prob = Normal(parts["means"], std).log_prob(parts["actions"]).sum(-1)
    for t in range(horizon):
        obs = TensorDict({"policy": parts["obs"][t]}, batch_size=[worlds])
        step = ppo.transition
        step.observations, step.actions, step.values = obs, parts["actions"][t], ppo.critic(obs)
        step.actions_log_prob, step.distribution_params = log_prob[t], (parts["means"][t], std)
        ended = {
            "time_outs": parts["time_outs"][t],
            "final_observations": TensorDict({"policy": final_obs[t]}, batch_size=[worlds]),
        }
        ppo.process_env_step(obs, parts["rewards"][t], parts["dones"][t], ended)
    ppo.compute_returns(last_obs)


def _final_obs(rollout: Rollout) -> np.ndarray:
    """What cut-off episodes saw last, in the rows where they were cut off (T, n, O)."""
    rows = np.zeros(rollout.obs.shape, np.float32)
    rows[rollout.time_outs] = rollout.final_obs
    return rows


def _nothing(env: LearnableEnv) -> TensorDict:
    """Observations of one world, all zero: for their shape."""
    return _wrapped(np.zeros((1, env.obs_dim), np.float32))


def _wrapped(obs: np.ndarray) -> TensorDict:
    return TensorDict({"policy": torch.from_numpy(obs)}, batch_size=[len(obs)])
