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

from batchenv.arrays import array_namespace
from batchenv.body.body import Body
from batchenv.body.foot_geometry import lowest_heights, relative_positions
from batchenv.body.gait_table import read_gait_table
from batchenv.body.ground_reaction import vertical_ground_reaction
from batchenv.body.joint_curves import JointCurves, check_joint_scale, check_number
from batchenv.files.paths import checked_path

TABLE_SIZE = 512

_log = logging.getLogger(__name__)
# Half a degree: below what motion capture resolves.
_FIT_TOLERANCE = 0.01
# Longer or faster is a cycle in milliseconds, or a speed in centimetres.
_PERIODS, _SPEEDS = (0.05, 60.0), (0.0, 50.0)


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
    their reference position. Columns such as `knee_angle_l_rad` give the left leg angles of its own, over the
    same phase as the right leg's, which counts from the right heel strike.

    Args:
        file: path of the CSV file.
        body: that shall follow it.
        period: of the cycle [s].
        speed: of travel [m/s].
        joint_scale: factors on the file's angles, by joint of the file, or of one leg alone, such as
            knee_angle_l, which goes first; 1 for those it does not name.
        min_knee: lower bound of knee_angle [rad], bent smoothly; a straight or overstretched knee locks.

    Raises:
        ConfigError: the file is not there or is not such a table, its angles are far outside the ranges of
            the joints, or a number is outside its range.
        BodyError: the body has no feet to stand on.
    """
    check_number("environment.motion.period", period, *_PERIODS, "s")
    check_number("environment.motion.speed", speed, *_SPEEDS, "m/s")
    check_number("min_knee", min_knee, -np.pi, np.pi, "rad")
    if not body.foot_body.size:
        right, left = body.names.foot_bodies
        raise body.error(
            f"the body has no bodies {right} and {left}; a gait cycle needs feet. skeleton.names.feet"
            " says what they are called."
        )
    names, cycle = read_gait_table(checked_path("file", file), body)
    check_joint_scale(joint_scale, names, body, f"motion file {str(file)!r}")
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
        names: joints without their side, or of the left leg alone, see `load_gait_cycle` (C,).
        cycle: their angles at even phases (n, C) [rad].
        body, period, speed, joint_scale, min_knee: as of `load_gait_cycle`.
    """
    curves = JointCurves(body, names, joint_scale)
    joint_pos, joint_vel, fit_error = curves.tabulated(cycle, period, TABLE_SIZE, min_knee)
    lowest = _lowest(body, joint_pos)
    # Central differences: the height has a kink where the lowest point moves from one foot to the other.
    rate = (np.roll(lowest, 1) - np.roll(lowest, -1)) * TABLE_SIZE / (2 * period)
    return GaitCycle(
        period=period,
        speed=speed,
        fit_error=fit_error,
        tracked=curves.given.astype(float),
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
