"""The figure of a comparison of coordinators: torques and activations over the gait cycle."""

from typing import Any

import numpy as np

from batchenv.evaluate.coordinators import BINS, Comparison
from batchenv.evaluate.plot_style import ACCENT, HUMAN, STYLE, WALKER
from batchenv.evaluate.plots import to_bytes
from batchenv.extras import import_extra

_SHOWN = ("hip_flexion_r", "knee_angle_r", "ankle_angle_r")
_TITLES = {"static_optimization": "static optimisation", "network": "muscle network"}
_COLORS = {"static_optimization": WALKER, "network": ACCENT}


def comparison_png(comparison: Comparison) -> bytes:
    """Draw a comparison.

    Raises:
        UsageError: matplotlib is not installed.
    """
    matplotlib = import_extra("matplotlib", "a plot")
    from matplotlib.figure import Figure

    style: Any = STYLE
    with matplotlib.rc_context(style):
        figure = Figure(figsize=(10.0, 11.0), layout="constrained")
        parts: Any = figure.subfigures(2, 1, height_ratios=(1.0, 2.6))
        above, below = parts
        _torques(above, comparison)
        _activations(below, comparison)
    return to_bytes(figure, "png")


def _torques(figure: Any, comparison: Comparison) -> None:
    percent = (np.arange(BINS) + 0.5) * 100 / BINS
    shown = [name for name in _SHOWN if name in comparison.joint_names] or comparison.joint_names[:3]
    axes = np.ravel(figure.subplots(1, len(shown)))
    for axis, name in zip(axes, shown, strict=True):
        j = comparison.joint_names.index(name)
        axis.plot(percent, comparison.asked[:, j], color=HUMAN, linewidth=4.0, label="asked of the muscles")
        for key, made in comparison.coordinators.items():
            axis.plot(percent, made.torque[:, j], color=_COLORS[key], linewidth=1.3, label=_TITLES[key])
        axis.set_title(name.replace("_", " "))
        axis.set_xlabel("gait cycle [%]")
        axis.set_ylabel("torque [Nm]")
        axis.grid(True)
    figure.legend(*axes[0].get_legend_handles_labels(), loc="outside upper center", ncols=3)


def _activations(figure: Any, comparison: Comparison) -> None:
    axes = np.ravel(figure.subplots(1, 2, sharey=True))
    images = []
    for axis, (key, made) in zip(axes, comparison.coordinators.items(), strict=True):
        image = axis.imshow(
            made.activation.T,
            aspect="auto",
            vmin=0.0,
            vmax=1.0,
            cmap="magma",
            extent=(0, 100, len(comparison.muscle_names), 0),
            interpolation="nearest",
        )
        images.append(image)
        axis.set_title(f"{_TITLES[key].capitalize()}, effort {made.effort:.3f}")
        axis.set_xlabel("gait cycle [%]")
    axes[0].set_yticks(np.arange(len(comparison.muscle_names)) + 0.5, comparison.muscle_names, fontsize=5)
    figure.colorbar(images[0], ax=axes, label="activation", shrink=0.5)
