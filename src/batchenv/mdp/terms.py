"""From the names in YAML to reward terms that can be called: shipped ones, and a user's own."""

import importlib.util
import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from batchenv.errors import ConfigError, InputError, nearest
from batchenv.mdp import rewards
from batchenv.mdp.quantities import QUANTITIES, Quantities


@dataclass(frozen=True)
class RewardTerm:
    """A reward term, ready to call.

    Attributes:
        name: as in YAML, without the file.
        weight: factor in the reward.
        function: what computes it.
        quantities: what it is given, by name.
        keywords: what YAML sets.
    """

    name: str
    weight: float
    function: Callable[..., Any]
    quantities: tuple[str, ...]
    keywords: Mapping[str, Any]

    def __call__(self, quantities: Quantities) -> Any:
        """Unweighted values (N,).

        Raises:
            InputError: the function returned another shape.
        """
        values = self.function(*(getattr(quantities, name) for name in self.quantities), **self.keywords)
        expected = quantities.phase.shape
        if getattr(values, "shape", None) != expected:
            raise InputError(
                f"reward term {self.name!r} returned shape {getattr(values, 'shape', None)}, "
                f"expected one value for each world, {expected}"
            )
        return values


def shipped_terms() -> dict[str, Callable[..., Any]]:
    """Terms of `mdp/rewards.py`, by name."""
    return _terms_of(rewards)


def resolve_terms(
    reward: Mapping[str, tuple[float, Mapping[str, Any]]],
) -> tuple[RewardTerm, ...]:
    """Find the function of every term.

    Args:
        reward: weight and keyword arguments by name: that of a shipped term, or "file.py:function".

    Raises:
        ConfigError: no such term, quantity or keyword; says which there are.
    """
    return tuple(_resolve(key, weight, keywords) for key, (weight, keywords) in reward.items())


def _resolve(key: str, weight: float, keywords: Mapping[str, Any]) -> RewardTerm:
    path, _, name = key.rpartition(":")
    known = _terms_of(_load(Path(path), key)) if path else shipped_terms()
    if name not in known:
        where = path or "batchenv.mdp.rewards"
        raise ConfigError(
            f"environment.reward.{key}: {where} has no reward term {name!r}.{nearest(name, known)} "
            f"It has: {', '.join(sorted(known)) or 'none (decorate a function with @reward_term)'}"
        )
    function = known[name]
    parameters = inspect.signature(function).parameters.values()
    wanted = tuple(p.name for p in parameters if p.kind is not p.KEYWORD_ONLY)
    settable = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY}
    for quantity in wanted:
        if quantity not in QUANTITIES:
            raise ConfigError(
                f"environment.reward.{key}: parameter {quantity!r} names no quantity."
                f"{nearest(quantity, QUANTITIES)} There are: {', '.join(QUANTITIES)}"
            )
    for keyword in keywords:
        if keyword not in settable:
            raise ConfigError(
                f"environment.reward.{key}.{keyword}: {name} has no such parameter."
                f"{nearest(keyword, settable)} It has: {', '.join(sorted({'weight'} | settable))}"
            )
    required = {p.name for p in parameters if p.kind is p.KEYWORD_ONLY and p.default is p.empty}
    if missing := required - set(keywords):
        raise ConfigError(f"environment.reward.{key}: needs {', '.join(sorted(missing))}")
    return RewardTerm(name, weight, function, wanted, dict(keywords))


def _load(path: Path, key: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"batchenv_terms_{path.stem}", path)
    if not path.is_file() or spec is None or spec.loader is None:
        raise ConfigError(f"environment.reward.{key}: there is no Python file {path}")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise ConfigError(
            f"environment.reward.{key}: {path} raised {type(error).__name__}: {error}"
        ) from error
    return module


def _terms_of(module: ModuleType) -> dict[str, Callable[..., Any]]:
    functions = inspect.getmembers(module, inspect.isfunction)
    return {name: f for name, f in functions if getattr(f, "__reward_term__", False)}
