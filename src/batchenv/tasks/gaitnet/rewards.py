"""GaitNet's reward `gaitnet`: factors in (0, 1] as terms, and their combination."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from batchenv.config.gaitnet import GaitNetReward
from batchenv.mdp.marks import reward_term

Array = np.ndarray
Factor = tuple[Callable[..., Any], Mapping[str, Any]]
"""A term's function, and its keywords."""

LOCOMOTION = ("head_linear_acc", "head_rot", "avg_vel", "step", "dragX", "phase")
ENERGY = ("metabolic", "torque")
KNEES = ("knee_load", "knee_peak")
# A factor of this on costs that are to multiply makes GaitNet add them.
_LEAST_SCALE = 0.001
# What GaitNet takes for the way of one cycle [m].
STRIDE_LENGTH = 1.34


@reward_term
def steady_head(
    head_velocity: Array, head_velocity_before: Array, head_known: Array, *, weight: float
) -> Array:
    """exp(-weight mean((v - v')^2)), and 1 in the first substeps of an episode (n,); weight [s^2/m^2]."""
    change = ((head_velocity - head_velocity_before) ** 2).mean(axis=1)
    return np.where(head_known, np.exp(-weight * change), 1.0)


@reward_term
def upright_head(head_rotation: Array, *, weight: float) -> Array:
    """exp(-weight angle^2) of the head's frame (n,); weight [1/rad^2]."""
    rotation = head_rotation
    # The sine, from the skew part, keeps the digits of small angles that the cosine loses.
    skew = rotation - np.swapaxes(rotation, -1, -2)
    sine = 0.5 * np.sqrt(skew[:, 0, 1] ** 2 + skew[:, 0, 2] ** 2 + skew[:, 1, 2] ** 2)
    cosine = 0.5 * (np.trace(rotation, axis1=-2, axis2=-1) - 1.0)
    return np.exp(-weight * np.arctan2(sine, cosine) ** 2)


@reward_term
def mean_speed(
    mean_velocity: Array, target_speed: Array, *, weight: float, clip: float, consider_x: bool
) -> Array:
    """exp(-weight e), and 1 where e <= clip: e is the distance of the mean velocity from its target (n,).

    Falling counts, as a velocity downwards.

    Args:
        mean_velocity: of the centre of mass over the window (n, 3) [m/s].
        target_speed: along the way (n,) [m/s].
        weight: [s/m].
        clip: [m/s]; below zero for none.
        consider_x: whether going sideways counts.
    """
    error = mean_velocity.copy()
    error[:, 2] -= target_speed
    if not consider_x:
        error[:, 0] = 0.0
    distance = np.linalg.norm(error, axis=1)
    return np.where(distance <= clip, 1.0, np.exp(-weight * distance))


@reward_term
def foothold(foot_z: Array, target_z: Array, *, weight: float, clip: float) -> Array:
    """exp(-weight d), and 1 where d <= clip: d is from the stance foot to its target, along the way (n,).

    Args:
        foot_z, target_z: (n,) [m].
        weight: [1/m].
        clip: [m].
    """
    distance = np.abs(foot_z - target_z)
    return np.where(distance <= clip, 1.0, np.exp(-weight * distance))


@reward_term
def straight_way(com: Array, start_x: Array, *, weight: float, threshold: float) -> Array:
    """exp(-weight max(0, |x - x0| - threshold)) of the centre of mass (n,).

    Args:
        com: now (n, 3) [m].
        start_x: when the episode began (n,) [m].
        weight: [1/m].
        threshold: [m].
    """
    return np.exp(-weight * np.maximum(0.0, np.abs(com[:, 0] - start_x) - threshold))


@reward_term
def late_straight_way(
    com: Array,
    start_x: Array,
    episode_step: Array,
    window_steps: Array,
    *,
    weight: float,
    threshold: float,
) -> Array:
    """As `straight_way`, but 1 before a step and where less than the threshold is left (n,), as in GaitNet.

    Args:
        com, start_x, weight, threshold: as for `straight_way`.
        episode_step: control steps in the episode (n,).
        window_steps: from which step on the way counts: substeps of the window of the mean velocity (n,).
    """
    left = np.maximum(0.0, np.abs(com[:, 0] - start_x) - threshold)
    counts = (episode_step >= window_steps) & (left >= threshold)
    return np.where(counts, np.exp(-weight * left), 1.0)


@reward_term
def stride_times(stride_time: Array, cycle_time: Array, *, weight: float) -> Array:
    """exp(-weight (|TL - T| + |TR - T|)), and 1 until both are known (n,).

    Args:
        stride_time: from one stance of the left and of the right foot to its next, NaN before there were two
            (n, 2) [s].
        cycle_time: of the gait (n,) [s].
        weight: [1/s].
    """
    error = np.abs(stride_time[:, 0] - cycle_time) + np.abs(stride_time[:, 1] - cycle_time)
    return np.where(np.isnan(error), 1.0, np.exp(-weight * np.nan_to_num(error)))


@reward_term
def original_stride_times(stride_time: Array, *, weight: float, period: float, by_clock: bool) -> Array:
    """exp(-weight (|TL - T| + |TR - T|)), T the motion's period [s], and 0 in place of unknown times (n,).

    By the clock GaitNet never measures them.
    """
    known = np.zeros_like(stride_time) if by_clock else np.nan_to_num(stride_time)
    return np.exp(-weight * np.abs(known - period).sum(axis=1))


@reward_term
def one(cycle_time: Array) -> Array:
    """1, for a factor that is switched off (n,)."""
    return np.ones_like(cycle_time)


@reward_term
def effort(metabolic: Array, ideal_torque: Array, *, weight: float, coeff: float) -> Array:
    """exp(-weight (cost of activations + coeff sum |torque|)) (n,), of torques that no muscle makes [Nm]."""
    return np.exp(-weight * (metabolic + coeff * ideal_torque))


@reward_term
def muscle_effort(metabolic: Array, *, weight: float) -> Array:
    """exp(-weight cost of activations) (n,)."""
    return np.exp(-weight * metabolic)


@reward_term
def torque_effort(ideal_torque: Array, *, weight: float, coeff: float) -> Array:
    """exp(-weight coeff sum |torque|) (n,), of torques that no muscle makes [Nm]."""
    return np.exp(-weight * (coeff * ideal_torque))


@reward_term
def knee_load(knee_load: Array, *, weight: float) -> Array:
    """exp(-weight force) in a knee, a mean over both (n,) [kN]."""
    return np.exp(-weight * knee_load)


@reward_term
def knee_peak(knee_peak: Array, *, weight: float) -> Array:
    """exp(-weight force), of the largest in a knee in this cycle (n,) [kN]."""
    return np.exp(-weight * knee_peak)


def target_speed(way: Array, cycle: Array) -> Array:
    """Speed of a gait of some way [m] in a cycle [s] (n,) [m/s]."""
    return way / cycle


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


def factors(section: GaitNetReward, original: Mapping[str, Any] | None = None) -> dict[str, Factor]:
    """The factors of a configuration's reward, by name.

    Args:
        section: the configuration's.
        original: keywords of `original_stride_times`, to compute all as GaitNet does; None: not.
    """
    return _locomotion(section, original) | energy_factors(section) | _knees(section)


def _locomotion(section: GaitNetReward, original: Mapping[str, Any] | None) -> dict[str, Factor]:
    asked = section.locomotion
    straight = straight_way if original is None else late_straight_way
    timed: Factor = (stride_times, {"weight": asked.phase.weight})
    if original is not None:
        timed = (original_stride_times, {"weight": asked.phase.weight, **original})
    speed, line, rhythm = asked.avg_vel, asked.dragX, asked.phase
    keywords = {"weight": speed.weight, "clip": speed.clip, "consider_x": speed.consider_x}
    found: tuple[Factor, ...] = (
        (steady_head, {"weight": asked.head_linear_acc_weight}),
        (upright_head, {"weight": asked.head_rot_weight}),
        (mean_speed, keywords),
        (foothold, {"weight": asked.step.weight, "clip": asked.step.clip}),
        (straight, {"weight": line.weight, "threshold": line.threshold}) if line.use else (one, {}),
        timed if rhythm.use else (one, {}),
    )
    return dict(zip(LOCOMOTION, found, strict=True))


def energy_factors(section: GaitNetReward) -> dict[str, Factor]:
    """One factor for both costs where they are not separate."""
    weight, torque = section.metabolic.weight, section.metabolic.torque
    priced = {"weight": weight, "coeff": torque.coeff}
    if not torque.separate:
        return {"metabolic": (effort, priced), "torque": (one, {})}
    return {"metabolic": (muscle_effort, {"weight": weight}), "torque": (torque_effort, priced)}


def _knees(section: GaitNetReward) -> dict[str, Factor]:
    pain = section.knee_pain
    load, peak = (knee_load, {"weight": pain.weight}), (knee_peak, {"weight": pain.max_weight})
    wanted = {"knee_load": (pain.use, load), "knee_peak": (pain.use_max, peak)}
    return {name: factor for name, (use, factor) in wanted.items() if use}


def combined(section: GaitNetReward, values: Mapping[str, Array]) -> Array:
    """The reward (n,) of factors (n,) by name, as GaitNet combines them.

    Costs multiply the rest, or their factors are added to it, each by itself where they are separate; loads
    on the knees always multiply.
    """
    walk, knees = (
        np.prod([values[n] for n in names if n in values], axis=0) for names in (LOCOMOTION, KNEES)
    )
    metabolic, costs = section.metabolic, [values[name] for name in ENERGY if name in values]
    if metabolic.multiplicative and metabolic.scale > _LEAST_SCALE:
        return walk * np.prod(costs, axis=0) * knees
    separate = costs if metabolic.torque.separate else costs[:1]
    return walk * knees + metabolic.scale * np.sum(separate, axis=0)


def clipped(section: GaitNetReward, reward: Array, episode_step: Array) -> Array:
    """The reward (n,), bounded early in the episodes, whose first step has the number 1 (n,)."""
    if section.clip is None:
        return reward
    early: Any = episode_step < section.clip.step
    return np.where(early, np.clip(reward, -section.clip.value, section.clip.value), reward)
