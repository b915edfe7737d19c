"""Contact forces of hips and knees, beside those that instrumented implants measure."""

from typing import Any

import numpy as np

from batchenv.evaluate.gait_cycles import GaitCycles, find_cycles
from batchenv.evaluate.record import record
from batchenv.evaluate.recording import Recording
from batchenv.evaluate.walker import Walker

# Peaks in level walking [body weights]: hips, Bergmann et al., J Biomech 34:859 (2001); knees, Bergmann et
# al., PLoS ONE 9:e86035 (2014).
HUMAN = {"hip": 2.5, "knee": 2.6}
_WALKS, _SECONDS = 2, 5.0  # loads take long to measure, and differ little from stride to stride
_PATHS = "environment.muscle.paths"


def measure_joint_loads(
    walker: Walker, seed: int = 0, num_threads: int | None = None
) -> dict[str, dict[str, float]] | None:
    """Let a walker walk a little, on MuJoCo's tendons, and return the peaks of its joint loads.

    Args:
        walker: that walks straight on at one speed.
        seed: of the starts.
        num_threads: as for `BatchEnv`.

    Returns:
        Of hip and knee, `walker` and `human` [body weights]; None where no load or no stride is known.
    """
    changes: dict[str, Any] = {}
    if getattr(walker.config.environment.muscle, "paths", "mujoco") != "mujoco":
        changes[_PATHS] = "mujoco"
    recording = record(walker.with_changes(changes), _WALKS, _SECONDS, seed, num_threads, loads=True)
    cycles = find_cycles(recording)
    if not recording.measured("joint_load") or not len(cycles):
        return None
    return {
        joint: {"walker": peak, "human": HUMAN[joint]}
        for joint, peak in joint_load_peaks(recording, cycles).items()
    }


def joint_load_peaks(recording: Recording, cycles: GaitCycles) -> dict[str, float]:
    """Return the largest load on hip and knee of the cycle's own leg, mean over the cycles [body weights]."""
    size = np.linalg.norm(recording.joint_load, axis=-1) / recording.weight
    names = recording.joint_center_names
    peaks = {}
    for joint in HUMAN:
        if f"{joint}_r" in names and f"{joint}_l" in names:
            right, left = (size[:, names.index(f"{joint}_{side}")] for side in "rl")
            peaks[joint] = float(cycles.resample_own(right, left).max(axis=1).mean())
    return peaks
