"""Recordings of others: a motion of OpenSim, and the forces of the ground on either foot."""

import math
import re
from pathlib import Path

import numpy as np

from batchenv.errors import InputError
from batchenv.evaluate.opensim_output import GROUND_FORCES
from batchenv.evaluate.recording import Recording, from_arrays
from batchenv.evaluate.recording_layout import ENDINGS
from batchenv.motion.opensim import clip_of_table
from batchenv.motion.opensim_frame import from_opensim
from batchenv.motion.opensim_table import OPENSIM_SUFFIXES, Table, read_table

Array = np.ndarray

_STANDING = 0.05  # share of the weight above which a foot has struck
_TRAVELLED = 1.0  # after which the direction of travel is known [m]
_SIDES = {"r": 0, "right": 0, "l": 1, "left": 1}
_EXAMPLE = ("ground_force_v", "1_ground_force_v")
"""Names of the right and the left foot in the examples of OpenSim, which have no side in them."""


def load_opensim(motion: Path, forces: Path | None = None, mass: float | None = None) -> Recording:
    """Read a walk from a motion, with the pelvis and the angles of joints, and a file of ground forces.

    Forces are taken at the times of the motion. A foot counts as being where it last struck the ground.

    Args:
        motion: .mot or .sto.
        forces: .mot or .sto; by default that of the motion's name with _grf at its end.
        mass: of the body [kg]; by default what the header says, as in files that batchenv wrote.

    Raises:
        InputError: a file is damaged, or lacks something; the message says what.
    """
    table = read_table(motion)
    loads = read_table(_forces_beside(motion) if forces is None else forces)
    within = (table.time >= loads.time[0] - 1e-6) & (table.time <= loads.time[-1] + 1e-6)
    if within.sum() < 2:
        raise InputError(
            f"{loads.file}: forces from {loads.time[0]:g} to {loads.time[-1]:g} s,"
            f" the motion {table.file} is from {table.time[0]:g} to {table.time[-1]:g} s"
        )
    time = table.time[within]
    body = _body(table, mass)
    ground = _ground(loads, time)
    arrays = {
        **body,
        **ground,
        "dt": float(time[-1] - time[0]) / (len(time) - 1),
        "ended": (table.header.get("ended", "completed"),),
        "episode": np.zeros(len(time), int),
        "time": time,
        "foot_pos": _struck(ground["grf"][:, :, 2], ground["cop"], body["mass"] * body["gravity"]),
        **_motion(table, within),
    }
    if arrays["ended"][0] not in ENDINGS:
        raise InputError(
            f"{motion}: its header says ended={arrays['ended'][0][:40]!r}, expected one of {ENDINGS}"
        )
    return from_arrays(arrays, str(motion))


def _forces_beside(motion: Path) -> Path:
    for suffix in OPENSIM_SUFFIXES:
        beside = motion.with_name(f"{motion.stem}{GROUND_FORCES}{suffix}")
        if beside.is_file():
            return beside
    raise InputError(
        f"{motion} has no ground forces beside it, as {motion.stem}{GROUND_FORCES}.mot; name their file with"
        " --forces, in Python with forces="
    )


def _body(table: Table, mass: float | None) -> dict[str, float]:
    """Mass and gravity."""
    said = {"mass": table.header.get("mass"), "gravity": table.header.get("gravity", "9.81")}
    if mass is not None:
        said["mass"] = str(mass)
    if said["mass"] is None:
        raise InputError(
            f"{table.file} does not say the mass of the body; give it with --mass, in Python with mass="
        )
    numbers = {}
    for key, text in said.items():
        try:
            numbers[key] = float(text)
        except ValueError:
            numbers[key] = math.nan
        if not 0.001 <= numbers[key] <= 1e6:
            raise InputError(f"{table.file}: {key}={text[:40]!r}, expected a positive number")
    return numbers


def _motion(table: Table, within: Array) -> dict[str, object]:
    """Pelvis and joints of a walk along X, in the samples that count."""
    clip = clip_of_table(table)
    place = clip.root_pos[within]
    along, left, _ = place[-1] - place[0]
    across = math.hypot(along, left)
    if across > _TRAVELLED and along < 0.7 * across:
        raise InputError(
            f"{table.file}: the pelvis travels {along:.2f} m along X and {-left:.2f} m along Z;"
            " expected a walk along X, which is forward"
        )
    return {
        "root_pos": place,
        "root_quat": clip.root_quat[within],
        "joint_names": clip.joint_names,
        "joint_pos": clip.joint_pos[within],
    }


def _ground(loads: Table, time: Array) -> dict[str, Array]:
    """Forces, centres of pressure and free moments at times [s], those of a recording."""
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


def _struck(vertical: Array, cop: Array, weight: float) -> Array:
    """Where each foot last struck the ground, in a swing where it is about to (T, 2, 3) [m]."""
    place = np.zeros(cop.shape)
    for foot in range(2):
        standing = vertical[:, foot] > _STANDING * weight
        edges = np.diff(standing.astype(int), prepend=0, append=0)
        strikes, ends = np.flatnonzero(edges > 0), np.flatnonzero(edges < 0)
        if strikes.size:
            # How many contacts have ended before each sample: a swing belongs to the next one.
            contact = np.searchsorted(ends, np.arange(len(standing)), side="right")
            place[:, foot] = cop[strikes[np.minimum(contact, strikes.size - 1)], foot]
    return place
