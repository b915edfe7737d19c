"""How one policy walks in many bodies of GaitNet: its gait against strength, lengths of muscles and segments.

    python benchmarks/gaitnet_bodies.py RUN --data DIR --out figure.png

A body differs from the usual one in one parameter, of `--levels` values. Parameters that the policy observes
run over their ranges, whose default holds in all other bodies; others, such as the strength of a muscle that
it was never trained with, over `USUAL`. Parameters joined by + change together. Numbers are means over all
strides of all walks: of both legs, without the first strides of a walk.
"""

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.evaluate.gait_cycles import find_cycles
from batchenv.evaluate.human import joint_angle_cycles
from batchenv.evaluate.kinetics import joint_measures, joint_moment_cycles, joint_power_cycles
from batchenv.evaluate.plot_style import ACCENT, INK, STYLE, WALKER
from batchenv.evaluate.record import RecordingBuilder, Sampler, record_walks
from batchenv.evaluate.spatiotemporal import spatiotemporal
from batchenv.evaluate.walker import Walker, load_walker
from batchenv.files import check_output_file, write_atomically

# What is shown unless --parameters says otherwise, and the ends of what a walker has no range for.
SHOWN = (
    "muscle.strength.plantarflexors",
    "muscle.strength.gluteus_medius",
    "muscle.optimal_length.hamstrings",
    "skeleton.global",
    "gait.stride",
)
USUAL = {
    "muscle.strength": (1.0, 0.1),
    "muscle.optimal_length": (1.0, 0.8),
    "skeleton": (1.0, 0.85),
    "gait": (1.25, 0.75),
}
UP, SPEED, STEP, MOMENT = (
    "stay up [%]",
    "speed [m/s]",
    "step length [m]",
    "plantarflexion moment, peak [Nm/kg]",
)
RANGES = {joint: f"{joint} range [deg]" for joint in ("hip", "knee", "ankle")}
NUMBERS = (UP, SPEED, STEP, *RANGES.values(), MOMENT)
PANELS = ((UP,), (SPEED,), (STEP,), tuple(RANGES.values()), (MOMENT,))


def ends(walker: Walker, names: str) -> tuple[float, float]:
    """The greatest and the least value of parameters joined by +."""
    first = names.split("+")[0]
    own = walker.config.environment.parameters.by_path.get(first)
    return USUAL[first.rpartition(".")[0]] if own is None else (own.max, own.min)


def changes(walker: Walker, names: str, value: float) -> dict[str, Any]:
    """What puts a walker into a body, and does not change what its policy observes."""
    own, found = walker.config.environment.parameters.by_path, {}
    for name in names.split("+"):
        path = f"environment.parameters.{name}"
        fixed = {"min": value, "max": value, "sampling": "fixed"}
        found |= {f"{path}.default": value} if name in own else {path: fixed}
    return found


def measured(
    walker: Walker, body: dict[str, Any], walks: int, seconds: float, seed: int, threads: int | None
) -> dict[str, float]:
    """The gait's numbers in one body; NaN for all but `UP` where no stride was made."""
    with walker.worlds(walks, seconds, threads, body) as env:
        obs, sampler = env.reset(seed), Sampler(env)
        builder = RecordingBuilder(sampler.constants, walks)
        ended = record_walks(walker.policy, env, obs, sampler, builder)
        mass = float(env.worlds.expand("body_mass")[0].sum())
    recording = replace(builder.recording(), mass=mass)
    found = dict.fromkeys(NUMBERS, np.nan) | {UP: 100.0 * ended.count("completed") / walks}
    cycles = find_cycles(recording)
    if not len(cycles):
        return found
    gait, angles = spatiotemporal(recording, cycles), joint_angle_cycles(recording, cycles)
    moments, powers = joint_moment_cycles(recording, cycles), joint_power_cycles(recording, cycles)
    extent = {RANGES[joint]: float(np.ptp(angle.mean(axis=0))) for joint, angle in angles.items()}
    peak = joint_measures(moments, powers)["ankle"]["extension_moment_nm_kg"]
    return found | extent | {SPEED: gait["speed_m_s"], STEP: 0.5 * gait["stride_length_m"], MOMENT: peak}


def swept(
    walker: Walker, parameters: Sequence[str], levels: int, **how: Any
) -> dict[str, list[tuple[float, dict[str, float]]]]:
    """Numbers at each level of each parameter; prints them as rows of a table."""
    head = ("parameter", "value", *NUMBERS)
    print("| " + " | ".join(head) + " |\n|" + "---|" * len(head), flush=True)
    found: dict[str, list[tuple[float, dict[str, float]]]] = {}
    for names in parameters:
        for value in np.linspace(*ends(walker, names), levels).round(4).tolist():
            numbers = measured(walker, changes(walker, names, value), **how)
            found.setdefault(names, []).append((value, numbers))
            cells = [f"{x:.3g}" if np.isfinite(x) else "" for x in numbers.values()]
            print("| " + " | ".join([f"`{names}`", f"{value:g}", *cells]) + " |", flush=True)
    return found


def figure(found: dict[str, list[tuple[float, dict[str, float]]]]) -> Any:
    """A row of panels for each kind of number, a column for each parameter."""
    import matplotlib
    from matplotlib.figure import Figure

    with matplotlib.rc_context(STYLE):
        sheet = Figure(figsize=(2.2 * len(found) + 0.6, 1.7 * len(PANELS)), layout="constrained")
        axes = sheet.subplots(len(PANELS), len(found), squeeze=False, sharex="col", sharey="row")
        for column, (names, levels) in zip(axes.T, found.items(), strict=True):
            values = [value for value, _ in levels]
            for axis, panel in zip(column, PANELS, strict=True):
                for name, color in zip(panel, (WALKER, ACCENT, INK), strict=False):
                    numbers = [each[name] for _, each in levels]
                    axis.plot(values, numbers, "o-", markersize=3, color=color, label=name.split(" ")[0])
                axis.grid(True, axis="y")
            column[0].set_title(names.replace("muscle.", "").replace("+", "\n"), fontsize=8)
            column[-1].invert_xaxis()
        for axis, panel in zip(axes[:, 0], PANELS, strict=True):
            axis.set_ylabel("range [deg]" if len(panel) > 1 else panel[0].replace(", peak", "\npeak"))
        axes[0, 0].set_ylim(-5, 105)
        axes[PANELS.index(tuple(RANGES.values())), 0].legend()
    return sheet


def main(words: Sequence[str] | None = None) -> None:
    """Print the table, as Markdown, and draw the figure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", help="directory of a training run")
    parser.add_argument("--data", help="directory of GaitNet's files, where the run does not know it")
    parser.add_argument("--out", type=Path, required=True, help="figure to write, .png or .svg")
    parser.add_argument("--parameters", nargs="+", default=list(SHOWN))
    parser.add_argument("--levels", type=int, default=6)
    parser.add_argument("--walks", type=int, default=8)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int)
    given = parser.parse_args(words)
    if given.data:
        os.environ["BATCHENV_DATA"] = given.data
    check_output_file(given.out, "--out", suffixes=(".png", ".svg"))
    found = swept(
        load_walker(given.run),
        given.parameters,
        given.levels,
        walks=given.walks,
        seconds=given.seconds,
        seed=given.seed,
        threads=given.threads,
    )
    sheet, kind = figure(found), given.out.suffix[1:]
    write_atomically(given.out, lambda file: sheet.savefig(file, format=kind, dpi=160))


if __name__ == "__main__":
    main()
