"""Train a preset with PPO in one file, in the manner of CleanRL's `ppo_continuous_action.py`.

    pip install -c constraints.txt torch==2.13.0 -e '.[train,sb3]'
    python examples/train_cleanrl.py --steps 20000
    batchenv evaluate runs/cleanrl --out report

Where time alone ended an episode, the value of what it saw last is added to its last reward (Pardo et al.
2018, "Time Limits in Reinforcement Learning", equation 6).
"""

import time
from dataclasses import dataclass
from pathlib import Path

import gymnasium as gym
import numpy as np
import torch
import tyro
from torch import nn
from torch.distributions import Normal

import batchenv  # noqa: F401  # registers the ids
from batchenv.evaluate.walker import save_walker
from batchenv.learn.policy import make_policy


@dataclass
class Args:
    id: str = "batchenv/Walk-v0"
    """of the environment in Gymnasium's registry"""
    steps: int = 20_000
    """environment steps, all worlds together; a rollout is always finished"""
    envs: int = 64
    """number of worlds"""
    threads: int | None = None
    """threads that step them; by default the CPUs that this process may use"""
    seed: int = 0
    """of everything that is drawn"""
    out: Path = Path("runs/cleanrl")
    """directory of the walker that is saved in the end"""
    horizon: int = 32
    """steps of each world between two updates"""
    learning_rate: float = 3e-4
    gamma: float = 0.99
    gae_lambda: float = 0.95
    epochs: int = 5
    minibatches: int = 4
    clip: float = 0.2
    value_coef: float = 0.5
    max_grad_norm: float = 1.0


def layer(inputs: int, outputs: int, gain: float = np.sqrt(2)) -> nn.Linear:
    linear = nn.Linear(inputs, outputs)
    nn.init.orthogonal_(linear.weight, gain)
    nn.init.zeros_(linear.bias)
    return linear


class Agent(nn.Module):
    """Actor and critic on observations that are normalised by a running mean and deviation."""

    def __init__(self, obs_dim: int, action_dim: int):
        super().__init__()
        self.critic = nn.Sequential(
            layer(obs_dim, 256), nn.ELU(), layer(256, 256), nn.ELU(), layer(256, 1, gain=1.0)
        )
        self.actor = nn.Sequential(
            layer(obs_dim, 256), nn.ELU(), layer(256, 256), nn.ELU(), layer(256, action_dim, gain=0.01)
        )
        self.log_std = nn.Parameter(torch.full((action_dim,), -1.2))
        self.count = 1e-4
        self.register_buffer("mean", torch.zeros(obs_dim))
        self.register_buffer("var", torch.ones(obs_dim))

    def watch(self, obs: torch.Tensor) -> None:
        """Update mean and variance with a batch (n, obs_dim); Chan et al. 1979."""
        total = self.count + len(obs)
        delta = obs.mean(0) - self.mean
        spread = self.var * self.count + obs.var(0, unbiased=False) * len(obs)
        self.var = (spread + delta**2 * self.count * len(obs) / total) / total
        self.mean = self.mean + delta * len(obs) / total
        self.count = total

    def normalized(self, obs: torch.Tensor) -> torch.Tensor:
        return (obs - self.mean) / self.scale

    @property
    def scale(self) -> torch.Tensor:
        return torch.sqrt(self.var + 1e-4)

    def value(self, obs: torch.Tensor) -> torch.Tensor:
        return self.critic(self.normalized(obs)).squeeze(-1)

    def policy(self, obs: torch.Tensor) -> Normal:
        return Normal(self.actor(self.normalized(obs)), self.log_std.exp())


def main(args: Args) -> None:
    torch.set_num_threads(1)  # the cores are for the worlds
    torch.manual_seed(args.seed)
    np.random.seed(args.seed)
    envs = gym.make_vec(args.id, num_envs=args.envs, num_threads=args.threads, autoreset_mode="SameStep")
    envs = gym.wrappers.vector.RecordEpisodeStatistics(envs)
    obs_dim, action_dim = envs.single_observation_space.shape[0], envs.single_action_space.shape[0]
    agent = Agent(obs_dim, action_dim)
    optimizer = torch.optim.Adam(agent.parameters(), lr=args.learning_rate, eps=1e-5)

    shape = (args.horizon, args.envs)
    obs = torch.zeros(*shape, obs_dim)
    actions = torch.zeros(*shape, action_dim)
    logprobs, rewards, dones, values = (torch.zeros(shape) for _ in range(4))

    iterations = -(-args.steps // (args.horizon * args.envs))
    started = time.perf_counter()
    next_obs = torch.from_numpy(envs.reset(seed=args.seed)[0])
    for iteration in range(iterations):
        with torch.no_grad():
            for t in range(args.horizon):
                agent.watch(next_obs)
                policy = agent.policy(next_obs)
                action = policy.sample()
                obs[t], actions[t] = next_obs, action
                logprobs[t], values[t] = policy.log_prob(action).sum(-1), agent.value(next_obs)
                step_obs, reward, terminated, truncated, infos = envs.step(action.numpy())
                next_obs, rewards[t] = torch.from_numpy(step_obs), torch.from_numpy(reward)
                dones[t] = torch.from_numpy(terminated | truncated)
                if truncated.any():
                    last = torch.from_numpy(np.stack(infos["final_obs"][truncated]))
                    rewards[t, torch.from_numpy(truncated)] += args.gamma * agent.value(last)

            # generalised advantage estimation
            advantages = torch.zeros(shape)
            following, next_value = torch.zeros(args.envs), agent.value(next_obs)
            for t in reversed(range(args.horizon)):
                alive = 1.0 - dones[t]
                delta = rewards[t] + args.gamma * next_value * alive - values[t]
                following = delta + args.gamma * args.gae_lambda * alive * following
                advantages[t], next_value = following, values[t]
            returns = advantages + values

        flat_obs, flat_actions = obs.flatten(0, 1), actions.flatten(0, 1)
        flat_logprobs, flat_advantages = logprobs.flatten(), advantages.flatten()
        flat_returns = returns.flatten()
        for _ in range(args.epochs):
            for batch in torch.randperm(len(flat_obs)).chunk(args.minibatches):
                policy = agent.policy(flat_obs[batch])
                ratio = (policy.log_prob(flat_actions[batch]).sum(-1) - flat_logprobs[batch]).exp()
                advantage = flat_advantages[batch]
                advantage = (advantage - advantage.mean()) / (advantage.std() + 1e-8)
                clipped = ratio.clamp(1 - args.clip, 1 + args.clip)
                policy_loss = -torch.min(advantage * ratio, advantage * clipped).mean()
                value_loss = 0.5 * ((agent.value(flat_obs[batch]) - flat_returns[batch]) ** 2).mean()
                optimizer.zero_grad()
                (policy_loss + args.value_coef * value_loss).backward()
                nn.utils.clip_grad_norm_(agent.parameters(), args.max_grad_norm)
                optimizer.step()
        if iteration % 10 == 9:
            steps, recent = (iteration + 1) * args.horizon * args.envs, envs.length_queue
            print(f"{steps} steps, mean length {sum(recent) / max(1, len(recent)):.1f}", flush=True)

    done = iterations * args.horizon * args.envs
    rate = done / (time.perf_counter() - started)
    lengths = envs.length_queue
    mean = sum(lengths) / max(1, len(lengths))
    batch = envs.unwrapped.batch
    linear = [module for module in agent.actor if isinstance(module, nn.Linear)]
    layers = [(module.weight.detach().numpy(), module.bias.detach().numpy()) for module in linear]
    policy = make_policy(layers, batch, mean=agent.mean.numpy(), scale=agent.scale.numpy(), steps=done)
    save_walker(args.out, policy, batch.config)
    envs.close()
    print(
        f"CleanRL-style PPO, {args.id}: {done} steps, {rate:.0f} steps/s end to end, "
        f"mean length of the last {len(lengths)} episodes {mean:.1f} steps"
    )
    print(f"saved; now: batchenv evaluate {args.out} --out report")


if __name__ == "__main__":
    main(tyro.cli(Args))
