"""rsl_rl's PPO, with truncated episodes bootstrapped from what they saw last."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, cast

import numpy as np
import torch
from rsl_rl.algorithms import PPO
from rsl_rl.extensions import Symmetry
from rsl_rl.models import MLPModel
from rsl_rl.storage import RolloutStorage
from tensordict import TensorDict
from torch import nn

from batchenv.config import Training
from batchenv.errors import ConfigError, nearest
from batchenv.learn.adam_state import load_adam
from batchenv.learn.learnable_env import Image, LearnableEnv
from batchenv.learn.rsl_rl_env import RslRlEnv

_OBS_GROUPS = {"actor": ["policy"], "critic": ["policy"]}
_FIRST_ACTION_SCALE = 0.01
"""Of the actor's last layer at the start, so that the first policy is noise around zero action (Andrychowicz
et al. 2021, "What Matters In On-Policy Reinforcement Learning?", section 3.2)."""


class Actor(MLPModel):
    """rsl_rl's actor, which also remembers the KL divergences that steer the learning rate.

    Attributes:
        rests: whether it stays as it is, with the statistics of the observations by which it sees them.
        hidden: observation columns that it does not see (obs_dim,) bool; None: it sees all.
    """

    kl_divergences: list[torch.Tensor]
    rests: bool = False
    hidden: torch.Tensor | None = None

    def update_normalization(self, obs: TensorDict) -> None:
        """Count observations {"policy": (n, obs_dim)} among those seen before, unless it rests."""
        if not self.rests:
            super().update_normalization(obs)

    def close_eyes(self, hidden: torch.Tensor) -> None:
        """Let observation columns weigh nothing, now and whatever is loaded or learned later.

        Args:
            hidden: which (obs_dim,) bool.
        """
        weight, self.hidden = cast(nn.Linear, self.mlp[0]).weight, hidden

        def clear(*_: Any) -> None:
            with torch.no_grad():
                weight[:, hidden] = 0.0

        clear()
        weight.register_hook(lambda gradient: gradient.masked_fill(hidden, 0.0))
        self.register_load_state_dict_post_hook(clear)

    def limit_scatter(self, most: float | None) -> None:
        """Cut standard deviations of actions to the largest that is allowed [actions]; None: leave them."""
        if most is not None:
            with torch.no_grad():
                self.get_parameter("distribution.std_param").clamp_(max=most)

    def get_kl_divergence(
        self, old_params: tuple[torch.Tensor, ...], new_params: tuple[torch.Tensor, ...]
    ) -> torch.Tensor:
        """Compute KL(old || new) for each sample, and remember its mean."""
        kl = super().get_kl_divergence(old_params, new_params)
        self.kl_divergences.append(kl.mean())
        return kl


class MirrorImages:
    """rsl_rl's `data_augmentation_func`: appends to rows of observations and actions their mirror images.

    Args:
        env: knows the mirror images.
        device: Torch's device of the rows.
    """

    def __init__(self, env: LearnableEnv, device: torch.device | str = "cpu"):
        self._obs = _reflection(env.mirror_obs, device)
        self._actions = _reflection(env.mirror_action, device)

    def __call__(
        self, env: object, obs: TensorDict | None, actions: torch.Tensor | None
    ) -> tuple[TensorDict | None, torch.Tensor | None]:
        """Append to observations {"policy": (n, obs_dim)} and actions (n, action_dim), where given."""
        if obs is not None:
            both = torch.cat((obs["policy"], self._obs(obs["policy"])))
            obs = TensorDict({"policy": both}, batch_size=[len(both)])
        if actions is not None:
            actions = torch.cat((actions, self._actions(actions)))
        return obs, actions


def _reflection(image: Image, device: torch.device | str) -> Callable[[torch.Tensor], torch.Tensor]:
    index = torch.from_numpy(image.index).to(device)
    sign = torch.from_numpy(image.sign).float().to(device)
    return lambda array: array[:, index] * sign


class MirrorAugmentation(Symmetry):
    """rsl_rl's symmetry extension, which learns from reflected samples too.

    Its mirror loss is left out: rsl_rl evaluates it even where nothing but a log would use it.
    """

    def __init__(self, env: RslRlEnv):
        super().__init__(env, MirrorImages(env.env, env.device), use_data_augmentation=True)

    def compute_loss(
        self, actor: MLPModel, batch: RolloutStorage.Batch, original_batch_size: int
    ) -> torch.Tensor:
        """Return zero."""
        return torch.zeros(())


class ActorCriticAdam(torch.optim.Adam):
    """Adam for the actor, whose learning rate PPO adapts, with a second Adam for the critic at a fixed one.

    The divergence that steers the actor's rate says nothing about the critic: under one common rate the
    critic starves, and with it the advantages.

    Args:
        actor, critic: parameters.
        lr: first learning rate of the actor.
        critic_lr: of the critic.
    """

    def __init__(
        self, actor: Iterable[nn.Parameter], critic: Iterable[nn.Parameter], lr: float, critic_lr: float
    ):
        super().__init__(actor, lr=lr)
        self.critic = torch.optim.Adam(critic, lr=critic_lr)
        self.actor_rests = False

    def step(self, closure: None = None) -> None:
        """Step both, or where the actor rests, the critic alone."""
        if not self.actor_rests:
            super().step(closure)
        self.critic.step()

    def step_actor(self) -> None:
        """Step the actor alone."""
        super().step()

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients of both."""
        super().zero_grad(set_to_none)
        self.critic.zero_grad(set_to_none)

    def state_dict(self) -> dict[str, Any]:
        """State of both."""
        return {"actor": super().state_dict(), "critic": self.critic.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Restore both.

        Raises:
            KeyError, ValueError: it is the state of other networks.
        """
        load_adam(self, state_dict["actor"])
        load_adam(self.critic, state_dict["critic"])


class TruncationPPO(PPO):
    """PPO that adds gamma V(s') to the last reward of a truncated episode, s' being what it saw last.

    rsl_rl has V(s) of the state before in its place, since most of its environments lose s' in their reset.
    See Pardo et al. 2018, "Time Limits in Reinforcement Learning", equation 6. Its actor is an `Actor`.
    """

    def heed(self, training: Training) -> None:
        """Take over what may change in the course of a run, see `Training.after`."""
        self.desired_kl = training.desired_kl

    def process_env_step(
        self, obs: TensorDict, rewards: torch.Tensor, dones: torch.Tensor, extras: dict[str, torch.Tensor]
    ) -> None:
        """Record one step of the environment.

        Args:
            obs: observations {"policy": (n, obs_dim)}, after the resets.
            rewards: (n,).
            dones: where an episode ended (n,).
            extras: "time_outs" (n,), where it was cut off rather than over, and "final_observations"
                {"policy": (n, obs_dim)}, before the resets.
        """
        truncated = extras["time_outs"]
        if truncated.any():
            final_obs: TensorDict = extras["final_observations"][truncated]  # pyright: ignore[reportAssignmentType]
            rewards = rewards.clone()
            rewards[truncated] += self.gamma * self.critic(final_obs).detach().squeeze(1)
        super().process_env_step(obs, rewards, dones, {})

    def update(self, *, value_alone: bool = False) -> dict[str, float]:
        """Learn from the stored rollout.

        Args:
            value_alone: whether the value function learns, and the policy stays as it is.

        Returns:
            The mean losses by name, and "kl": the mean KL divergence from the policy that collected it.
        """
        kl_divergences = cast(Actor, self.actor).kl_divergences = []
        rate, cast(ActorCriticAdam, self.optimizer).actor_rests = self.learning_rate, value_alone
        losses = super().update()
        if value_alone:
            self.learning_rate = rate  # the divergence of a policy that rests says nothing about it
        losses["kl"] = torch.stack(kl_divergences).mean().item()
        return losses


def privileged_columns(terms: Sequence[str], env: LearnableEnv) -> np.ndarray:
    """Which observation columns the policy does not see (obs_dim,) bool.

    Args:
        terms: names of those that the value function alone sees.
        env: that has them.

    Raises:
        ConfigError: a term is not there, or no other.
    """
    owners = [column.term for column in env.obs_layout]
    for term in terms:
        if term not in owners:
            raise ConfigError(
                f"training.privileged: environment.observation.terms has no {term!r}.{nearest(term, owners)} "
                f"There are: {', '.join(dict.fromkeys(owners))}"
            )
    hidden = np.isin(owners, terms)
    if hidden.all():
        raise ConfigError("training.privileged leaves the policy no observation; leave a term out")
    return hidden


def build_ppo(
    env: RslRlEnv, training: Training, obs: TensorDict, kind: type[TruncationPPO] = TruncationPPO
) -> TruncationPPO:
    """Build PPO as configured, on the environment's device, with new networks drawn from Torch's global
    generator of the CPU.

    Args:
        env: the environment to learn in.
        training: the `training` section of a configuration.
        obs: observations as the environment gives them, for their shape.
        kind: a class that learns otherwise with the same networks.

    Raises:
        ConfigError: mirror images are to be learned from, and the two sides are not alike; or columns that
            only the value function is to see are none, or all.
    """
    network: dict[str, Any] = {
        "hidden_dims": list(training.hidden),
        "activation": "elu",
        "obs_normalization": True,
    }
    gaussian = {
        "class_name": "GaussianDistribution",
        "init_std": training.init_std,
        "learn_std": training.learn_std,
    }
    actor = Actor(obs, _OBS_GROUPS, "actor", env.num_actions, distribution_cfg=gaussian, **network)
    critic = MLPModel(obs, _OBS_GROUPS, "critic", 1, **network)
    with torch.no_grad():
        actor.mlp[-1].weight.mul_(_FIRST_ACTION_SCALE)  # pyright: ignore[reportCallIssue]
    if training.privileged:
        hidden = privileged_columns(training.privileged_terms, env.env)
        actor.close_eyes(torch.from_numpy(hidden).to(str(env.device)))
    device, sizes = str(env.device), (env.num_envs, training.num_steps_per_env)
    storage = RolloutStorage("rl", *sizes, obs, [env.num_actions], device)
    ppo = kind(
        actor,
        critic,
        storage,
        num_learning_epochs=training.epochs,
        num_mini_batches=training.mini_batches,
        clip_param=training.clip,
        gamma=training.gamma,
        lam=training.lam,
        entropy_coef=training.entropy,
        learning_rate=training.learning_rate,
        desired_kl=training.desired_kl,
        # Returns are far larger than `clip`: a clipped value loss would let the critic crawl.
        use_clipped_value_loss=False,
        device=device,
    )
    ppo.optimizer = ActorCriticAdam(
        actor.parameters(), critic.parameters(), training.learning_rate, training.critic_learning_rate
    )
    if training.symmetry:
        training.check_symmetry(env.env.asymmetry)
        ppo.symmetry = MirrorAugmentation(env)
    ppo.train_mode()
    return ppo
