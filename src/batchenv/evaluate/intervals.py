"""Confidence intervals of shares."""

import math

_Z = 1.959964
"""Of a normal distribution's middle 95 %."""


def wilson(share: float, count: int) -> tuple[float, float]:
    """95 % confidence interval of a share out of a count: Wilson, J. Am. Stat. Assoc. 22:209 (1927)."""
    z2 = _Z**2 / count
    middle = (share + z2 / 2) / (1 + z2)
    half = _Z * math.sqrt(share * (1 - share) / count + z2 / (4 * count)) / (1 + z2)
    return max(0.0, middle - half), min(1.0, middle + half)
