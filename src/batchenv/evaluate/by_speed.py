"""Compare a walk with humans at its own speed, as `norms` has them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchenv.evaluate.clinical_curves import MUSCLES, clinical_curves
from batchenv.evaluate.force_shape import force_shape
from batchenv.evaluate.gait_cycles import ContactRule, GaitCycles, find_cycles
from batchenv.evaluate.human import Band, pearson
from batchenv.evaluate.kinetics import grf_measures
from batchenv.evaluate.metabolics import can_cost, metabolic_measures
from batchenv.evaluate.norms import Norms, norms_at
from batchenv.evaluate.plain import to_plain
from batchenv.evaluate.recording import Recording
from batchenv.evaluate.targets import AT_ANY_SPEED, AT_USUAL_SPEED, Verdict, verdicts, verdicts_as_numbers

Array = np.ndarray
_USUAL, _NEAR_USUAL = 1.3, 0.1  # [m/s]
# A deviation of less than this share of the curve's largest counts as this share: in swing the foot bears
# nothing, and hardly a human differs from another.
_LEAST_SD = 0.1


@dataclass(frozen=True, eq=False)
class AtSpeed:
    """A walk beside humans at its speed.

    Attributes:
        numbers: what report.json holds of it; None where something was not measured.
        curves: mean and standard deviation over the cycles, by name, with the units and senses of `Norms`.
        human: the norms at this speed.
        verdicts: on each target.
    """

    numbers: dict[str, Any]
    curves: dict[str, Band]
    human: Norms
    verdicts: tuple[Verdict, ...]


def compare_at_speed(
    recording: Recording,
    asked: float | None = None,
    followed: Mapping[str, str] | None = None,
    rule: ContactRule | None = None,
) -> AtSpeed | None:
    """Compare a walk with humans at its own speed; None where the length of the leg is not known.

    Args:
        recording: of one speed, straight on.
        asked: the speed that was asked for [m/s]; None where none was.
        followed: what the policy was asked to follow, see `followed`; None where that is not known.
        rule: how contact and cycles are found.

    Returns:
        The comparison at the speed that was walked; at the speed asked for where no cycle could be cut.
    """
    if recording.leg_length is None:
        return None
    cycles = find_cycles(recording, rule)
    if not len(cycles) and asked is None:
        return None
    walked = _speed(recording, cycles) if len(cycles) else None
    speed = asked if walked is None else walked
    assert speed is not None
    human = norms_at(speed, recording.leg_length, recording.gravity)
    counted = [ending for ending in recording.ended if ending != "interrupted"]
    numbers: dict[str, Any] = {
        "asked_speed_m_s": asked,
        "speed_m_s": walked,
        "dimensionless_speed": human.speed,
        "humans_measured": human.measured,
        "walks": len(recording.ended),
        "completed": counted.count("completed") / len(counted) if counted else None,
        "strides": len(cycles),
        "curves": dict.fromkeys(human.curves),
        "emg_r": None,
        "medial_force": None,
        "measures": {name: _measure(np.array([]), spread) for name, spread in human.measures.items()},
        "force_shape": None,
        "cost": None,
        "human_cost_j_kg_m": human_cost(speed),
        "angular_momentum": None,
    }
    curves: dict[str, Band] = {}
    if len(cycles):
        cycled = clinical_curves(recording, cycles)
        curves = {name: Band(values.mean(axis=0), values.std(axis=0)) for name, values in cycled.items()}
        numbers |= _compared(recording, cycles, cycled, human, speed)
    numbers = to_plain(numbers)
    near = abs((asked or speed) - _USUAL) <= _NEAR_USUAL
    decided = verdicts(numbers, AT_ANY_SPEED + (AT_USUAL_SPEED if near else ()), followed or ())
    numbers["targets"] = verdicts_as_numbers(decided)
    return AtSpeed(numbers, curves, human, decided)


def human_cost(speed: float) -> float | None:
    """Return the metabolic cost of transport of walking humans, resting included [J/kg/m]; None at rest.

    29 + 0.0053 v^2 [cal/kg/min] with v in [m/min]: Ralston, Int Z Angew Physiol 17:277 (1958).
    It is least at 1.23 m/s.
    """
    if speed <= 0.0:
        return None
    return 4.184 * (29.0 + 0.0053 * (60.0 * speed) ** 2) / (60.0 * speed)


def cheapest_speed(speeds: list[float], costs: list[float]) -> float | None:
    """Return the speed of the least cost of transport [m/s], by the parabola through it and its neighbours.

    Where it is the slowest or the fastest, it is that: the least may lie beyond. None for fewer than three.
    """
    if len(speeds) < 3:
        return None
    order = np.argsort(speeds)
    v, cost = np.array(speeds, float)[order], np.array(costs, float)[order]
    least = int(np.argmin(cost))
    if not 0 < least < len(v) - 1:
        return float(v[least])
    a, b, _ = np.polyfit(v[least - 1 : least + 2], cost[least - 1 : least + 2], 2)
    return float(-b / (2.0 * a)) if a > 0.0 else float(v[least])


def compare_curve(curve: Array, human: Band) -> dict[str, Any]:
    """Return how near a curve (101,) comes to the human mean, in its unit and in standard deviations.

    Returns:
        low, high, human_low, human_high: extremes.
        r: Pearson's correlation.
        rmse, rmse_sd: root mean square difference, in the unit and in standard deviations.
        offset, rmse_without_offset: mean difference, and what is left without it.
        within_1_5sd, within_2sd: share of the cycle within so many standard deviations, 0 to 1.
    """
    difference = curve - human.mean
    sd = np.maximum(human.sd, _LEAST_SD * human.sd.max())
    return {
        "low": curve.min(),
        "high": curve.max(),
        "human_low": human.mean.min(),
        "human_high": human.mean.max(),
        "r": pearson(curve, human.mean),
        "rmse": np.sqrt(np.mean(difference**2)),
        "rmse_sd": np.sqrt(np.mean((difference / sd) ** 2)),
        "offset": difference.mean(),
        "rmse_without_offset": difference.std(),
        "within_1_5sd": np.mean(np.abs(difference) <= 1.5 * sd),
        "within_2sd": np.mean(np.abs(difference) <= 2.0 * sd),
    }


def _compared(
    recording: Recording,
    cycles: GaitCycles,
    cycled: Mapping[str, Array],
    human: Norms,
    speed: float,
) -> dict[str, Any]:
    compared = {
        name: _compared_curve(name, cycled[name].mean(axis=0), band) if name in cycled else None
        for name, band in human.curves.items()
    }
    alike = [found["r"] for name in MUSCLES if (found := compared[name]) is not None]
    measures = {
        name: _measure(values, human.measures[name]) for name, values in _measures(recording, cycles, cycled)
    }
    shape, theirs = (
        force_shape(curve, stance)
        for curve, stance in (
            (cycled["vertical_force"].mean(axis=0), 100.0 * cycles.stance.mean()),
            (human.curves["vertical_force"].mean, human.measures["stance_percent"].mean),
        )
    )
    cost, medial = None, cycled["medial_force"].mean(axis=0)
    if can_cost(recording):
        cost, _ = metabolic_measures(recording, cycles, speed)
    return {
        "curves": compared,
        "emg_r": np.mean(alike) if alike else None,
        "medial_force": {"low": medial.min(), "high": medial.max()},
        "measures": measures,
        "force_shape": {name: {"walker": shape[name], "human": theirs[name]} for name in shape},
        "cost": cost,
        "angular_momentum": _angular_momentum(recording, cycles, speed),
    }


def _compared_curve(name: str, curve: Array, human: Band) -> dict[str, Any]:
    """See `compare_curve`; EMG and activation, whose scales are not one, each as a share of its maximum."""
    if name in MUSCLES:
        curve, human = Band(curve, np.zeros_like(curve)).of_own_maximum().mean, human.of_own_maximum()
    return compare_curve(curve, human)


def _measure(values: Array, human: Any) -> dict[str, float | None]:
    known = values[np.isfinite(values)]
    mean = known.mean() if known.size else None
    return {
        "walker": mean,
        "walker_sd": known.std() if known.size > 1 else None,
        "human": human.mean,
        "human_sd": human.sd,
        "deviation_sd": None if mean is None else (mean - human.mean) / human.sd,
    }


def _measures(
    recording: Recording, cycles: GaitCycles, cycled: Mapping[str, Array]
) -> list[tuple[str, Array]]:
    """Values of each measure of the norms, of every cycle or of the mean cycle."""
    force = grf_measures(cycled["vertical_force"], cycled["fore_aft_force"], cycles)
    off, contact = _opposite(cycles)
    both = cycles.resample(cycles.contact.all(axis=1).astype(float))
    return [
        ("cadence_steps_min", 120.0 / cycles.seconds),
        ("step_length_m", 0.5 * _way(recording.foot_pos, cycles)[np.arange(len(cycles)), cycles.side]),
        ("stance_percent", 100.0 * cycles.stance),
        ("double_support_percent", 100.0 * both[:, :-1].mean(axis=1)),
        ("opposite_foot_off_percent", off),
        ("opposite_foot_contact_percent", contact),
        *((name, np.array([force[name]])) for name in ("peak1_bw", "valley_bw", "peak2_bw")),
        ("braking_bw", cycled["fore_aft_force"].min(axis=1)),
        ("propulsive_bw", cycled["fore_aft_force"].max(axis=1)),
    ]


def _speed(recording: Recording, cycles: GaitCycles) -> float:
    """Distance of the pelvis over time, wherever it goes [m/s]."""
    return float(_way(recording.root_pos, cycles).sum() / cycles.seconds.sum())


def _way(places: Array, cycles: GaitCycles) -> Array:
    """Horizontal distance from the beginning to the end of each cycle (C, ...) of places (T, ..., 3) [m]."""
    moved = cycles.at(places, cycles.stop) - cycles.at(places, cycles.start)
    return np.hypot(moved[..., 0], moved[..., 1])


def _opposite(cycles: GaitCycles) -> tuple[Array, Array]:
    """When the other foot leaves the ground and strikes it again, each (C,) [%]; NaN for never."""
    contact = cycles.contact.astype(float)
    down = cycles.resample_own(contact[:, 1], contact[:, 0]) > 0.5
    off = np.argmin(down, axis=1)
    later = down & (np.arange(down.shape[1]) > off[:, None])
    met = np.argmax(later, axis=1)
    return np.where(down.all(axis=1), np.nan, off), np.where(later.any(axis=1), met, np.nan)


def _angular_momentum(recording: Recording, cycles: GaitCycles, speed: float) -> dict[str, float] | None:
    """Mean over the cycles of the range in each plane, over mass, speed and length of the leg."""
    if not recording.measured("angular_momentum") or not speed or recording.leg_length is None:
        return None
    extent = np.ptp(cycles.resample(recording.angular_momentum), axis=1).mean(axis=0)
    extent = extent / (recording.mass * speed * recording.leg_length)
    return {"frontal": extent[0], "sagittal": extent[1], "transverse": extent[2]}
