"""Ground reaction, joint moments and joint powers over the gait cycle."""

import numpy as np

from batchenv.errors import InputError
from batchenv.evaluate.gait_cycles import PERCENT, RIGHT, GaitCycles
from batchenv.evaluate.human import JOINTS, pearson
from batchenv.evaluate.norms import free_vertical_force
from batchenv.evaluate.recording import Recording

IMPACT_END = 10.0  # a spike of the vertical force before this percent of the cycle is the impact of the heel


def grf_cycles(recording: Recording, cycles: GaitCycles) -> dict[str, np.ndarray]:
    """Return the ground reaction on the cycle's own leg [body weights], each (C, 101).

    Returns:
        vertical: up positive.
        fore_aft: forward positive, that is braking negative.
        lateral: towards the other leg (medial) positive.
    """
    force = recording.grf / recording.weight
    own = {
        name: cycles.resample_own(force[:, 0, axis], force[:, 1, axis])
        for name, axis in (("vertical", 2), ("fore_aft", 0), ("lateral", 1))
    }
    own["lateral"] = own["lateral"] * np.where(cycles.side == RIGHT, 1.0, -1.0)[:, None]
    return own


def grf_measures(vertical: np.ndarray, fore_aft: np.ndarray, cycles: GaitCycles) -> dict[str, float]:
    """Return the peaks, valley, impact and impulses of the ground reaction.

    Peaks and valley are those of the mean cycle: the first peak lies after the impact and in the first half
    of stance, the second in the second half, the valley between them; where the force has one hump only, the
    valley is no lower than the lower peak.

    Args:
        vertical: [body weights] (C, 101).
        fore_aft: forward positive [body weights] (C, 101).
        cycles: the cycles (C,).

    Returns:
        peak1_bw, valley_bw, peak2_bw and peak1_percent, valley_percent, peak2_percent: size and time.
        r: correlation of the mean vertical force with that of Schwartz et al. (2008) at free speed, over the
            whole cycle.
        spike_bw: mean over the cycles of the largest vertical force in the first 10 % of the cycle.
        braking_bw_s, propulsive_bw_s: mean impulse backward (negative) and forward [body weights s].

    Raises:
        InputError: feet touch the ground too shortly to have peaks.
    """
    mean = vertical.mean(axis=0)
    stance = 100 * float(cycles.stance.mean())
    first = np.flatnonzero((min(IMPACT_END - 2, stance / 4) < PERCENT) & (stance / 2 >= PERCENT))
    second = np.flatnonzero((stance / 2 < PERCENT) & (stance >= PERCENT))
    if not (first.size and second.size):
        raise InputError(
            f"Recording array 'grf': feet stand for {stance:.2g} % of the gait cycle, expected more than 4 %"
        )
    peak1 = first[np.argmax(mean[first])]
    peak2 = second[np.argmax(mean[second])]
    valley = peak1 + np.argmin(mean[peak1 : peak2 + 1])
    early = vertical[:, PERCENT <= IMPACT_END].max(axis=1)
    return {
        "peak1_bw": float(mean[peak1]),
        "valley_bw": float(mean[valley]),
        "peak2_bw": float(mean[peak2]),
        "peak1_percent": float(PERCENT[peak1]),
        "valley_percent": float(PERCENT[valley]),
        "peak2_percent": float(PERCENT[peak2]),
        "r": pearson(mean, free_vertical_force().mean),
        "spike_bw": float(early.mean()),
        "braking_bw_s": _impulse(np.minimum(fore_aft, 0.0), cycles),
        "propulsive_bw_s": _impulse(np.maximum(fore_aft, 0.0), cycles),
    }


def joint_moment_cycles(recording: Recording, cycles: GaitCycles) -> dict[str, np.ndarray]:
    """Return the moment of hip, knee and ankle of the cycle's own leg [Nm/kg], each (C, 101).

    It is the moment that the actuators exert, extension and plantarflexion positive, as is the custom of gait
    analysis: the opposite sense of `joint_torque`.
    """
    return _per_joint(-recording.joint_torque / recording.mass, recording, cycles)


def joint_power_cycles(recording: Recording, cycles: GaitCycles) -> dict[str, np.ndarray]:
    """Return the power of hip, knee and ankle of the cycle's own leg [W/kg], each (C, 101).

    Generation is positive.
    """
    return _per_joint(recording.joint_torque * recording.joint_vel / recording.mass, recording, cycles)


def joint_measures(
    moments: dict[str, np.ndarray], powers: dict[str, np.ndarray]
) -> dict[str, dict[str, float]]:
    """Return the extremes of the mean moment [Nm/kg] and power [W/kg] of each joint, from cycles (C, 101)."""
    measures = {}
    for joint in moments:
        moment, power = moments[joint].mean(axis=0), powers[joint].mean(axis=0)
        measures[joint] = {
            "extension_moment_nm_kg": float(moment.max()),
            "flexion_moment_nm_kg": float(-moment.min()),
            "generated_power_w_kg": float(power.max()),
            "absorbed_power_w_kg": float(-power.min()),
        }
    return measures


def _per_joint(signal: np.ndarray, recording: Recording, cycles: GaitCycles) -> dict[str, np.ndarray]:
    columns = {joint: recording.joint_columns(name) for joint, name in JOINTS.items()}
    return {joint: cycles.resample_own(signal[:, r], signal[:, left]) for joint, (r, left) in columns.items()}


def _impulse(force: np.ndarray, cycles: GaitCycles) -> float:
    return float(np.mean(np.trapezoid(force, PERCENT / 100, axis=1) * cycles.seconds))
