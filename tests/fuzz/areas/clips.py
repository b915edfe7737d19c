"""Motions of every format that `batchenv import` reads, damaged; read and fitted to a body."""

from pathlib import Path
from typing import Any

import numpy as np

from batchenv.body import load_body
from batchenv.motion import fit_clip, read_motion, write_motion
from tests.fuzz.checks import check_finite
from tests.fuzz.damage import damaged_bytes, damaged_file
from tests.motion.actors import HANGING, trajectory, write_actor, write_amc

# Files that are damaged, and the one that is read then.
_FILES = {
    "actor.bvh": "actor.bvh",
    "actor.amc": "actor.amc",
    "actor.asf": "actor.amc",
    "walk.npz": "walk.npz",
    "clip.npz": "clip.npz",
    "clip.csv": "clip.csv",
    "clip.mot": "clip.mot",
}


def prepare(materials: Path) -> None:
    """Write a motion in each format."""
    write_actor(materials / "actor.bvh", HANGING)
    write_amc(materials, knee=20.0, hip=10.0)
    np.savez(materials / "walk.npz", **trajectory(), allow_pickle=True)
    clip = read_motion(materials / "actor.bvh")
    for suffix in (".npz", ".csv", ".mot"):
        write_motion(clip, materials / f"clip{suffix}")
    for name in _FILES.values():
        read_motion(materials / name)


def make(rng: np.random.Generator, materials: Path, folder: Path) -> dict[str, Any]:
    """Write a damaged motion."""
    name = str(rng.choice(list(_FILES)))
    for other in ("actor.amc", "actor.asf"):
        (folder / other).write_bytes((materials / other).read_bytes())
    damaged = damaged_bytes if name.endswith(".npz") else damaged_file
    (folder / name).write_bytes(damaged(rng, (materials / name).read_bytes()))
    return {"what": name, "file": _FILES[name], "names": [name, _FILES[name]]}


def attempt(spec: dict[str, Any], materials: Path) -> str | None:
    """Read the motion, and fit it to the legs of myo_sim."""
    clip = fit_clip(read_motion(spec["file"]), load_body("myo_sim:myolegs", timestep=0.002))
    check_finite("the clip", np.concatenate([clip.joint_pos, clip.root_pos, clip.root_quat], axis=1))
    return None
