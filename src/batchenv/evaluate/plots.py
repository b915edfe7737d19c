"""Figures of a report: human in grey, walker in colour. Needs matplotlib; no display and no pyplot state."""

import io
from typing import Any

import numpy as np

from batchenv.evaluate.gait_cycles import PERCENT
from batchenv.evaluate.human import (
    ON_THRESHOLD,
    human_angles,
    human_muscles,
)
from batchenv.evaluate.judge import Report
from batchenv.evaluate.norms import free_vertical_force
from batchenv.evaluate.plot_style import (
    ACCENT,
    BAND,
    HUMAN,
    INK,
    STYLE,
    WALKER,
    WIDE_BAND,
    grid,
    legend_above,
)
from batchenv.evaluate.plots_speeds import speed_figures
from batchenv.extras import import_extra

_FOOT_OFF = 59.0  # of humans at free speed, Schwartz et al. (2008) [% of the cycle]
ANGLE_TITLES = {
    "hip": ("Hip angle [deg]", "flexion +"),
    "knee": ("Knee angle [deg]", "flexion +"),
    "ankle": ("Ankle angle [deg]", "dorsiflexion +"),
}


def figures(report: Report) -> dict[str, Any]:
    """Return the figures of a report, by name; those whose measures are missing are left out.

    Raises:
        UsageError: matplotlib is not installed.
    """
    matplotlib = import_extra("matplotlib", "a report")
    makers = {"angles": _angles, "grf": _ground_reaction, "moments": _moments, "muscles": _muscles}
    with matplotlib.rc_context(STYLE):
        made = {name: make(report) for name, make in makers.items() if report.curves.get(name)}
        if report.by_speed:  # shows moments with humans' beside them
            made.pop("moments", None)
        made |= speed_figures(report.by_speed)
        if report.numbers["metabolic"]:
            made["metabolic"] = _metabolic(report)
        if report.numbers["robustness"]:
            made["robustness"] = _robustness(report)
    return made


def to_bytes(figure: Any, kind: str = "svg", dpi: int = 160) -> bytes:
    """Return a figure as the bytes of an SVG or PNG file; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    metadata = {"Date": None} if kind == "svg" else None
    with import_extra("matplotlib", "a figure").rc_context(STYLE):
        figure.savefig(buffer, format=kind, dpi=dpi, metadata=metadata)
    return buffer.getvalue()


def _walker(axis: Any, cycles: np.ndarray, label: str | None = "walker", color: str = WALKER) -> None:
    mean, sd = cycles.mean(axis=0), cycles.std(axis=0)
    axis.fill_between(PERCENT, mean - sd, mean + sd, color=color, alpha=0.22, linewidth=0)
    axis.plot(PERCENT, mean, color=color, linewidth=2.0, label=label)


def _foot_off(axis: Any, report: Report, top: float = 1.0) -> None:
    for percent, color in ((_FOOT_OFF, HUMAN), (report.numbers["stance_percent"], WALKER)):
        axis.axvline(percent, ymax=top, color=color, linewidth=0.9, linestyle=(0, (2, 3)), zorder=1)


def _angles(report: Report) -> Any:
    figure, axes = grid(1, 3, 10.0, 3.3)
    for axis, (joint, band) in zip(axes[0], human_angles().items(), strict=True):
        title, sense = ANGLE_TITLES[joint]
        axis.fill_between(
            PERCENT,
            band.mean - 2 * band.sd,
            band.mean + 2 * band.sd,
            color=WIDE_BAND,
            linewidth=0,
            label="human ± 2 SD",
        )
        axis.fill_between(
            PERCENT, band.mean - band.sd, band.mean + band.sd, color=BAND, linewidth=0, label="human ± 1 SD"
        )
        axis.plot(PERCENT, band.mean, color=HUMAN, linewidth=1.4, label="human mean")
        _foot_off(axis, report, top=0.88)
        _walker(axis, report.curves["angles"][joint], "walker mean ± SD")
        axis.set_title(title)
        axis.set_xlabel("gait cycle [%]")
        axis.set_ylabel(sense)
        low, high = axis.get_ylim()
        axis.set_ylim(low, high + 0.14 * (high - low))
        found = report.numbers["joints"][joint]
        r = "n/a" if found["r"] is None else f"{found['r']:.2f}"
        text = f"RMSE {found['rmse_deg']:.1f}°   r {r}   in 2 SD {100 * found['within_2sd']:.0f} %"
        axis.text(0.985, 0.985, text, transform=axis.transAxes, ha="right", va="top", fontsize=8, color=INK)
    legend_above(figure, axes[0, 0])
    return figure


def _ground_reaction(report: Report) -> Any:
    figure, axes = grid(1, 2, 10.0, 3.8)
    vertical, fore_aft = axes[0]
    numbers = report.numbers["grf"]
    human = free_vertical_force()
    vertical.fill_between(PERCENT, human.mean - human.sd, human.mean + human.sd, color=BAND, linewidth=0)
    vertical.plot(PERCENT, human.mean, color=HUMAN, linewidth=1.6, label="human ± SD (Schwartz 2008)")
    _foot_off(vertical, report)
    _walker(vertical, report.curves["grf"]["vertical"], "walker mean ± SD")
    one_hump = numbers["valley_percent"] in (numbers["peak1_percent"], numbers["peak2_percent"])
    marks = (("peak1", True), ("peak2", True)) + (() if one_hump else (("valley", False),))
    for mark, above in marks:
        x, y = numbers[f"{mark}_percent"], numbers[f"{mark}_bw"]
        vertical.plot(
            x, y, "o", color="white", markeredgecolor=WALKER, markeredgewidth=1.5, markersize=5, zorder=5
        )
        offset = (0, 8 if above else -15)
        vertical.annotate(
            f"{y:.2f}",
            (x, y),
            offset,
            textcoords="offset points",
            ha="center",
            color=WALKER,
            fontsize=8,
            weight="bold",
        )
    vertical.axhline(1.0, color="#cfd4da", linewidth=0.8, zorder=0)
    vertical.set_ylim(min(0.0, vertical.get_ylim()[0]), vertical.get_ylim()[1] + 0.12)
    vertical.set_title("Vertical ground reaction [body weights]")
    r = "n/a" if numbers["r"] is None else f"{numbers['r']:.2f}"
    text = f"r {r}\nimpact {numbers['spike_bw']:.2f} BW"
    vertical.text(0.985, 0.97, text, transform=vertical.transAxes, ha="right", va="top", fontsize=8)
    vertical.set_ylabel("force on the foot, up +")

    mean = report.curves["grf"]["fore_aft"].mean(axis=0)
    fore_aft.axhline(0, color="#b8bec6", linewidth=0.8)
    _foot_off(fore_aft, report)
    fore_aft.fill_between(PERCENT, np.minimum(mean, 0), color=ACCENT, alpha=0.25, linewidth=0)
    fore_aft.fill_between(PERCENT, np.maximum(mean, 0), color=WALKER, alpha=0.18, linewidth=0)
    _walker(fore_aft, report.curves["grf"]["fore_aft"])
    fore_aft.set_title("Fore-aft ground reaction [body weights]")
    fore_aft.set_ylabel("force on the foot, forward +")
    for text, height, color in (
        (f"propulsion {numbers['propulsive_bw_s']:+.3f} BW s", 0.97, WALKER),
        (f"braking {numbers['braking_bw_s']:+.3f} BW s", 0.89, ACCENT),
    ):
        fore_aft.text(
            0.985, height, text, transform=fore_aft.transAxes, ha="right", va="top", fontsize=8, color=color
        )
    for axis in (vertical, fore_aft):
        axis.set_xlabel("gait cycle [%]")
    legend_above(figure, vertical)
    return figure


def _moments(report: Report) -> Any:
    figure, axes = grid(2, 3, 10.0, 5.0, sharex=True)
    for line, (kind, title) in zip(
        axes, {"moments": "moment [Nm/kg]", "powers": "power [W/kg]"}.items(), strict=True
    ):
        for axis, joint in zip(line, ANGLE_TITLES, strict=True):
            axis.axhline(0, color="#b8bec6", linewidth=0.8)
            _foot_off(axis, report)
            _walker(axis, report.curves[kind][joint], "walker mean ± SD")
            axis.set_title(f"{joint.capitalize()} {title}")
            extension = "plantarflexion +" if joint == "ankle" else "extension +"
            axis.set_ylabel(extension if kind == "moments" else "generation +")
    for axis in axes[-1]:
        axis.set_xlabel("gait cycle [%]")
    return figure


def _muscles(report: Report) -> Any:
    timings = [timing for timing in human_muscles() if timing.title in report.curves["muscles"]]
    columns = 4
    rows = -(-len(timings) // columns)
    figure, axes = grid(rows, columns, 10.0, 0.5 + 1.25 * rows)
    for axis in axes.flat[len(timings) :]:
        axis.set_visible(False)
    for index, (axis, timing) in enumerate(zip(axes.flat, timings, strict=False)):
        cycles = report.curves["muscles"][timing.title]
        for on, off in timing.spans:
            axis.axvspan(
                on, off, color=BAND, linewidth=0, label="human on" if (on, off) == timing.spans[0] else None
            )
        mean = cycles.mean(axis=0)
        axis.plot(PERCENT, mean, color=WALKER, linewidth=1.8, label="walker activation, mean")
        axis.axhline(
            ON_THRESHOLD * mean.max(),
            color=ACCENT,
            linewidth=0.9,
            linestyle=(0, (3, 2)),
            label=f"on above {100 * ON_THRESHOLD:.0f} % of its peak",
        )
        overlap = report.numbers["emg"]["muscles"][timing.title]
        axis.set_ylim(0, max(0.05, 1.15 * mean.max()))
        axis.set_title(timing.title, fontsize=8.5)
        axis.set_title(f"{overlap:.0f} %", loc="right", fontsize=8.5, color=WALKER)
        axis.locator_params(axis="y", nbins=3)
        axis.tick_params(labelsize=7)
        if index + columns < len(timings):
            axis.set_xticklabels([])
        else:
            axis.set_xlabel("gait cycle [%]", fontsize=8)
    legend_above(figure, axes[0, 0])
    return figure


def _metabolic(report: Report) -> Any:
    from matplotlib.figure import Figure

    watts = dict(list(report.numbers["metabolic"]["muscles_w"].items())[:16])
    figure = Figure(figsize=(10.0, 3.9), layout="constrained", facecolor="white")
    axis = figure.subplots()
    names = list(watts)[::-1]
    axis.barh(names, [watts[name] for name in names], color=WALKER, alpha=0.85, height=0.68)
    for row, name in enumerate(names):
        axis.text(watts[name], row, f" {watts[name]:.1f}", va="center", fontsize=7.5, color=INK)
    axis.margins(x=0.07, y=0.02)
    axis.grid(True, axis="x")
    axis.set_xlabel("both legs, mean over the gait cycle")
    axis.set_title("Metabolic power by muscle [W]")
    axis.tick_params(axis="y", length=0, labelcolor=INK)
    return figure


def _robustness(report: Report) -> Any:
    from matplotlib.figure import Figure

    conditions = report.numbers["robustness"]
    figure = Figure(figsize=(10.0, 2.9), layout="constrained", facecolor="white")
    for axis, (condition, survived) in zip(
        figure.subplots(1, len(conditions), squeeze=False, sharey=True)[0], conditions.items(), strict=True
    ):
        percent = [np.nan if share is None else 100 * share for share in survived.values()]
        axis.axhline(90, color=ACCENT, linewidth=0.9, linestyle=(0, (3, 2)))
        axis.plot(list(survived), percent, color=WALKER, linewidth=1.8, marker="o", markersize=4.5)
        axis.set_ylim(0, 104)
        axis.grid(True, axis="y")
        axis.tick_params(axis="x", labelsize=7)
        axis.set_title(condition[:1].upper() + condition[1:])
    figure.axes[0].set_ylabel("walks survived [%]")
    return figure
