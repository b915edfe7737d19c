"""How walkers walk in the bodies of the pathology presets, from mild to as bad as the preset.

    python benchmarks/pathologies.py --envs 16 --json pathologies.json
    python benchmarks/pathologies.py --adapted --envs 100

Without `--adapted` the policy is that of a healthy walker, `walk` or `full_body`, which has never felt these
bodies: what changes is the body's doing. A severity s raises each of a preset's factors to the power s, so
that 0 is the healthy body and 1 that of the preset; all begin with the same starts. Numbers are of the right
leg, without the half second before a fall.

With `--adapted` each preset's own walker, where one ships, walks for 20 s in its body and for 20 s in a
healthy one, which it has been trained for, too: the same policy, so that what differs is the body's doing.
Printed are the clinical sign, the effect size over strides (Cohen's d), the difference with a 95 % interval
from drawing walks with replacement, and the same for the healthy walker, which has been trained in a healthy
body alone.
"""

import argparse
import json
import math
from pathlib import Path

import numpy as np

from batchenv import BatchEnv, load_config
from batchenv.config import ParameterRange
from batchenv.evaluate.walker import Walker, load_walker, shipped_walkers
from batchenv.files import check_output_file

# Presets, and the healthy walkers of their bodies.
PRESETS = {
    "trendelenburg": "full_body",
    "weak_gluteus": "walk",
    "drop_foot": "walk",
    "crouch": "walk",
}
SECONDS = 6.0
BEFORE_FALL = 0.5  # what is left out of the means, since it is of the fall and not of the walk [s]
GAIT = {
    "speed m/s": "{:.2f}",
    "plantarflexion moment, peak Nm/kg": "{:.2f}",
    "ankle in swing deg": "{:.1f}",
    "toes passing the other foot mm": "{:.0f}",
    "pelvis drop in stance deg": "{:.1f}",
    "knee in stance deg": "{:.1f}",
}
# What clinicians see, by preset.
SIGNS = {
    "trendelenburg": ("pelvis drop in stance deg",),
    "weak_gluteus": ("pelvis drop in stance deg",),
    "drop_foot": ("ankle in swing deg", "toes passing the other foot mm"),
    "crouch": ("knee in stance deg",),
}
ADAPTED_SECONDS, DRAWS = 20.0, 2000
ADAPTED_HEAD = (
    "walker",
    "upright after 20 s",
    "sign",
    "in a healthy body",
    "here",
    "Cohen's d",
    "difference, 95 %",
    "healthy walker",
    "difference to it, 95 %",
)
HEAD = ("preset", "severity", "factors", "upright at the end", "seconds upright", *GAIT)


def step_numbers(env: BatchEnv) -> np.ndarray:
    """The gait's numbers in the step just taken (N, 6); NaN where the leg is in the other phase."""
    joints, data = env.body.joint_names, env.worlds
    q = env.task.quantities(env._batch)
    right, left = q["foot_load"][:, 0], q["foot_load"][:, 1]
    alone, swing = (right > 0.2) & (left < 0.02), (right < 0.02) & (left > 0.2)
    passing = swing & (np.abs(q["foot_pos"][:, 0, 0] - q["foot_pos"][:, 1, 0]) < 0.15)
    ankle, knee = (
        np.degrees(q["joint_pos"][:, joints.index(name)]) for name in ("ankle_angle_r", "knee_angle_r")
    )
    return np.stack(
        [
            q["root_linvel"][:, 0],
            -data.mean_of("achieved_sum")[:, joints.index("ankle_angle_r")] / env.body.mass,
            np.where(swing, ankle, np.nan),
            np.where(passing, 1e3 * data.bind("xpos")[:, env.body.toe_body[0], 2], np.nan),
            np.where(alone, np.degrees(np.arcsin(q["root_up"][:, 1])), np.nan),
            np.where(alone, knee, np.nan),
        ],
        axis=1,
    )


def steps_of(
    walker: Walker, changes: dict[str, object], seconds: float, envs: int, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walk; who stayed up (N,), the gait's numbers in each step (T, N, 6) and the phase (T, N)."""
    with walker.worlds(envs, seconds, changes=changes) as env:
        obs, up, taken, phases = env.reset(seed), np.ones(envs, bool), [], []
        for _ in range(env.max_episode_steps):
            obs, _, _ = env.step(walker.policy(obs))
            up &= ~env.terminated
            taken.append(np.where((up & ~env.truncated)[:, None], step_numbers(env), np.nan))
            phases.append(env.task.quantities(env._batch)["phase"].copy())
        steps, dt = np.array(taken), env.control_dt
    standing = np.isfinite(steps[..., 0]).sum(axis=0)
    for world in np.flatnonzero(~up):
        steps[max(0, standing[world] - round(BEFORE_FALL / dt)) :, world] = np.nan
    return up, steps, np.array(phases)


def walk(
    walker: Walker, parameters: dict[str, ParameterRange], severity: float, envs: int, seed: int
) -> dict[str, np.ndarray]:
    """Walk in a body; how long each world stood (N,) [s], and its gait's numbers (N, 6)."""
    changes = {
        f"environment.parameters.{name}": limits.model_dump() | {"default": limits.default**severity}
        for name, limits in parameters.items()
    }
    up, steps, _ = steps_of(walker, changes, SECONDS, envs, seed)
    seconds = np.isfinite(steps[..., 0]).sum(axis=0) / walker.config.environment.simulation.control_hz
    numbers = mean(steps, axis=0)
    numbers[:, 1] = np.nanmax(np.where(np.isnan(steps[..., 1]), -np.inf, steps[..., 1]), axis=0)
    return {"up": up, "seconds": seconds, "gait": np.where(np.isfinite(numbers), numbers, np.nan)}


def strides(steps: np.ndarray, phase: np.ndarray) -> list[np.ndarray]:
    """Means over each whole stride of each walk, by walk (strides, 6); the first two are left out."""
    number = np.cumsum(np.diff(phase, axis=0, prepend=phase[:1]) < -0.5, axis=0)
    return [
        np.array([mean(own[k == stride], 0) for stride in range(2, int(k.max()))])
        for own, k in zip(np.moveaxis(steps, 1, 0), number.T, strict=True)
    ]


def difference(walks: list[np.ndarray], healthy: list[np.ndarray], column: int) -> tuple[float, ...]:
    """Means of strides, healthy and not, Cohen's d, and the 95 % interval of the difference."""
    here, there = ([walk[:, column] for walk in each if len(walk)] for each in (walks, healthy))
    own, usual = (np.concatenate(each) for each in (here, there))
    spread = math.sqrt(0.5 * (np.nanvar(own) + np.nanvar(usual)))
    random, drawn = np.random.default_rng(0), []
    by_walk = [np.array([m for walk in each if np.isfinite(m := mean(walk, 0))]) for each in (here, there)]
    for _ in range(DRAWS):
        first, second = (random.choice(each, len(each)).mean() for each in by_walk)
        drawn.append(first - second)
    low, high = np.percentile(drawn, [2.5, 97.5])
    change = float(np.nanmean(own) - np.nanmean(usual))
    return float(np.nanmean(usual)), float(np.nanmean(own)), change / spread, float(low), float(high)


def adapted(envs: int, seed: int, folder: Path | None) -> None:
    """Print how each preset's own walker does in its body, and its clinical signs."""
    printed(*ADAPTED_HEAD)
    printed(*["---"] * len(ADAPTED_HEAD))
    for preset, healthy_walker in PRESETS.items():
        if folder is None and preset not in shipped_walkers():
            continue
        _, *own = steps_of(load_walker(healthy_walker), {}, ADAPTED_SECONDS, envs, seed)
        others = strides(*own)
        walker = load_walker(preset if folder is None else folder / preset)
        up, steps, phase = steps_of(walker, {}, ADAPTED_SECONDS, envs, seed)
        _, *own = steps_of(walker, healthy_body(walker), ADAPTED_SECONDS, envs, seed)
        walks, healthy = strides(steps, phase), strides(*own)
        for sign in SIGNS[preset]:
            column = list(GAIT).index(sign)
            usual, here, effect, low, high = difference(walks, healthy, column)
            other, _, _, less, more = difference(walks, others, column)
            numbers = f"{usual:.1f}", f"{here:.1f}", f"{effect:+.1f}", f"{low:+.1f} to {high:+.1f}"
            printed(
                f"`{preset}`",
                f"{up.sum()} of {envs}",
                sign,
                *numbers,
                f"`{healthy_walker}`: {other:.1f}",
                f"{less:+.1f} to {more:+.1f}",
            )


def healthy_body(walker: Walker) -> dict[str, object]:
    """Changes of a walker's configuration that make all factors of its body 1."""
    return {
        f"environment.parameters.{name}": limits.model_dump() | {"default": 1.0, "sampling": "fixed"}
        for name, limits in walker.config.environment.parameters.by_name.items()
    }


def mean(values: np.ndarray, axis: int) -> np.ndarray:
    """Mean of what is not NaN; NaN where nothing is."""
    known = np.isfinite(values)
    with np.errstate(invalid="ignore"):
        return np.where(known, values, 0.0).sum(axis=axis) / known.sum(axis=axis)


def changed(walked: dict[str, np.ndarray], healthy: dict[str, np.ndarray]) -> list[str]:
    """The gait's numbers whose means are off those of the healthy body by two deviations of its worlds."""
    usual, spread = mean(healthy["gait"], 0), np.nanstd(healthy["gait"], axis=0)
    far = np.abs(mean(walked["gait"], 0) - usual) > 2.0 * spread
    return [name for name, different in zip(GAIT, far, strict=True) if different]


def cells(walked: dict[str, np.ndarray]) -> list[str]:
    """The numbers of a row, as text."""
    means = mean(walked["gait"], 0)
    gait = [form.format(x) if math.isfinite(x) else "" for form, x in zip(GAIT.values(), means, strict=True)]
    return [f"{walked['up'].mean():.0%}", f"{walked['seconds'].mean():.1f}", *gait]


def printed(*row: str) -> None:
    """Print a row of a Markdown table."""
    print("| " + " | ".join(row) + " |", flush=True)


def verdict(preset: str, levels: dict[float, dict[str, np.ndarray]], healthy: dict[str, np.ndarray]) -> str:
    """From which severity a gait changes, and from which most worlds fall."""
    changes = next(
        (f"changes from {s:g} on ({', '.join(c)})" for s in levels if (c := changed(levels[s], healthy))), ""
    )
    falls = next((f"most worlds fall from {s:g} on" for s in levels if levels[s]["up"].mean() < 0.5), "")
    return f"{preset}: {changes or 'does not change'}; {falls or 'most worlds stay upright'}"


def main() -> None:
    """Print the table, as Markdown, and what follows from it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--envs", type=int, default=16)
    parser.add_argument("--severities", type=float, nargs="+", default=[0.1, 0.2, 0.4, 0.7, 1.0])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    parser.add_argument(
        "--adapted", action="store_true", help="let each preset's own walker walk in its body"
    )
    parser.add_argument("--walkers", type=Path, help="folder of the walkers; by default the shipped ones")
    given = parser.parse_args()
    if given.adapted:
        adapted(given.envs, given.seed, given.walkers)
        return
    if given.json is not None:
        check_output_file(given.json, "--json")
    printed(*HEAD)
    printed(*["---"] * len(HEAD))
    rows, verdicts = {}, []
    for preset, name in PRESETS.items():
        walker, parameters = load_walker(name), load_config(preset).environment.parameters.by_name
        if name not in rows:
            rows[name] = {0.0: walk(walker, {}, 0.0, given.envs, given.seed)}
            printed(f"`{name}`", "0", "1", *cells(rows[name][0.0]))
        healthy, levels = rows[name][0.0], rows.setdefault(preset, {})
        for severity in sorted(given.severities):
            levels[severity] = walk(walker, parameters, severity, given.envs, given.seed)
            factors = sorted({f"{limits.default**severity:.2f}" for limits in parameters.values()})
            printed(f"`{preset}`", f"{severity:g}", ", ".join(factors), *cells(levels[severity]))
        verdicts.append(verdict(preset, levels, healthy))
    print("\n" + "\n".join(verdicts))
    if given.json:
        plain = {
            preset: {
                s: {k: np.where(np.isnan(v), None, v).tolist() for k, v in w.items()}
                for s, w in levels.items()
            }
            for preset, levels in rows.items()
        }
        given.json.write_text(json.dumps({"gait": list(GAIT), "rows": plain}, indent=1))


if __name__ == "__main__":
    main()
