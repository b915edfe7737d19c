"""How well a walker with arms follows its reference: falls in walks of 20 s, and correlations of joints.

    python benchmarks/arm_swing.py full_body --walks 100

Joints are compared after the first three seconds, over the walks without a fall. "upper arm, fore and aft" is
the angle of the line from the shoulder to the elbow against the vertical, seen from the side, with the trunk
upright.
"""

import argparse

import mujoco
import numpy as np

from batchenv.env import BatchEnv
from batchenv.evaluate.walker import load_walker

SECONDS, SKIPPED = 20.0, 3.0
WALKS_FOR_ARMS, EVERY = 4, 3  # walks and steps in which the line of the upper arm is computed


def walk(name: str, walks: int, seed: int) -> tuple[BatchEnv, np.ndarray, np.ndarray]:
    """Return the environment, all observations after the first seconds (T, N, O), and who fell (N,)."""
    walker = load_walker(name)
    env = BatchEnv(walker.config.replace(walker.config.lasting(SECONDS)), walks, seed=seed)
    obs, seen, fallen = env.reset(seed), [], np.zeros(walks, bool)
    for step in range(env.max_episode_steps):
        obs, _, _ = env.step(walker.policy(obs))
        fallen |= env.terminated
        if step * env.control_dt >= SKIPPED:
            seen.append(obs.copy())
    return env, np.array(seen), fallen


def line(title: str, own: np.ndarray, reference: np.ndarray) -> str:
    """A line of the table for angles and their reference, in any shape [rad]."""
    own, reference = np.degrees(own).ravel(), np.degrees(reference).ravel()
    moves = reference.std() > 1e-3
    r = f"{np.corrcoef(own, reference)[0, 1]:.2f}" if moves else "-"
    error = np.sqrt(np.mean((own - reference) ** 2))
    return f"| {title} | {r} | {error:.1f} | {np.ptp(reference):.0f} | {np.ptp(own):.0f} |"


def upper_arms(env: BatchEnv, joint_pos: np.ndarray) -> np.ndarray:
    """Angle of each upper arm (..., 2) [rad], forward positive, in poses (..., J) of an upright body."""
    body, model = env.body, env.body.model
    data, flat = mujoco.MjData(model), joint_pos.reshape(-1, joint_pos.shape[-1])
    shoulders = [model.body(f"humerus_{side}").id for side in "rl"]
    elbows = [model.body(f"ulna_{side}").id for side in "rl"]
    angles = np.zeros((len(flat), 2))
    for row, angle in zip(flat, angles, strict=True):
        data.qpos[:] = body.qpos(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), row)
        mujoco.mj_kinematics(model, data)
        arm = data.xpos[elbows] - data.xpos[shoulders]
        angle[:] = np.arctan2(arm @ body.forward, -(arm @ body.up))
    return angles.reshape(*joint_pos.shape[:-1], 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("walker")
    parser.add_argument("--walks", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    env, seen, fallen = walk(options.walker, options.walks, options.seed)
    columns = {column.name: i for i, column in enumerate(env.obs_layout)}
    names = env.body.joint_names
    own, reference = (
        seen[:, ~fallen][..., [columns[f"{term}/{name}"] for name in names]]
        for term in ("joint_pos", "reference_pos")
    )
    print(f"{(~fallen).sum()} of {options.walks} walks of {SECONDS:g} s completed\n")
    print("| joint | correlation | error, rms [deg] | range of the reference [deg] | range [deg] |")
    print("|---|---|---|---|---|")
    for j, name in enumerate(names):
        print(line(name, own[..., j], reference[..., j]))
    some = [upper_arms(env, angles[::EVERY, :WALKS_FOR_ARMS]) for angles in (own, reference)]
    print(line("upper arm, fore and aft", *some))


if __name__ == "__main__":
    main()
