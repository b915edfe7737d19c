"""Confidence intervals of shares, and of differences between pairs."""

import math

import numpy as np

_Z = 1.959964
"""Of a normal distribution's middle 95 %."""


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % confidence interval of a share out of a count: Wilson, J. Am. Stat. Assoc. 22:209 (1927)."""
    z2 = _Z**2 / count
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count)) / (1 + z2)
    return max(0.0, middle - half), min(1.0, middle + half)


def paired(before: np.ndarray, after: np.ndarray, draws: int = 10_000) -> tuple[float, float, float]:
    """Mean difference over pairs, and its 95 % confidence interval from drawing pairs with replacement.

    Percentiles of the bootstrap: Efron, Tibshirani, "An Introduction to the Bootstrap" (1993), ch. 13.

    Args:
        before, after: (n,).
        draws: of n pairs each; they are the same ones in every call.
    """
    difference = np.asarray(after, float) - np.asarray(before, float)
    chosen = np.random.default_rng(0).integers(difference.size, size=(draws, difference.size))
    low, high = np.percentile(difference[chosen].mean(axis=1), [2.5, 97.5])
    return float(difference.mean()), float(low), float(high)
