"""Colours, style and grids of figures. Needs matplotlib; no display and no pyplot state."""

from typing import Any

import numpy as np

WALKER, ACCENT, INK, MUTED = "#0a6ebd", "#d1495b", "#22272e", "#7a828c"
HUMAN, BAND, WIDE_BAND = "#8a9099", "#d3d7dc", "#e9ebee"

STYLE = {
    "font.family": "DejaVu Sans",
    "font.size": 9.0,
    "text.color": INK,
    "axes.edgecolor": "#b8bec6",
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.8,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 10.0,
    "axes.titleweight": "bold",
    "axes.axisbelow": True,
    "grid.color": "#eef0f2",
    "legend.frameon": False,
    "legend.fontsize": 8.0,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0,
    "lines.solid_capstyle": "round",
    "svg.hashsalt": "batchenv",
}


def grid(rows: int, columns: int, width: float, height: float, **options: Any) -> tuple[Any, np.ndarray]:
    """Return a figure [inches] of panels over the gait cycle, and its axes (rows, columns)."""
    from matplotlib.figure import Figure
    from matplotlib.layout_engine import ConstrainedLayoutEngine

    layout = ConstrainedLayoutEngine(w_pad=0.08, h_pad=0.08, wspace=0.03, hspace=0.03)
    figure = Figure(figsize=(width, height), layout=layout, facecolor="white")
    axes = figure.subplots(rows, columns, squeeze=False, **options)
    for axis in axes.flat:
        axis.set_xlim(0, 100)
        axis.set_xticks(range(0, 101, 20))
        axis.grid(True, axis="y")
    return figure, axes


def legend_above(figure: Any, axis: Any) -> None:
    """Put the legend of one panel above all."""
    handles, labels = axis.get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper right", ncols=len(labels), handlelength=1.6, columnspacing=1.6
    )
