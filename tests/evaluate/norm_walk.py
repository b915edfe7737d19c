"""A walk made of the norms of one speed, so that it has to compare with them as equal."""

from typing import Any

import numpy as np

from batchenv.evaluate.clinical_curves import ANGLES, MOMENTS, MUSCLES
from batchenv.evaluate.norms import norms_at
from batchenv.evaluate.recording import Recording, from_arrays
from batchenv.motion.opensim_frame import pelvis_quat

LEG, MASS, FOOT = 0.9, 70.0, 0.2  # [m], [kg], [m]


def norm_walk(speed: float, shift: float = 0.0, heading: float = 0.0, **changes: Any) -> Recording:
    """Return a recording of 12 s.

    Args:
        speed: [m/s].
        shift: by which all but the vertical force comes late [cycles].
        heading: to the left, in which the walker goes [rad].
        changes: arrays of the recording to replace; None leaves one out.
    """
    norms = norms_at(speed, LEG)
    period = 120.0 / norms.measures["cadence_steps_min"].mean
    dt = period / 500.0
    time = np.arange(round(12.0 / dt)) * dt
    phase = time[:, None] / period + np.array([0.0, 0.5])

    def of(name: str, late: float = shift) -> np.ndarray:
        """A curve of the right and the left leg (T, 2)."""
        return np.interp(100 * ((phase - late) % 1.0), np.arange(101.0), norms.curves[name].mean)

    inward = np.array([1.0, -1.0])
    force = MASS * 9.81 * np.stack([of("fore_aft_force"), 0 * phase, of("vertical_force", 0.0)], axis=-1)
    toes = np.deg2rad(of("foot_progression")) * inward
    feet = np.zeros((len(time), 2, 3))
    feet[:, :, 0] = speed * period * np.floor(phase + 0.3)
    pelvis = np.deg2rad(
        [-of("pelvis_tilt")[:, 0], -of("pelvis_obliquity")[:, 0], of("pelvis_rotation")[:, 0]]
    ).T
    names = [f"{name}_{side}" for side in "rl" for name in ANGLES]
    muscles = [f"{muscle}_{side}" for side in "rl" for group in MUSCLES.values() for muscle in group]
    joint_pos = np.concatenate([np.deg2rad([of(name)[:, leg] for name in ANGLES]) for leg in (0, 1)]).T
    torque = np.zeros_like(joint_pos)
    for moment, joint in MOMENTS.items():
        for leg, side in enumerate("rl"):
            torque[:, names.index(f"{joint}_{side}")] = -MASS * of(moment)[:, leg]
    activation = np.concatenate(
        [[of(group)[:, leg] for group, members in MUSCLES.items() for _ in members] for leg in (0, 1)]
    ).T
    c, s = np.cos(heading), np.sin(heading)
    turn = np.array([[c, s, 0.0], [-s, c, 0.0], [0.0, 0.0, 1.0]])  # of rows of vectors
    root = np.stack([speed * time, 0 * time, 0 * time + LEG], axis=1)
    ahead = np.stack([np.cos(toes), np.sin(toes), 0 * toes], axis=-1)
    arrays = {
        "dt": dt,
        "mass": MASS,
        "leg_length": LEG,
        "joint_names": names,
        "muscle_names": muscles,
        "ended": ("completed",),
        "episode": np.zeros(len(time), int),
        "time": time,
        "joint_pos": joint_pos,
        "joint_torque": torque,
        "grf": force @ turn,
        "foot_pos": feet @ turn,
        "toe_pos": (feet + FOOT * ahead) @ turn,
        "root_pos": root @ turn,
        "root_quat": _turned(pelvis_quat(pelvis), heading),
        "activation": activation,
        "angular_momentum": MASS
        * speed
        * LEG
        * np.array([0.05, 0.1, 0.0])
        * np.sin(2 * np.pi * phase[:, :1]),
    }
    return from_arrays({k: v for k, v in (arrays | changes).items() if v is not None})


def _turned(quat: np.ndarray, heading: float) -> np.ndarray:
    """Orientations after a turn to the left."""
    c, s = np.cos(0.5 * heading), np.sin(0.5 * heading)
    w, x, y, z = quat.T
    return np.stack([c * w - s * z, c * x - s * y, c * y + s * x, c * z + s * w], axis=1)
