"""Directories of training runs: damaged weights, checkpoints, configurations; weights that are no weights."""

import copy
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from batchenv.cli import main
from batchenv.errors import BatchEnvError
from batchenv.evaluate.walker import load_walker
from batchenv.learn.checkpoints import load_checkpoint
from batchenv.learn.policy import load_policy
from tests.fuzz.areas.commands import call
from tests.fuzz.checks import check_finite, check_results, same
from tests.fuzz.damage import damaged_bytes, damaged_file, paths
from tests.fuzz.outcomes import Fault

CONFIG = """
base: walk_muscle_nn
environment: {muscle: {network: {file: null, hidden: [8, 8]}}}
training: {hidden: [8, 8], num_envs: 2, num_steps_per_env: 8, mini_batches: 2, epochs: 1, steps: 16}
"""
POLICY, CHECKPOINT, MUSCLES = "policy.safetensors", "checkpoint.pt", "muscle_network.npz"
_POLICY_EDITS = ("nan", "inf", "zero scale", "huge", "short", "no layer", "other name", "no names", "steps")


def prepare(materials: Path) -> None:
    """Train for two iterations, and go on with the run."""
    (materials / "small.yaml").write_text(CONFIG)
    main(["train", "small.yaml", "--threads", "1", "--out", "run"])
    shutil.copytree(materials / "run", materials / "again")
    main(["train", "--resume", "again", "--steps", "32", "--threads", "1"])
    for file in (materials / "run").glob("events*"):
        file.unlink()
    for kind in ("bytes", "config"):
        for file in (POLICY, CHECKPOINT, MUSCLES):
            attempt({"kind": kind, "file": file}, materials)


def make(rng: np.random.Generator, materials: Path, folder: Path) -> dict[str, Any]:
    """Copy the run, and damage a file of it, or say what of it is to be changed."""
    shutil.copytree(materials / "run", folder / "run")
    how = rng.random()
    if how < 0.6:
        file = str(rng.choice([POLICY, CHECKPOINT, MUSCLES]))
        path = folder / "run" / file
        path.write_bytes(damaged_bytes(rng, path.read_bytes()))
        return {"what": f"bytes of {file}", "kind": "bytes", "file": file, "names": [file, "muscle.network"]}
    if how < 0.7:
        path = folder / "run" / "config.yaml"
        path.write_bytes(damaged_file(rng, path.read_bytes()))
        return {
            "what": "config.yaml",
            "kind": "config",
            "file": POLICY,
            "names": ["run", "environment", "column", "skeleton file"],
        }
    if how < 0.85:
        return {"what": "policy", "kind": "policy", "edit": str(rng.choice(_POLICY_EDITS)), "names": []}
    return {"what": "checkpoint", "kind": "checkpoint", "edit": int(rng.integers(2**31)), "names": []}


def attempt(spec: dict[str, Any], materials: Path) -> str | None:
    """Load what was damaged, and compare; walk or train with what was changed."""
    kind = spec["kind"]
    if kind == "bytes":
        if same(_read(spec["file"], Path("run")), _read(spec["file"], materials / "run")):
            return "the damage was nowhere that matters"
        raise Fault("silent", f"{spec['file']} was read with other values than were written")
    if kind == "policy":
        policy = load_policy("run")
        _edited_policy(policy, spec["edit"]).save(Path("run") / POLICY)
    if kind in ("policy", "config"):
        return _walk()
    checkpoint, what = _edited_checkpoint(load_checkpoint("run"), np.random.default_rng(spec["edit"]))
    torch.save({"format": 1, **vars(checkpoint)}, Path("run", CHECKPOINT))
    try:
        call(["train", "--resume", "run", "--steps", "48", "--threads", "1"])
    except BatchEnvError as error:
        raise type(error)(f"{error} [{what}]") from error
    trained = load_policy("run")
    check_finite("the policy's weights", np.concatenate([weight.ravel() for weight in trained.weights]))
    return what


def _read(file: str, run: Path) -> Any:
    """What a file of a run holds, as others read it."""
    if file == POLICY:
        return asdict(load_policy(run))
    if file == CHECKPOINT:
        return vars(load_checkpoint(run))
    with load_walker(run).worlds(1, 1.0, 1) as env:
        return env.muscle_network()


def _walk() -> None:
    walker = load_walker("run")
    with walker.worlds(2, 1.0, 1) as env:
        obs = env.reset(0)
        for step in range(3):
            actions = walker.policy(obs)
            check_finite("actions of the policy", actions)
            results = env.step(actions)
            check_results(env, results, f"step {step}")
            obs = results[0]


def _edited_policy(policy: Any, edit: str) -> Any:
    """A policy that nobody trained, by the name of what is odd about it."""
    first, others = policy.weights[0], policy.weights[1:]
    spoilt = first.copy()
    spoilt[0, 0] = {"nan": np.nan, "inf": np.inf}.get(edit, 1e38)
    edits: dict[str, dict[str, Any]] = {
        "zero scale": {"scale": np.zeros_like(policy.scale)},
        "short": {"weights": (first[:-1], *others)},
        "no layer": {"weights": (), "biases": ()},
        "other name": {"observations": ("x", *policy.observations[1:])},
        "no names": {"observations": (), "actions": ()},
        "steps": {"steps": -(10**30)},
    }
    return replace(policy, **edits.get(edit, {"weights": (spoilt, *others)}))


def _edited_checkpoint(checkpoint: Any, rng: np.random.Generator) -> tuple[Any, str]:
    """A checkpoint in which one value is another one or gone, and which."""
    fields = {name: copy.deepcopy(value) for name, value in vars(checkpoint).items()}
    fields = _plain(fields)
    found = [where for where in paths(fields) if where[0] not in ("versions", "observations", "actions")]
    top = sorted({where[0] for where in found})
    name = top[int(rng.integers(len(top)))]
    where = [path for path in found if path[0] == name]
    path = where[int(rng.integers(len(where)))]
    inner = fields
    for key in path[:-1]:
        inner = inner[key]
    old, how = inner[path[-1]], rng.random()
    if isinstance(old, torch.Tensor) and how < 0.7 and old.numel():
        new = old.clone()
        kind = rng.integers(4)
        if kind == 0 and new.is_floating_point():
            new.view(-1)[0] = float(rng.choice([np.nan, np.inf, 1e30, -1.0]))
        elif kind == 1:
            new = new.view(-1)[:-1]
        elif kind == 2:
            new = new.double() if new.dtype != torch.float64 else new.float()
        else:
            new = new * 0 - 1 if new.dtype != torch.bool and new.dtype != torch.uint8 else new * 0
        inner[path[-1]], what = new, f"tensor {kind}"
    elif how < 0.85 or len(path) == 1:
        odd = (None, -1, 10**30, "x", [], {}, float("nan"), True)
        inner[path[-1]] = odd[int(rng.integers(len(odd)))]
        what = repr(inner[path[-1]])
    else:
        del inner[path[-1]]
        what = "gone"
    return type(checkpoint)(**fields), f"{'.'.join(map(str, path))}: {what}"


def _plain(value: Any) -> Any:
    """Mappings and lists that can be changed."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    return [_plain(item) for item in value] if isinstance(value, list) else value
