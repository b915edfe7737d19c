"""What stands on the pictures of a film: time, speed, commands, and the colours of muscles."""

from collections.abc import Callable

import mujoco
import numpy as np

from batchenv.evaluate.drawing import FULLY_ACTIVE, muscle_colours
from batchenv.evaluate.stage import Stage

Overlay = Callable[[mujoco.MjrRect, mujoco.MjrContext], None]
"""Draws over a rendered picture, into the same framebuffer."""

_NORMAL = mujoco.mjtFont.mjFONT_NORMAL.value
_TOP_LEFT, _BOTTOM_LEFT = mujoco.mjtGridPos.mjGRID_TOPLEFT.value, mujoco.mjtGridPos.mjGRID_BOTTOMLEFT.value
_SHADES = 40


def caption(stage: Stage, muscles: bool = True) -> Overlay:
    """Return what draws the caption of a stage as it then is; the legend only where muscles are drawn."""

    def draw(picture: mujoco.MjrRect, context: mujoco.MjrContext) -> None:
        names, values = zip(*_lines(stage), strict=True)
        mujoco.mjr_overlay(_NORMAL, _TOP_LEFT, picture, "\n".join(names), "\n".join(values), context)
        if muscles:
            _draw_legend(picture, context)

    return draw


def _lines(stage: Stage) -> list[tuple[str, str]]:
    """Names and values that are written."""
    lines = [("time", f"{stage.seconds:.1f} s"), ("speed", f"{stage.speeds.mean():.2f} m/s")]
    asked = stage.env.commands[0] if stage.env.command_layout else ()
    for column, value in zip(stage.env.command_layout, asked, strict=True):
        lines.append((f"asked {column.name.replace('_', ' ')}", f"{value:.2f} {column.unit}"))
    return lines


def _draw_legend(picture: mujoco.MjrRect, context: mujoco.MjrContext) -> None:
    """Draw a bar of the muscles' colours above what it means."""
    left, width = round(0.015 * picture.width), round(0.2 * picture.width)
    bottom, height = max(24, round(0.055 * picture.height)), max(4, round(0.018 * picture.height))
    edges = left + np.rint(np.linspace(0, width, _SHADES + 1)).astype(int)
    for k, colour in enumerate(muscle_colours(np.linspace(0.0, 1.0, _SHADES))):
        shade = mujoco.MjrRect(int(edges[k]), bottom, int(edges[k + 1] - edges[k]), height)
        red, green, blue = map(float, colour)
        mujoco.mjr_rectangle(shade, red, green, blue, 1.0)
    text = f"activation of muscles, 0 to {FULLY_ACTIVE:g}"
    mujoco.mjr_overlay(_NORMAL, _BOTTOM_LEFT, picture, text, "", context)
