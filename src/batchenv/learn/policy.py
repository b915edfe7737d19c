"""A trained policy in plain NumPy: what it takes to act, without Torch."""

import json
import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from safetensors import SafetensorError

from batchenv.arrays import numpy_array
from batchenv.cpus import one_blas_thread
from batchenv.described import Described
from batchenv.errors import CheckpointError, InputError, nearest
from batchenv.files import write_atomically
from batchenv.files.paths import path_to_read
from batchenv.files.tensor_file import read_tensors, tensor_bytes
from batchenv.shipped import POLICY_FILE, PRESETS, shipped_walkers

_log = logging.getLogger(__name__)

MUSCLES_FILE = "muscle_network.npz"
"""Beside a policy: the network that coordinated the muscles for it, where one did."""
_TEXTS = ("observations", "actions", "steps")
_DAMAGE = (
    SafetensorError,
    OSError,
    ValueError,
    KeyError,
    TypeError,
    OverflowError,
    RecursionError,
    MemoryError,
)

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
            InputError: they are not finite numbers, or the last axis is not obs_dim long.
        """
        x = numpy_array("obs", obs)
        if x.dtype.kind not in "fiub":
            raise InputError(f"obs have dtype {x.dtype}; expected real numbers")
        with np.errstate(over="ignore"):  # a float64 may be beyond float32
            x = np.asarray(x, np.float32)
        if x.shape[-1:] != self.mean.shape:
            raise InputError(
                f"obs has shape {x.shape}; expected (..., {len(self.mean)}). The worlds of a walker are "
                "walker.worlds()"
            )
        if not np.isfinite(x).all():
            raise InputError("obs hold numbers that are not finite, or too large for float32")
        x = (x - self.mean) / self.scale
        with one_blas_thread():
            for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
                x = x @ weight.T + bias
                x = np.where(x > 0.0, x, np.expm1(np.minimum(x, 0.0)))
            return np.asarray(x @ self.weights[-1].T + self.biases[-1], np.float32)

    def without(self, columns: Collection[str]) -> "Policy":
        """The policy of fewer observation columns; what the others weighed is lost."""
        kept = np.array([name not in columns for name in self.observations])
        return replace(
            self,
            mean=self.mean[kept],
            scale=self.scale[kept],
            weights=(self.weights[0][:, kept], *self.weights[1:]),
            observations=tuple(name for name in self.observations if name not in columns),
        )

    def save(self, path: str | Path) -> None:
        """Write the policy to a safetensors file with a digest, atomically.

        Raises:
            OutputError: the file cannot be written.
        """
        arrays = {"mean": self.mean, "scale": self.scale}
        for i, (weight, bias) in enumerate(zip(self.weights, self.biases, strict=True)):
            arrays[f"weight_{i}"], arrays[f"bias_{i}"] = weight, bias
        contiguous = {name: np.ascontiguousarray(array, np.float32) for name, array in arrays.items()}
        texts = {name: json.dumps(getattr(self, name)) for name in _TEXTS}
        contents = tensor_bytes(contiguous, texts)
        write_atomically(path, lambda file: file.write(contents))

    def check_layout(self, observations: tuple[str, ...], actions: tuple[str, ...]) -> None:
        """Refuse an environment whose columns are not those that the policy was trained on.

        Raises:
            CheckpointError: names the first column that differs.
        """
        check_columns("observation", self.observations, observations)
        check_columns("action", self.actions, actions)


def make_policy(
    layers: Sequence[tuple[ArrayLike, ArrayLike]],
    env: Described,
    *,
    mean: ArrayLike | None = None,
    scale: ArrayLike | None = None,
    steps: int = 0,
) -> Policy:
    """Put a policy together that another learner trained.

    Args:
        layers: weights (n_out, n_in) and biases (n_out,) of each layer, ELU units between them.
        env: that it was trained in; its columns are kept with the policy.
        mean, scale: of each observation column (obs_dim,); the network sees (obs - mean) / scale. By default
            observations as they are.
        steps: environment steps it was trained for.

    Raises:
        InputError: the layers do not fit together or the environment, or hold numbers that are not finite.
    """
    width = len(env.obs_layout)
    given = {
        "mean": np.zeros(width) if mean is None else mean,
        "scale": np.ones(width) if scale is None else scale,
    }
    for i, (weight, bias) in enumerate(layers):
        given |= {f"weight_{i}": weight, f"bias_{i}": bias}
    columns = {"observations": env.obs_layout, "actions": env.action_layout}
    texts: dict[str, Any] = {kind: [column.name for column in layout] for kind, layout in columns.items()}
    try:
        arrays = {name: np.array(numpy_array(name, value), np.float32) for name, value in given.items()}
        return _from_parts(arrays, texts | {"steps": steps})
    except (ValueError, TypeError) as error:
        raise InputError(f"no policy can be made of these layers: {error}") from error


def load_policy(path: str | Path) -> Policy:
    """Read a policy, and compare it with the digest that it was saved with.

    Older files have no digest; a warning says so.

    Args:
        path: a safetensors file, or the directory of a training run.

    Raises:
        CheckpointError: there is none, it cannot be read, it is damaged, its numbers are not finite, or its
            layers do not fit together.
    """
    path = path_to_read("path", path)
    file = path / POLICY_FILE if path.is_dir() else path
    if not file.exists():
        if str(path) in PRESETS:
            raise CheckpointError(
                f"There is no policy at {path}, which is a preset: name the directory of a run of "
                f"'batchenv train {path}'."
            )
        raise CheckpointError(
            f"There is no policy at {file}; expected the directory of a training run, its {POLICY_FILE}, or "
            f"a walker: {', '.join(shipped_walkers())}.{nearest(str(path), shipped_walkers())}"
        )
    try:
        arrays, texts, has_digest = read_tensors(file)
        policy = _from_parts(arrays, {name: json.loads(text) for name, text in texts.items()})
    except _DAMAGE as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else error
        raise CheckpointError(f"{file} cannot be read as a policy ({reason}); is it complete?") from error
    if not has_digest:
        _log.warning("%s has no digest: an older version saved it, and damage goes unnoticed", file)
    return policy


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


def _from_parts(arrays: dict[str, np.ndarray], texts: dict[str, Any]) -> Policy:
    """Put a policy together.

    Raises:
        ValueError: a part is missing, unknown, of another type or shape, or no finite number.
    """
    layers = range(sum(name.startswith("weight_") for name in arrays))
    names = [f"{part}_{i}" for i in layers or (0,) for part in ("weight", "bias")]
    _check_names("array", ("mean", "scale", *names), arrays)
    _check_names("text", _TEXTS, texts)
    for name, array in arrays.items():
        if array.dtype != np.float32 or not np.isfinite(array).all():
            raise ValueError(f"the array {name!r} of {array.dtype} does not hold finite float32 throughout")
    if not (arrays["scale"] > 0.0).all():
        raise ValueError(f"the array 'scale' holds {arrays['scale'].min():g}, expected positive numbers")
    columns = {name: texts[name] for name in ("observations", "actions")}
    for name, value in columns.items():
        if not isinstance(value, list) or not all(isinstance(column, str) for column in value):
            raise ValueError(f"the text {name!r} is no list of names")
    steps = texts["steps"]
    if not isinstance(steps, int) or isinstance(steps, bool) or steps < 0:
        raise ValueError(f"the text 'steps' is {steps!r}, expected a whole number")
    widths = (len(columns["observations"]), *(arrays[f"bias_{i}"].size for i in layers))
    if widths[-1] != len(columns["actions"]):
        raise ValueError(f"it has {widths[-1]} outputs for {len(columns['actions'])} actions")
    shapes: dict[str, tuple[int, ...]] = {"mean": widths[:1], "scale": widths[:1]}
    for i, (n_in, n_out) in enumerate(pairwise(widths)):
        shapes[f"weight_{i}"], shapes[f"bias_{i}"] = (n_out, n_in), (n_out,)
    for name, shape in shapes.items():
        if arrays[name].shape != shape:
            raise ValueError(f"the array {name!r} has shape {arrays[name].shape}, expected {shape}")
    return Policy(
        mean=arrays["mean"],
        scale=arrays["scale"],
        weights=tuple(arrays[f"weight_{i}"] for i in layers),
        biases=tuple(arrays[f"bias_{i}"] for i in layers),
        observations=tuple(columns["observations"]),
        actions=tuple(columns["actions"]),
        steps=steps,
    )


def _check_names(kind: str, expected: Iterable[str], found: Iterable[str]) -> None:
    missing, unknown = [name for name in expected if name not in found], [*set(found) - set(expected)]
    if missing:
        raise ValueError(f"no {kind} {missing[0]!r}")
    if unknown:
        raise ValueError(f"an unknown {kind} {unknown[0]!r}")
