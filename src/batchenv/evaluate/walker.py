"""Trained walkers by name or path: a policy, and the configuration that it was trained under."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from batchenv.arrays import shown
from batchenv.config import Config, load_config
from batchenv.env import BatchEnv
from batchenv.errors import CheckpointError, InputError, nearest
from batchenv.evaluate.told import beyond, command_ranges
from batchenv.files import check_output_directory, write_atomically
from batchenv.files.paths import checked_path, path_to_read
from batchenv.learn.policy import MUSCLES_FILE, Policy, load_policy
from batchenv.shipped import CONFIG_FILE, POLICY_FILE, PRESETS, WALKERS, shipped_walkers, walker_path

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Walker:
    """A policy that can be put into worlds; get one from `load_walker`.

    Attributes:
        name: for titles.
        policy: a function from observations (N, O) to mean actions (N, A).
        config: of its worlds.
        trained_under: the configuration that it was trained under; None: `config`.
    """

    name: str
    policy: Policy
    config: Config
    trained_under: Config | None = None

    def __repr__(self) -> str:
        policy = self.policy
        return (
            f"Walker({self.name!r}, {len(policy.observations)} observations, {len(policy.actions)} actions, "
            f"{policy.steps:,} steps)"
        )

    def worlds(
        self,
        num_envs: int = 1,
        seconds: float | None = None,
        num_threads: int | None = None,
        changes: Mapping[str, Any] | None = None,
    ) -> BatchEnv:
        """Build worlds for the walker: no parameter is drawn, each has the default of its range.

        Args:
            num_envs: number of worlds.
            seconds: length of an episode [s]; by default that of the configuration.
            num_threads: as for `BatchEnv`.
            changes: of the configuration, as for `Config.replace`.

        Raises:
            CheckpointError: the policy was trained with other columns.
            InputError: it was trained without a command that the changes add.
        """
        lasting = {} if seconds is None else self.config.lasting(seconds)
        edits = lasting | self.config.undrawn() | dict(changes or {})
        config = self.config.replace(edits)
        self._check_told(changes or {}, config)
        env = BatchEnv(config, num_envs, num_threads)
        try:
            self.policy.check_layout(_names(env.obs_layout), _names(env.action_layout))
        except CheckpointError:
            env.close()
            raise
        return env

    def with_changes(self, changes: Mapping[str, Any]) -> "Walker":
        """The same policy under a changed configuration; `changes` as for `Config.replace`.

        Raises:
            InputError: it was trained without a command that they add.
        """
        config = self.config.replace(changes)
        self._check_told(changes, config)
        return replace(self, config=config, trained_under=self.trained_under or self.config)

    def _check_told(self, changes: Mapping[str, Any], config: Config) -> None:
        """Refuse commands that the policy does not hear; warn of values that it was not trained for."""
        if not any(key.startswith("environment.commands") for key in changes):
            return
        trained = command_ranges(self.trained_under or self.config)
        for name, columns in command_ranges(config).items():
            if name not in trained and not self.hears_commands:
                raise InputError(
                    f"{self.name} was trained without commands, and does not hear {name}; take a walker that "
                    "was trained with it, such as command"
                )
            for column, told in columns.items():
                if said := beyond(column, trained.get(name, {}).get(column), *told):
                    _log.warning("%s %s", self.name, said)

    @property
    def hears_commands(self) -> bool:
        """Whether the policy observes commands, by the name of what it observes."""
        return any("command" in name for name in self.policy.observations)

    def period(self, changes: Mapping[str, Any] | None = None) -> float:
        """Length of the gait cycle that is followed [s], under changes of the configuration."""
        said = self.config.replace(changes or {}).period
        if said is not None:
            return said
        with self.worlds(1, 1.0, 1, changes) as env:
            return env.task.period


def load_walker(name: str | Path, folder: Path = WALKERS, *, trust: bool = False) -> Walker:
    """Load a trained walker: a policy that needs no Torch, and the configuration of its worlds.

    Args:
        name: of a shipped walker; or the directory of a training run, or a policy or checkpoint file in one.
        folder: where shipped walkers are.
        trust: whether its configuration may name Python files, whose code then runs; see `load_config`.

    Raises:
        CheckpointError: there is none; lists the shipped ones.
        ConfigError: its configuration is not to be read, or names code and is not trusted.

    >>> walker = load_walker("walk")
    >>> len(walker.policy.actions), walker.config.environment.skeleton.file
    (14, 'myo_sim:myolegs')
    """
    path = _found(name, folder)
    run = walker_directory(name, folder)
    if not (run / CONFIG_FILE).is_file():
        raise CheckpointError(f"{run} has no {CONFIG_FILE} beside its {POLICY_FILE}.")
    policy = load_policy(path if path.suffix == Path(POLICY_FILE).suffix else run)
    config = load_config(run / CONFIG_FILE, trust=trust).without_privileged()
    muscles = run / MUSCLES_FILE
    if config.taught_steps and policy.steps <= config.taught_steps and muscles.is_file():
        _log.warning(
            "%s was saved at %s steps, while static optimisation still coordinated and taught the muscle "
            "network; here the network coordinates, as good as it was then",
            run,
            f"{policy.steps:,}",
        )
    if config.environment.muscle.coordinator == "network" and muscles.is_file():
        config = config.replace({"environment.muscle.network.file": str(muscles.resolve())})
    return Walker(run.resolve().name, policy, config)


def as_walker(walker: Walker | str | Path) -> Walker:
    """Return a walker as it is, or load the one of a name; see `load_walker`.

    Raises:
        InputError: it is neither a walker nor a name.
        CheckpointError: there is none of that name.
    """
    if isinstance(walker, Walker):
        return walker
    if not isinstance(walker, str | Path):
        raise InputError(f"{shown(walker)} is no walker; load_walker returns one")
    return load_walker(walker)


def walker_directory(name: str | Path, folder: Path = WALKERS) -> Path:
    """Return the directory of a walker, named as for `load_walker`.

    Raises:
        CheckpointError: there is none; lists the shipped ones.
    """
    path, shipped = _found(name, folder), shipped_walkers(folder)
    run = path if path.is_dir() else path.parent
    if not path.exists() or not (run / POLICY_FILE).is_file():
        if str(name) in PRESETS:
            raise CheckpointError(
                f"{name} is a preset, and no walker ships for it: train it with 'batchenv train {name}', "
                f"and name the directory of that run. Shipped walkers: {', '.join(shipped) or 'none'}."
            )
        raise CheckpointError(
            f"{str(name)!r} is neither a shipped walker nor a training run with a {POLICY_FILE}."
            f"{nearest(str(name), shipped)} Shipped walkers: {', '.join(shipped) or 'none'}."
        )
    return run


def save_walker(directory: str | Path, policy: Policy, config: Config) -> Path:
    """Write a policy and the configuration that it was trained under, for `load_walker` and the commands.

    Args:
        directory: made where it does not exist.
        policy: of any learner, see `Policy`.
        config: of its environment.

    Returns:
        The directory.

    Raises:
        OutputError: it cannot be written.
    """
    directory = checked_path("directory", directory)
    check_output_directory(directory)
    directory.mkdir(parents=True, exist_ok=True)
    policy.save(directory / POLICY_FILE)
    text = config.to_yaml().encode()
    write_atomically(directory / CONFIG_FILE, lambda file: file.write(text))
    return directory


def _found(name: str | Path, folder: Path) -> Path:
    return walker_path(path_to_read("name", name), folder)


def _names(columns: Any) -> tuple[str, ...]:
    return tuple(column.name for column in columns)
