"""Vertical force on a walking human's foot over the gait cycle."""

import numpy as np

# Vertical ground reaction at free speed, 0 to 100 % of the cycle and body weights: both peaks, the valley and
# foot off of Schwartz, Rozumalski, Trost, J Biomech 41:1639 (2008); zero at heel strike.
SCHWARTZ_PERCENT = np.array([0.0, 14.0, 28.0, 46.0, 59.0])
SCHWARTZ_BW = np.array([0.0, 1.10, 0.79, 1.08, 0.0])


def vertical_ground_reaction(phase: np.ndarray) -> np.ndarray:
    """Return the vertical force on a foot [body weights] at phases in [0, 1] from its heel strike (...).

    Of Schwartz et al. (2008) we hold the two peaks, the valley and foot off only: the curve is the monotone
    cubic through them and zero at heel strike, flat at each extreme, and zero in swing.
    """
    percent = 100 * phase
    return np.where(percent <= SCHWARTZ_PERCENT[-1], pchip(SCHWARTZ_PERCENT, SCHWARTZ_BW, percent), 0.0)


def pchip(x: np.ndarray, y: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Return the piecewise cubic Hermite interpolant that keeps monotone stretches monotone.

    Slopes by Fritsch, Butland, SIAM J Sci Stat Comput 5:300 (1984); equals SciPy's PchipInterpolator.

    Args:
        x: increasing knots (K,), K >= 3.
        y: values there (K,).
        at: where to evaluate (...); extrapolates the outer cubics.
    """
    h = np.diff(x)
    secant = np.diff(y) / h
    slope = np.zeros(len(x))
    same = secant[:-1] * secant[1:] > 0
    w1, w2 = 2 * h[1:] + h[:-1], h[1:] + 2 * h[:-1]
    mean = np.divide(w1, secant[:-1], where=same, out=np.ones_like(w1))
    mean += np.divide(w2, secant[1:], where=same, out=np.ones_like(w2))
    slope[1:-1] = np.where(same, (w1 + w2) / mean, 0.0)
    slope[0] = _end_slope(h[0], h[1], secant[0], secant[1])
    slope[-1] = _end_slope(h[-1], h[-2], secant[-1], secant[-2])
    i = np.clip(np.searchsorted(x, at, side="right") - 1, 0, len(h) - 1)
    t = (at - x[i]) / h[i]
    return (
        (1 + 2 * t) * (1 - t) ** 2 * y[i]
        + t * (1 - t) ** 2 * h[i] * slope[i]
        + t**2 * (3 - 2 * t) * y[i + 1]
        + t**2 * (t - 1) * h[i] * slope[i + 1]
    )


def _end_slope(h0: float, h1: float, secant0: float, secant1: float) -> float:
    slope = ((2 * h0 + h1) * secant0 - h0 * secant1) / (h0 + h1)
    if slope * secant0 <= 0:
        return 0.0
    if secant0 * secant1 <= 0 and abs(slope) > 3 * abs(secant0):
        return 3 * secant0
    return slope
