"""Judge a recording: all measures of a walk against those of humans, as plain numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from batchenv.evaluate.by_speed import AtSpeed, cheapest_speed, compare_at_speed
from batchenv.evaluate.gait_cycles import PERCENT, ContactRule, GaitCycles, find_cycles
from batchenv.evaluate.human import (
    JOINTS,
    ON_THRESHOLD,
    compare_to_band,
    human_angles,
    human_muscles,
    joint_angle_cycles,
    muscle_cycles,
    timing_overlap,
)
from batchenv.evaluate.kinetics import (
    grf_cycles,
    grf_measures,
    joint_measures,
    joint_moment_cycles,
    joint_power_cycles,
)
from batchenv.evaluate.metabolics import can_cost, metabolic_measures
from batchenv.evaluate.plain import to_plain
from batchenv.evaluate.recording import Recording
from batchenv.evaluate.spatiotemporal import STRIDES_OF_A_SPREAD, spatiotemporal, symmetry
from batchenv.evaluate.targets import CHEAPEST, LOADS, Verdict, targets_at, verdicts, verdicts_as_numbers

SPATIOTEMPORAL = (
    "speed_m_s",
    "cadence_steps_min",
    "stride_length_m",
    "stride_length_cv_percent",
    "stance_percent",
    "double_support_percent",
    "step_width_m",
    "symmetry_percent",
)
GRF = (
    "peak1_bw",
    "valley_bw",
    "peak2_bw",
    "peak1_percent",
    "valley_percent",
    "peak2_percent",
    "r",
    "spike_bw",
    "braking_bw_s",
    "propulsive_bw_s",
)
WEAKER = "muscle strength"  # a condition of robustness
STRIDES_EXPECTED, EPISODES_EXPECTED = 50, 10

Curves = dict[str, dict[str, np.ndarray]]


@dataclass(frozen=True, eq=False)
class Report:
    """The judgement of one walk.

    Attributes:
        name: of the walker.
        numbers: what report.json holds; None where something was not measured.
        curves: "angles" [deg], "grf" [body weights], "moments" [Nm/kg], "powers" [W/kg] and "muscles"
            (activation), each a dict of cycles (C, 101); empty where there are none.
        verdicts: on each target.
        by_speed: the walk beside humans at its speed, or several walks; empty where the length of the leg is
            not known.
    """

    name: str
    numbers: dict[str, Any]
    curves: Curves
    verdicts: tuple[Verdict, ...]
    by_speed: tuple[AtSpeed, ...] = ()

    @property
    def passed(self) -> bool:
        """Whether every target is measured and met."""
        return all(verdict.passed for verdict in self.verdicts)


def judge(
    recording: Recording,
    name: str = "walker",
    push_n: float | None = None,
    robustness: Mapping[str, Mapping[str, float]] | None = None,
    rule: ContactRule | None = None,
    commands: Sequence[Mapping[str, Any]] | None = None,
    *,
    withstood: Sequence[Mapping[str, Any]] | None = None,
    followed: Mapping[str, str] | None = None,
    joint_loads: Mapping[str, Mapping[str, float]] | None = None,
    by_speed: Sequence[AtSpeed] | None = None,
    asked_speed: float | None = None,
) -> Report:
    """Judge a walk.

    Args:
        recording: one or more episodes.
        name: of the walker, for titles.
        push_n: largest push that 90 % survived [N], where it was measured.
        robustness: share of walks survived, 0 to 1, by condition and setting, as
            {"ground friction": {"0.3": 0.9}}.
        rule: how contact and cycles are found.
        commands: how commands were followed, see `batchenv.evaluate.commanded.Followed.numbers`.
        withstood: who stayed up when disturbed, see `batchenv.evaluate.disturbances.Withstood.numbers`.
        followed: what the policy was asked to follow, and by what terms of its reward; None where this is not
            known.
        joint_loads: peaks of hip and knee, see `batchenv.evaluate.joint_loads.measure_joint_loads`.
        by_speed: walks beside humans at several speeds; by default this walk alone.
        asked_speed: that this walk was told [m/s]; None where it was told none, and is to be that of humans.

    Raises:
        InputError: it is no recording.
    """
    cycles = find_cycles(recording, rule)
    curves = _curves(recording, cycles) if len(cycles) else {}
    counted = [ending for ending in recording.ended if ending != "interrupted"]
    numbers: dict[str, Any] = {
        "name": name,
        "completed": counted.count("completed") / len(counted) if counted else None,
        "episodes": len(recording.ended),
        "seconds": recording.seconds,
        "strides": len(cycles),
        **dict.fromkeys(SPATIOTEMPORAL),
        "symmetry": None,
        "joints": {joint: dict.fromkeys(("rmse_deg", "r", "within_1sd", "within_2sd")) for joint in JOINTS},
        "grf": dict.fromkeys(GRF),
        "emg": {"overlap_percent": None, "threshold": ON_THRESHOLD, "muscles": {}},
        "kinetics": None,
        "metabolic_j_kg_m": None,
        "metabolic": None,
        "mean_activation": _mean_activation(recording, cycles),
        "commands": None if commands is None else [dict(each) for each in commands],
        "followed": None if followed is None else dict(followed),
        "withstood": None if withstood is None else [dict(each) for each in withstood],
        "joint_loads": joint_loads,
        "push_n": push_n,
        "robustness": None if robustness is None else {key: dict(value) for key, value in robustness.items()},
    }
    if len(cycles):
        _measure(numbers, recording, cycles, curves)
    numbers["notes"] = _notes(recording, cycles, numbers)
    if by_speed is None:
        alone = compare_at_speed(recording, asked_speed, followed, rule)
        by_speed = () if alone is None else (alone,)
    numbers["by_speed"] = [each.numbers for each in by_speed]
    numbers["cost_minimum_m_s"] = _cheapest(by_speed)
    numbers = to_plain(numbers)
    more = (*(LOADS if joint_loads else ()), *((CHEAPEST,) if len(by_speed) > 1 else ()))
    decided = verdicts(numbers, targets_at(asked_speed) + more)
    numbers["targets"] = verdicts_as_numbers(decided)
    numbers["cycles"] = _mean_cycles(curves)
    return Report(name, numbers, curves, decided, tuple(by_speed))


def _cheapest(by_speed: Sequence[AtSpeed]) -> float | None:
    """Speed of the least cost of transport, resting included [m/s]."""
    known = [each.numbers for each in by_speed if each.numbers["cost"] is not None]
    return cheapest_speed(
        [each["speed_m_s"] for each in known], [each["cost"]["gross_j_kg_m"] for each in known]
    )


def _curves(recording: Recording, cycles: GaitCycles) -> Curves:
    curves: Curves = {"angles": joint_angle_cycles(recording, cycles), "grf": grf_cycles(recording, cycles)}
    if recording.measured("joint_torque"):
        curves["moments"] = joint_moment_cycles(recording, cycles)
        curves["powers"] = joint_power_cycles(recording, cycles)
    if recording.measured("activation"):
        curves["muscles"] = muscle_cycles(recording, cycles)
    return curves


def _measure(numbers: dict[str, Any], recording: Recording, cycles: GaitCycles, curves: Curves) -> None:
    numbers.update(spatiotemporal(recording, cycles))
    indices = symmetry(recording, cycles)
    numbers["symmetry_percent"], numbers["symmetry"] = indices.pop("symmetry_percent"), indices
    for joint, band in human_angles().items():
        numbers["joints"][joint] = compare_to_band(curves["angles"][joint].mean(axis=0), band)
    numbers["grf"] = grf_measures(curves["grf"]["vertical"], curves["grf"]["fore_aft"], cycles)
    if "moments" in curves:
        numbers["kinetics"] = joint_measures(curves["moments"], curves["powers"])
    if curves.get("muscles"):
        human = {timing.title: timing.on for timing in human_muscles()}
        overlap = {
            title: timing_overlap(activation.mean(axis=0), human[title])
            for title, activation in curves["muscles"].items()
        }
        numbers["emg"].update(overlap_percent=float(np.mean(list(overlap.values()))), muscles=overlap)
    if can_cost(recording):
        cost, power = metabolic_measures(recording, cycles, numbers["speed_m_s"])
        numbers["metabolic_j_kg_m"] = cost["muscles_j_kg_m"]
        numbers["metabolic"] = {**cost, "muscles_w": _by_group(recording, power)}


def _by_group(recording: Recording, power: np.ndarray) -> dict[str, float]:
    group = {muscle: timing.title for timing in human_muscles() for muscle in timing.muscles}
    total: dict[str, float] = {}
    for muscle, watts in zip(recording.muscle_names, power, strict=True):
        bare = muscle.removesuffix("_r").removesuffix("_l")
        total[group.get(bare, bare)] = total.get(group.get(bare, bare), 0.0) + float(watts)
    return dict(sorted(total.items(), key=lambda item: -item[1]))


def _mean_activation(recording: Recording, cycles: GaitCycles) -> float | None:
    if not recording.measured("activation"):
        return None
    rows = cycles.rows_within() if len(cycles) else slice(None)
    return float(recording.activation[rows].mean())


def _mean_cycles(curves: Curves) -> dict[str, Any]:
    means: dict[str, Any] = {"percent": PERCENT.tolist()} if curves else {}
    for kind, cycles in curves.items():
        means[kind] = {
            name: {
                "mean": np.round(values.mean(axis=0), 5).tolist(),
                "sd": np.round(values.std(axis=0), 5).tolist(),
            }
            for name, values in cycles.items()
        }
    return to_plain(means)


def _notes(recording: Recording, cycles: GaitCycles, numbers: dict[str, Any]) -> list[str]:
    notes = []
    total = len(recording.ended)
    lengths = [
        float((rows.stop - rows.start) * recording.dt)
        for e, rows in recording.episodes()
        if _fell(recording, e)
    ]
    if lengths:
        mean = np.mean(lengths)
        notes.append(f"The walker fell in {len(lengths)} of {total} episodes, after {mean:.1f} s on average.")
    if not len(cycles):
        notes.append(
            "No gait cycle could be cut: after the first strides no foot struck the ground twice with a swing"
            " in between. What is measured over gait cycles is missing."
        )
    elif len(cycles) < STRIDES_EXPECTED or total < EPISODES_EXPECTED:
        notes.append(
            f"{len(cycles)} strides of {total} episodes: fewer than the {STRIDES_EXPECTED} strides"
            f" of {EPISODES_EXPECTED} episodes that a judgement should rest on."
        )
    if 0 < len(cycles) < STRIDES_OF_A_SPREAD:
        notes.append(
            f"The variation of stride length is missing: it takes {STRIDES_OF_A_SPREAD} strides at least."
        )
    counted = total - recording.ended.count("interrupted")
    if 0 < counted < EPISODES_EXPECTED:
        notes.append(
            f"One fall more or less changes the share of completed episodes by {100 / counted:.0f} %: they"
            " are too few to tell whether it reaches 95 %."
        )
    if len(cycles) and numbers["symmetry_percent"] is not None and np.isnan(numbers["symmetry_percent"]):
        notes.append("One leg made no whole cycle: symmetry is missing.")
    if not recording.measured("activation"):
        notes.append("Muscle activations were not recorded: muscle timing and mean activation are missing.")
    if not can_cost(recording):
        notes.append(
            "Forces, lengths and velocities of fibers were not recorded: the metabolic cost is missing."
        )
    withstood = numbers["robustness"]
    if withstood is not None and WEAKER not in withstood:
        notes.append("Its muscles make no force: walks with weaker ones are missing.")
    if not recording.measured("joint_torque"):
        notes.append("Joint torques were not recorded: joint moments and powers are missing.")
    if "interrupted" in recording.ended:
        count = recording.ended.count("interrupted")
        notes.append(f"{count} of {total} episodes were cut off while recording; they count neither way.")
    return notes


def _fell(recording: Recording, episode: int) -> bool:
    return recording.ended[episode] == "fell"
