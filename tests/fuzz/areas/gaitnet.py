"""Files of GaitNet: bodies, motions, configurations of a small world, and its own where present."""

import os
import shutil
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import yaml

from batchenv import BatchEnv
from batchenv.body.gaitnet import follow, load_gaitnet_body, load_motion
from tests.fuzz.areas.configs import changed
from tests.fuzz.checks import check_finite, check_walks
from tests.fuzz.damage import damaged_bytes, damaged_file
from tests.tasks.gaitnet.small_scene import write_scene

OWN = Path(os.environ.get("BATCHENV_GAITNET", Path(__file__).parents[4] / "shared" / "gaitnet")) / "data"
_OWN_FILES = {
    "skeleton.xml": "base.xml",
    "muscles.xml": "distribute_lower_only.xml",
    "ground.xml": "ground.xml",
    "walk.h5": "walk.h5",
    "walk.bvh": "walk.bvh",
}
_NAMES = [
    "scene.yaml",
    "skeleton.xml",
    "muscles.xml",
    "ground.xml",
    "walk.h5",
    "walk.bvh",
    "environment",
    "training",
]
_BVH = """HIERARCHY
ROOT Hips
{
 OFFSET 0 0 0
 CHANNELS 6 Xposition Yposition Zposition Zrotation Xrotation Yrotation
 JOINT RightHip
 {
  OFFSET -10 -10 0
  CHANNELS 3 Zrotation Xrotation Yrotation
  End Site
  {
   OFFSET 0 -40 0
  }
 }
}
MOTION
Frames: 4
Frame Time: 0.3
0 100 0 0 0 0 0 10 0
0 100 40 0 0 0 0 20 0
0 100 80 0 0 0 0 0 5
0 100 120 0 0 0 5 10 0
"""


def prepare(materials: Path) -> None:
    """Write a small world; GaitNet's own beside it where that is present; step both."""
    for name in ("small", "own"):
        folder = materials / name
        folder.mkdir()
        scene = write_scene(folder)
        (folder / "walk.bvh").write_text(_BVH)
        if name == "own" and (OWN / "base.xml").is_file():
            for ours, theirs in _OWN_FILES.items():
                shutil.copy(OWN / theirs, folder / ours)
        with BatchEnv(scene, 2, 1, 0) as env:
            check_walks(env)


def make(rng: np.random.Generator, materials: Path, folder: Path) -> dict[str, Any]:
    """Copy a world with one damaged file."""
    shutil.copytree(materials / ("small" if rng.random() < 0.8 else "own"), folder, dirs_exist_ok=True)
    damage = {
        "skeleton.xml": 3,
        "muscles.xml": 3,
        "ground.xml": 1,
        "walk.h5": 3,
        "walk.bvh": 2,
        "scene.yaml": 4,
    }
    files, names = list(damage), _NAMES
    file = str(rng.choice(files, p=np.array(list(damage.values())) / sum(damage.values())))
    path = folder / file
    if file == "scene.yaml" and rng.random() < 0.8:
        data = yaml.safe_load(path.read_text())
        where, value = changed(rng, data)
        names = ["line ", *[str(key) for key in where if not isinstance(key, int)][-2:]]
        path.write_text(yaml.safe_dump(data))
        what = f"{'.'.join(map(str, where))} = {str(value)[:60]}"
    elif file == "walk.h5":
        what, names = _damaged_h5(rng, path), ["walk.h5"]
    else:
        path.write_bytes(damaged_file(rng, path.read_bytes()))
        what = file
    if file == "walk.bvh":
        _use_bvh(folder)
    return {"what": what, "file": file, "names": names}


def attempt(spec: dict[str, Any], materials: Path) -> str | None:
    """Import the body, follow the motion, and walk."""
    if spec["file"] != "scene.yaml":
        body = load_gaitnet_body("skeleton.xml", "muscles.xml")
        motion = load_motion("walk.bvh" if spec["file"] == "walk.bvh" else "walk.h5", body.skeleton)
        check_finite("poses", motion.poses)
        followed = follow(motion)
        check_finite(
            "the greatest error", [value for value in vars(followed).values() if isinstance(value, float)]
        )
    with BatchEnv(Path("scene.yaml"), 2, 1, seed=0) as env:
        return check_walks(env)


def _use_bvh(folder: Path) -> None:
    data = yaml.safe_load((folder / "scene.yaml").read_text())
    data["environment"]["motion"] |= {"type": "bvh", "file": "walk.bvh"}
    (folder / "scene.yaml").write_text(yaml.safe_dump(data))


def _damaged_h5(rng: np.random.Generator, path: Path) -> str:
    """Damage bytes of an HDF5 motion, or give it a dataset that is none, or another one."""
    if rng.random() < 0.5:
        path.write_bytes(damaged_bytes(rng, path.read_bytes()))
        return "bytes of walk.h5"
    with h5py.File(path, "r+") as file:
        name = str(rng.choice(["motions", "time"]))
        values = np.asarray(file[name])
        del file[name]
        scaled = values * float(rng.choice([-1.0, 0.0, 1e3, 1e9, 1e30, np.nan, np.inf]))
        odd = {
            "nothing": None,
            "scaled": scaled,
            "one row": values[:1],
            "no row": values[:0],
            "flat": values.ravel(),
            "text": "x",
            "texts": np.array([b"x"] * 4),
            "complex": values.astype(complex),
            "wide": np.zeros((4, 3000)),
            "object": np.array([b"a", b"bc"], dtype=object),
            "empty": h5py.Empty("f"),
        }
        how = str(rng.choice([*odd, "group", "external", "soft", "huge"]))
        if how == "group":
            file.create_group(name)
        elif how == "external":
            file[name] = h5py.ExternalLink(str(rng.choice(["/etc/passwd", "walk.h5", "gone.h5"])), "motions")
        elif how == "soft":
            file[name] = h5py.SoftLink(f"/{name}")
        elif how == "huge":
            file.create_dataset(name, (10**9, *values.shape[1:]), np.float32, chunks=True)
        elif odd[how] is not None:
            file[name] = odd[how] if how != "object" else [b"a", b"bc"]
    return f"{name} of walk.h5: {how}"
