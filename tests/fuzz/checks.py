"""What has to be true of an environment that was built from an odd input, or that an odd call was made to."""

import dataclasses
import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from batchenv import BatchEnv
from tests.fuzz.outcomes import Fault

LARGEST_STEP = 2000  # substeps; a configuration may ask for more, and gets what it asked for
STEPS = 3


def check_walks(env: BatchEnv) -> str | None:
    """Reset and step an environment under small actions; everything that it says has to be finite."""
    check_finite("observations of reset", env.reset())
    if env.worlds.substeps > LARGEST_STEP:
        return f"{env.worlds.substeps} substeps a step: not stepped"
    rng = np.random.default_rng(0)
    for step in range(STEPS):
        check_results(env, env.step(rng.normal(0.0, 0.3, (env.num_envs, env.action_dim))), f"step {step}")
    return None


def check_results(env: BatchEnv, results: Any, when: str) -> None:
    """Everything that a step says has to be finite."""
    obs, rewards, _ = results
    for name, values in (("observations", obs), ("rewards", rewards), ("final_obs", env.final_obs)):
        check_finite(f"{name} of {when}", values)
    check_finite(f"episode_returns of {when}", env.episode_returns)
    for name, values in env.reward_terms.items():
        check_finite(f"reward term {name} of {when}", values)


def check_finite(name: str, values: Any) -> None:
    """Raise a fault unless all numbers are finite."""
    bad = np.argwhere(~np.isfinite(np.asarray(values, float)))
    if len(bad):
        raise Fault("non-finite", f"{name}: {np.asarray(values)[tuple(bad[0])]} at {bad[0].tolist()}")


def digest(value: Any) -> bytes:
    """A hash of nested dataclasses, mappings, lists and arrays."""
    found = hashlib.sha256()
    _feed(found, value)
    return found.digest()


def state_digest(env: BatchEnv) -> bytes:
    """A hash of all that a refused call has to leave as it was."""
    told = (env.final_obs, env.terminated, env.truncated, env.episode_returns, env.episode_lengths)
    return digest((env.snapshot(), told, env.parameters, env.failures, env.diverged))


def same(a: Any, b: Any) -> bool:
    """Whether two values hold the same bits."""
    return digest(a) == digest(b)


def _feed(found: Any, value: Any) -> None:
    if hasattr(value, "numpy") and hasattr(value, "detach"):
        value = (
            value.detach().cpu().float().numpy()
            if "bfloat" in str(value.dtype)
            else value.detach().cpu().numpy()
        )
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = {f.name: getattr(value, f.name) for f in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        for key in value:
            found.update(repr(key).encode())
            _feed(found, value[key])
    elif isinstance(value, np.ndarray) and value.dtype != object:
        found.update(f"{value.shape} {value.dtype}".encode())
        found.update(np.ascontiguousarray(value).tobytes())
    elif isinstance(value, tuple | list | np.ndarray):
        found.update(f"({len(value)}".encode())
        for item in value:
            _feed(found, item)
    else:
        found.update(f"{type(value).__name__} {value!r}".encode())
