"""How well a walker follows its reference: episodes completed, errors and correlations of its joints.

    python benchmarks/imitation.py full_body --walks 100
    python benchmarks/imitation.py RUN --seconds 10 --clip mine.npz

Joints are compared after the first three seconds, over the episodes without a fall; the mean error is over
the joints that move in the reference. "upper arm, fore and aft" is the angle of the line from the shoulder to
the elbow against the vertical, seen from the side, with the trunk upright.
"""

import argparse
from pathlib import Path

import mujoco
import numpy as np

from batchenv.env import BatchEnv
from batchenv.evaluate.walker import load_walker

SKIPPED = 3.0  # at the beginning of each episode [s]
MOVES = 1e-3  # least standard deviation of an angle that moves [rad]
WALKS_FOR_ARMS, EVERY = 4, 3  # walks and steps in which the line of the upper arm is computed


def walk(
    name: str, walks: int, seconds: float, clip: Path | None, seed: int
) -> tuple[BatchEnv, np.ndarray, np.ndarray]:
    """Return the environment, all observations after the first seconds (T, N, O), and who fell (N,)."""
    walker = load_walker(name)
    clips = {} if clip is None else {"environment.motion.files": [str(clip)]}
    env = BatchEnv(walker.config.replace(walker.config.lasting(seconds) | clips), walks, seed=seed)
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
    moves = reference.std() > np.degrees(MOVES)
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
    parser.add_argument("--seconds", type=float, default=20.0, help="length of an episode")
    parser.add_argument("--clip", type=Path, help="for the task track: the clip to follow, of those learned")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    if given.seconds <= SKIPPED:
        parser.error(f"--seconds {given.seconds:g}: the first {SKIPPED:g} s are left out; give more")
    env, seen, fallen = walk(given.walker, given.walks, given.seconds, given.clip, given.seed)
    columns = {column.name: i for i, column in enumerate(env.obs_layout)}
    names = env.body.joint_names
    if f"reference_pos/{names[0]}" not in columns:
        parser.error(f"{given.walker} does not observe reference_pos, with which it would be compared")
    own, reference = (
        seen[:, ~fallen][..., [columns[f"{term}/{name}"] for name in names]]
        for term in ("joint_pos", "reference_pos")
    )
    print(f"{(~fallen).sum()} of {given.walks} episodes of {given.seconds:g} s completed\n")
    if not own.size:
        return
    print("| joint | correlation | error, rms [deg] | range of the reference [deg] | range [deg] |")
    print("|---|---|---|---|---|")
    for j, name in enumerate(names):
        print(line(name, own[..., j], reference[..., j]))
    if any(name.startswith("elbow") for name in names):
        some = [upper_arms(env, angles[::EVERY, :WALKS_FOR_ARMS]) for angles in (own, reference)]
        print(line("upper arm, fore and aft", *some))
    moving = reference.std(axis=(0, 1)) > MOVES
    error = np.degrees(np.sqrt(np.mean((own - reference)[..., moving] ** 2)))
    print(f"\nerror over the {moving.sum()} joints that move, rms: {error:.1f} deg")


if __name__ == "__main__":
    main()
