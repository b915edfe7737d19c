"""JointCurves: what the joints of both legs do, of the angles over phase that a motion gives."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from batchenv.arrays import is_real, shown
from batchenv.body.body import Body
from batchenv.body.gait_table import angle_beyond_range
from batchenv.errors import ConfigError, nearest

Array = np.ndarray
MAX_HARMONICS = 12
_KNEE = "knee_angle"
# Width over which the floor under the knee angle bends [rad]: a hard floor would make the velocity jump.
_KNEE_BEND = 0.01
_MOST_SCALE = 100.0


class JointCurves:
    """Angles of the J joints of a body over phase, which counts from the right heel strike.

    What a motion calls without a side, the left leg does half a cycle after the right one. What it calls as
    of the left leg alone, such as knee_angle_l, goes first there.

    Args:
        body: that follows the motion.
        names: joints of the motion (C,).
        joint_scale: factors on their angles, by joint without its side or of one leg alone, which goes first.

    Attributes:
        given: whether the motion gives each joint (J,) bool.
    """

    def __init__(self, body: Body, names: Sequence[str], joint_scale: Mapping[str, float]):
        self._body, self._scale = body, joint_scale
        # The column of each joint; None where there is none.
        self._columns = [_first(called, names) for called in _called(body)]
        self._names = names
        self.given = np.array([column is not None for column in self._columns])

    def tabulated(
        self, cycle: Array, period: float, size: int, min_knee: float
    ) -> tuple[Array, Array, float]:
        """Smooth the curves, and put them into the joints.

        Args:
            cycle: angles at even phases (n, C) [rad].
            period: of the cycle [s].
            size: K.
            min_knee: lower bound of knee_angle [rad], bent smoothly.

        Returns:
            Positions (K, J) [rad], velocities (K, J) [rad/s], and how far a joint was moved at most [rad].

        Raises:
            ConfigError: a factor takes a joint far outside its range.
        """
        coef, error = _fourier(cycle)
        body, phase = self._body, np.arange(size) / size
        pos = np.tile(body.model.qpos0[body.joint_qposadr], (size, 1))
        vel = np.zeros_like(pos)
        now, later = (_wave(len(coef), phase + shift) for shift in (0.0, 0.5))
        for j, (joint, (alone, kind)) in enumerate(zip(body.joint_names, _called(body), strict=True)):
            if (name := self._columns[j]) is None:
                continue
            wave = later if body.names.is_left(joint) and name == kind else now
            column = coef[:, [self._names.index(name)]]
            value, slope = (array[:, 0] for array in _evaluate(column, wave))
            if kind == _KNEE:
                value, slope = _soft_floor(value, slope, min_knee)
            factor = body.joint_sign[j] * self._scale.get(alone, self._scale.get(kind, 1.0))
            pos[:, j], vel[:, j] = factor * value, factor * slope / period
        self._check_scaled(pos)
        return pos, vel, error

    def _check_scaled(self, pos: Array) -> None:
        """ConfigError where a factor takes a joint far outside its range; pos (K, J) [rad]."""
        for j, called in enumerate(_called(self._body)):
            name = _first(called, self._scale)
            if name is None or not self.given[j]:
                continue
            beyond = angle_beyond_range(self._body, called[-1], pos[:, j])
            if beyond is not None:
                raise ConfigError(
                    f"environment.motion.joint_scale.{name} = {self._scale[name]!r} takes the joint to"
                    f" {beyond:g} rad, far outside its range."
                )


def check_joint_scale(
    joint_scale: Mapping[str, float], names: Sequence[str], body: Body, motion: str
) -> None:
    """Refuse factors that are none, and those on joints that a motion does not have.

    Args:
        joint_scale: as of `JointCurves`.
        names: joints of the motion.
        body: that follows it.
        motion: what to call the motion.

    Raises:
        ConfigError: names the factor.
    """
    if not isinstance(joint_scale, Mapping):
        raise ConfigError(f"joint_scale = {shown(joint_scale)}: expected a scale for each of some joints.")
    of_one_leg = [alone for alone, kind in _called(body) if {alone, kind} & set(names)]
    for joint, scale in joint_scale.items():
        check_number(f"environment.motion.joint_scale.{joint}", scale, -_MOST_SCALE, _MOST_SCALE, "")
        if joint not in (*names, *body.names.absent, *of_one_leg):
            raise ConfigError(
                f"environment.motion.joint_scale.{joint}: {motion} has no such joint."
                f"{nearest(joint, [*names, *of_one_leg])} It has: {', '.join(names)}."
            )


def check_number(name: str, value: Any, least: float, most: float, unit: str) -> None:
    """ConfigError unless a value is a number between two others."""
    if not is_real(value) or not least <= value <= most:
        raise ConfigError(
            f"{name} = {shown(value)}: expected a number from {least:g} to {most:g} {unit}".rstrip() + "."
        )


def _called(body: Body) -> list[tuple[str, str]]:
    """What motions call each joint: of its leg alone, as knee_angle_l, and without a side."""
    return [
        (body.names.common_joint(joint), kind)
        for joint, kind in zip(body.joint_names, body.joint_kinds, strict=True)
    ]


def _first(called: Sequence[str], among: Any) -> str | None:
    return next((name for name in called if name in among), None)


def _fourier(cycle: Array) -> tuple[Array, float]:
    """Fit a Fourier series to even samples (n, C); return coefficients (H + 1, C) and largest error [rad]."""
    n = len(cycle)
    harmonics = min(MAX_HARMONICS, (n - 1) // 2)
    coef = np.fft.rfft(cycle, axis=0)[: harmonics + 1] / n
    coef[1:] *= 2
    error = np.abs(_evaluate(coef, _wave(len(coef), np.arange(n) / n))[0] - cycle).max(initial=0.0)
    return coef, float(error)


def _wave(harmonics: int, phase: Array) -> tuple[Array, Array]:
    """Return the terms of a series (P, H) and their derivatives by phase."""
    omega = 2j * np.pi * np.arange(harmonics)
    wave = np.exp(phase[:, None] * omega)
    return wave, wave * omega


def _evaluate(coef: Array, wave: tuple[Array, Array]) -> tuple[Array, Array]:
    """Return the series (P, C) and its derivative by phase (P, C)."""
    terms, derivatives = wave
    return np.real(terms @ coef), np.real(derivatives @ coef)


def _soft_floor(value: Array, slope: Array, floor: float) -> tuple[Array, Array]:
    """Bend max(value, floor) into a softplus; return it and its slope."""
    x = (value - floor) / _KNEE_BEND
    return floor + _KNEE_BEND * np.logaddexp(0, x), slope / (1 + np.exp(-x))
