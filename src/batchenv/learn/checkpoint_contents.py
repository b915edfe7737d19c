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
    "learner": dict,
    "random": dict,
    "versions": dict,
}


def check_contents(contents: dict[str, Any]) -> None:
    """Refuse what no training run could have saved.

    Args:
        contents: fields of a `Checkpoint` by name.

    Raises:
        ValueError: a field has another type; a network has other sizes than the columns and the checkpoint's
            own configuration say; a weight, a moment of an optimiser or a scale is no number it could be.
    """
    for name, kind in _TYPES.items():
        value = contents.get(name, {})
        if type(value) is not kind:
            raise ValueError(f"its {name} is of type {type(value).__name__}, expected {kind.__name__}")
    for name, least in (("steps", 0), ("num_envs", 1), ("seed", 0)):
        if contents[name] < least:
            raise ValueError(f"its {name} is {contents[name]}, expected at least {least}")
    for name in ("observations", "actions"):
        if not all(isinstance(column, str) for column in contents[name]):
            raise ValueError(f"its {name} are not all names")
    _check_learner(contents)
    _check_random(contents["random"])
    muscles = contents.get("muscles")
    if muscles is not None:
        if not isinstance(muscles, dict) or not {"network", "optimizer", "random"} <= muscles.keys():
            raise ValueError("its muscles are not the state of a muscle network's learner")
        _check_finite("muscles", muscles)


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
            value = network.get(key)
            found = tuple(value.shape) if isinstance(value, torch.Tensor) else None
            if found != shape:
                raise ValueError(f"{key} of its {name} has shape {found}, expected {shape}")
        for key in (_SCALES[1], "distribution.std_param"):
            if key in network and not (network[key] >= 0.0).all():
                raise ValueError(f"{key} of its {name} is negative")


def _hidden(config: str) -> tuple[int, ...]:
    """Sizes of the hidden layers, as the text of a resolved configuration gives them."""
    training = parse_yaml(config, "its configuration").get("training")
    sizes = training.get("hidden") if isinstance(training, dict) else None
    if not isinstance(sizes, list) or not all(type(size) is int for size in sizes):
        raise ValueError("its configuration does not give training.hidden")
    return tuple(sizes)


def _check_random(random: dict[str, Any]) -> None:
    """Refuse states that Torch's and NumPy's generators could not be in."""
    torch_state, numpy_state = random.get("torch"), random.get("numpy", ())
    if not isinstance(torch_state, torch.Tensor) or torch_state.dtype != torch.uint8:
        raise ValueError("its random state of Torch is none")
    possible = isinstance(numpy_state, tuple) and len(numpy_state) == 5 and numpy_state[0] == "MT19937"
    if possible:
        _, keys, position, has_gauss, cached = numpy_state
        possible = isinstance(keys, torch.Tensor) and keys.dtype == torch.uint32 and keys.shape == (624,)
        possible &= type(position) is int and 0 <= position <= 624
        possible &= has_gauss in (0, 1) and type(cached) is float
    if not possible:
        raise ValueError("its random state of NumPy is none")


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
