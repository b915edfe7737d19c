"""Angles about the vertical, and places on the floor."""

import numpy as np

Array = np.ndarray


def wrapped(angle: Array) -> Array:
    """Angles from -pi to below pi [rad]."""
    return (angle + np.pi) % (2.0 * np.pi) - np.pi


def turned(places: Array, angle: Array) -> Array:
    """Places on the floor (n, 2), along forward and left, turned to the left by angles (n,) [rad]."""
    cos, sin = np.cos(angle), np.sin(angle)
    forward, left = places.T
    return np.stack([cos * forward - sin * left, sin * forward + cos * left], axis=1)
