"""State of a `BatchEnv` that can be restored, and the check that it fits."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, fields
from pathlib import PurePath
from typing import Any

import numpy as np

from batchenv.arrays import shown, whole_number
from batchenv.config import Config
from batchenv.engine import Snapshot
from batchenv.engine.snapshot import check_array
from batchenv.errors import InputError
from batchenv.mdp.command_set import LARGEST
from batchenv.mdp.episodes import Episodes
from batchenv.mdp.state import CommandState, TaskState
from batchenv.rng import checked_seed

# Sections and keys of a configuration that say nothing of what a state means.
_SETTINGS = (
    "reward",
    "termination",
    "episode",
    "events",
    "curriculum",
    "skeleton.pelvis_tilt",
    "muscle.network.file",
    "muscle.network.base_file",
    "muscle.network.keep_samples",
)

_LEAST = (
    *(("episodes", "number", -1), ("episodes", "step", 0), ("episodes", "stream", 0)),
    *(("commands", "due", 0), ("commands", "drawn", 0)),
)


class AnotherEnvironmentError(InputError):
    """A snapshot is whole, but of an environment of another configuration.

    Args:
        message: for whoever asked for it.
        difference: a clause on the first thing that differs.
    """

    def __init__(self, message: str, difference: str = ""):
        super().__init__(message)
        self.difference = difference


@dataclass(frozen=True)
class EnvSnapshot:
    """State of a BatchEnv: of its worlds, its task, its commands and its seed.

    Attributes:
        worlds: of the engine.
        episodes: of each world.
        task: what the task keeps of each world.
        commands: what each world is asked.
        seed: of the environment.
        obs: observations at that moment (N, obs_dim).
        identity: what a state has its meaning from, by the path in the configuration.
    """

    worlds: Snapshot
    episodes: Episodes
    task: TaskState
    commands: CommandState
    seed: int
    obs: np.ndarray
    identity: Mapping[str, str]


def identity(config: Config, autoreset: str, signature: int) -> dict[str, str]:
    """What a state has its meaning from.

    Args:
        config: of the environment.
        autoreset: when worlds that ended are reset.
        signature: MuJoCo's, of the model.
    """
    flat = dict(_flat(config.model_dump()["environment"], "environment"))
    settings = tuple(f"environment.{key}" for key in _SETTINGS)
    kept = {
        path: value
        for path, value in flat.items()
        if not any(path == key or path.startswith(f"{key}.") for key in settings)
    }
    return kept | {"autoreset": autoreset, "signature of the body's model": str(signature)}


def check_snapshot(snapshot: Any, like: EnvSnapshot) -> None:
    """Refuse a snapshot that an environment cannot take over whole.

    Args:
        snapshot: what a caller hands in.
        like: a snapshot of the environment as it is.

    Raises:
        AnotherEnvironmentError: it is of another configuration.
        InputError: it is none, or damaged.
    """
    if not isinstance(snapshot, EnvSnapshot):
        raise InputError(f"restore was given {shown(snapshot)}; expected what env.snapshot() returned")
    missing = [f.name for f in fields(EnvSnapshot) if f.name not in vars(snapshot)]
    if missing or not _is_identity(snapshot.identity):
        raise InputError(f"the snapshot lacks {', '.join(missing) or 'its identity'}: take a new one")
    for path in dict.fromkeys((*like.identity, *snapshot.identity)):
        there, here = (each.identity.get(path, "absent") for each in (snapshot, like))
        if there != here:
            difference = f"{path} is {there} there and {here} here"
            raise AnotherEnvironmentError(
                f"the snapshot is of another environment: {difference}; restore it into one of the same "
                "configuration",
                difference,
            )
    for name in ("worlds", "episodes", "task", "commands"):
        kind, expected = (type(getattr(each, name)) for each in (snapshot, like))
        if kind is not expected:
            raise InputError(
                f"{name} of the snapshot is of type {kind.__name__}, expected {expected.__name__}"
            )
    if whole_number(snapshot.seed) is None:
        raise InputError(f"seed of the snapshot is {shown(snapshot.seed)}; expected a whole number")
    checked_seed(snapshot.seed)
    check_array("obs", snapshot.obs, like.obs)
    for part, there, here in (
        ("episodes", snapshot.episodes, like.episodes),
        ("task", snapshot.task, like.task),
        ("commands", snapshot.commands, like.commands),
    ):
        for name, array in vars(here).items():
            check_array(f"{part}.{name}", vars(there).get(name), array, nan=name in here.UNKNOWN)
    if (np.abs(snapshot.commands.values) > LARGEST).any():
        raise InputError(f"commands.values of the snapshot holds numbers beyond {LARGEST:g}: it is damaged")
    for part, name, least in _LEAST:
        if (getattr(getattr(snapshot, part), name) < least).any():
            raise InputError(f"{part}.{name} of the snapshot holds numbers below {least}: it is damaged")


def _is_identity(value: Any) -> bool:
    """Whether this is a mapping of texts alone, whose comparison runs no code of a stranger's."""
    return isinstance(value, Mapping) and all(type(text) is str for pair in value.items() for text in pair)


def _flat(value: Any, path: str) -> Iterator[tuple[str, str]]:
    """Plain data by dotted path; of files their names alone, since a snapshot may travel."""
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(item, f"{path}.{key}")
    else:
        yield path, PurePath(value).name if isinstance(value, str) and "/" in value else repr(value)
