"""One policy of several that began as the same: the mean of their weights."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from batchenv.arrays import is_real, shown
from batchenv.errors import InputError
from batchenv.learn.policy import Policy

Array = np.ndarray


def average_policies(policies: Sequence[Policy], shares: Sequence[float] | None = None) -> Policy:
    """Return the policy whose weights are the mean of others'.

    Policies that went on from the same one under different rewards lie in one valley, so that the policy
    between them does about as well as each by its own reward: Ramé et al., "Rewarded soups", NeurIPS (2023);
    for one task, Wortsman et al., "Model soups", ICML (2022). Of policies that were trained apart from the
    beginning, the mean does nothing useful. How observations are normalised is counted among the weights of
    the first layer.

    Args:
        policies: of the same observations, actions and layers, at least two.
        shares: of each policy, positive, whatever their sum; by default all alike.

    Raises:
        InputError: they do not fit together, or a share is not a positive number.
    """
    policies = list(policies)
    if len(policies) < 2:
        raise InputError(f"there are {len(policies)} policies to average; expected at least two")
    shares = [1.0] * len(policies) if shares is None else list(shares)
    if len(shares) != len(policies):
        raise InputError(
            f"there are {len(shares)} shares for {len(policies)} policies; expected one for each"
        )
    if not all(is_real(share) and 0.0 < share < np.inf for share in shares):
        raise InputError(f"the shares are {shown(shares)}; expected positive numbers")
    given = np.array(shares, float) / max(shares)  # so that the sum is finite
    first = policies[0]
    for number, other in enumerate(policies[1:], 2):
        _check_alike(first, other, number)
    seen = [_as_normalised_by(first, policy) for policy in policies]
    weights, biases = (
        tuple(_mean(parts, given) for parts in zip(*kind, strict=True)) for kind in zip(*seen, strict=True)
    )
    steps = max(policy.steps for policy in policies)
    return replace(first, weights=weights, biases=biases, steps=steps)


def _check_alike(first: Policy, other: Policy, number: int) -> None:
    for what in ("observations", "actions"):
        if getattr(first, what) != getattr(other, what):
            raise InputError(f"policy {number} has other {what} than the first")
    shapes = [[weight.shape for weight in policy.weights] for policy in (first, other)]
    if shapes[0] != shapes[1]:
        raise InputError(f"policy {number} has layers {shapes[1]}; expected those of the first, {shapes[0]}")


def _as_normalised_by(first: Policy, policy: Policy) -> tuple[list[Array], list[Array]]:
    """Weights and biases that do to observations normalised as by `first` what the policy's do to its own."""
    weights, biases = ([np.asarray(part, float) for part in kind] for kind in (policy.weights, policy.biases))
    raw = weights[0] / policy.scale
    biases[0] = biases[0] + raw @ (np.asarray(first.mean, float) - policy.mean)
    weights[0] = raw * first.scale
    return weights, biases


def _mean(parts: Sequence[Array], shares: Array) -> Array:
    return np.average(np.stack(parts), axis=0, weights=shares).astype(np.float32)
