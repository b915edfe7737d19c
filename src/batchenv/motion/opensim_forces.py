"""Ground forces of OpenSim: which columns are those of either foot, at the times of a motion."""

import re
from pathlib import Path

import numpy as np

from batchenv.errors import InputError
from batchenv.motion.opensim_frame import from_opensim
from batchenv.motion.opensim_table import OPENSIM_SUFFIXES, Table

Array = np.ndarray

GROUND_FORCES = "_grf"
"""What the name of a file of ground forces ends with, after that of its motion."""
_SIDES = {"r": 0, "right": 0, "l": 1, "left": 1}
_EXAMPLE = ("ground_force_v", "1_ground_force_v")
"""Names of the right and the left foot in the examples of OpenSim, which have no side in them."""


def forces_beside(motion: Path) -> Path | None:
    """Return the file of ground forces beside a motion, walk_grf.mot for walk.mot; None without one."""
    files = (motion.with_name(f"{motion.stem}{GROUND_FORCES}{suffix}") for suffix in OPENSIM_SUFFIXES)
    return next((file for file in files if file.is_file()), None)


def ground_forces(loads: Table, time: Array) -> dict[str, Array]:
    """Return forces, centres of pressure and free moments at times (T,) [s], as recordings have them.

    Raises:
        InputError: a column of either foot is missing.
    """
    feet = _feet(loads)
    at = {name: np.interp(time, loads.time, values) for name, values in loads.columns.items()}
    sampled = Table(loads.file, {}, time, at)
    axes = "xyz"
    force, point = (
        np.stack([sampled.stacked([f"{foot[kind]}{axis}" for axis in axes]) for foot in feet], axis=1)
        for kind in ("force", "point")
    )
    vertical = force[:, :, 1]
    grf, cop = from_opensim(force), from_opensim(point)
    ground = {"grf": grf, "cop": np.where(vertical[:, :, None] > 0.0, cop, 0.0)}
    if all(foot["torque"] for foot in feet):
        ground["free_moment"] = np.stack([at[f"{foot['torque']}y"] for foot in feet], axis=1)
    return ground


def _feet(loads: Table) -> list[dict[str, str]]:
    """What the columns of the right and the left foot begin with: force, point, and torque or ''."""
    forces = [name[:-1] for name in loads.columns if name.endswith("vx")]
    own: list[list[str]] = [[], []]
    for name in forces:
        words = {_SIDES[word] for word in re.split(r"[^a-z]+", name.lower()) if word in _SIDES}
        if len(words) == 1:
            own[words.pop()].append(name)
    if set(forces) == set(_EXAMPLE):
        own = [[name] for name in _EXAMPLE]
    if [len(names) for names in own] != [1, 1]:
        found = ", ".join(f"{name[:40]}x" for name in forces[:6]) or "none"
        raise InputError(
            f"{loads.file}: lacks a force of the right and one of the left foot, in columns such as"
            f" ground_force_r_vx and ground_force_l_vx; it has {found}"
        )
    feet = []
    for (force,) in own:
        moments = [force[:-1].replace("force", word) for word in ("torque", "moment")]
        moments += [f"{moment}m" for moment in moments]
        torque = next((name for name in moments if f"{name}y" in loads.columns), "")
        feet.append({"force": force, "point": f"{force[:-1]}p", "torque": torque})
    return feet
