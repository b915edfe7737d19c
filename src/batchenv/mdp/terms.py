"""From the names in YAML to terms that can be called: shipped ones, and a user's own."""

import inspect
import types
import typing
from collections.abc import Callable, Collection, Generator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from pydantic import ConfigDict, PydanticUndefinedAnnotation, PydanticUserError, TypeAdapter, ValidationError

from batchenv.config.problems import expectation, shortened
from batchenv.errors import ConfigError, InputError, nearest
from batchenv.mdp.columns import Columns, column_problem
from batchenv.mdp.marks import Kind, Mark, mark_of

_STRICT = ConfigDict(strict=True, allow_inf_nan=False)
Keywords = Mapping[str, Any]


class _Wanted(NamedTuple):
    """Kinds of NumPy's dtypes that a term may return, and their name."""

    kinds: str
    name: str


_NUMBERS = _Wanted("fiub", "real numbers")  # truth values count as 0 and 1
# A termination that returns a height has forgotten what to compare it with.
_WANTED: Mapping[Kind, _Wanted] = {
    "termination": _Wanted("b", "truth values, such as those of root_pos[:, 2] < 0.8")
}

# Keys beside a term in YAML that are no keyword of its function, and what they are.
_TAKEN: Mapping[Kind, Mapping[str, str]] = {
    "reward": {"weight": "the term's factor in the reward"},
    "command": {"every": "how often it is drawn", "again": "how often it is repeated after a fall"},
}


@dataclass(frozen=True)
class Term:
    """A term, ready to call.

    Attributes:
        name: as in YAML, without the file.
        mark: what its decorator said.
        function: what computes it.
        quantities: what it is given, by name.
        keywords: what YAML sets.
        where: YAML names it, for messages.
    """

    name: str
    mark: Mark
    function: Callable[..., Any]
    quantities: tuple[str, ...]
    keywords: Keywords
    where: str

    def __call__(self, quantities: Mapping[str, Any]) -> Any:
        """What the function returns.

        Raises:
            InputError: it raised an error.
        """
        given = [quantities[name] for name in self.quantities]
        try:
            return self.function(*given, **self.keywords)
        except Exception as error:
            raise InputError(
                f"{self.title} raised {type(error).__name__}: {error}{_remedy(error)}"
            ) from error

    def checked(self, quantities: Mapping[str, Any], shape: tuple[int, ...]) -> Any:
        """Numbers of this shape; (n, 1) may be returned as (n,).

        Raises:
            InputError: the function raised an error, or returned another shape or no real numbers.
        """
        values = self(quantities)
        if type(values) is np.ndarray and values.shape == shape and values.dtype.kind in self._kinds:
            return values
        return self.shaped(values, shape)

    def shaped(self, values: Any, shape: tuple[int, ...]) -> Any:
        """What the function returned, as numbers of this shape; see `checked`."""
        found = getattr(values, "shape", None)
        if found != shape:
            if found == shape[:1] and shape[1:] == (1,):
                values = values[:, None]
            else:
                raise InputError(f"{self.title} returned {_shown(values)}, expected {_wanted(shape)}")
        dtype = values.dtype
        if _kind_of(dtype) not in self._kinds:
            expected = _WANTED.get(self.mark.kind, _NUMBERS).name
            raise InputError(f"{self.title} returned values of dtype {dtype}, expected {expected}")
        return values

    @cached_property
    def _kinds(self) -> str:
        """Kinds of dtypes that it may return."""
        return _WANTED.get(self.mark.kind, _NUMBERS).kinds

    def columns(self, task: Any) -> Columns:
        """Columns of an observation, an action or a command of a task.

        Raises:
            ConfigError: its decorator describes none that can be.
        """
        try:
            found = self.mark.columns(task)
        except Exception as error:
            raise ConfigError(f"{self.where}: its columns raised {type(error).__name__}: {error}") from error
        if problem := column_problem(found):
            raise ConfigError(f"{self.where}: {problem}")
        return found

    @property
    def shipped(self) -> bool:
        """Whether it is one of batchenv's own."""
        return self.function.__module__.startswith("batchenv.")

    @property
    def column_prefix(self) -> str:
        """What names of its columns begin with."""
        return self.name if self.mark.prefix is None else self.mark.prefix

    @property
    def title(self) -> str:
        """How messages call it."""
        return f"{_title(self.mark.kind)} {self.name!r}"


def _kind_of(dtype: Any) -> str:
    """NumPy's letter for a kind of numbers, whatever library the dtype is of, such as torch.bfloat16."""
    name = str(dtype).rpartition(".")[2]
    return dtype.kind if isinstance(dtype, np.dtype) else "f" if "float" in name else name[:1]


@dataclass(frozen=True)
class Section:
    """Where YAML lists terms of one kind.

    Attributes:
        kind: of the terms.
        path: of the section.
        shipped: modules whose terms need no file.
        names: quantities that these terms may be given.
    """

    kind: Kind
    path: str
    shipped: Sequence[types.ModuleType]
    names: Collection[str]

    def resolve(self, entries: Mapping[str, Keywords]) -> tuple[Term, ...]:
        """Find the function of every term.

        Args:
            entries: keywords by name: that of a shipped term, or "file.py:function", whose code is run.

        Raises:
            ConfigError: no such term, quantity or keyword, a keyword of another type, or two terms of one
                name; says which there are.
        """
        terms = tuple(self._term(key, keywords) for key, keywords in entries.items())
        names = [term.name for term in terms]
        for key, name in zip(entries, names, strict=True):
            if names.count(name) > 1:
                raise ConfigError(
                    f"{self.path}.{key}: another term is called {name!r}, too; rename one of the functions"
                )
        return terms

    def shipped_terms(self) -> dict[str, Callable[..., Any]]:
        """Shipped terms of this kind, by name."""
        return {name: f for module in self.shipped for name, f in _terms_of(module, self.kind).items()}

    def _term(self, key: str, keywords: Keywords) -> Term:
        path, _, name = key.rpartition(":")
        where = f"{self.path}.{key}"
        module = load_code(Path(path), where) if path else None
        known = self.shipped_terms() if module is None else _terms_of(module, self.kind)
        if name not in known:
            home = path or "batchenv"
            if callable(found := getattr(module, name, None)):
                raise ConfigError(f"{where}: {name} in {home} {_what_it_is(found)}{_decorate(self.kind)}")
            raise ConfigError(
                f"{where}: {home} has no {_title(self.kind)} {name!r}.{nearest(name, known)} "
                f"It has: {', '.join(sorted(known)) or f'none{_decorate(self.kind)}'}"
            )
        for taken, meaning in _TAKEN.get(self.kind, {}).items():
            if taken in inspect.signature(known[name]).parameters:
                raise ConfigError(
                    f"{where}: {name} has a keyword {taken}, which in YAML is {meaning}; rename it"
                )
        return self.bound(name, known[name], keywords, where)

    def _of_other_tasks(self, name: str, function: Callable[..., Any]) -> str:
        """Advice where a term is a shipped one, and so right for some task."""
        shipped = self.shipped_terms().get(name) is function
        return f" {name} is for other tasks, perhaps for command or for track." if shipped else ""

    def bound(self, name: str, function: Callable[..., Any], keywords: Keywords, where: str) -> Term:
        """A term of a function, its keywords checked; `where` YAML names it, for messages."""
        parameters = inspect.signature(function).parameters
        wanted = tuple(p.name for p in parameters.values() if p.kind is not p.KEYWORD_ONLY)
        settable = {p.name: p for p in parameters.values() if p.kind is p.KEYWORD_ONLY}
        for quantity in wanted:
            if quantity not in self.names:
                hint = _of_commands(quantity, self.names) or self._of_other_tasks(name, function)
                hint = hint or nearest(quantity, self.names)
                if parameters[quantity].default is not inspect.Parameter.empty:
                    hint = f" What YAML may set comes after a star: def {name}(..., *, {quantity}=...)."
                raise ConfigError(
                    f"{where}: parameter {quantity!r} names no quantity.{hint} "
                    f"There are: {', '.join(sorted(self.names))}"
                )
        for keyword in keywords:
            if keyword not in settable:
                allowed = sorted({*settable, *_TAKEN.get(self.kind, {})})
                raise ConfigError(
                    f"{where}.{keyword}: {name} has no such parameter.{nearest(keyword, allowed)} "
                    f"It has: {', '.join(allowed) or 'none'}"
                )
        required = {name for name, p in settable.items() if p.default is p.empty}
        if missing := required - set(keywords):
            raise ConfigError(f"{where}: needs {', '.join(sorted(missing))}")
        kinds = _annotations(function)
        checked = {
            keyword: _checked(value, _kind(settable[keyword], kinds), f"{where}.{keyword}")
            for keyword, value in keywords.items()
        }
        return Term(name, mark_of(function) or Mark(self.kind), function, wanted, checked, where)


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


# Modules of a user's own that were run since `code_run_once` began; None outside of it.
_run: ContextVar[dict[Path, types.ModuleType] | None] = ContextVar("run", default=None)


@contextmanager
def code_run_once() -> Generator[None, None, None]:
    """Let `load_code` run each file once within the block, and no more."""
    token = _run.set({}) if _run.get() is None else None
    try:
        yield
    finally:
        if token is not None:
            _run.reset(token)


def load_code(path: Path, where: str) -> types.ModuleType:
    """Run a Python file from its source: bytecode that lies beside it may be of another source.

    Raises:
        ConfigError: there is no such file, or it raised an error; `where` YAML names it, for messages.
    """
    known = _run.get()
    if known is None:
        return _module_of(path, where)
    if path not in known:
        known[path] = _module_of(path, where)
    return known[path]


def _module_of(path: Path, where: str) -> types.ModuleType:
    if not path.is_file():
        raise ConfigError(f"{where}: there is no Python file {path}")
    module = types.ModuleType(f"batchenv_terms_{path.stem}")
    module.__file__ = str(path)
    try:
        exec(compile(path.read_bytes(), str(path), "exec"), vars(module))
    except (Exception, SystemExit) as error:
        raise ConfigError(f"{where}: {path} raised {type(error).__name__}: {error}") from error
    return module


def _terms_of(module: types.ModuleType, kind: Kind) -> dict[str, Callable[..., Any]]:
    functions = inspect.getmembers(module, inspect.isfunction)
    marks = ((name, f, mark_of(f)) for name, f in functions)
    return {name: f for name, f, mark in marks if mark is not None and mark.kind == kind}


def _what_it_is(function: Any) -> str:
    mark = mark_of(function)
    return "is no term" if mark is None else f"is of the kind {_title(mark.kind)!r}"


def _decorate(kind: Kind) -> str:
    """How a function is decorated."""
    arguments = {kind: "(...)" for kind in ("observation", "action", "command")}
    arguments["event"] = '("reset") or ("step")'
    return f" (decorate a function with @{kind}_term{arguments.get(kind, '')})"


def _title(kind: Kind) -> str:
    return {"reward": "reward term"}.get(kind, kind)


def _of_commands(quantity: str, names: Collection[str]) -> str:
    """Advice where a quantity is one of commands, and there are none."""
    if "command" in names:
        return ""
    column = quantity.removeprefix("commanded_")
    if quantity == "command":
        return " List a term in environment.commands."
    return f" List a term with a column {column} in environment.commands." if column != quantity else ""


def _shown(values: Any) -> str:
    return f"shape {values.shape}" if hasattr(values, "shape") else f"a {type(values).__name__}"


def _wanted(shape: tuple[int, ...]) -> str:
    if len(shape) == 1:
        return f"one value for each world, {shape}"
    return f"{shape[1]} columns for each world, {shape}"


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


def _remedy(error: Exception) -> str:
    if "read-only" in str(error):
        return " (quantities are read-only, for observations and other terms look at them: copy first)"
    return ""
