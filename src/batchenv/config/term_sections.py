"""The sections that list terms: their defaults, and earlier keys that are now keywords of terms."""

from collections.abc import Mapping
from typing import Any

from batchenv.config.problems import shortened
from batchenv.errors import ConfigError, nearest

DefaultTerms = Mapping[tuple[str, ...], Mapping[str, Mapping[str, Any]]]
"""Terms where a configuration lists none, by the path of their section below `environment`."""

# By the kind of their terms.
TERM_SECTIONS: Mapping[str, tuple[str, ...]] = {
    "observation": ("observation", "terms"),
    "termination": ("termination", "terms"),
    "event": ("events",),
    "command": ("commands",),
}

_OBSERVATIONS = (
    *("root_height", "root_up", "root_linvel", "root_angvel", "joint_pos", "joint_vel", "phase"),
    *("previous_action", "reference_pos", "heading", "lateral_drift", "foot_load"),
)
WALK_TERMS: DefaultTerms = {
    ("observation", "terms"): {name: {} for name in _OBSERVATIONS},
    ("termination", "terms"): {"fallen": {}, "tilted": {}, "turned": {}, "drifted": {}},
    ("events",): {"draw_parameters": {}, "start_on_reference": {}},
    ("commands",): {},
}


def default_terms(task: Any) -> DefaultTerms:
    """Terms of a task where a configuration lists none; kinds that its class leaves out are its base's.

    Args:
        task: a class with `default_terms`, by kind.

    Raises:
        ConfigError: they are not terms, or of a kind that has no defaults.
    """
    found: dict[tuple[str, ...], Mapping[str, Mapping[str, Any]]] = {
        path: {} for path in TERM_SECTIONS.values()
    }
    for kind in reversed(task.__mro__):
        for name, terms in _checked_kinds(kind, vars(kind).get("default_terms", {})).items():
            found[TERM_SECTIONS[name]] = terms
    return found


def _checked_kinds(task: type, kinds: Any) -> Mapping[str, Mapping[str, Mapping[str, Any]]]:
    where = f"task {task.__name__}: default_terms"
    if not isinstance(kinds, Mapping):
        raise ConfigError(f"{where} is {shortened(kinds)}; expected a mapping of kinds to terms")
    for kind, terms in kinds.items():
        if kind == "reward":
            raise ConfigError(
                f"{where} lists rewards; they have no defaults: list them in environment.reward"
            )
        if kind not in TERM_SECTIONS:
            hint = nearest(str(kind), TERM_SECTIONS)
            raise ConfigError(
                f"{where} has the kind {shortened(kind)}.{hint} There are: {', '.join(TERM_SECTIONS)}"
            )
        if not isinstance(terms, Mapping) or not all(isinstance(each, Mapping) for each in terms.values()):
            raise ConfigError(
                f"{where}[{kind!r}] is {shortened(terms)}; expected keywords of terms by name, such as "
                '{"fallen": {"min_height": 0.8}}'
            )
    return kinds


# Path of the old key below `environment`: path of the terms, the term, and its keyword.
_MOVED = {
    ("termination", "min_height"): (("termination", "terms"), "fallen"),
    ("termination", "max_tilt"): (("termination", "terms"), "tilted"),
    ("termination", "max_heading"): (("termination", "terms"), "turned"),
    ("termination", "max_drift"): (("termination", "terms"), "drifted"),
    ("reset", "joint_noise"): (("events",), "start_on_reference"),
    ("reset", "velocity_noise"): (("events",), "start_on_reference"),
}


def with_new_names(environment: Mapping[Any, Any]) -> dict[Any, Any]:
    """Return the section `environment` with the key that was `muscle.network.tuples` under its new name."""
    muscle = environment.get("muscle")
    network = muscle.get("network") if isinstance(muscle, Mapping) else None
    if not isinstance(muscle, Mapping) or not isinstance(network, Mapping) or "tuples" not in network:
        return dict(environment)
    renamed = {"keep_samples" if key == "tuples" else key: value for key, value in network.items()}
    return {**environment, "muscle": {**muscle, "network": renamed}}


def with_terms(environment: Mapping[Any, Any], defaults: DefaultTerms) -> dict[Any, Any]:
    """Return the section `environment` with default terms filled in, and old keys in their new places.

    Args:
        environment: plain data.
        defaults: terms where none are listed, by the path of their section.
    """
    moved = _copied(environment)
    for (section, key), (path, term) in _MOVED.items():
        if not isinstance(old := moved.get(section), dict) or key not in old:
            continue
        value = old.pop(key)
        if isinstance(keywords := _terms(moved, path, defaults.get(path, {})).setdefault(term, {}), dict):
            keywords.pop(key, None)
            if value is not None:
                keywords[key] = value
    if moved.get("reset") == {}:
        del moved["reset"]
    observation = moved.get("observation")
    if isinstance(observation, dict) and isinstance(observation.get("parameters"), bool):
        wanted, path = observation.pop("parameters"), ("observation", "terms")
        terms = _terms(moved, path, defaults.get(path, {}))
        if wanted:
            terms.setdefault("parameters", {})
        else:
            terms.pop("parameters", None)
    for path, terms in defaults.items():
        if all(isinstance(moved.get(key, {}), dict) for key in path[:-1]):
            _terms(moved, path, terms)
    return moved


def without_default_terms(environment: dict[str, Any], defaults: DefaultTerms) -> None:
    """Take out the sections that list nothing but default terms, so that those of another task may follow."""
    for path, terms in defaults.items():
        inner: Any = environment
        for key in path[:-1]:
            inner = inner.get(key, {})
        if inner.get(path[-1]) == terms:
            del inner[path[-1]]


def _terms(environment: dict[Any, Any], path: tuple[str, ...], default: Mapping[str, Any]) -> dict[Any, Any]:
    """The terms that a section lists, its defaults where it lists none."""
    inner = environment
    for key in path[:-1]:
        inner = inner.setdefault(key, {})
    listed = inner.setdefault(path[-1], _copied(default))
    # A name that is there twice, or is none, is refused later.
    if isinstance(listed, list | tuple) and len({n for n in listed if isinstance(n, str)}) == len(listed) > 0:
        listed = inner[path[-1]] = {name: {} for name in listed}
    return listed if isinstance(listed, dict) else {}


def _copied(data: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: _copied(value) if isinstance(value, Mapping) else value for key, value in data.items()}
