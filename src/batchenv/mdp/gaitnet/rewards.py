"""GaitNet's reward: factors in (0, 1], each a function of arrays over n worlds."""

import numpy as np

Array = np.ndarray

# What GaitNet takes for the way of one cycle [m].
STRIDE_LENGTH = 1.34


def steady_head(velocity: Array, earlier: Array, *, weight: float) -> Array:
    """exp(-weight mean((v - v')^2)) (n,).

    Args:
        velocity, earlier: of the head's centre of mass, now and 15 substeps ago (n, 3) [m/s].
        weight: [s^2/m^2].
    """
    return np.exp(-weight * ((velocity - earlier) ** 2).mean(axis=1))


def upright_head(rotation: Array, *, weight: float) -> Array:
    """exp(-weight angle^2) (n,).

    Args:
        rotation: of the head (n, 3, 3).
        weight: [1/rad^2].
    """
    # The sine, from the skew part, keeps the digits of small angles that the cosine loses.
    skew = rotation - np.swapaxes(rotation, -1, -2)
    sine = 0.5 * np.sqrt(skew[:, 0, 1] ** 2 + skew[:, 0, 2] ** 2 + skew[:, 1, 2] ** 2)
    cosine = 0.5 * (np.trace(rotation, axis1=-2, axis2=-1) - 1.0)
    return np.exp(-weight * np.arctan2(sine, cosine) ** 2)


def mean_speed(velocity: Array, target: Array, *, weight: float, clip: float, consider_x: bool) -> Array:
    """exp(-weight e), and 1 where e <= clip: e is the distance of the mean velocity from its target (n,).

    Falling counts, as a velocity downwards.

    Args:
        velocity: of the centre of mass, a mean over the window (n, 3) [m/s].
        target: along the way (n,) [m/s].
        weight: [s/m].
        clip: [m/s]; below zero for none.
        consider_x: whether going sideways counts.
    """
    error = velocity.copy()
    error[:, 2] -= target
    if not consider_x:
        error[:, 0] = 0.0
    distance = np.linalg.norm(error, axis=1)
    return np.where(distance <= clip, 1.0, np.exp(-weight * distance))


def foothold(foot_z: Array, target_z: Array, *, weight: float, clip: float) -> Array:
    """exp(-weight d), and 1 where d <= clip: d is from the stance foot to its target, along the way (n,).

    Args:
        foot_z, target_z: (n,) [m].
        weight: [1/m].
        clip: [m].
    """
    distance = np.abs(foot_z - target_z)
    return np.where(distance <= clip, 1.0, np.exp(-weight * distance))


def on_line(x: Array, start_x: Array, *, weight: float, threshold: float) -> Array:
    """exp(-weight max(0, |x - x0| - threshold)) of the centre of mass (n,).

    Args:
        x, start_x: now and when the episode began (n,) [m].
        weight: [1/m].
        threshold: [m].
    """
    return np.exp(-weight * np.maximum(0.0, np.abs(x - start_x) - threshold))


def in_rhythm(left_time: Array, right_time: Array, cycle: Array, *, weight: float) -> Array:
    """exp(-weight (|TL - T| + |TR - T|)), and 1 until both are known (n,).

    Args:
        left_time, right_time: from one stance of a foot to its next, NaN before there were two (n,) [s].
        cycle: of the gait (n,) [s].
        weight: [1/s].
    """
    error = np.abs(left_time - cycle) + np.abs(right_time - cycle)
    return np.where(np.isnan(error), 1.0, np.exp(-weight * np.nan_to_num(error)))


def thrift(cost: Array, *, weight: float) -> Array:
    """exp(-weight cost) (n,): of muscles, or of torques that no muscle makes."""
    return np.exp(-weight * cost)


def target_speed(stride: Array, cycle: Array) -> Array:
    """Speed of a gait of some stride, a fraction of the usual one, and cycle [s] (n,) [m/s]."""
    return STRIDE_LENGTH * stride / cycle


def window_velocity(now: Array, earlier: Array, known: Array, target: Array, seconds: Array) -> Array:
    """Mean velocity over a window; the target's until the window is full (n, 3) [m/s].

    Args:
        now, earlier: centre of mass at the end and the beginning of the window (n, 3) [m].
        known: whether the window is full (n,).
        target: speed along the way (n,) [m/s].
        seconds: length of the window (n,) [s].
    """
    velocity = (now - earlier) / seconds[:, None]
    wanted = np.zeros_like(velocity)
    wanted[:, 2] = target
    return np.where(known[:, None], velocity, wanted)
