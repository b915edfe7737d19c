"""New networks that begin as those of an earlier run, whose columns are matched by name."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, cast

import numpy as np
import torch
from rsl_rl.algorithms import PPO

from batchenv.errors import CheckpointError
from batchenv.learn.checkpoints import CHECKPOINT_FILE, NORMALIZER_EPS, load_checkpoint, on_host
from batchenv.learn.policy import Policy, load_policy
from batchenv.learn.ppo import Actor

State = dict[str, torch.Tensor]
_SPREAD = ("obs_normalizer._var", "obs_normalizer._std")
_MOST_COUNTED = 65_536
"""Samples that the statistics of old columns count for beside new ones: those of new columns, which begin as
constants, come into force soon. Without new columns, old ones keep their count, for a policy whose statistics
drift is another policy."""


@dataclass(frozen=True)
class Networks:
    """What a new run may begin with.

    Attributes:
        actor: state dict of an actor with its normaliser.
        critic: likewise of a value function; None where it was not kept.
        observations, actions: names of the columns that they were trained with.
    """

    actor: State
    critic: State | None
    observations: tuple[str, ...]
    actions: tuple[str, ...]

    def load_into(self, ppo: PPO, observations: Sequence[str], actions: Sequence[str]) -> None:
        """Give the networks to PPO; what new columns weigh begins at 0, new actions as in a new run.

        Args:
            ppo: with new networks.
            observations, actions: names of its columns.

        Raises:
            CheckpointError: no column is shared, or the hidden layers have other sizes.
        """
        inputs = _places(observations, self.observations)
        outputs = _places(actions, self.actions)
        for kind, places in (("observation", inputs), ("action", outputs)):
            if (places < 0).all():
                raise CheckpointError(f"the earlier run shares no {kind} column with this environment.")
        hidden = cast(Actor, ppo.actor).hidden
        seen = np.ones(len(inputs), bool) if hidden is None else ~hidden.cpu().numpy()
        for module, old, rows, new in (
            (ppo.actor, self.actor, outputs, (inputs < 0) & seen),
            (ppo.critic, self.critic, np.zeros(1, int), inputs < 0),
        ):
            if old is not None:
                most = _MOST_COUNTED if new.any() else None
                module.load_state_dict(_fitted(on_host(module.state_dict()), old, inputs, rows, most))


def load_networks(path: Path) -> Networks:
    """Load the networks of a training run's directory, or a policy where there is no checkpoint.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    if (path / CHECKPOINT_FILE).is_file() or path.name == CHECKPOINT_FILE:
        checkpoint = load_checkpoint(path)
        learner = checkpoint.learner
        return Networks(
            learner["actor_state_dict"],
            learner["critic_state_dict"],
            checkpoint.observations,
            checkpoint.actions,
        )
    policy = load_policy(path)
    return Networks(_actor_of(policy), None, policy.observations, policy.actions)


def _actor_of(policy: Policy) -> State:
    std = np.maximum(policy.scale - np.float32(NORMALIZER_EPS), 0.0, dtype=np.float32)
    arrays = {"obs_normalizer._mean": policy.mean[None], "obs_normalizer._std": std[None]}
    arrays["obs_normalizer._var"] = std[None] ** 2
    arrays["obs_normalizer.count"] = np.array(policy.steps or _MOST_COUNTED)
    for layer, (weight, bias) in enumerate(zip(policy.weights, policy.biases, strict=True)):
        arrays |= {f"mlp.{2 * layer}.weight": weight, f"mlp.{2 * layer}.bias": bias}
    return {name: torch.from_numpy(np.array(array)) for name, array in arrays.items()}


def _places(names: Sequence[str], among: Sequence[str]) -> np.ndarray:
    """Where each name is among others (n,), -1 where it is not."""
    place = {name: i for i, name in enumerate(among)}
    return np.array([place.get(name, -1) for name in names])


def _fitted(new: State, old: State, inputs: np.ndarray, outputs: np.ndarray, most: int | None) -> State:
    """The state of a new network with all that an old one knows of its columns.

    Args:
        new, old: states of both.
        inputs, outputs: where in the old network the new one's columns are, -1 where they are not.
        most: samples that the old statistics count for at most; None: all.
    """
    weights = [name for name in new if name.startswith("mlp.") and name.endswith(".weight")]
    hidden, earlier = _hidden(new), _hidden(old)
    if hidden != earlier:
        raise CheckpointError(
            f"the earlier run has training.hidden: {earlier}, this one {hidden}; give it as it was"
        )
    first, last = weights[0], weights[-1]
    by_output = (last, last.replace("weight", "bias"), "distribution.std_param")
    fitted = dict(new)
    for name, known in old.items():
        if name == "obs_normalizer.count":
            fitted[name] = known.clamp(max=most) if most is not None else known
            continue
        value = new[name].clone()
        by_input = name == first or name.startswith("obs_normalizer.")
        rows = _pairs(outputs if name in by_output else _all(value, known, 0, name))
        if value.ndim == 1:
            value[rows.here] = known[rows.there]
        else:
            columns = _pairs(inputs if by_input else _all(value, known, 1, name))
            kept = value[rows.here] * (0.0 if name in (first, *_SPREAD) else 1.0)
            kept[:, columns.here] = known[rows.there][:, columns.there]
            value[rows.here] = kept
        fitted[name] = value
    return fitted


def _hidden(state: State) -> list[int]:
    """Sizes of the hidden layers of a network."""
    layers = (name for name in state if name.startswith("mlp.") and name.endswith(".weight"))
    return [len(state[name]) for name in layers][:-1]


class _Pairs(NamedTuple):
    """Places in the new network, and those in the old one that they have their values from."""

    here: torch.Tensor
    there: torch.Tensor


def _pairs(places: np.ndarray) -> _Pairs:
    here = np.flatnonzero(places >= 0)
    return _Pairs(torch.from_numpy(here), torch.from_numpy(places[here]))


def _all(value: torch.Tensor, known: torch.Tensor, axis: int, name: str) -> np.ndarray:
    """All places along an axis that both networks have."""
    if known.ndim != value.ndim or known.shape[axis] != value.shape[axis]:
        raise CheckpointError(
            f"{name} of the earlier run has shape {tuple(known.shape)}, of this one {tuple(value.shape)}; "
            "give training.hidden as the earlier run had it"
        )
    return np.arange(value.shape[axis])
