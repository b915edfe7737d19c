"""From the names in YAML to reward terms that can be called: shipped ones, and a user's own."""

import inspect
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import ConfigDict, PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter, ValidationError

from batchenv.config.problems import expectation, shortened
from batchenv.errors import ConfigError, InputError, nearest
from batchenv.mdp import rewards
from batchenv.mdp.quantities import QUANTITIES, Quantities

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
_KINDS = "fiub"  # dtypes of numbers, and of truth values, which count as 0 and 1


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
            InputError: the function raised an error, or returned another shape or no real numbers.
        """
        given = [getattr(quantities, name) for name in self.quantities]
        try:
            values = self.function(*given, **self.keywords)
        except Exception as error:
            raise InputError(
                f"reward term {self.name!r} raised {type(error).__name__}: {error}{_remedy(error)}"
            ) from error
        expected = quantities.phase.shape
        if getattr(values, "shape", None) != expected:
            found = f"shape {values.shape}" if hasattr(values, "shape") else f"a {type(values).__name__}"
            raise InputError(
                f"reward term {self.name!r} returned {found}, expected one value for each world, {expected}"
            )
        if isinstance(values, np.ndarray) and values.dtype.kind not in _KINDS:
            raise InputError(
                f"reward term {self.name!r} returned values of dtype {values.dtype}, expected real numbers"
            )
        return values


def check_finite(rewards: np.ndarray, rows: np.ndarray, names: Sequence[str]) -> None:
    """Name the term that made a reward infinite or NaN.

    Args:
        rewards: of all worlds (N,).
        rows: unweighted terms (terms, N).
        names: of the terms.

    Raises:
        InputError: a reward is not finite.
    """
    if np.isfinite(rewards).all():
        return
    world = int(np.flatnonzero(~np.isfinite(rewards))[0])
    at_fault = np.flatnonzero(~np.isfinite(rows[:, world]))
    if not at_fault.size:
        raise InputError(
            f"the reward of world {world} is {rewards[world]}: its weighted terms overflow float32"
        )
    term = at_fault[0]
    raise InputError(
        f"reward term {names[term]!r} is {rows[term, world]} in world {world}; expected a finite number that "
        "float32 can hold"
    )


def shipped_terms() -> dict[str, Callable[..., Any]]:
    """Terms of `mdp/rewards.py`, by name."""
    return _terms_of(rewards)


def resolve_terms(
    reward: Mapping[str, tuple[float, Mapping[str, Any]]],
) -> tuple[RewardTerm, ...]:
    """Find the function of every term.

    Args:
        reward: weight and keyword arguments by name: that of a shipped term, or "file.py:function", whose
            code is run.

    Raises:
        ConfigError: no such term, quantity or keyword, a keyword of another type, or two terms of one name;
            says which there are.
    """
    terms = tuple(_resolve(key, weight, keywords) for key, (weight, keywords) in reward.items())
    names = [term.name for term in terms]
    for key, name in zip(reward, names, strict=True):
        if names.count(name) > 1:
            raise ConfigError(
                f"environment.reward.{key}: another term is called {name!r}, too; rename one of the functions"
            )
    return terms


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
    settable = {p.name: p for p in parameters if p.kind is p.KEYWORD_ONLY}
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
                f"{nearest(keyword, settable)} It has: {', '.join(sorted({'weight'} | set(settable)))}"
            )
    required = {name for name, p in settable.items() if p.default is p.empty}
    if missing := required - set(keywords):
        raise ConfigError(f"environment.reward.{key}: needs {', '.join(sorted(missing))}")
    kinds = _annotations(function)
    checked = {
        keyword: _checked(value, _kind(settable[keyword], kinds), f"environment.reward.{key}.{keyword}")
        for keyword, value in keywords.items()
    }
    return RewardTerm(name, weight, function, wanted, checked)


def _annotations(function: Callable[..., Any]) -> Mapping[str, Any]:
    """Annotations of a function's parameters by name; none where they cannot be evaluated."""
    try:
        return typing.get_type_hints(function, include_extras=True)
    except Exception:  # of names that only a type checker knows
        return {}


def _kind(parameter: inspect.Parameter, annotations: Mapping[str, Any]) -> Any:
    """The type that a keyword has: as annotated, else that of its default."""
    if parameter.name in annotations:
        return annotations[parameter.name]
    default = parameter.default
    return type(default) if isinstance(default, bool | int | float | str) else Any


def _checked(value: Any, kind: Any, path: str) -> Any:
    """A keyword's value as its parameter's type has it.

    Raises:
        ConfigError: it is of another type, or out of bounds.
    """
    try:
        adapter = TypeAdapter(kind, config=_STRICT)
    except (PydanticUndefinedAnnotation, PydanticUserError):
        return value  # a type of the user's own, of which YAML's values may be anything
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise ConfigError(f"{path} = {shortened(value)}: {expectation(error)}") from None


def _load(path: Path, key: str) -> types.ModuleType:
    """Run a Python file from its source: bytecode that lies beside it may be of another source."""
    if not path.is_file():
        raise ConfigError(f"environment.reward.{key}: there is no Python file {path}")
    module = types.ModuleType(f"batchenv_terms_{path.stem}")
    module.__file__ = str(path)
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except (Exception, SystemExit) as error:
        raise ConfigError(
            f"environment.reward.{key}: {path} raised {type(error).__name__}: {error}"
        ) from error
    return module


def _terms_of(module: types.ModuleType) -> dict[str, Callable[..., Any]]:
    functions = inspect.getmembers(module, inspect.isfunction)
    return {name: f for name, f in functions if getattr(f, "__reward_term__", False)}


def _remedy(error: Exception) -> str:
    if "read-only" in str(error):
        return " (quantities are read-only, for observations and other terms look at them: copy first)"
    return ""
