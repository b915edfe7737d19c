"""Speed, cadence, stride, stance, step width and symmetry of a walk."""

import numpy as np

from batchenv.evaluate.gait_cycles import LEFT, RIGHT, GaitCycles
from batchenv.evaluate.recording import Recording

# The standard deviation of n normal values has a relative standard error of about 1 / sqrt(2 (n - 1)):
# 24 % for ten strides.
STRIDES_OF_A_SPREAD = 10


def symmetry_index(right: float, left: float) -> float:
    """Return the symmetry index [%] of one quantity of either leg, 0 where they are equal.

    SI = |R - L| / (0.5 (R + L)) * 100; Robinson, Herzog, Nigg, J Manipulative Physiol Ther 10:172 (1987).
    """
    total = 0.5 * abs(right + left)
    return float("nan") if total == 0 else 100 * abs(right - left) / total


def spatiotemporal(recording: Recording, cycles: GaitCycles) -> dict[str, float]:
    """Return the spatio-temporal measures of a walk with at least one cycle.

    Returns:
        speed_m_s: distance of the pelvis over time, over all cycles [m/s].
        cadence_steps_min: two steps per cycle [1/min].
        stride_length_m, stride_length_cv_percent: forward distance between heel strikes of one foot; its
            standard deviation over its mean, NaN for fewer than `STRIDES_OF_A_SPREAD` cycles.
        stance_percent: of the cycle.
        double_support_percent: of the cycle, both phases together.
        step_width_m: lateral distance of the feet at heel strike.
    """
    travelled = cycles.at(recording.root_pos, cycles.stop) - cycles.at(recording.root_pos, cycles.start)
    strides = stride_lengths(recording, cycles)
    both = cycles.resample(cycles.contact.all(axis=1).astype(float))
    feet = cycles.at(recording.foot_pos, cycles.start)
    return {
        "speed_m_s": float(travelled[:, 0].sum() / cycles.seconds.sum()),
        "cadence_steps_min": float(120 / cycles.seconds.mean()),
        "stride_length_m": float(strides.mean()),
        "stride_length_cv_percent": _spread(strides),
        "stance_percent": float(100 * cycles.stance.mean()),
        "double_support_percent": float(100 * both[:, :-1].mean()),
        "step_width_m": float(np.abs(feet[:, LEFT, 1] - feet[:, RIGHT, 1]).mean()),
    }


def _spread(strides: np.ndarray) -> float:
    """Return the coefficient of variation [%], NaN where strides are too few or lead nowhere."""
    if len(strides) < STRIDES_OF_A_SPREAD or not strides.mean():
        return float("nan")
    return float(100 * strides.std() / abs(strides.mean()))


def stride_lengths(recording: Recording, cycles: GaitCycles) -> np.ndarray:
    """Return the forward distance between the two heel strikes of each cycle [m] (C,)."""
    forward = recording.foot_pos[:, :, 0]
    moved = cycles.at(forward, cycles.stop) - cycles.at(forward, cycles.start)
    return moved[np.arange(len(cycles)), cycles.side]


def symmetry(recording: Recording, cycles: GaitCycles) -> dict[str, float]:
    """Return the symmetry index [%] of stance time, step time and step length, and the mean of the three.

    A step belongs to the leg that makes it: from the heel strike of the other leg to its own.
    NaN where one leg has no cycle or no step.
    """
    stance_time = cycles.stance * cycles.seconds
    step_time, step_length = _steps(recording, cycles)
    parts = {}
    for name, values in (
        ("stance_time", stance_time),
        ("step_time", step_time),
        ("step_length", step_length),
    ):
        right, left = (values[(cycles.side == side) & ~np.isnan(values)] for side in (RIGHT, LEFT))
        both = len(right) > 0 and len(left) > 0
        parts[f"{name}_percent"] = symmetry_index(right.mean(), left.mean()) if both else float("nan")
    return {"symmetry_percent": float(np.mean(list(parts.values()))), **parts}


def _steps(recording: Recording, cycles: GaitCycles) -> tuple[np.ndarray, np.ndarray]:
    time = np.full(len(cycles), np.nan)
    length = np.full(len(cycles), np.nan)
    feet = cycles.at(recording.foot_pos[:, :, 0], cycles.stop)
    for index in range(len(cycles)):
        side = cycles.side[index]
        other = (cycles.side != side) & (cycles.episode == cycles.episode[index])
        strikes = np.concatenate([cycles.start[other], cycles.stop[other]])
        before = strikes[(strikes > cycles.start[index]) & (strikes < cycles.stop[index])]
        if before.size:
            time[index] = (cycles.stop[index] - before.max()) * cycles.dt
            length[index] = feet[index, side] - feet[index, 1 - side]
    return time, length
