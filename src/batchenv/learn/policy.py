"""A trained policy in plain NumPy: what it takes to act, without Torch."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from batchenv.errors import CheckpointError, InputError, nearest
from batchenv.files import write_atomically

POLICY_FILE = "policy.safetensors"
MUSCLES_FILE = "muscle_network.npz"
"""Beside a policy: the network that coordinated the muscles for it, where one did."""
_TEXTS = ("observations", "actions", "steps")

Array = NDArray[np.float32]


@dataclass(frozen=True)
class Policy:
    """A multilayer perceptron with ELU units over normalised observations; its output is the mean action.

    Attributes:
        mean: of each observation column (obs_dim,).
        scale: divisor of each observation column (obs_dim,).
        weights: one matrix for each layer (n_out, n_in).
        biases: one vector for each layer (n_out,).
        observations: name of each observation column.
        actions: name of each action column.
        steps: environment steps it was trained for.

    >>> identity = Policy(np.zeros(2), np.ones(2), (np.eye(2),), (np.zeros(2),), ("x", "y"), ("u", "v"), 0)
    >>> identity([[1.0, -2.0]]).tolist()
    [[1.0, -2.0]]
    """

    mean: Array
    scale: Array
    weights: tuple[Array, ...]
    biases: tuple[Array, ...]
    observations: tuple[str, ...]
    actions: tuple[str, ...]
    steps: int

    def __call__(self, obs: ArrayLike) -> Array:
        """Return the mean actions (..., action_dim) for observations (..., obs_dim), float32.

        Raises:
            InputError: the last axis is not obs_dim long.
        """
        x = np.asarray(obs, np.float32)
        if x.shape[-1:] != self.mean.shape:
            raise InputError(f"obs has shape {x.shape}; expected (..., {len(self.mean)}).")
        x = (x - self.mean) / self.scale
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            x = x @ weight.T + bias
            x = np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))
        return np.asarray(x @ self.weights[-1].T + self.biases[-1], np.float32)

    def save(self, path: str | Path) -> None:
        """Write the policy to a safetensors file, atomically."""
        arrays = {"mean": self.mean, "scale": self.scale}
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            arrays[f"weight_{i}"], arrays[f"bias_{i}"] = weight, bias
        contiguous = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
        texts = {name: json.dumps(getattr(self, name)) for name in _TEXTS}
        write_atomically(Path(path), lambda file: file.write(save(contiguous, texts)))

    def check_layout(self, observations: tuple[str, ...], actions: tuple[str, ...]) -> None:
        """Refuse an environment whose columns are not those that the policy was trained on.

        Raises:
            CheckpointError: names the first column that differs.
        """
        check_columns("observation", self.observations, observations)
        check_columns("action", self.actions, actions)


def load_policy(path: str | Path) -> Policy:
    """Read a policy.

    Args:
        path: a safetensors file, or the directory of a training run.

    Raises:
        CheckpointError: there is none, or it cannot be read.
    """
    path = Path(path)
    file = path / POLICY_FILE if path.is_dir() else path
    if not file.is_file():
        raise CheckpointError(
            f"There is no policy at {file}; expected the directory of a training run, or its {POLICY_FILE}."
        )
    try:
        with safe_open(file, framework="numpy") as stored:
            arrays = {name: stored.get_tensor(name) for name in stored.offset_keys()}
            texts = {name: json.loads(text) for name, text in (stored.metadata() or {}).items()}
        return _from_parts(arrays, texts)
    except (SafetensorError, OSError, ValueError, KeyError) as error:
        raise CheckpointError(f"{file} cannot be read as a policy ({error}); is it complete?") from error


def check_columns(kind: str, trained: tuple[str, ...], given: tuple[str, ...]) -> None:
    """Refuse columns that are not, by name and order, those that a policy was trained on.

    Raises:
        CheckpointError: names the first that differs.
    """
    for i, (old, new) in enumerate(zip(trained, given, strict=False)):
        if old != new:
            hint = nearest(old, given) if old not in given else ""
            raise CheckpointError(
                f"{kind} column {i} is {new!r} in this environment; "
                f"the checkpoint was trained with {old!r}.{hint}"
            )
    if len(trained) != len(given):
        longer = trained if len(trained) > len(given) else given
        side = "the checkpoint" if longer is trained else "this environment"
        raise CheckpointError(
            f"This environment has {len(given)} {kind} columns, the checkpoint {len(trained)}: "
            f"{longer[min(len(trained), len(given))]!r} is only in {side}."
        )


def _from_parts(arrays: dict[str, Array], texts: dict[str, Any]) -> Policy:
    for name in ("mean", "scale", "weight_0", "bias_0"):
        if name not in arrays:
            raise KeyError(f"no array {name!r}")
    layers = range(sum(name.startswith("weight_") for name in arrays))
    return Policy(
        mean=arrays["mean"],
        scale=arrays["scale"],
        weights=tuple(arrays[f"weight_{i}"] for i in layers),
        biases=tuple(arrays[f"bias_{i}"] for i in layers),
        observations=tuple(texts["observations"]),
        actions=tuple(texts["actions"]),
        steps=int(texts["steps"]),
    )
