"""Small multiples of a walk at one or several speeds: humans in grey, the walker in colour."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from batchenv.evaluate.by_speed import AtSpeed, human_cost
from batchenv.evaluate.gait_cycles import PERCENT
from batchenv.evaluate.norms import curve_units
from batchenv.evaluate.page_speeds import in_words, speed_title
from batchenv.evaluate.plot_style import ACCENT, BAND, HUMAN, INK, WALKER, WIDE_BAND, grid, legend_above

ROOMS: Mapping[str, Sequence[str]] = {
    "speed_angles": (
        *("pelvis_tilt", "hip_flexion", "knee_angle", "ankle_angle", "pelvis_obliquity", "hip_adduction"),
        *("pelvis_rotation", "hip_rotation", "foot_progression"),
    ),
    "speed_forces": ("vertical_force", "fore_aft_force", "medial_force"),
    "speed_moments": (
        *("hip_moment", "knee_moment", "ankle_moment", "hip_abduction_moment"),
        *("hip_power", "knee_power", "ankle_power"),
    ),
    "speed_muscles": (
        *("rectus_femoris", "medial_hamstrings", "lateral_hamstrings", "tibialis_anterior"),
        "medial_gastrocnemius",
    ),
}
_OF_ONE_SPEED = 3  # columns, where rows need not be quantities


def speed_figures(by_speed: Sequence[AtSpeed]) -> dict[str, Any]:
    """Return figures by name; those of which nothing was measured are left out."""
    walked = [each for each in by_speed if each.curves]
    made = {}
    for room, names in ROOMS.items():
        there = [name for name in names if any(name in each.curves for each in walked)]
        if there:
            made[room] = _multiples(walked, there, room == "speed_muscles")
    known = [each for each in walked if each.numbers["cost"] is not None]
    if len(known) > 1:
        made["speed_economy"] = _economy(known)
    return made


def _multiples(walked: Sequence[AtSpeed], names: Sequence[str], of_maximum: bool) -> Any:
    """Rows of curves, columns of speeds; of one speed, its curves side by side."""
    cells = [(each, name) for name in names for each in walked]
    columns = len(walked) if len(walked) > 1 else _OF_ONE_SPEED
    rows = -(-len(cells) // columns)
    figure, axes = grid(rows, columns, 10.0, 0.5 + 1.5 * rows)
    for axis in axes.flat[len(cells) :]:
        axis.set_visible(False)
    for index, (axis, (each, name)) in enumerate(zip(axes.flat, cells, strict=False)):
        _cell(axis, each, name, of_maximum)
        titled = len(walked) == 1 or index % columns == 0
        if index < columns and len(walked) > 1:
            # An empty line below keeps it off the title of the row.
            axis.set_title(f"{speed_title(each)}\n", loc="right", fontsize=8.5, color=WALKER)
        if titled:
            unit = "share of own maximum" if of_maximum else curve_units().get(name, "BW")
            axis.set_title(f"{in_words(name)} [{unit}]", fontsize=8.5, loc="left")
        axis.tick_params(labelsize=7)
        axis.locator_params(axis="y", nbins=4)
        if index + columns < len(cells):
            axis.set_xticklabels([])
        else:
            axis.set_xlabel("gait cycle [%]", fontsize=7)
    legend_above(figure, axes[0, 0])
    return figure


def _cell(axis: Any, each: AtSpeed, name: str, of_maximum: bool) -> None:
    human, own = (
        band.of_own_maximum() if of_maximum and band is not None else band
        for band in (each.human.curves.get(name), each.curves.get(name))
    )
    if human is not None:
        for width, color in ((1.0, BAND),) if of_maximum else ((2.0, WIDE_BAND), (1.0, BAND)):
            low, high = (human.mean + sign * width * human.sd for sign in (-1, 1))
            low = np.maximum(low, 0.0) if of_maximum else low
            axis.fill_between(
                PERCENT, low, high, color=color, linewidth=0, label=f"human \N{PLUS-MINUS SIGN} {width:g} SD"
            )
        axis.plot(PERCENT, human.mean, color=HUMAN, linewidth=1.2, label="human mean")
    if own is None:
        return
    axis.fill_between(PERCENT, own.mean - own.sd, own.mean + own.sd, color=WALKER, alpha=0.22, linewidth=0)
    axis.plot(PERCENT, own.mean, color=WALKER, linewidth=1.6, label="walker \N{PLUS-MINUS SIGN} SD")
    found = each.numbers["curves"].get(name)
    if found is not None and found["r"] is not None:
        axis.text(
            0.98,
            0.97,
            f"r {found['r']:.2f}",
            transform=axis.transAxes,
            ha="right",
            va="top",
            fontsize=7,
            color=INK,
        )


def _economy(known: Sequence[AtSpeed]) -> Any:
    """Cost of transport and angular momentum against speed."""
    figure, axes = grid(1, 2, 10.0, 3.2)
    cost, momentum = axes[0]
    known = sorted(known, key=lambda each: each.numbers["speed_m_s"])
    speeds = [each.numbers["speed_m_s"] for each in known]
    at = np.linspace(0.4, max(2.1, *speeds), 60)
    costs = [each.numbers["cost"]["gross_j_kg_m"] for each in known]
    cost.plot(
        at, [human_cost(speed) for speed in at], color=HUMAN, linewidth=1.6, label="human (Ralston 1958)"
    )
    cost.plot(speeds, costs, color=WALKER, linewidth=1.8, marker="o", label="walker")
    cost.set_title("Cost of transport, rest included [J/kg/m]")
    for plane, color in (("sagittal", WALKER), ("frontal", ACCENT), ("transverse", INK)):
        ranges = [(each.numbers["angular_momentum"] or {}).get(plane, np.nan) for each in known]
        momentum.plot(speeds, ranges, color=color, linewidth=1.8, marker="o", label=plane)
    momentum.set_title("Range of the angular momentum [m v l]")
    for axis in (cost, momentum):
        axis.set_xlim(min(0.3, *speeds), float(at[-1]))
        axis.set_xticks(np.arange(0.5, at[-1], 0.5))
        axis.set_ylim(bottom=0.0)
        axis.set_xlabel("speed [m/s]")
        axis.legend()
    return figure
