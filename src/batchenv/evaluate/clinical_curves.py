"""Curves of a walk over its gait cycles in the terms of a gait laboratory, those of `norms` among them."""

import numpy as np

from batchenv.evaluate.gait_cycles import RIGHT, GaitCycles
from batchenv.evaluate.recording import Recording

Array = np.ndarray

ANGLES = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle")
# Moments and powers by the joints' own names; a laboratory's moments have the opposite sense of our angles.
MOMENTS = {
    "hip_moment": "hip_flexion",
    "hip_abduction_moment": "hip_adduction",
    "knee_moment": "knee_angle",
    "ankle_moment": "ankle_angle",
}
# Power of all that turns in the joint, as laboratories give it.
POWERS = {
    "hip_power": ("hip_flexion", "hip_adduction", "hip_rotation"),
    "knee_power": ("knee_angle",),
    "ankle_power": ("ankle_angle", "subtalar_angle"),
}
MUSCLES = {
    "rectus_femoris": ("recfem",),
    "medial_hamstrings": ("semimem", "semiten"),
    "lateral_hamstrings": ("bflh", "bfsh"),
    "tibialis_anterior": ("tibant",),
    "medial_gastrocnemius": ("gasmed",),
}
_LEAST_WAY = 0.1  # a cycle that leads less far has no direction [m]


def clinical_curves(recording: Recording, cycles: GaitCycles) -> dict[str, Array]:
    """Return the curves of the cycle's own leg, each (C, 101); what was not recorded is left out.

    Returns:
        Angles [deg], moments [Nm/kg], powers [W/kg], forces [body weights] and activations [1], with the
        names and senses of `Norms.curves`. The pelvis turns about the axis across its way in this cycle
        (tilt), about its own forward axis, and about its own upward axis. Tilt and flexion of the hip are
        measured along the iliac spines, as laboratories do. Beyond the norms there is `medial_force`,
        positive towards the other leg.
    """
    curves = {}
    for name in ANGLES:
        if f"{name}_r" in recording.joint_names:
            curves[name] = _own(np.rad2deg(recording.joint_pos), recording.joint_columns(name), cycles)
    if "hip_flexion" in curves:
        curves["hip_flexion"] = curves["hip_flexion"] + np.rad2deg(recording.pelvis_tilt)
    way = directions(recording, cycles)
    if recording.measured("root_quat"):
        curves |= _pelvis(recording, cycles, way)
    if recording.measured("toe_pos"):
        curves["foot_progression"] = _foot_progression(recording, cycles, way)
    if recording.measured("joint_torque"):
        curves |= _moments_and_powers(recording, cycles)
    curves |= _forces(recording, cycles, way)
    if recording.measured("activation"):
        curves |= _activations(recording, cycles)
    return curves


def directions(recording: Recording, cycles: GaitCycles) -> Array:
    """Return the angle to the left of forward in which the pelvis travels in each cycle (C,) [rad]."""
    way = cycles.at(recording.root_pos, cycles.stop) - cycles.at(recording.root_pos, cycles.start)
    angle = np.arctan2(way[:, 1], way[:, 0])
    return np.where(np.hypot(way[:, 0], way[:, 1]) < _LEAST_WAY, 0.0, angle)


def _own(signal: Array, columns: tuple[int, int], cycles: GaitCycles) -> Array:
    return cycles.resample_own(signal[:, columns[0]], signal[:, columns[1]])


def _sign(cycles: GaitCycles) -> Array:
    """1 for cycles of the right leg, -1 for those of the left (C, 1)."""
    return np.where(cycles.side == RIGHT, 1.0, -1.0)[:, None]


def _along(vectors: Array, way: Array) -> tuple[Array, Array, Array]:
    """Components of vectors (C, 101, 3) along the way, to its left and up, each (C, 101)."""
    cos, sin = np.cos(way)[:, None], np.sin(way)[:, None]
    x, y, z = np.moveaxis(vectors, -1, 0)
    return cos * x + sin * y, cos * y - sin * x, z


def _pelvis(recording: Recording, cycles: GaitCycles, way: Array) -> dict[str, Array]:
    """Tilt forward, own side up and own side forward [deg].

    The orientation is R = Ry(tilt) Rx(-obliquity) Rz(rotation): its columns are the pelvis' forward, left and
    upward axes.
    """
    w, x, y, z = recording.root_quat.astype(float).T
    forward = np.stack([1 - 2 * (y * y + z * z), 2 * (x * y + w * z), 2 * (x * z - w * y)], axis=1)
    left = np.stack([2 * (x * y - w * z), 1 - 2 * (x * x + z * z), 2 * (y * z + w * x)], axis=1)
    ahead, leftward, up = (
        _along(cycles.resample(axis), way) for axis in (forward, left, np.cross(forward, left))
    )
    tilt = np.arctan2(up[0], up[2])
    obliquity = np.arcsin(np.clip(up[1], -1.0, 1.0))
    rotation = np.arctan2(ahead[1], leftward[1])
    sign = _sign(cycles)
    return {
        "pelvis_tilt": np.rad2deg(tilt + recording.pelvis_tilt),
        "pelvis_obliquity": np.rad2deg(sign * obliquity),
        "pelvis_rotation": np.rad2deg(sign * rotation),
    }


def _foot_progression(recording: Recording, cycles: GaitCycles, way: Array) -> Array:
    """Angle of the foot's axis from the way, toes inward positive [deg]."""
    axis = recording.toe_pos - recording.foot_pos
    own = np.where(
        (cycles.side == RIGHT)[:, None, None], cycles.resample(axis[:, 0]), cycles.resample(axis[:, 1])
    )
    ahead, left, _ = _along(own, way)
    return np.rad2deg(_sign(cycles) * np.arctan2(left, ahead))


def _moments_and_powers(recording: Recording, cycles: GaitCycles) -> dict[str, Array]:
    torque, power = recording.joint_torque / recording.mass, recording.joint_torque * recording.joint_vel
    curves = {}
    for name, joint in MOMENTS.items():
        if f"{joint}_r" in recording.joint_names:
            curves[name] = _own(-torque, recording.joint_columns(joint), cycles)
    for name, joints in POWERS.items():
        there = [joint for joint in joints if f"{joint}_r" in recording.joint_names]
        if there:
            columns = [recording.joint_columns(joint) for joint in there]
            curves[name] = sum(_own(power / recording.mass, pair, cycles) for pair in columns)
    return curves


def _forces(recording: Recording, cycles: GaitCycles, way: Array) -> dict[str, Array]:
    force = recording.grf / recording.weight
    own = np.where(
        (cycles.side == RIGHT)[:, None, None], cycles.resample(force[:, 0]), cycles.resample(force[:, 1])
    )
    ahead, left, up = _along(own, way)
    return {"vertical_force": up, "fore_aft_force": ahead, "medial_force": _sign(cycles) * left}


def _activations(recording: Recording, cycles: GaitCycles) -> dict[str, Array]:
    curves = {}
    for name, muscles in MUSCLES.items():
        there = [muscle for muscle in muscles if f"{muscle}_r" in recording.muscle_names]
        if there:
            columns = [recording.muscle_columns(muscle) for muscle in there]
            curves[name] = np.mean([_own(recording.activation, pair, cycles) for pair in columns], axis=0)
    return curves
