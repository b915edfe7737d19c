"""Shoulders: from the angles of OpenSim's models to those of myo_sim's arms."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from batchenv.motion.clip import Clip

Array = np.ndarray

_SIDES = ("_r", "_l")
_OPENSIM = ("arm_flex", "arm_add", "arm_rot")
_MYO_SIM = ("elv_angle", "shoulder_elv", "shoulder_rot")


def elevation_angles(flexion: Array, adduction: Array, rotation: Array) -> tuple[Array, Array, Array]:
    """Return plane of elevation, elevation and axial rotation of a humerus, each (...) [rad].

    OpenSim's model of Rajagopal (IEEE Trans Biomed Eng 63:2068, 2016) turns the arm in the frame of the torso
    (x forward, y up, z right) by Rz(flexion) Rx(adduction) Ry(rotation), myo_sim's, which is that of Saul
    (Comput Methods Biomech Biomed Eng 18:1445, 2015), by Ry(plane) Rx(-elevation) Ry(-plane) Ry(rotation).
    Those of the left arm are its mirror image. Elevation is positive; where it is 0, the plane is arbitrary.

    Args:
        flexion, adduction, rotation: of the arm, internal rotation positive, each (...) [rad].
    """
    cos_f, sin_f = np.cos(flexion), np.sin(flexion)
    cos_a, sin_a = np.cos(adduction), np.sin(adduction)
    cos_r, sin_r = np.cos(rotation), np.sin(rotation)
    # Second column and second row of the rotation, which hold all three angles.
    elevation = np.arccos(np.clip(cos_f * cos_a, -1.0, 1.0))
    plane = np.arctan2(sin_f * cos_a, -sin_a)
    twist = np.arctan2(-(sin_f * cos_r + cos_f * sin_a * sin_r), sin_f * sin_r - cos_f * sin_a * cos_r)
    return plane, elevation, (plane + twist + np.pi) % (2 * np.pi) - np.pi


def with_elevation_angles(clip: Clip, joint_names: Sequence[str]) -> Clip:
    """Return a clip whose shoulders have the angles of myo_sim's arms, for a body that has those.

    Args:
        clip: under common names.
        joint_names: common names of the body's joints.
    """
    for side in _SIDES:
        given, wanted = ([name + side for name in names] for names in (_OPENSIM, _MYO_SIM))
        if not set(given) <= set(clip.joint_names) or not set(wanted) & set(joint_names):
            continue
        angles = elevation_angles(*(clip.joint(name) for name in given))
        kept = [j for j, name in enumerate(clip.joint_names) if name not in given]
        clip = replace(
            clip,
            joint_names=(*(clip.joint_names[j] for j in kept), *wanted),
            joint_pos=np.column_stack([clip.joint_pos[:, kept], *map(np.unwrap, angles)]),
        )
    return clip
