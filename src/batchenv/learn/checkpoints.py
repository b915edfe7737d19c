"""Checkpoints: everything a training run needs to go on, in one file that is never half-written."""

import dataclasses
import io
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from rsl_rl.algorithms import PPO

from batchenv.errors import CheckpointError, InputError, OutputError
from batchenv.files import read_torch, sealed, write_atomically
from batchenv.files.paths import path_to_read
from batchenv.learn.checkpoint_contents import check_contents
from batchenv.learn.policy import MUSCLES_FILE, POLICY_FILE, Policy, check_columns

CHECKPOINT_FILE = "checkpoint.pt"
MOST_BYTES = 2**30
"""Of a checkpoint; one of 4,096 worlds with networks of 1024-1024-1024 takes a tenth [bytes]."""
NORMALIZER_EPS = 1e-2
"""That rsl_rl's normaliser adds to standard deviations."""
_FORMAT = 1
_PACKAGES = ("batchenv", "mujoco", "numpy", "torch", "rsl-rl-lib")


@dataclass(frozen=True)
class Checkpoint:
    """A training run between two iterations.

    Attributes:
        steps: environment steps done (worlds times iterations times steps of a rollout).
        num_envs: number of worlds.
        seed: that the run started with.
        config: its configuration as YAML text.
        observations: name of each observation column.
        actions: name of each action column.
        learner: state dicts of actor (with normaliser), critic and optimiser, as from rsl_rl's `PPO.save`.
        random: states of the generators, see `random_state`.
        env: snapshot of the environment, see `pack`.
        episodes: packed `Episodes` of the run.
        versions: of the packages that took part.
        muscles: state of the muscle network's learner, see `MuscleLearner.state_dict`; None without one.
        privileged: names of the observation columns that the policy does not see.
    """

    steps: int
    num_envs: int
    seed: int
    config: str
    observations: tuple[str, ...]
    actions: tuple[str, ...]
    learner: dict[str, Any]
    random: dict[str, Any]
    env: Any
    episodes: Any
    versions: dict[str, str] = dataclasses.field(default_factory=lambda: package_versions())
    muscles: dict[str, Any] | None = None
    privileged: tuple[str, ...] = ()

    @property
    def policy(self) -> Policy:
        """The deterministic policy, without Torch, and without columns that it does not see."""
        policy = policy_of(self.learner["actor_state_dict"], self.observations, self.actions, self.steps)
        return policy.without(self.privileged) if self.privileged else policy

    @property
    def muscle_network(self) -> dict[str, np.ndarray] | None:
        """Parameters of the muscle network that learns with the policy, where one does."""
        if self.muscles is None:
            return None
        return {key: value.numpy() for key, value in self.muscles["network"].items()}

    def save(self, run_dir: Path) -> Path:
        """Write the checkpoint, policy and muscle network beside it, into a run's directory.

        Raises:
            CheckpointError: it could not be loaded again, as after weights diverged; nothing is written.
            OutputError: a file cannot be written; what it held before, it still holds.
        """
        path = run_dir / CHECKPOINT_FILE
        contents = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        try:
            check_contents(contents)
        except ValueError as error:
            raise CheckpointError(f"The checkpoint at {self.steps} steps is not saved: {error}") from error
        stream = io.BytesIO()
        torch.save({"format": _FORMAT, **contents}, stream)
        if stream.tell() > MOST_BYTES:
            raise OutputError(f"{path} would have {stream.tell():,} bytes; {MOST_BYTES:,} are the most")
        write_atomically(path, lambda file: file.write(sealed(stream.getvalue())))
        self.policy.save(run_dir / POLICY_FILE)
        if (network := self.muscle_network) is not None:
            arrays = io.BytesIO()
            np.savez(arrays, allow_pickle=False, **network)
            write_atomically(run_dir / MUSCLES_FILE, lambda file: file.write(sealed(arrays.getvalue())))
        return path

    def load_into(self, ppo: PPO) -> None:
        """Give networks, normalisers, optimiser and learning rate to PPO.

        Raises:
            CheckpointError: its networks have other sizes.
        """
        try:
            ppo.load(self.learner, None, True)
        except (RuntimeError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise CheckpointError(
                f"The checkpoint does not fit the networks as configured: {error}"
            ) from error

    def check_layout(self, observations: tuple[str, ...], actions: tuple[str, ...]) -> None:
        """Refuse an environment whose columns are not those that the run was trained on.

        Raises:
            CheckpointError: names the first column that differs.
        """
        try:
            check_columns("observation", self.observations, observations)
            check_columns("action", self.actions, actions)
        except CheckpointError as error:
            raise CheckpointError(
                f"{error} A run keeps its columns; --warm-start begins a new run with its networks."
            ) from None


def load_checkpoint(path: str | Path) -> Checkpoint:
    """Read a checkpoint; nothing in the file is executed (Torch's `weights_only`).

    A checkpoint is compared with the digest that it was saved with; an older one without a digest, with the
    checksums of Torch's archive.

    Args:
        path: the directory of a run, or the checkpoint file in it.

    Raises:
        CheckpointError: there is none, it is damaged or too large, not a checkpoint of batchenv, or its
            networks have other sizes than its configuration says, or numbers that are not finite.
    """
    path = path_to_read("path", path)
    file = path / CHECKPOINT_FILE if path.is_dir() else path
    if not file.exists():
        raise CheckpointError(
            f"There is no checkpoint at {file}; expected the directory of a training run, "
            f"or its {CHECKPOINT_FILE}."
        )
    try:
        contents = read_torch(file, "a checkpoint", MOST_BYTES)
    except InputError as error:
        raise CheckpointError(f"{error}; is it complete?") from error
    found = contents.pop("format", None) if isinstance(contents, dict) else None
    if found != _FORMAT:
        raise CheckpointError(
            f"{file} has checkpoint format {found!r}; this batchenv reads format {_FORMAT}."
        )
    try:
        checkpoint = Checkpoint(**contents)
    except TypeError as error:
        raise CheckpointError(
            f"{file} lacks a part of a checkpoint, or has one too many: {error}."
        ) from error
    try:
        check_contents(contents)
    except ValueError as error:
        raise CheckpointError(f"{file} cannot be read as a checkpoint: {error}") from error
    return checkpoint


def policy_of(
    actor: dict[str, torch.Tensor], observations: tuple[str, ...], actions: tuple[str, ...], steps: int
) -> Policy:
    """The mean action of an actor in plain NumPy; its arrays are the actor's own, not copies.

    Args:
        actor: state dict of an actor with its normaliser.
        observations, actions: names of the columns.
        steps: environment steps it was trained for.
    """
    arrays = {name: tensor.numpy() for name, tensor in actor.items()}
    layers = sorted(int(name.split(".")[1]) for name in arrays if name.endswith(".weight"))
    return Policy(
        mean=arrays["obs_normalizer._mean"][0],
        scale=arrays["obs_normalizer._std"][0] + np.float32(NORMALIZER_EPS),
        weights=tuple(arrays[f"mlp.{i}.weight"] for i in layers),
        biases=tuple(arrays[f"mlp.{i}.bias"] for i in layers),
        observations=observations,
        actions=actions,
        steps=steps,
    )


def package_versions() -> dict[str, str]:
    """Versions of the packages that decide what a checkpoint means."""
    return {name: metadata.version(name) for name in _PACKAGES}


def random_state() -> dict[str, Any]:
    """States of Torch's and NumPy's global generators."""
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    numpy_state = (kind, pack(keys), int(position), int(has_gauss), float(cached))
    return {"torch": torch.get_rng_state(), "numpy": numpy_state}


def set_random_state(state: dict[str, Any]) -> None:
    """Put Torch's and NumPy's global generators back into a `random_state`."""
    kind, keys, *rest = state["numpy"]
    torch.set_rng_state(state["torch"])
    np.random.set_state((kind, keys.numpy(), *rest))


def on_host(state: Any) -> Any:
    """Copy tensors in nested dicts and lists to the CPU, unless they are there."""
    if isinstance(state, dict):
        return {key: on_host(value) for key, value in state.items()}
    if isinstance(state, list):
        return [on_host(value) for value in state]
    return state.cpu() if isinstance(state, torch.Tensor) else state


def pack(value: Any) -> Any:
    """Turn dataclasses, dicts, tuples, lists, arrays and scalars into what `load_checkpoint` can read."""
    if dataclasses.is_dataclass(value):
        return {field.name: pack(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {key: pack(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(pack(item) for item in value)
    if isinstance(value, np.ndarray):
        return torch.from_numpy(np.array(value))
    return value.item() if isinstance(value, np.generic) else value


def unpack(packed: Any, like: Any = None) -> Any:
    """Turn what `pack` made back into arrays and scalars, and into the dataclasses that `like` shows.

    Args:
        packed: as read from a file.
        like: a state of the same kind, whose types, shapes and dtypes are expected; None takes any.

    Raises:
        CheckpointError: a field is missing, or is not like its like.
    """
    if dataclasses.is_dataclass(like) and not isinstance(like, type):
        fields = {field.name: getattr(like, field.name) for field in dataclasses.fields(like)}
        _check_kind(packed, {})
        # What is empty here makes no difference: other versions may not know it.
        empty = {name for name, value in fields.items() if isinstance(value, np.ndarray) and not value.size}
        missing = [name for name in fields if name not in packed and name not in empty]
        if missing:
            raise CheckpointError(
                f"The checkpoint lacks {', '.join(missing)} of the environment's state: another version of "
                "batchenv wrote it; go on with that version, or begin a new run with its networks: "
                "--warm-start"
            )
        known = {name: unpack(packed[name], value) for name, value in fields.items() if name in packed}
        return dataclasses.replace(like, **known)
    value = packed.numpy() if isinstance(packed, torch.Tensor) else packed
    if like is not None:
        _check_kind(value, like)
    if isinstance(value, dict):
        expected: Any = {} if like is None else like
        return {key: unpack(item, expected.get(key)) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return type(value)(unpack(item) for item in value)
    return value


def _check_kind(value: Any, like: Any) -> None:
    """CheckpointError unless an array has the shape and dtype of its like, and anything else its type."""

    def kind(of: Any) -> str:
        return f"{of.dtype} {of.shape}" if isinstance(of, np.ndarray) else type(of).__name__

    like = like.item() if isinstance(like, np.generic) else like
    if kind(value) != kind(like):
        raise CheckpointError(
            f"The checkpoint holds {kind(value)} of the environment's state; "
            f"this environment has {kind(like)}: is it of the same configuration?"
        )
