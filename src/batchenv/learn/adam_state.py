"""States of Adam that may come from strangers."""

import copy
from typing import Any

import torch


def load_adam(optimizer: torch.optim.Adam, state: dict[str, Any]) -> None:
    """Restore what `optimizer.state_dict()` gave: moments and learning rate; all else stays as configured.

    Torch compares no shapes, and would take any setting over.

    Raises:
        ValueError, KeyError, TypeError: it is the state of an optimiser of other parameters.
    """
    moments, rates = state.get("state"), [group["lr"] for group in state["param_groups"]]
    if len(rates) != len(optimizer.param_groups) or not all(type(r) is float and r > 0 for r in rates):
        raise ValueError(f"the optimiser's learning rates are {rates}, expected one positive number each")
    parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
    if not isinstance(moments, dict) or not moments.keys() <= set(range(len(parameters))):
        raise ValueError(f"the optimiser has no moments of {len(parameters)} parameters")
    for number, moment in moments.items():
        _check_moment(f"moments of parameter {number}", moment, parameters[number].shape)
    # Of Adam itself, which a subclass may have extended.
    own = torch.optim.Adam.state_dict(optimizer)["param_groups"]
    restored = [{**group, "lr": rate} for group, rate in zip(own, rates, strict=True)]
    moments = copy.deepcopy(moments)  # Torch would share some of it
    torch.optim.Adam.load_state_dict(optimizer, {"state": moments, "param_groups": restored})


def _check_moment(name: str, moment: Any, shape: torch.Size) -> None:
    expected = {"step": torch.Size(()), "exp_avg": shape, "exp_avg_sq": shape}
    if not isinstance(moment, dict) or moment.keys() != expected.keys():
        raise ValueError(f"the optimiser's {name} are not {', '.join(expected)}")
    for key, size in expected.items():
        value = moment[key]
        if not isinstance(value, torch.Tensor) or value.dtype != torch.float32 or value.shape != size:
            raise ValueError(f"the optimiser's {name}: {key} is not a float32 tensor of shape {tuple(size)}")
        if key != "exp_avg" and not (value >= 0.0).all():
            raise ValueError(f"the optimiser's {name}: {key} is negative")
