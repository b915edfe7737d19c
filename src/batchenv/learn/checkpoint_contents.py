"""Required contents of a checkpoint, checked before anything is built from it."""

import math
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import torch

from batchenv.config.yaml_text import parse_yaml

_NETWORKS = ("actor_state_dict", "critic_state_dict")
_SCALES = ("obs_normalizer._mean", "obs_normalizer._std")
_TYPES = {
    "steps": int,
    "num_envs": int,
    "seed": int,
    "config": str,
    "observations": tuple,
    "actions": tuple,
    "privileged": tuple,
    "learner": dict,
    "random": dict,
    "versions": dict,
}


_RANGES = {"steps": (0, 10**15), "num_envs": (1, 1_000_000), "seed": (0, 2**63 - 1)}


def check_contents(contents: dict[str, Any]) -> None:
    """Refuse what no training run could have saved.

    Args:
        contents: fields of a `Checkpoint` by name.

    Raises:
        ValueError: a field has another type; a network has other sizes than the columns and the checkpoint's
            own configuration say; a weight, a moment of an optimiser or a scale is not a number it could be.
    """
    contents = {"privileged": ()} | contents  # older checkpoints have none
    for name, kind in _TYPES.items():
        value = contents.get(name, {})
        if type(value) is not kind:
            raise ValueError(f"its {name} is of type {type(value).__name__}, expected {kind.__name__}")
    for name, (least, most) in _RANGES.items():
        if not least <= contents[name] <= most:
            raise ValueError(f"its {name} is {contents[name]}, expected a number from {least} to {most}")
    for name in ("observations", "actions", "privileged"):
        if not all(isinstance(column, str) for column in contents[name]):
            raise ValueError(f"its {name} are not all names")
    if not set(contents["privileged"]) < set(contents["observations"]):
        raise ValueError("its privileged columns are not some of its observations")
    _check_learner(contents)
    _check_random(contents["random"])
    if contents.get("muscles") is not None:
        _check_muscles(contents["muscles"])


def _check_learner(contents: dict[str, Any]) -> None:
    learner = contents["learner"]
    _check_finite("learner", learner)
    for name in (*_NETWORKS, "optimizer_state_dict"):
        if not isinstance(learner.get(name), dict):
            raise ValueError(f"its learner lacks {name}")
    inputs, hidden = len(contents["observations"]), _hidden(contents["config"])
    for name, outputs in zip(_NETWORKS, (len(contents["actions"]), 1), strict=True):
        network = learner[name]
        shapes: dict[str, tuple[int, ...]] = dict.fromkeys(_SCALES, (1, inputs))
        for layer, (n_in, n_out) in enumerate(pairwise((inputs, *hidden, outputs))):
            shapes |= {f"mlp.{2 * layer}.weight": (n_out, n_in), f"mlp.{2 * layer}.bias": (n_out,)}
        for key, shape in shapes.items():
            _check_weight(f"{key} of its {name}", network.get(key), shape)
        for key in (_SCALES[1], "distribution.std_param"):
            if key in network and not (network[key] >= 0.0).all():
                raise ValueError(f"{key} of its {name} is negative")


def _check_muscles(muscles: Any) -> None:
    """Refuse what is not the state of a `MuscleLearner`: layers that do not fit together, and all else."""
    parts = ("network", "optimizer", "random")
    if not isinstance(muscles, dict) or muscles.keys() != set(parts):
        raise ValueError("its muscles are not the state of a muscle network's learner")
    _check_finite("muscles", muscles)
    network, optimizer = muscles["network"], muscles["optimizer"]
    if not isinstance(network, dict) or not isinstance(optimizer, dict):
        raise ValueError("its muscles lack the weights of the network, or its optimiser")
    layers = [f"fc.{2 * layer}" for layer in range(len(network) // 2)]
    expected = {f"{layer}.{part}" for layer in layers for part in ("weight", "bias")}
    if not layers or network.keys() != expected:
        raise ValueError(
            f"its muscle network holds {', '.join(map(str, network))[:80]}, not the layers of one"
        )
    width = None
    for layer in layers:
        weight = network[f"{layer}.weight"]
        shape = tuple(weight.shape) if isinstance(weight, torch.Tensor) and weight.ndim == 2 else (1, 1)
        _check_weight(f"{layer}.weight of its muscle network", weight, (shape[0], width or shape[1]))
        _check_weight(f"{layer}.bias of its muscle network", network[f"{layer}.bias"], shape[:1])
        width = shape[0]
    _check_generator("its random state of the muscle network's learner", muscles["random"])


def _check_weight(name: str, value: Any, shape: tuple[int, ...]) -> None:
    found = tuple(value.shape) if isinstance(value, torch.Tensor) else None
    if found != shape:
        raise ValueError(f"{name} has shape {found}, expected {shape}")
    if value.dtype != torch.float32:
        raise ValueError(f"{name} holds {value.dtype}, expected torch.float32")


def _hidden(config: str) -> tuple[int, ...]:
    """Sizes of the hidden layers, as the text of a resolved configuration gives them."""
    training = parse_yaml(config, "its configuration").get("training")
    sizes = training.get("hidden") if isinstance(training, dict) else None
    if not isinstance(sizes, list) or not all(type(size) is int for size in sizes):
        raise ValueError("its configuration does not give training.hidden")
    return tuple(sizes)


def _check_random(random: dict[str, Any]) -> None:
    """Refuse states that Torch's and NumPy's generators could not be in."""
    numpy_state = random.get("numpy", ())
    _check_generator("its random state of Torch", random.get("torch"))
    possible = isinstance(numpy_state, tuple) and len(numpy_state) == 5 and numpy_state[0] == "MT19937"
    if possible:
        _, keys, position, has_gauss, cached = numpy_state
        possible = isinstance(keys, torch.Tensor) and keys.dtype == torch.uint32 and keys.shape == (624,)
        possible = possible and bool(keys.numpy().any())  # of zeros, zeros alone would be drawn
        possible &= type(position) is int and 0 <= position <= 624
        possible &= has_gauss in (0, 1) and type(cached) is float
    if not possible:
        raise ValueError("its random state of NumPy is none")


def _check_generator(name: str, state: Any) -> None:
    """Refuse what Torch's generator on the CPU does not take; it is tried on one that nobody draws from."""
    try:
        torch.Generator().set_state(state)
    except (RuntimeError, TypeError) as error:
        raise ValueError(f"{name} is none") from error


def _check_finite(name: str, value: Any) -> None:
    for place, number in _numbers(name, value):
        finite = torch.isfinite(number).all() if isinstance(number, torch.Tensor) else math.isfinite(number)
        if not finite:
            raise ValueError(f"{place} holds a number that is not finite")


def _numbers(place: str, value: Any) -> Iterator[tuple[str, torch.Tensor | float]]:
    """Tensors and floating-point numbers in nested data, each with its place."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from _numbers(f"{place}.{key}", item)
    elif isinstance(value, list | tuple):
        for i, item in enumerate(value):
            yield from _numbers(f"{place}.{i}", item)
    elif isinstance(value, torch.Tensor | float):
        yield place, value
