"""Shape of the vertical ground reaction: the spike of the heel, the dip after it, two humps and a valley."""

import numpy as np

from batchenv.evaluate.gait_cycles import PERCENT

SPIKE_END = 0.05  # of stance; a spike before this is the impact of the heel
_FIRST_PEAK = 0.15  # of stance; the hump of weight acceptance comes later


def force_shape(vertical: np.ndarray, stance_percent: float) -> dict[str, float]:
    """Return where the vertical force has a spike, a dip and a valley.

    Args:
        vertical: over the gait cycle [body weights] (101,).
        stance_percent: end of stance [% of the cycle].

    Returns:
        spike_bw: largest force in the first 5 % of stance [body weights].
        dip_bw: how far the force falls after this spike, before the first hump; 0 where it only rises [body
            weights].
        peak1_percent, valley_percent, peak2_percent: when the humps and the valley come [% of the cycle].
        valley_bw: least force between the humps [body weights].
    """
    stance = PERCENT / stance_percent
    spike = int(np.argmax(np.where(stance <= SPIKE_END, vertical, -np.inf)))
    first = int(np.argmax(np.where((stance >= _FIRST_PEAK) & (stance <= 0.5), vertical, -np.inf)))
    second = int(np.argmax(np.where((stance > 0.5) & (stance <= 1.0), vertical, -np.inf)))
    valley = first + int(np.argmin(vertical[first : second + 1]))
    return {
        "spike_bw": float(vertical[spike]),
        "dip_bw": float(vertical[spike] - vertical[spike : first + 1].min()),
        "peak1_percent": float(PERCENT[first]),
        "valley_percent": float(PERCENT[valley]),
        "valley_bw": float(vertical[valley]),
        "peak2_percent": float(PERCENT[second]),
    }
