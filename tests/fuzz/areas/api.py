"""Calls with odd arguments: of environments, of the adapters, and of the functions that read files.

An input is a few expressions, evaluated one after another; each is known to be good, or bad, or neither. A
refused call has to leave the environment as it was.
"""

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from batchenv import BatchEnv, BatchEnvError, Env, VectorEnv, load_config
from batchenv.evaluate.walker import load_walker
from batchenv.vector.sb3 import SB3VecEnv
from tests.fuzz.areas.api_calls import drawn_call
from tests.fuzz.areas.api_values import GOOD_ACTIONS, NAMESPACE
from tests.fuzz.checks import check_finite, check_results, check_walks, state_digest
from tests.fuzz.outcomes import Fault

_SHORT = {"environment.episode.max_seconds": 0.3}
_KINDS: dict[str, Callable[[], Any]] = {
    "torque": lambda: BatchEnv(load_config("torque").replace(_SHORT), 3, 1, 0),
    "excite": lambda: BatchEnv("excite", 3, 1, 0),
    "network": lambda: BatchEnv("walk_muscle_nn", 3, 1, 0),
    "crouch": lambda: BatchEnv(load_config("crouch").replace(_SHORT), 3, 1, 0, autoreset="next_step"),
    "copying": lambda: BatchEnv("torque", 3, 1, 0, copy=True, autoreset="disabled"),
    "vector": lambda: VectorEnv("crouch", 3, num_threads=1, seed=0),
    "single": lambda: Env("torque", seed=0),
    "sb3": lambda: SB3VecEnv("torque", 3, num_threads=1, seed=0),
}
_made: dict[str, Any] = {}
_shared: dict[str, Any] = {}


def prepare(materials: Path) -> None:
    """Make the snapshots of others that calls hand in, and try the good actions."""
    for kind in ("excite", "crouch"):
        attempt({"kind": kind, "lines": []}, materials)
    with BatchEnv("torque", 2, 1, 0) as two:
        two.reset()
        others = {
            "two": two.snapshot(),
            "excite": _made["excite"].snapshot(),
            "crouch": _made["crouch"].snapshot(),
        }
    _shared.update(other=others, walker=load_walker("walk"), config=load_config("walk"))
    good = [{"code": f"env.step({actions})", "verdict": "good", "names": []} for actions in GOOD_ACTIONS]
    attempt({"kind": "torque", "lines": good}, materials)


def make(rng: np.random.Generator, materials: Path, folder: Path) -> dict[str, Any]:
    """Draw one to three calls."""
    kind = str(rng.choice(list(_KINDS)))
    lines = [drawn_call(rng, kind) for _ in range(int(rng.choice([1, 1, 2, 3])))]
    return {"what": "; ".join(line["code"] for line in lines)[:200], "kind": kind, "lines": lines}


def attempt(spec: dict[str, Any], materials: Path) -> str | None:
    """Evaluate the calls on an environment that has taken two steps."""
    kind, refusals, done = spec["kind"], [], False
    try:
        if kind not in _made:
            _made[kind] = _KINDS[kind]()
        env = _made[kind]
        batch = _batch(env)
        _begin(env, batch)
        for line in spec["lines"]:
            refusals += _evaluated(line, env, batch)
            _goes_on(env, batch)
        done = True
    finally:
        if not done:  # what comes next has to begin with one that is whole
            _made.pop(kind, None)
    if refusals:
        raise BatchEnvError(" / ".join(refusals))
    return None


def _batch(env: Any) -> BatchEnv:
    """The `BatchEnv` inside an environment."""
    if isinstance(env, BatchEnv):
        return env
    return env.worlds.batch if isinstance(env, SB3VecEnv) else env.batch


def _begin(env: Any, batch: BatchEnv) -> None:
    batch.reset(0)
    if not isinstance(env, BatchEnv):
        env.reset()
    for _ in range(2):
        batch.step(np.full((batch.num_envs, batch.action_dim), 0.1))


def _evaluated(line: dict[str, Any], env: Any, batch: BatchEnv) -> list[str]:
    """Evaluate one expression; what it was refused with, if it was."""
    before = state_digest(batch)
    names = NAMESPACE | _shared | {"env": env, "N": batch.num_envs, "A": batch.action_dim}
    names |= {"P": len(batch.parameter_names), "O": batch.obs_dim}
    if "snap" in line["code"]:
        names["snap"] = batch.snapshot()
    if "state" in line["code"] and batch.worlds.coordinator is not None:
        names["state"] = batch.muscle_network()
    try:
        result = eval(line["code"], names)
    except BatchEnvError as error:
        if line["verdict"] == "good":
            raise Fault("unnamed", f"{line['code']} is fine and was refused: {error}") from error
        if line["names"] and not any(name in str(error).lower() for name in line["names"]):
            raise Fault("unnamed", f"{line['code']}: {error}") from error
        if state_digest(batch) != before:
            raise Fault("silent", f"{line['code']} was refused and changed the state: {error}") from error
        return [str(error)]
    if line["verdict"] == "bad":
        if dataclasses.is_dataclass(result) or hasattr(result, "close"):
            _closed(result)
        raise Fault("silent", f"{line['code']} was accepted")
    _look_at(result)
    return []


def _look_at(result: Any) -> None:
    """What a call returned has to be finite, and to walk if it can."""
    if isinstance(result, BatchEnv):
        with result:
            check_walks(result)
    elif hasattr(result, "step") and hasattr(result, "close"):
        _closed(result)
    elif isinstance(result, np.ndarray) and result.dtype.kind == "f":
        check_finite("the result", result)
    elif isinstance(result, tuple) and result and isinstance(result[0], np.ndarray):
        check_finite("observations", result[0])


def _closed(result: Any) -> None:
    if hasattr(result, "close"):
        result.close()


def _goes_on(env: Any, batch: BatchEnv) -> None:
    """The environment steps as usual, and waits for no reset then."""
    if batch.autoreset == "disabled":
        batch.reset()
    actions = np.zeros((batch.num_envs, batch.action_dim))
    check_results(batch, batch.step(actions), "the step after")
    check_finite("parameters", batch.parameters)
    if batch.autoreset == "disabled":
        batch.reset()
