"""How the shipped walker walks in the bodies of the pathology presets, beside its own.

    python benchmarks/pathologies.py --envs 16 --json pathologies.json

The policy is that of `walk`, which has never felt these bodies: what changes is the body's doing. Numbers
are means over the worlds and over the steps in which a world has not fallen.
"""

import argparse
import json
from pathlib import Path

import numpy as np

from batchenv import BatchEnv, load_config
from batchenv.evaluate.walker import load_walker

PRESETS = ("walk", "weak_gluteus", "drop_foot", "crouch")
SECONDS = 6.0
COLUMNS = (
    "upright at the end",
    "seconds upright",
    "speed m/s",
    "plantarflexion moment, peak, right Nm/kg",
    "ankle in swing, right deg",
    "list to the left in right stance deg",
    "knee in stance deg",
)


def step_numbers(env: BatchEnv) -> np.ndarray:
    """What the table is made of, in the step just taken (N, 5); NaN where a foot is in the other phase."""
    joints, data = env.body.joint_names, env.worlds
    q = env.task.measure(data, env._state)
    right = q.foot_load[:, 0] > 0.2
    swing = q.foot_load[:, 0] < 0.02
    moment = -data.mean_of("achieved_sum")[:, joints.index("ankle_angle_r")] / env.body.mass
    ankle = np.degrees(q.joint_pos[:, joints.index("ankle_angle_r")])
    knee = np.degrees(q.joint_pos[:, joints.index("knee_angle_r")])
    return np.stack(
        [
            q.root_linvel[:, 0],
            moment,
            np.where(swing, ankle, np.nan),
            np.where(right, np.degrees(np.arcsin(q.root_up[:, 1])), np.nan),
            np.where(right, knee, np.nan),
        ],
        axis=1,
    )


def row(preset: str, num_envs: int, seed: int) -> list[float]:
    """The table's numbers for a preset."""
    walker, parameters = load_walker("walk"), load_config(preset).environment.parameters
    changes = {"environment.parameters": parameters.model_dump()}
    with walker.worlds(num_envs, SECONDS, changes=changes) as env:
        obs, up, taken = env.reset(seed), np.ones(num_envs, bool), []
        for _ in range(env.max_episode_steps):
            obs, _, _ = env.step(walker.policy(obs))
            up &= ~env.terminated
            taken.append(np.where((up & ~env.truncated)[:, None], step_numbers(env), np.nan))
        steps, seconds = np.array(taken), np.isfinite(np.array(taken)[..., 0]).sum(axis=0) * env.control_dt
    means = np.nanmean(steps, axis=(0, 1))
    means[1] = np.nanmax(steps[..., 1], axis=0).mean()
    return [float(up.mean()), float(seconds.mean()), *map(float, means)]


def main() -> None:
    """Print the table, as Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--envs", type=int, default=16)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    print(f"| preset | {' | '.join(COLUMNS)} |\n" + "|---" * (len(COLUMNS) + 1) + "|")
    table = {}
    for preset in PRESETS:
        numbers = table[preset] = row(preset, given.envs, given.seed)
        print(f"| `{preset}` | {numbers[0]:.0%} | " + " | ".join(f"{x:.2f}" for x in numbers[1:]) + " |")
    if given.json:
        given.json.write_text(json.dumps({"columns": COLUMNS, "rows": table}, indent=2))


if __name__ == "__main__":
    main()
