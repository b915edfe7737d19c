"""GaitBySpeed: how humans walk at any speed, from standing on, for a body of its leg's length."""

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType
from typing import Any

import mujoco
import numpy as np

from batchenv.body.body import Body
from batchenv.body.foot_geometry import foot_axes, foot_progression, lowest_heights
from batchenv.body.gait_cycle import TABLE_SIZE, GaitCycle, gait_cycle_of, standing_still
from batchenv.body.gait_family import interpolated_rows
from batchenv.body.joint_curves import check_joint_scale

Array = np.ndarray
_DATA = "human_gait_by_speed.csv"
_JOINTS = ("hip_flexion", "hip_adduction", "hip_rotation", "knee_angle", "ankle_angle")
_PELVIS = ("pelvis_tilt", "pelvis_obliquity", "pelvis_rotation")
_FREE = "free"
_MIN_KNEE = 0.02


@dataclass(frozen=True, eq=False)
class GaitBySpeed:
    """Gait cycles of S speeds, interpolated linearly between them; the first stands.

    Below the slowest measured speed, legs swing less, as often as there; at 0 they rest. Above the fastest,
    they move as at the fastest.

    Attributes:
        speeds: ascending from 0 (S,) [m/s].
        cadences: cycles in a second (S,) [Hz].
        tables: as of `GaitCycle.table`, their velocities over one cycle instead of a second (S, K, n).
        pelvis: forward tilt, list (right side up) and rotation (right side forward) about the upright
            root (S, K, 3) [rad].
        surge: forward speed of the centre of mass about its mean over a cycle (S, K, 1) [m/s].
        progression: of right and left foot: angle of its axis from the way, toes inward positive
            (S, K, 2) [rad].
        usual: the cycle at the speed that humans choose.
        rates: columns of the tables that are velocities (n,) bool.
    """

    speeds: Array
    cadences: Array
    tables: Array
    pelvis: Array
    surge: Array
    progression: Array
    usual: GaitCycle
    rates: Array

    def rows(self, phase: Array, speed: Array, cadence: Array | None = None) -> Array:
        """Return rows as of `GaitCycle.table` (N, n) at phases (N,) and speeds (N,) [m/s].

        Args:
            phase, speed: where to look.
            cadence: cycles in a second (N,) [Hz]; by default those of the speed.
        """
        return self.interpolated(self.tables, phase, speed, cadence)

    def interpolated(self, tables: Array, phase: Array, speed: Array, cadence: Array | None = None) -> Array:
        """Return rows (N, n) of tables that are like `tables`, as of `rows`."""
        speed = self._within(speed)
        cadence = self.cadence(speed) if cadence is None else cadence
        return interpolated_rows(self.speeds, tables, self.rates, phase, speed, cadence)

    def pelvis_rows(self, phase: Array, speed: Array) -> Array:
        """Return what `pelvis` is (N, 3) at phases (N,) and speeds (N,) [m/s]."""
        return self._without_rates(self.pelvis, phase, speed)

    def com_speed(self, phase: Array, speed: Array) -> Array:
        """Return the speed of the centre of mass (N,) [m/s] at phases (N,) and mean speeds (N,) [m/s]."""
        return speed + self._without_rates(self.surge, phase, speed)[:, 0]

    def progression_rows(self, phase: Array, speed: Array) -> Array:
        """Return what `progression` is (N, 2) at phases (N,) and speeds (N,) [m/s]."""
        return self._without_rates(self.progression, phase, speed)

    def _without_rates(self, tables: Array, phase: Array, speed: Array) -> Array:
        none, once = np.zeros(tables.shape[2], bool), np.ones(len(phase))
        return interpolated_rows(self.speeds, tables, none, phase, self._within(speed), once)

    def cadence(self, speed: Array) -> Array:
        """Return cycles in a second (N,) [Hz] at speeds (N,) [m/s]; 0 where there is no speed."""
        cadence = np.interp(self._within(speed), self.speeds[1:], self.cadences[1:])
        return np.where(np.asarray(speed) > 0.0, cadence, 0.0)

    def _within(self, speed: Array) -> Array:
        return np.clip(np.asarray(speed, float), 0.0, self.speeds[-1])


def load_gait_by_speed(body: Body, joint_scale: Mapping[str, float] = MappingProxyType({})) -> GaitBySpeed:
    """Scale the gait of humans at five speeds to a body.

    Speeds are v sqrt(g l) and cadences f sqrt(g / l) for a leg of length l (Hof, Gait & Posture 4:222, 1996),
    measured values those of Schwartz, Rozumalski, Trost, J Biomech 41:1639 (2008). Hips flex about a
    pelvis whose mean tilt at free speed is upright here: how it is tilted there is where its markers are.

    Args:
        body: that shall walk.
        joint_scale: factors on the angles, by joint without its side, or of one leg alone, such as
            knee_angle_l, which goes first.

    Raises:
        ConfigError: there is no such joint, or a factor takes it far outside its range.
        BodyError: the body has no feet or no hip to measure its legs by.
    """
    check_joint_scale(joint_scale, _JOINTS, body, "the gait of humans by speed")
    still, length = standing_still(body), leg_length(body)
    groups = _read()
    gravity = body.weight / body.mass
    upright = groups[_FREE]["pelvis_tilt"].mean()
    names = [name for name in _JOINTS if name in body.joint_kinds]
    speeds, cadences, cycles, pelvis = [0.0], [0.0], [still], [np.zeros((TABLE_SIZE, 3))]
    surge = [np.zeros((TABLE_SIZE, 1))]
    progression = [np.tile(foot_progression(foot_axes(body, still.joint_pos_table)), (TABLE_SIZE, 1))]
    for group in groups.values():
        speeds.append(group["speed"] * np.sqrt(gravity * length))
        # Two steps are a cycle.
        cadences.append(0.5 * group["cadence"] * np.sqrt(gravity / length))
        angles = {name: group[name] for name in names}
        angles["hip_flexion"] = group["hip_flexion"] - upright
        cycles.append(
            gait_cycle_of(
                names,
                np.stack([angles[name] for name in names], axis=1),
                body,
                period=1.0 / cadences[-1],
                speed=speeds[-1],
                joint_scale=joint_scale,
                min_knee=_MIN_KNEE,
            )
        )
        pelvis.append(_symmetric_pelvis(group, upright))
        surge.append(_surge(group["fore_aft_force"], gravity, cadences[-1]))
        progression.append(_both_legs(group["foot_progression"]))
    tables = [_per_cycle(gait, cadence) for gait, cadence in zip(cycles[1:], cadences[1:], strict=True)]
    for table, group in zip(tables, groups.values(), strict=True):
        table[:, -2:] = _both_legs(group["vertical_force"])
    n_joint = len(body.joint_names)
    rates = np.zeros(tables[0].shape[1], bool)
    rates[n_joint : 2 * n_joint] = rates[2 * n_joint + 1] = True
    standing = np.tile(still.table, (TABLE_SIZE, 1))
    return GaitBySpeed(
        np.array(speeds),
        np.array(cadences),
        np.stack([standing, *tables]),
        np.stack(pelvis),
        np.stack(surge),
        np.stack(progression),
        cycles[1 + list(groups).index(_FREE)],
        rates,
    )


def leg_length(body: Body) -> float:
    """Return the height of the hips over the soles in the body's first pose [m].

    Raises:
        BodyError: the body has no joint hip_flexion.
    """
    hips = [name for name, kind in zip(body.joint_names, body.joint_kinds, strict=True) if kind == _JOINTS[0]]
    if not hips:
        raise body.error("the body has no joint hip_flexion; expected one, by which legs are measured.")
    data = mujoco.MjData(body.model)
    data.qpos[3:7] = 1.0, 0.0, 0.0, 0.0
    mujoco.mj_kinematics(body.model, data)
    hip = data.xanchor[body.model.joint(hips[0]).id, 2] - data.qpos[2]
    return float(hip - lowest_heights(body, body.model.qpos0[None, body.joint_qposadr])[0])


def _per_cycle(gait: GaitCycle, cadence: float) -> Array:
    """The table of a cycle, its velocities over one cycle instead of a second."""
    table, joints = gait.table.copy(), gait.joint_pos_table.shape[1]
    table[:, joints : 2 * joints] /= cadence
    table[:, 2 * joints + 1] /= cadence
    return table


def _symmetric_pelvis(group: Mapping[str, Array], upright: float) -> Array:
    """Angles of the pelvis (K, 3) [rad] that are their own image in the mirror half a cycle later."""
    angles = np.stack([_resampled(group[name]) for name in _PELVIS], axis=1)
    later = np.roll(angles, -TABLE_SIZE // 2, axis=0)
    return 0.5 * (angles + later * [1.0, -1.0, -1.0]) - [upright, 0.0, 0.0]


def _surge(fore_aft_force: Array, gravity: float, cadence: float) -> Array:
    """Forward speed of the centre of mass about its mean (K, 1) [m/s], by Newton's second law.

    Args:
        fore_aft_force: forward, on one leg over its cycle (k,) [body weights]; on the other it is the same
            half a cycle later.
        gravity: [m/s^2].
        cadence: cycles in a second [Hz].
    """
    force = _resampled(fore_aft_force)
    force = force + np.roll(force, -TABLE_SIZE // 2)
    force -= force.mean()
    # Force n acts from n - 1/2 to n + 1/2 samples.
    speed = (np.cumsum(force) - 0.5 * force) * gravity / (cadence * TABLE_SIZE)
    return (speed - speed.mean())[:, None]


def _both_legs(values: Array) -> Array:
    """A curve of the right leg (n,), and of the left leg half a cycle later (K, 2)."""
    right = _resampled(values)
    return np.stack([right, np.roll(right, -TABLE_SIZE // 2)], axis=1)


def _resampled(values: Array) -> Array:
    """A periodic curve (n,) at TABLE_SIZE even phases (TABLE_SIZE,)."""
    phase = np.arange(TABLE_SIZE) / TABLE_SIZE
    return np.interp(phase, np.arange(len(values) + 1) / len(values), [*values, values[0]])


def _read() -> dict[str, dict[str, Any]]:
    """Curves (50,) of each group of speeds, angles in [rad] and forces in [body weights], closed."""
    with files("batchenv.data").joinpath(_DATA).open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    groups: dict[str, dict[str, Any]] = {}
    for name in dict.fromkeys(row["speed_group"] for row in rows):
        own = [row for row in rows if row["speed_group"] == name]
        group: dict[str, Any] = {
            "speed": float(own[0]["dimensionless_speed"]),
            "cadence": float(own[0]["dimensionless_cadence"]),
        }
        for key in own[0]:
            if key.endswith(("_deg", "_bw")):
                curve = _closed(np.array([float(row[key]) for row in own]))
                group[key.removesuffix("_deg").removesuffix("_bw")] = (
                    np.radians(curve) if key.endswith("_deg") else curve
                )
        groups[name] = group
    return groups


def _closed(curve: Array) -> Array:
    """One cycle without its last point (n - 1,), the gap between its ends spread over all of it."""
    share = np.linspace(-0.5, 0.5, len(curve))
    return (curve - (curve[-1] - curve[0]) * share)[:-1]
