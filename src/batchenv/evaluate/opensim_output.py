"""Recordings as OpenSim's files: motion, ground forces, and what muscles and joints do."""

from collections.abc import Iterator
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import numpy as np

from batchenv.errors import InputError
from batchenv.evaluate.recording import Recording
from batchenv.files import write_atomically
from batchenv.motion.opensim_forces import GROUND_FORCES
from batchenv.motion.opensim_frame import PELVIS_ANGLES, PELVIS_PLACE, pelvis_angles, to_opensim
from batchenv.motion.opensim_table import write_table

Array = np.ndarray
Columns = dict[str, Array]

SIDES = ("r", "l")
_BELOW = {"hip": "femur", "knee": "tibia", "ankle": "talus"}
_EXTERNAL_FORCE = """\
      <ExternalForce name="{side}">
        <applied_to_body>calcn_{side}</applied_to_body>
        <force_expressed_in_body>ground</force_expressed_in_body>
        <point_expressed_in_body>ground</point_expressed_in_body>
        <force_identifier>ground_force_{side}_v</force_identifier>
        <point_identifier>ground_force_{side}_p</point_identifier>
        <torque_identifier>ground_torque_{side}_</torque_identifier>
      </ExternalForce>
"""
_EXTERNAL_LOADS = """\
<?xml version="1.0" encoding="UTF-8"?>
<OpenSimDocument Version="40000">
  <ExternalLoads name={name}>
    <objects>
{forces}    </objects>
    <datafile>{file}</datafile>
  </ExternalLoads>
</OpenSimDocument>
"""


def save_mot(recording: Recording, path: Path) -> list[Path]:
    """Write motion and ground forces of each episode, and the ExternalLoads that tie them to the feet.

    Args:
        recording: with `root_quat`, `cop` and `free_moment`.
        path: of the motion, WALK.mot; beside it come WALK_grf.mot and WALK_grf.xml. Several episodes go to
            WALK_000.mot and so on.

    Returns:
        The files.

    Raises:
        InputError: the recording lacks an array.
        OutputError: a file cannot be written.
    """
    need(recording, path, "root_quat", "cop", "free_moment")
    files = []
    for motion, episode, rows in by_episode(recording, path):
        header, time = _header(recording, episode), recording.time[rows]
        forces = motion.with_name(f"{motion.stem}{GROUND_FORCES}.mot")
        loads = forces.with_suffix(".xml")
        write_table(motion, time, _motion(recording, rows), header, in_degrees=True)
        write_table(forces, time, _ground_forces(recording, rows), header)
        text = _EXTERNAL_LOADS.format(
            name=quoteattr(motion.stem),
            forces="".join(_EXTERNAL_FORCE.format(side=side) for side in SIDES),
            file=escape(forces.name),
        )
        write_atomically(loads, lambda file, text=text: file.write(text.encode()))
        files += [motion, forces, loads]
    return files


def save_sto(recording: Recording, path: Path) -> list[Path]:
    """Write activations, muscle forces, joint moments and joint loads of each episode, those that there are.

    Args:
        recording: any.
        path: WALK.sto, which makes WALK_activations.sto, WALK_muscle_forces.sto, WALK_moments.sto and
            WALK_joint_loads.sto. Several episodes go to WALK_000_activations.sto and so on.

    Returns:
        The files.

    Raises:
        InputError: the recording has none of these.
        OutputError: a file cannot be written.
    """
    kinds = {
        "activations": ("activation", _activations),
        "muscle_forces": ("muscle_force", _muscle_forces),
        "moments": ("joint_torque", _moments),
        "joint_loads": ("joint_load", _joint_loads),
    }
    files = []
    for place, episode, rows in by_episode(recording, path):
        for kind, (array, columns) in kinds.items():
            if recording.measured(array):
                file = place.with_name(f"{place.stem}_{kind}.sto")
                write_table(file, recording.time[rows], columns(recording, rows), _header(recording, episode))
                files.append(file)
    if not files:
        arrays = ", ".join(repr(array) for array, _ in kinds.values())
        raise InputError(f"{path}: the recording has no sample of any of {arrays}")
    return files


def need(recording: Recording, path: Path, *names: str) -> None:
    """InputError unless a recording has some arrays, and a sample."""
    missing = [name for name in names if not recording.measured(name)]
    if missing:
        raise InputError(f"{path}: the recording lacks the arrays {', '.join(map(repr, missing))}")


def by_episode(recording: Recording, path: Path) -> Iterator[tuple[Path, int, slice]]:
    """Yield the file of each episode, its index, and its rows."""
    for episode, rows in recording.episodes():
        alone = len(recording.ended) == 1
        yield path if alone else path.with_stem(f"{path.stem}_{episode:03}"), episode, rows


def _header(recording: Recording, episode: int) -> dict[str, object]:
    return {"mass": recording.mass, "gravity": recording.gravity, "ended": recording.ended[episode]}


def _motion(recording: Recording, rows: slice) -> Columns:
    turned = np.rad2deg(pelvis_angles(recording.root_quat[rows].astype(float)))
    joints = np.rad2deg(recording.joint_pos[rows].astype(float))
    return {
        **dict(zip(PELVIS_ANGLES, turned.T, strict=True)),
        **dict(zip(PELVIS_PLACE, to_opensim(recording.root_pos[rows]).T, strict=True)),
        **dict(zip(recording.joint_names, joints.T, strict=True)),
    }


def _ground_forces(recording: Recording, rows: slice) -> Columns:
    columns: Columns = {}
    for foot, side in enumerate(SIDES):
        force, point = (to_opensim(array[rows, foot]) for array in (recording.grf, recording.cop))
        free = recording.free_moment[rows, foot]
        moment = np.stack([np.zeros_like(free), free, np.zeros_like(free)], axis=1)
        columns |= _vectors(f"ground_force_{side}_v", force) | _vectors(f"ground_force_{side}_p", point)
        columns |= _vectors(f"ground_torque_{side}_", moment)
    return columns


def _activations(recording: Recording, rows: slice) -> Columns:
    names = (f"/forceset/{name}/activation" for name in recording.muscle_names)
    return dict(zip(names, recording.activation[rows].T, strict=True))


def _muscle_forces(recording: Recording, rows: slice) -> Columns:
    names = (f"/forceset/{name}" for name in recording.muscle_names)
    return dict(zip(names, recording.muscle_force[rows].T, strict=True))


def _moments(recording: Recording, rows: slice) -> Columns:
    names = (f"{name}_moment" for name in recording.joint_names)
    return dict(zip(names, recording.joint_torque[rows].T, strict=True))


def _joint_loads(recording: Recording, rows: slice) -> Columns:
    columns: Columns = {}
    for j, name in enumerate(recording.joint_center_names):
        joint, _, side = name.rpartition("_")
        prefix = f"{name}_on_{_BELOW.get(joint, joint)}_{side}_in_ground_"
        columns |= _vectors(f"{prefix}f", to_opensim(recording.joint_load[rows, j]))
        columns |= _vectors(f"{prefix}p", to_opensim(recording.joint_center[rows, j]))
    return columns


def _vectors(prefix: str, values: Array) -> Columns:
    return {f"{prefix}{axis}": values[:, i] for i, axis in enumerate("xyz")}
