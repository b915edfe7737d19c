"""A policy that learns from a teacher what to do, also where its actions come into force late."""

from collections.abc import Collection
from typing import Any, cast

import numpy as np
import torch
from tensordict import TensorDict

from batchenv.config import Training
from batchenv.errors import ConfigError
from batchenv.learn.learnable_env import LearnableEnv
from batchenv.learn.policy import Policy, load_policy
from batchenv.learn.ppo import Actor, ActorCriticAdam, TruncationPPO, build_ppo
from batchenv.learn.rsl_rl_env import RslRlEnv
from batchenv.shipped import walker_path

_DELAY = "action_delay"
_SENT = ("previous_action", "earlier_action")


def build_learner(env: RslRlEnv, training: Training, obs: TensorDict) -> TruncationPPO:
    """Build what learns: PPO, or an `Apprentice` where `training.teacher` names one; see `build_ppo`.

    Raises:
        ConfigError: as `build_ppo`, or the teacher does not fit the worlds.
        CheckpointError: there is no such teacher.
    """
    if training.teacher is None:
        return build_ppo(env, training, obs)
    apprentice = build_ppo(env, training, obs, Apprentice)
    assert isinstance(apprentice, Apprentice)
    apprentice.attend(load_policy(walker_path(training.teacher)), env.env, training.privileged_terms)
    apprentice.heed(training)
    return apprentice


class Apprentice(TruncationPPO):
    """Imitates a teacher in the states that its own actions lead to (DAgger), in place of PPO.

    An action that comes into force d control steps after it was sent is compared with what the teacher does
    when it comes into force: with its view of that later moment, in which the actions before are those that
    were in force. So a teacher that never knew a delay can teach how to act late. DAgger: Ross, Gordon,
    Bagnell, AISTATS (2011). The value function and the standard deviation of actions stay as they are.
    """

    def attend(self, teacher: Policy, env: LearnableEnv, hidden: Collection[str] = ()) -> None:
        """Have a teacher.

        Args:
            teacher: whose actions are imitated.
            env: the worlds; their observation `action_delay` says how late actions are, and without it they
                are not.
            hidden: observation terms that the policy does not see.

        Raises:
            ConfigError: the teacher observes a column that is not there, or acts by others.
        """
        observations = [column.name for column in env.obs_layout]
        self._delay = observations.index(_DELAY) if _DELAY in observations else None
        late = "action.delay" in getattr(env, "parameter_names", ())
        if late and (self._delay is None or _DELAY in hidden):
            raise ConfigError(
                "environment.parameters.action.delay makes actions late, and a policy that learns from a "
                f"teacher has to know how late: add {_DELAY} to environment.observation.terms, and leave it "
                "out of training.privileged"
            )
        for name in teacher.observations:
            if name not in observations:
                raise ConfigError(f"training.teacher observes {name!r}; {_why_not(name, observations)}")
        if tuple(column.name for column in env.action_layout) != teacher.actions:
            raise ConfigError("training.teacher acts by other columns than these worlds")
        self._teacher, self._dt = teacher, env.control_dt
        self._seen = [observations.index(name) for name in teacher.observations]
        self._sent = [i for i, name in enumerate(teacher.observations) if name.split("/")[0] in _SENT]
        self._late = [i for i, name in enumerate(teacher.observations) if name == _DELAY]

    def heed(self, training: Training) -> None:
        """See `TruncationPPO.heed`; the learning rate is Adam's, and a smaller one makes the copy exact."""
        super().heed(training)
        self._rate = training.learning_rate

    def lessons(self) -> tuple[torch.Tensor, torch.Tensor]:
        """What was observed in the rollout (n, obs_dim), and what to do then (n, action_dim).

        The last observations of a rollout and of an episode are left out, as far as nobody knows what was
        there when their actions came into force.
        """
        seen = cast(torch.Tensor, self.storage.observations["policy"])
        ended = self.storage.dones[..., 0].bool()
        delay = torch.zeros(seen.shape[:2], dtype=torch.long, device=seen.device)
        if self._delay is not None:
            # Whole steps: with action.smooth, half a step is how long actions take where nothing delays them.
            delay = (seen[..., self._delay] / self._dt + 0.25).floor().long()
        then, advice = [], []
        for late in range(int(delay.max()) + 1):
            last = max(0, len(seen) - late)
            known = delay[:last] == late
            for k in range(late):
                known &= ~ended[k : last + k]
            sent, later = seen[:last][known], seen[late:][known]
            then.append(sent)
            advice.append(self._advice(sent, later, late))
        return torch.cat(then), torch.cat(advice)

    def _advice(self, sent: torch.Tensor, later: torch.Tensor, late: int) -> torch.Tensor:
        """What the teacher does when actions come into force (n, action_dim).

        Args:
            sent: observations when the actions were sent (n, obs_dim).
            later: observations when they come into force (n, obs_dim).
            late: how many steps later that is, of which the teacher knows nothing.
        """
        view = later[:, self._seen].cpu().numpy()
        view[:, self._sent] = sent[:, self._seen].cpu().numpy()[:, self._sent]
        halves = np.rint(2.0 * view[:, self._late] / self._dt) - 2.0 * late
        view[:, self._late] = 0.5 * self._dt * halves
        return torch.from_numpy(np.asarray(self._teacher(view))).to(sent.device)

    def update(self, *, value_alone: bool = False) -> dict[str, float]:
        """Learn from the stored rollout.

        Args:
            value_alone: as for `TruncationPPO.update`; nothing is learned then.

        Returns:
            "imitation": mean squared difference from the teacher's actions.
        """
        seen, wanted = self.lessons()
        self.storage.clear()
        if value_alone or not len(seen):
            return {}
        if self.symmetry is not None:
            both, wanted = self.symmetry.data_augmentation_func(  # pyright: ignore[reportOptionalCall]
                self, TensorDict({"policy": seen}, batch_size=[len(seen)]), wanted
            )
            seen = both["policy"]
        self.learning_rate = self._rate  # a checkpoint may have brought another
        for group in self.optimizer.param_groups:
            group["lr"] = self._rate
        losses = [self._follow(seen, wanted) for _ in range(self.num_learning_epochs)]
        return {"imitation": float(np.mean(losses))}

    def _follow(self, seen: torch.Tensor, wanted: torch.Tensor) -> float:
        """Pass once over lessons (n, obs_dim), (n, action_dim), and return their mean loss."""
        actor, adam = cast(Actor, self.actor), cast(ActorCriticAdam, self.optimizer)
        losses = []
        for part in torch.randperm(len(seen)).chunk(self.num_mini_batches):
            batch = TensorDict({"policy": seen[part]}, batch_size=[len(part)])
            loss = (actor(batch) - wanted[part]).square().mean()
            adam.zero_grad()
            cast(Any, loss).backward()
            adam.step_actor()
            losses.append(loss.item())
        return float(np.mean(losses))


def _why_not(column: str, observations: list[str]) -> str:
    """Say what to do about a column of a teacher that worlds do not observe."""
    term = column.split("/")[0]
    if any(name.split("/")[0] == term for name in observations):
        return f"{term} of these worlds has no such column: it learned in other worlds"
    return f"add {term} to environment.observation.terms"
