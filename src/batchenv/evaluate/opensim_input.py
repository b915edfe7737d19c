"""Recordings of others: a motion of OpenSim, and the forces of the ground on either foot."""

import math
from pathlib import Path

import numpy as np

from batchenv.errors import InputError
from batchenv.evaluate.recording import Recording, from_arrays
from batchenv.evaluate.recording_layout import ENDINGS
from batchenv.motion.opensim import clip_of_table
from batchenv.motion.opensim_forces import GROUND_FORCES, forces_beside, ground_forces
from batchenv.motion.opensim_table import Table, read_table

Array = np.ndarray

_STANDING = 0.05  # share of the weight above which a foot has struck
_TRAVELLED = 1.0  # after which the direction of travel is known [m]


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
    forces = forces_beside(motion) if forces is None else forces
    if forces is None:
        raise InputError(
            f"{motion} has no ground forces beside it, as {motion.stem}{GROUND_FORCES}.mot; name their file"
            " with --forces, in Python with forces="
        )
    loads = read_table(forces)
    within = (table.time >= loads.time[0] - 1e-6) & (table.time <= loads.time[-1] + 1e-6)
    if within.sum() < 2:
        raise InputError(
            f"{loads.file}: forces from {loads.time[0]:g} to {loads.time[-1]:g} s,"
            f" the motion {table.file} is from {table.time[0]:g} to {table.time[-1]:g} s"
        )
    time = table.time[within]
    body = _body(table, mass)
    ground = ground_forces(loads, time)
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
