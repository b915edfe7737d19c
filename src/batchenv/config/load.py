"""The configuration as a whole, and the ways to get one."""

import copy
import functools
import importlib
import math
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr, TypeAdapter, ValidationError, create_model

from batchenv.config.base import BASE, with_base
from batchenv.config.environment import Environment
from batchenv.config.foreign_keys import without_foreign_keys
from batchenv.config.gaitnet import (
    GAITNET_ABSENT,
    GaitNetEnvironment,
    GaitNetTraining,
    gaitnet_remarks,
    is_gaitnet,
    is_xml,
    parse_xml,
    read_noise,
    translated_training,
    with_nested_keys,
    without_idle_keys,
)
from batchenv.config.paths import (
    FileFinder,
    absolute,
)
from batchenv.config.plain import plain
from batchenv.config.problems import describe_problems, expectation, section_at, shortened
from batchenv.config.section import Section, TaskName
from batchenv.config.source import checked_root, file_of, is_text, read_text
from batchenv.config.term_sections import (
    WALK_TERMS,
    DefaultTerms,
    default_terms,
    with_new_names,
    with_terms,
    without_default_terms,
)
from batchenv.config.training import Training
from batchenv.config.yaml_text import dump_yaml, parse_yaml
from batchenv.errors import ConfigError
from batchenv.shipped import PRESETS

_OWN_TERM = re.compile(r".*\.py:\w+")


class Config(Section):
    """A checked configuration; get one from `load_config`.

    It is self-contained: relative paths are absolute in it, and defaults are filled in.
    """

    environment: Environment = Field(description="All that `BatchEnv` needs to know.")
    training: Training = Field(default_factory=Training, description="How a policy is trained.")

    default_terms: ClassVar[DefaultTerms] = WALK_TERMS

    # Keys of the source that stand for nothing, and are no longer there.
    _idle_keys: tuple[str, ...] = PrivateAttr(default=())
    _finder: FileFinder = PrivateAttr(default_factory=FileFinder)

    def model_post_init(self, context: Any, /) -> None:
        if isinstance(context, FileFinder):
            self._finder = context

    def __eq__(self, other: object) -> bool:
        # Where files were looked for is no part of what the configuration says.
        if not isinstance(other, Config):
            return NotImplemented
        return (self.environment, self.training) == (other.environment, other.training)

    @property
    def trusted(self) -> bool:
        """Whether this configuration may name Python files, whose code runs when worlds are built."""
        return self._finder.trust

    @property
    def remarks(self) -> list[str]:
        """Sentences on keys that are accepted and change nothing."""
        return []

    def to_yaml(self) -> str:
        """Return the whole configuration, defaults included; `load_config` of the text gives an equal one."""
        return dump_yaml(self.model_dump())

    def replace(self, changes: Mapping[str, Any]) -> "Config":
        """Return a checked configuration with some values changed.

        Args:
            changes: new values by dotted path; a mapping replaces a whole section, and None takes out a key,
                such as that of a term. Relative paths start in the working directory, as in every call.
                Python files may be named where this configuration was loaded with `trust`.

        Raises:
            ConfigError: as `load_config`.

        >>> load_config("walk").replace({"training.steps": 20000}).training.steps
        20000
        """
        if not isinstance(changes, Mapping):
            raise ConfigError(
                f"changes = {shortened(changes)}: give a mapping of dotted paths to values, such as "
                '{"training.steps": 20000}'
            )
        data = self.model_dump()
        if changes.get("environment.task", self.environment.task) != self.environment.task:
            without_default_terms(data["environment"], self.default_terms)
        for path, value in changes.items():
            if not isinstance(path, str) or not path.strip(".") or path.endswith("."):
                raise ConfigError(f"{shortened(path)} is no path of a key, such as training.steps")
            if path.partition(".")[0] == BASE:
                raise ConfigError(
                    f"{path} = {shortened(value)}: a base is merged when a configuration is loaded, and this "
                    "one is loaded already; load the base instead, and change that"
                )
            _set(data, path, copy.deepcopy(value), removes=self._removes(path, value))
        return _validate(data, "the changed configuration", replace(self._finder, base=None))

    def _removes(self, path: str, value: Any) -> bool:
        """Whether a value takes its key out, as null does in a file with a base; no section can be."""
        parts = path.split(".")
        return value is None and None in (section_at(type(self), parts[:-1]), section_at(type(self), parts))

    def resolve_path(self, name: str) -> Path:
        """Return the absolute path of a file as this configuration names it; see `resolve_path`."""
        return self._finder.find(name)

    @property
    def period(self) -> float | None:
        """Length of the reference's cycle [s]; None where only the file of the motion has it."""
        return self.environment.motion.period

    @property
    def taught_steps(self) -> int:
        """Steps of a training run in which static optimisation coordinates for the muscle network."""
        muscle, actuator = self.environment.muscle, self.environment.skeleton.actuator
        learns = actuator in ("mass", "mass_lower") and muscle.coordinator == "network"
        learns = learns and muscle.network.keep_samples and muscle.network.file is None
        return self.training.muscle_network.taught_steps if learns else 0

    def lasting(self, seconds: float) -> dict[str, Any]:
        """Changes that make episodes last so long, unless they end early [s]."""
        return {"environment.episode.max_seconds": float(seconds)}

    def undrawn(self) -> dict[str, Any]:
        """Changes that give every world the defaults of its parameters, and take noise and pushes away."""
        environment = self.environment
        fixed = {
            f"environment.parameters.{name}.sampling": "fixed" for name in environment.parameters.by_name
        }
        calm = {name: keys for name, keys in environment.events.items() if name != "push"}
        changes = {
            "environment.events": calm if len(calm) < len(environment.events) else None,
            "environment.observation.noise": {} if environment.observation.noise else None,
        }
        easy = {} if environment.curriculum is None else {"environment.curriculum": None}
        return fixed | easy | {key: value for key, value in changes.items() if value is not None}

    def without_privileged(self) -> "Config":
        """The configuration of worlds in which the policy alone observes, as after training."""
        hidden = self.training.privileged_terms
        if not hidden:
            return self
        terms = self.environment.observation.terms
        seen = {key: keywords for key, keywords in terms.items() if key.rpartition(":")[2] not in hidden}
        return self.replace({"environment.observation.terms": seen, "training.privileged": []})

    def lenient(self) -> dict[str, Any]:
        """Changes that let walkers turn and drift away without ending their episode."""
        terms = self.environment.termination.terms
        limits = {"turned.max_heading": math.pi, "drifted.max_drift": 1e6}
        return {
            f"environment.termination.terms.{path}": value
            for path, value in limits.items()
            if path.partition(".")[0] in terms
        }


class GaitNetConfig(Config):
    """A checked configuration in GaitNet's own format."""

    Horizon: int = Field(
        default=600,
        gt=0,
        le=10**9,
        description="Steps after which an episode is truncated, with eoe_type tuple [steps].",
    )
    environment: GaitNetEnvironment = Field(description="All that `BatchEnv` needs to know.")  # pyright: ignore[reportIncompatibleVariableOverride]
    training: GaitNetTraining = Field(  # pyright: ignore[reportIncompatibleVariableOverride]
        default_factory=GaitNetTraining, description="How a policy is trained."
    )

    def __eq__(self, other: object) -> bool:
        return super().__eq__(other) and isinstance(other, GaitNetConfig) and self.Horizon == other.Horizon

    @property
    def remarks(self) -> list[str]:
        """Sentences on keys that are accepted and change nothing."""
        remarks = [
            f"{key} has no effect, as in the original: nothing is read from it." for key in self._idle_keys
        ]
        remarks += gaitnet_remarks(self.environment)
        noise = self.environment.noise_injection
        if noise is not None and not read_noise(self.resolve_path(noise.file)).enabled:
            remarks.append(
                "environment.noise_injection has no effect, as in the original: its file says enabled: false."
            )
        return remarks

    @property
    def period(self) -> None:
        """The file of the motion has it."""
        return None

    def lasting(self, seconds: float) -> dict[str, Any]:
        """Changes that make episodes last so long, unless they end early [s]."""
        steps = max(1, round(seconds * self.environment.simulation.control_hz))
        return {"Horizon": steps, "environment.reward.eoe_type": "tuple"}

    def undrawn(self) -> dict[str, Any]:
        """Changes that give every world the defaults of its parameters."""
        names = self.environment.parameters.by_path
        return {f"environment.parameters.{name}.sampling": "fixed" for name in names}

    def lenient(self) -> dict[str, Any]:
        """Changes that let nothing but a fall end an episode early."""
        return {"environment.reward.knee_pain.termination": False}


def load_config(
    source: str | Path | Mapping[str, Any] | Config,
    data_root: str | Path | None = None,
    *,
    trust: bool = True,
    task: str | None = None,
) -> Config:
    """Read, check and complete a configuration.

    Args:
        source: YAML text (a line break, a ": " or a leading bracket marks it), the path of a YAML file, the
            name of a preset, or a mapping; GaitNet's older environments in XML, too. A Config is returned as
            it is. With the key `base`, the name of a preset, the rest says in what it differs from that; null
            takes a key out of it.
        data_root: a directory that "@data/..." may mean, beside the package's data and the directory that the
            environment variable BATCHENV_DATA names.
        trust: whether it may name Python files ("my_terms.py:quiet_trunk"), whose code runs when worlds are
            built. Give False where others wrote it, unless you have read those files; see SECURITY.md.
        task: name of a task, instead of `environment.task`.

    Raises:
        ConfigError: it is invalid, or names code and is not trusted; lists every problem with the path of its
            key.

    >>> load_config("walk").environment.simulation.sim_hz
    300
    """
    if not isinstance(trust, bool):
        raise ConfigError(f"trust = {shortened(trust)}: give True or False")
    root = checked_root(data_root)
    if isinstance(source, Config):
        if task is not None:
            source = source.replace({"environment.task": task})
        if trust or not source.trusted:
            return source
        return _validate(source.model_dump(), "the configuration", replace(source._finder, trust=False))
    if isinstance(source, Mapping):
        return _validate(source, "the configuration", FileFinder(None, root, trust), task)
    if not isinstance(source, str | os.PathLike):
        kind = type(source).__name__
        raise ConfigError(
            f"a configuration is YAML text, a path, the name of a preset or a mapping, not a {kind}"
        )
    if isinstance(source, str) and is_text(source):
        origin, text, base = "the YAML text", source, None
    else:
        file = file_of(source)
        origin = f"the preset {source}" if source in PRESETS else str(file)
        text, base = read_text(file), absolute(file).parent
    data = parse_xml(text, origin) if is_xml(text) else parse_yaml(text, origin)
    return _validate(data, origin, FileFinder(base, root, trust), task)


def _validate(data: Mapping[Any, Any], origin: str, finder: FileFinder, task: str | None = None) -> Config:
    try:
        data = with_base(plain(data), Config)
        if task is not None and isinstance(environment := data.get("environment", {}), Mapping):
            data = {**data, "environment": {**environment, "task": task}}
    except ConfigError as error:
        raise ConfigError(f"{origin} has a problem:\n  {error}") from None
    try:
        kind = _kind(data, finder)
    except ConfigError as error:
        raise ConfigError(f"{origin} has a problem:\n  {error}") from None
    idle: list[str] = []
    if issubclass(kind, GaitNetConfig):
        data, idle = without_idle_keys(data)
    kept, problems = _understood(data, kind)
    kept.setdefault("environment", {})
    try:
        config = kind.model_validate(kept, context=finder)
    except ValidationError as error:
        problems += describe_problems(error, kind)
    else:
        if not problems:
            config._idle_keys = tuple(idle)
            return config
    count = "a problem" if len(problems) == 1 else f"{len(problems)} problems"
    raise ConfigError("\n  ".join([f"{origin} has {count}:", *problems]))


# Finds the class of a task by its name; `batchenv.tasks`, which knows the engine, brings it.
_finders: list[Callable[[str], Any]] = []


def find_tasks_with(finder: Callable[[str], Any]) -> None:
    """Let configurations name tasks that this function finds."""
    _finders.append(finder)


def _kind(data: Mapping[Any, Any], finder: FileFinder) -> type[Config]:
    """The model of a configuration, by the task that it names.

    Raises:
        ConfigError: there is no such task, or its code is not trusted.
    """
    environment = data.get("environment")
    name = environment.get("task") if isinstance(environment, Mapping) else None
    if name == "gaitnet" or (name is None and is_gaitnet(data)):
        return GaitNetConfig
    if name is None or name == "walk" or not isinstance(name, str):
        return Config
    try:
        checked = TypeAdapter(TaskName).validate_python(name, context=finder)
    except ValidationError as error:
        raise ConfigError(f"environment.task = {shortened(name)}: {expectation(error)}") from None
    if not _finders:  # whoever only reads configurations has not imported the tasks yet
        importlib.import_module("batchenv.tasks")
    return _model_of(_finders[-1](checked))


@functools.cache
def _model_of(task: Any) -> type[Config]:
    """The model of configurations of a task of a user's own."""
    section = Field(description="All that `BatchEnv` needs to know.")
    kind = getattr(task, "Environment", None)
    if not (isinstance(kind, type) and issubclass(kind, Environment)):
        raise ConfigError(
            f"task {task.__name__}: its class attribute Environment is {shortened(kind)}; expected a "
            "subclass of batchenv.config.Environment"
        )
    model = create_model("Config", __base__=Config, environment=(kind, section))
    model.default_terms = default_terms(task)
    return model


def _understood(data: Mapping[Any, Any], kind: type[Config]) -> tuple[dict[Any, Any], list[str]]:
    """Translate plain data into our keys; return it, and a sentence for each problem."""
    if isinstance(environment := data.get("environment"), Mapping):
        data = {**data, "environment": with_new_names(environment)}
    if not issubclass(kind, GaitNetConfig):
        kept, problems = without_foreign_keys(data)
        if isinstance(environment := kept.get("environment"), Mapping):
            kept["environment"] = with_terms(environment, kind.default_terms)
        return kept, problems
    kept, problems = without_foreign_keys(data, GAITNET_ABSENT)
    environment = kept.get("environment")
    if isinstance(environment, Mapping):
        kept["environment"], more = with_nested_keys(environment)
        problems += more
    if isinstance(kept.setdefault("training", {}), Mapping):
        advanced = environment.get("advanced") if isinstance(environment, Mapping) else None
        learning_std = advanced.get("learning_std", False) if isinstance(advanced, Mapping) else False
        kept["training"], more = translated_training(kept["training"], learning_std)
        problems += more
    return kept, problems


def _set(data: dict[str, Any], path: str, value: Any, *, removes: bool = False) -> None:
    """Set a value by its dotted path, or remove its key; keys of reward terms may have dots themselves."""
    known = [key for key in data if f"{path}.".startswith(f"{key}.")]
    own_term = _OWN_TERM.match(path)
    key = max(known, key=len) if known else own_term[0] if own_term else path.partition(".")[0]
    rest = path[len(key) + 1 :]
    if not rest:
        if removes and key in data:
            del data[key]
        else:
            data[key] = value
        return
    if not isinstance(data.get(key, {}), dict):
        data[key] = {}
    _set(data.setdefault(key, {}), rest, value, removes=removes)
