"""How humans walk at any speed: means and standard deviations, scaled to a body.

Typically developing children at five speeds: Schwartz, Rozumalski, Trost, J Biomech 41:1639 (2008); see
data/SOURCES.md. In between, means and standard deviations are interpolated linearly over the dimensionless
speed v / sqrt(g l) of a leg of length l (Hof, Gait & Posture 4:222, 1996). Moments and powers are per
kilogram of body mass, as published; the longer legs of adults make larger ones at the same dimensionless
speed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

import numpy as np

from batchenv.evaluate.gait_cycles import PERCENT
from batchenv.evaluate.human import Band, read_csv

_CURVES, _MEASURES = "human_gait_by_speed.csv", "human_steps_by_speed.csv"
_FREE = 2  # of the five speeds
_UNITS = {"_deg": "deg", "_bw": "BW", "_nm_kg": "Nm/kg", "_w_kg": "W/kg", "_emg": "of own maximum"}


class Spread(NamedTuple):
    """Mean and standard deviation of one number."""

    mean: float
    sd: float


@dataclass(frozen=True, eq=False)
class Norms:
    """How humans walk at one speed.

    Attributes:
        speed: dimensionless, that asked for.
        measured: whether it lies between speeds that were measured; beyond them, the nearest stands for it.
        curves: by name, over the gait cycle (101,): angles [deg], forces [body weights], moments [Nm/kg],
            powers [W/kg], envelopes of the EMG [share of their maximum]. Flexion, adduction, internal
            rotation, dorsiflexion, forward tilt, own side up and own side forward are positive; so are
            moments that extend, abduct and plantarflex, and forces forward and up.
        measures: by name: stance_percent and other events [% of the cycle], cadence_steps_min, step_length_m,
            and extremes of the ground reaction [body weights].
    """

    speed: float
    measured: bool
    curves: Mapping[str, Band]
    measures: Mapping[str, Spread]


def norms_at(speed: float, leg_length: float, gravity: float = 9.81) -> Norms:
    """Return how humans with a leg of this length walk.

    Args:
        speed: [m/s].
        leg_length: [m].
        gravity: [m/s^2].
    """
    dimensionless = speed / np.sqrt(gravity * leg_length)
    speeds, means, deviations = _curves()
    curves = {
        name: Band(
            _between(speeds, means[name], dimensionless), _between(speeds, deviations[name], dimensionless)
        )
        for name in means
    }
    found = {
        name: Spread(*(float(_between(speeds, row, dimensionless)) for row in rows))
        for name, rows in _measures().items()
    }
    for name, dimension, factor in (
        ("cadence_steps_min", "dimensionless_cadence", 60.0 * np.sqrt(gravity / leg_length)),
        ("step_length_m", "dimensionless_step_length", leg_length),
    ):
        mean, sd = found.pop(dimension)
        found[name] = Spread(float(factor * mean), float(factor * sd))
    del found["dimensionless_speed"]
    measured = bool(speeds[0] <= dimensionless <= speeds[-1])
    return Norms(float(dimensionless), measured, curves, found)


@cache
def free_vertical_force() -> Band:
    """Return the vertical force on a foot at the speed that humans choose [body weights]."""
    _, means, deviations = _curves()
    return Band(means["vertical_force"][_FREE], deviations["vertical_force"][_FREE])


@cache
def curve_units() -> dict[str, str]:
    """Return the unit of each curve, by its name."""
    return {name: unit for name, (_, unit) in _columns().items()}


@cache
def _columns() -> dict[str, tuple[str, str]]:
    """Column of the means of each curve, and its unit, by its name."""
    return {
        column.removesuffix(suffix): (column, unit)
        for column in read_csv(_CURVES)[0]
        for suffix, unit in _UNITS.items()
        if column.endswith(suffix)
    }


@cache
def _curves() -> tuple[np.ndarray, dict[str, np.ndarray], dict[str, np.ndarray]]:
    """Dimensionless speeds (S,), and of each curve the means and deviations (S, 101)."""
    rows = read_csv(_CURVES)
    groups = dict.fromkeys(row["speed_group"] for row in rows)
    own = [[row for row in rows if row["speed_group"] == group] for group in groups]
    percent = [float(row["phase_pct"]) for row in own[0]]

    def table(column: str) -> np.ndarray:
        return np.stack([np.interp(PERCENT, percent, [float(row[column]) for row in part]) for part in own])

    speeds = np.array([float(part[0]["dimensionless_speed"]) for part in own])
    means = {name: table(column) for name, (column, _) in _columns().items()}
    return speeds, means, {name: table(f"{name}_sd") for name in means}


@cache
def _measures() -> dict[str, np.ndarray]:
    """Means and deviations of each measure (2, S)."""
    return {
        row["measure"]: np.array(
            [[float(row[key]) for key in row if key.endswith(end)] for end in ("_mean", "_sd")]
        )
        for row in read_csv(_MEASURES)
    }


def _between(speeds: np.ndarray, values: np.ndarray, speed: float) -> np.ndarray:
    """Values (S, ...) at a speed, linearly; at the nearest where it is beyond them."""
    at = float(np.interp(speed, speeds, np.arange(len(speeds))))
    low = min(int(at), len(speeds) - 2)
    return (1.0 - (at - low)) * values[low] + (at - low) * values[low + 1]
