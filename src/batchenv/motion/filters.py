"""Low-pass filtering of clips, without delay."""

import math
from dataclasses import replace

import numpy as np

from batchenv.arrays import is_real, shown
from batchenv.body.gaitnet.rotations import quat_from_vector, quat_inverse, quat_product, vector_from_quat
from batchenv.errors import InputError
from batchenv.motion.clip import Clip

Array = np.ndarray

_PADDING = 3.0  # periods of the cut-off frequency that are added at either end


def lowpassed(clip: Clip, cutoff: float) -> Clip:
    """Return a clip in even steps whose joints, root and forces are filtered forward and backward.

    A Butterworth filter of second order, run both ways: fourth order without delay, as biomechanics has it
    (Winter, Biomechanics and Motor Control of Human Movement, 4th ed., 3.4.4). Its cut-off is corrected for
    the second run, so that the amplitude at `cutoff` falls to 1/sqrt(2). Markers stay.

    Args:
        clip: any.
        cutoff: [Hz]; 6 is usual for walking.

    Raises:
        InputError: the cut-off is not below half the clip's rate.
    """
    if not is_real(cutoff) or not 0.0 < cutoff < 0.5 * clip.rate:
        raise InputError(
            f"cutoff is {shown(cutoff)}; expected a frequency above 0 and below half the rate of"
            f" {clip.source}, {0.5 * clip.rate:g} Hz"
        )
    steps = np.diff(clip.times)
    clip = clip if np.ptp(steps) < 1e-6 * steps.mean() else clip.resampled(clip.rate)
    middle = clip.root_quat[0]
    turns = vector_from_quat(quat_product(quat_inverse(middle), clip.root_quat))

    def smooth(array: Array) -> Array:
        flat = array.reshape(len(array), -1)
        return butterworth(flat, cutoff, clip.rate).reshape(array.shape)

    return replace(
        clip,
        joint_pos=smooth(clip.joint_pos),
        root_pos=smooth(clip.root_pos),
        root_quat=quat_product(middle, quat_from_vector(smooth(_unwrapped(turns)))),
        forces={name: smooth(force) for name, force in clip.forces.items()},
    )


def butterworth(values: Array, cutoff: float, rate: float) -> Array:
    """Filter columns (T, n) with a Butterworth filter of second order, forward and backward.

    Args:
        values: (T, n).
        cutoff: frequency at which the amplitude falls to 1/sqrt(2) in both runs together [Hz].
        rate: samples a second [Hz].
    """
    # Two runs of an n-th order filter: each has to fall to 2^(-1/4) at the cut-off, Winter eq. 3.9.
    corner = math.tan(math.pi * cutoff / rate) / (math.sqrt(2.0) - 1.0) ** 0.25
    norm = 1.0 + math.sqrt(2.0) * corner + corner * corner
    gain = corner * corner / norm
    feedback = 2.0 * (corner * corner - 1.0) / norm, (1.0 - math.sqrt(2.0) * corner + corner * corner) / norm
    pad = min(len(values) - 1, math.ceil(_PADDING * rate / cutoff))
    # Point reflections at the ends keep value and slope there.
    before, after = 2 * values[0] - values[pad:0:-1], 2 * values[-1] - values[-2 : -pad - 2 : -1]
    padded = np.concatenate([before, values, after])
    once = _run(padded, gain, feedback)
    return _run(once[::-1], gain, feedback)[::-1][pad : pad + len(values)]


def _run(values: Array, gain: float, feedback: tuple[float, float]) -> Array:
    """One run of y_k = gain (x_k + 2 x_{k-1} + x_{k-2}) - a1 y_{k-1} - a2 y_{k-2}, at rest at first."""
    first, second = feedback
    out = np.empty_like(values)
    older_in = old_in = older = old = values[0]
    for k, value in enumerate(values):
        out[k] = gain * (value + 2 * old_in + older_in) - first * old - second * older
        older_in, old_in, older, old = old_in, value, old, out[k]
    return out


def _unwrapped(turns: Array) -> Array:
    """Rotation vectors (T, 3) without jumps by a whole turn."""
    out = turns.copy()
    for k in range(1, len(out)):
        length = np.linalg.norm(out[k])
        if length > 0.0:
            axis = out[k] / length
            out[k] += axis * 2 * np.pi * np.round((out[k - 1] - out[k]) @ axis / (2 * np.pi))
    return out
