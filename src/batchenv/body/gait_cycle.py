"""GaitCycle: the periodic motion a body is asked to follow."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from array_api_compat import device

from batchenv.arrays import array_namespace, is_real, shown
from batchenv.body.body import Body
from batchenv.body.foot_geometry import lowest_heights, relative_positions
from batchenv.body.gait_table import angle_beyond_range, read_gait_table
from batchenv.body.ground_reaction import vertical_ground_reaction
from batchenv.errors import ConfigError, nearest
from batchenv.files.paths import checked_path

TABLE_SIZE = 512
MAX_HARMONICS = 12

_log = logging.getLogger(__name__)
_KNEE = "knee_angle"
# Width over which the floor under the knee angle bends [rad]: a hard floor would make the velocity jump.
_KNEE_BEND = 0.01
# Half a degree: below what motion capture resolves.
_FIT_TOLERANCE = 0.01
# Longer or faster is a cycle in milliseconds, or a speed in centimetres.
_PERIODS, _SPEEDS = (0.05, 60.0), (0.0, 50.0)
_SCALE = 100.0


@dataclass(frozen=True, eq=False)
class GaitSample:
    """The cycle at N phases; each array as the method of `GaitCycle` of its name gives it."""

    joint_pos: Any
    joint_vel: Any
    root_height: Any
    root_height_rate: Any
    foot_pos: Any
    foot_load: Any


@dataclass(frozen=True, eq=False)
class GaitCycle:
    """A gait cycle, tabulated at K even phases and interpolated linearly; phase 0 is the right heel strike.

    With K = 512 the interpolation is within 3e-4 rad and 0.04 rad/s of the smooth cycle of a walking adult.

    Attributes:
        period: of the cycle, two steps [s].
        speed: of travel [m/s].
        fit_error: largest distance between the file and the smooth cycle [rad].
        tracked: 1 for joints whose motion the file gives, 0 for others (J,).
        joint_pos_table: (K, J) [rad].
        joint_vel_table: (K, J) [rad/s].
        root_height_table: (K,) [m]: height of an upright root at which the feet just touch z = 0.
        root_height_rate_table: (K,) [m/s].
        foot_pos_table: (K, 2, 3) [m]: heels, right and left, relative to the root, along forward, left, up.
    """

    period: float
    speed: float
    fit_error: float
    tracked: np.ndarray
    joint_pos_table: np.ndarray
    joint_vel_table: np.ndarray
    root_height_table: np.ndarray
    root_height_rate_table: np.ndarray
    foot_pos_table: np.ndarray

    def sample(self, phase: Any) -> "GaitSample":
        """Return all there is of the cycle at phases (N,), in one look-up."""
        return self.split(_interpolate(self.table, phase))

    def split(self, rows: Any) -> "GaitSample":
        """Return rows of `table` (N, n), or of what lies between them, as what they hold."""
        joints = self.joint_pos_table.shape[1]
        return GaitSample(
            joint_pos=rows[:, :joints],
            joint_vel=rows[:, joints : 2 * joints],
            root_height=rows[:, 2 * joints],
            root_height_rate=rows[:, 2 * joints + 1],
            foot_pos=rows[:, 2 * joints + 2 : -2].reshape(-1, *self.foot_pos_table.shape[1:]),
            foot_load=rows[:, -2:],
        )

    @cached_property
    def table(self) -> np.ndarray:
        """The tables side by side, one row for each phase (K, n); see `split`."""
        heights = (self.root_height_table[:, None], self.root_height_rate_table[:, None])
        feet = self.foot_pos_table.reshape(len(self.foot_pos_table), -1)
        tables = (self.joint_pos_table, self.joint_vel_table, *heights, feet, self.foot_load_table)
        return np.hstack(tables)

    @cached_property
    def foot_load_table(self) -> np.ndarray:
        """Vertical forces on right and left foot (K, 2) [body weights], as humans have them at free speed.

        Who stands still has half of the weight on each foot.
        """
        if self.speed == 0.0:
            return np.full((len(self.joint_pos_table), 2), 0.5)
        phase = np.arange(len(self.joint_pos_table)) / len(self.joint_pos_table)
        return vertical_ground_reaction(np.stack([phase, (phase + 0.5) % 1.0], axis=1))

    def joint_pos(self, phase: Any) -> Any:
        """Return joint positions (N, J) [rad] at phases (N,) in cycles; whole cycles are taken off."""
        return _interpolate(self.joint_pos_table, phase)

    def joint_vel(self, phase: Any) -> Any:
        """Return joint velocities (N, J) [rad/s] at phases (N,) that advance by 1 / period."""
        return _interpolate(self.joint_vel_table, phase)

    def root_height(self, phase: Any) -> Any:
        """Return root heights (N,) [m] at phases (N,): the lowest point of the feet touches z = 0."""
        return _interpolate(self.root_height_table, phase)

    def root_height_rate(self, phase: Any) -> Any:
        """Return the rates of the root height (N,) [m/s] at phases (N,)."""
        return _interpolate(self.root_height_rate_table, phase)

    def foot_pos(self, phase: Any) -> Any:
        """Return heels (N, 2, 3) [m], right and left, relative to the root, along forward, left, up."""
        return _interpolate(self.foot_pos_table, phase)

    def foot_load(self, phase: Any) -> Any:
        """Return vertical forces (N, 2) [body weights] on right and left foot, as humans have them."""
        return _interpolate(self.foot_load_table, phase)


def load_gait_cycle(
    file: str | Path,
    body: Body,
    *,
    period: float,
    speed: float,
    joint_scale: Mapping[str, float] = MappingProxyType({}),
    min_knee: float = 0.02,
) -> GaitCycle:
    """Read one cycle of the right leg from CSV; the left leg does the same half a cycle later.

    The file has a column `phase_pct`, evenly spaced from 0 to 100, and columns `<joint>_rad` named as
    the joints of the body without their side, or as `BodyNames.joints` has them. Joints it does not name keep
    their reference position.

    Args:
        file: path of the CSV file.
        body: that shall follow it.
        period: of the cycle [s].
        speed: of travel [m/s].
        joint_scale: factors on the file's angles, by joint of the file; 1 for those it does not name.
        min_knee: lower bound of knee_angle [rad], bent smoothly; a straight or overstretched knee locks.

    Raises:
        ConfigError: the file is not there or is not such a table, its angles are far outside the ranges of
            the joints, or a number is outside its range.
        BodyError: the body has no feet to stand on.
    """
    _check_number("environment.motion.period", period, *_PERIODS, "s")
    _check_number("environment.motion.speed", speed, *_SPEEDS, "m/s")
    _check_number("min_knee", min_knee, -np.pi, np.pi, "rad")
    if not body.foot_body.size:
        right, left = body.names.foot_bodies
        raise body.error(
            f"the body has no bodies {right} and {left}; a gait cycle needs feet. skeleton.names.feet"
            " says what they are called."
        )
    names, cycle = read_gait_table(checked_path("file", file), body)
    if not isinstance(joint_scale, Mapping):
        raise ConfigError(f"joint_scale = {shown(joint_scale)}: expected a scale for each of some joints.")
    for joint, scale in joint_scale.items():
        _check_number(f"environment.motion.joint_scale.{joint}", scale, -_SCALE, _SCALE, "")
        if joint not in (*names, *body.names.absent):
            raise ConfigError(
                f"environment.motion.joint_scale.{joint}: motion file {str(file)!r} has no such joint."
                f"{nearest(joint, names)} It has: {', '.join(names)}."
            )
    gait = gait_cycle_of(
        names, cycle, body, period=period, speed=speed, joint_scale=joint_scale, min_knee=min_knee
    )
    if gait.fit_error > _FIT_TOLERANCE:
        _log.warning("%s: smoothing the cycle moves a joint by %.3f rad", file, gait.fit_error)
    return gait


def gait_cycle_of(
    names: list[str],
    cycle: np.ndarray,
    body: Body,
    *,
    period: float,
    speed: float,
    joint_scale: Mapping[str, float],
    min_knee: float,
) -> GaitCycle:
    """Make a gait cycle of the angles of the right leg; the left leg does the same half a cycle later.

    Args:
        names: joints without their side (C,).
        cycle: their angles at even phases (n, C) [rad].
        body, period, speed, joint_scale, min_knee: as of `load_gait_cycle`.
    """
    coef, fit_error = _fourier(cycle)
    joint_pos, joint_vel = _tabulate(body, names, coef, period, joint_scale, min_knee)
    _check_scaled(body, names, joint_scale, joint_pos)
    lowest = _lowest(body, joint_pos)
    # Central differences: the height has a kink where the lowest point moves from one foot to the other.
    rate = (np.roll(lowest, 1) - np.roll(lowest, -1)) * TABLE_SIZE / (2 * period)
    return GaitCycle(
        period=period,
        speed=speed,
        fit_error=fit_error,
        tracked=np.array([float(kind in names) for kind in body.joint_kinds]),
        joint_pos_table=joint_pos,
        joint_vel_table=joint_vel,
        root_height_table=-lowest,
        root_height_rate_table=rate,
        foot_pos_table=relative_positions(body, body.foot_body, joint_pos),
    )


def standing_still(body: Body) -> GaitCycle:
    """A cycle in which a body stands in its first pose.

    Raises:
        BodyError: the body has no feet to stand on.
    """
    pose = body.model.qpos0[None, body.joint_qposadr]
    return GaitCycle(
        period=1.0,
        speed=0.0,
        fit_error=0.0,
        tracked=np.ones(pose.shape[1]),
        joint_pos_table=pose,
        joint_vel_table=np.zeros_like(pose),
        root_height_table=-_lowest(body, pose),
        root_height_rate_table=np.zeros(1),
        foot_pos_table=relative_positions(body, body.foot_body, pose),
    )


def _lowest(body: Body, joint_pos: np.ndarray) -> np.ndarray:
    """Heights of the lowest points of the feet below an upright root, in poses (K, J) [rad] (K,) [m]."""
    if not body.foot_body.size:
        right, left = body.names.foot_bodies
        raise body.error(
            f"the body has no bodies {right} and {left}; a gait cycle needs feet. skeleton.names.feet"
            " says what they are called."
        )
    lowest = lowest_heights(body, joint_pos)
    if lowest.max() >= 0:
        raise body.error(
            f"the feet are {lowest.max():.2f} m above the root when the body stands upright; expected them"
            " below it."
        )
    return lowest


def _check_number(name: str, value: Any, least: float, most: float, unit: str) -> None:
    """ConfigError unless a value is a number between two others."""
    if not is_real(value) or not least <= value <= most:
        raise ConfigError(
            f"{name} = {shown(value)}: expected a number from {least:g} to {most:g} {unit}".rstrip() + "."
        )


def _check_scaled(
    body: Body, names: list[str], joint_scale: Mapping[str, float], joint_pos: np.ndarray
) -> None:
    """ConfigError where a scale takes a joint far outside its range; joint_pos (K, J) [rad]."""
    for j, (joint, kind) in enumerate(zip(body.joint_names, body.joint_kinds, strict=True)):
        if body.names.is_left(joint) or kind not in joint_scale:  # the left side does what the right one does
            continue
        beyond = angle_beyond_range(body, kind, joint_pos[:, j])
        if kind in names and beyond is not None:
            raise ConfigError(
                f"environment.motion.joint_scale.{kind} = {joint_scale[kind]!r} takes the joint to {beyond:g}"
                " rad, far outside its range."
            )


def _fourier(cycle: np.ndarray) -> tuple[np.ndarray, float]:
    """Fit a Fourier series to even samples (n, C); return coefficients (H + 1, C) and largest error [rad]."""
    n = len(cycle)
    harmonics = min(MAX_HARMONICS, (n - 1) // 2)
    coef = np.fft.rfft(cycle, axis=0)[: harmonics + 1] / n
    coef[1:] *= 2
    error = np.abs(_evaluate(coef, _wave(len(coef), np.arange(n) / n))[0] - cycle).max(initial=0.0)
    return coef, float(error)


def _wave(harmonics: int, phase: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the terms of a series (P, H) and their derivatives by phase."""
    omega = 2j * np.pi * np.arange(harmonics)
    wave = np.exp(phase[:, None] * omega)
    return wave, wave * omega


def _evaluate(coef: np.ndarray, wave: tuple[np.ndarray, np.ndarray]) -> tuple[np.ndarray, np.ndarray]:
    """Return the series (P, C) and its derivative by phase (P, C)."""
    terms, derivatives = wave
    return np.real(terms @ coef), np.real(derivatives @ coef)


def _tabulate(
    body: Body,
    names: list[str],
    coef: np.ndarray,
    period: float,
    joint_scale: Mapping[str, float],
    min_knee: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Return joint positions [rad] and velocities [rad/s] of both legs, each (TABLE_SIZE, J)."""
    phase = np.arange(TABLE_SIZE) / TABLE_SIZE
    pos = np.tile(body.model.qpos0[body.joint_qposadr], (TABLE_SIZE, 1))
    vel = np.zeros_like(pos)
    right, left = (_wave(len(coef), phase + shift) for shift in (0.0, 0.5))
    for j, (joint, kind) in enumerate(zip(body.joint_names, body.joint_kinds, strict=True)):
        if kind not in names:
            continue
        wave = left if body.names.is_left(joint) else right
        column = coef[:, [names.index(kind)]]
        value, slope = (array[:, 0] for array in _evaluate(column, wave))
        if kind == _KNEE:
            value, slope = _soft_floor(value, slope, min_knee)
        factor = body.joint_sign[j] * joint_scale.get(kind, 1.0)
        pos[:, j], vel[:, j] = factor * value, factor * slope / period
    return pos, vel


def _soft_floor(value: np.ndarray, slope: np.ndarray, floor: float) -> tuple[np.ndarray, np.ndarray]:
    """Bend max(value, floor) into a softplus; return it and its slope."""
    x = (value - floor) / _KNEE_BEND
    return floor + _KNEE_BEND * np.logaddexp(0, x), slope / (1 + np.exp(-x))


def _interpolate(table: np.ndarray, phase: Any) -> Any:
    """Interpolate a periodic table (K, ...) linearly at phases (N,) in cycles; returns (N, ...)."""
    xp = array_namespace(phase)
    rows = xp.asarray(table, dtype=phase.dtype, device=device(phase))
    place = (phase - xp.floor(phase)) * table.shape[0]
    lower = xp.floor(place)
    weight = xp.reshape(place - lower, (-1,) + (1,) * (table.ndim - 1))
    index = xp.astype(lower, xp.int64) % table.shape[0]
    below, above = xp.take(rows, index, axis=0), xp.take(rows, (index + 1) % table.shape[0], axis=0)
    return below + weight * (above - below)
