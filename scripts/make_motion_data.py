"""Make the motions in data/ that are made of others: full_body_gait.csv and ref_gait_stride.csv.

python scripts/make_motion_data.py
"""

import csv

import numpy as np

from batchenv.config import load_config
from batchenv.config.paths import PACKAGE_DATA
from batchenv.motion import Clip, read_motion
from batchenv.motion.csv_clip import write_csv
from batchenv.motion.fit import common_clip, fit_clip
from batchenv.tasks.human_law import load_human
from batchenv.tasks.walk import WalkTask

Array = np.ndarray

LEGS = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle")
ARMS = ("elv_angle", "shoulder_elv", "shoulder_rot", "elbow_flexion")
# Trunk, and whether it is its own image in the mirror half a cycle later (1), or its negative (-1).
TRUNK = {"flex_extension": 1.0, "lat_bending": -1.0, "axial_rotation": -1.0}
# What the pelvis does about the same axis, of the stride's file, and how right and left legs count it.
PELVIS = {
    **{"flex_extension": "pelvis_tilt", "lat_bending": "pelvis_list"},
    **{"axial_rotation": "pelvis_rotation", "hip_flexion": "pelvis_tilt"},
    **{"hip_adduction": "pelvis_list", "hip_rotation": "pelvis_rotation"},
}
ALIGNED = ("hip_flexion", "knee_angle", "ankle_angle")
POINTS = 101
HARMONICS = 8


def main() -> None:
    """Write both."""
    make_full_body_gait()
    make_stride()


def make_stride() -> None:
    """Write the reference of walk as a clip of one stride, for the preset track."""
    config = load_config("walk")
    body, rate = load_human(config), 100.0
    gait = WalkTask(config, body).gait
    times = np.linspace(0.0, gait.period, round(gait.period * rate) + 1)
    sample = gait.sample(times / gait.period)
    clip = Clip(
        times=times,
        joint_names=body.joint_names,
        joint_pos=sample.joint_pos,
        root_pos=gait.speed * times[:, None] * body.forward + sample.root_height[:, None] * body.up,
        root_quat=np.tile([1.0, 0.0, 0.0, 0.0], (len(times), 1)),
        source="the reference of walk",
        body=body.file,
    )
    write_csv(common_clip(clip, body), PACKAGE_DATA / "ref_gait_stride.csv")


def make_full_body_gait() -> None:
    """Write the reference of full_body: a root that stays upright, and both sides alike."""
    file = PACKAGE_DATA / "full_body_stride.csv"
    with file.open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    pelvis = {name: np.array([float(row[name]) for row in rows]) for name in {*PELVIS.values()}}
    pelvis["pelvis_rotation"] -= pelvis["pelvis_rotation"].mean()
    clip = fit_clip(read_motion(file), load_human(load_config("full_body")))
    curves: dict[str, Array] = {}
    for name in (*LEGS, *ARMS):
        right, left = (smooth(clip.joint(name + side)) for side in ("_r", "_l"))
        if name in PELVIS:
            # To first order, the thigh turns in the world with the pelvis; flexion of both legs alike.
            turn = smooth(pelvis[PELVIS[name]])
            right, left = right + turn, left + (turn if name == "hip_flexion" else -turn)
        curves[name] = 0.5 * (right + half_later(left))
    for name, sign in TRUNK.items():
        curve = smooth(clip.joint(name)) + smooth(pelvis[PELVIS[name]])
        curves[name] = 0.5 * (curve + sign * half_later(curve))
    start = heel_strike(curves)
    with (PACKAGE_DATA / "full_body_gait.csv").open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["phase_pct", *(f"{name}_rad" for name in curves)])
        for k in range(POINTS):
            place = (start + k) % (POINTS - 1)
            writer.writerow([k, *(f"{curve[place]:.6f}" for curve in curves.values())])


def smooth(values: Array) -> Array:
    """A closed curve at even phases, one a percent, by its first harmonics."""
    coef = np.fft.rfft(values)
    coef[HARMONICS + 1 :] = 0.0
    return np.fft.irfft(coef * ((POINTS - 1) / len(values)), POINTS - 1)


def half_later(curve: Array) -> Array:
    """A curve half a cycle later."""
    return np.roll(curve, -(POINTS - 1) // 2)


def heel_strike(curves: dict[str, Array]) -> int:
    """Phase [%] from which legs move as in the other reference, which begins at heel strike."""
    with (PACKAGE_DATA / "ref_gait_myosuite_sym.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))[: POINTS - 1]
    known = [np.array([float(row[f"{name}_rad"]) for row in rows]) for name in ALIGNED]
    alike = [
        sum(
            np.corrcoef(np.roll(curves[name], -k), curve)[0, 1]
            for name, curve in zip(ALIGNED, known, strict=True)
        )
        for k in range(POINTS - 1)
    ]
    return int(np.argmax(alike))


if __name__ == "__main__":
    main()
