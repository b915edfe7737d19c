"""What a commanded walker does with each command: how long it walks, how fast, and how it turns.

python benchmarks/commands.py RUN                 # a training run of the preset command
python benchmarks/commands.py RUN --walks 20 --seconds 20
"""

import argparse

import numpy as np

from batchenv.evaluate.walker import load_walker

STRAIGHT = [(speed, 0.0) for speed in (0.0, 0.5, 0.9, 1.3, 1.7, 2.0)]
TURNING = [(1.2, np.radians(rate)) for rate in (-45, -30, -15, 15, 30, 45)]
SETTLED = 1.0  # what is measured begins so long after the start [s]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("walker", help="directory of a training run, or a shipped walker")
    parser.add_argument("--walks", type=int, default=8, help="of each command")
    parser.add_argument("--seconds", type=float, default=10.0, help="length of a walk")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    print(f"{'asked':>22} | completed | mean time [s] | speed [m/s] | turning [deg/s]")
    for v, w in STRAIGHT + TURNING:
        lasted, speed, rate = walk(options.walker, v, w, options.walks, options.seconds, options.seed)
        print(
            f"{v:6.1f} m/s {np.degrees(w):5.0f} deg/s | {np.mean(lasted >= options.seconds):9.0%} "
            f"| {np.mean(lasted):13.1f} | {mean(speed):11.2f} | {np.degrees(mean(rate)):7.1f}",
            flush=True,
        )


def mean(values: np.ndarray) -> float:
    """Mean of what was measured; NaN where nothing was."""
    known = values[np.isfinite(values)]
    return float(known.mean()) if known.size else float("nan")


def walk(
    name: str, speed: float, yaw_rate: float, walks: int, seconds: float, seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Walk under one command, from the gait of its speed.

    Returns:
        How long each walk lasted [s], and the mean speed and rate of turning of each that lasted longer than
        `SETTLED` [m/s], [rad/s], each (walks,).
    """
    walker = load_walker(name)
    command = {"walking_velocity": {"speed": [speed] * 2, "yaw_rate": [yaw_rate] * 2}}
    with walker.worlds(walks, seconds, changes={"environment.commands": command}) as env:
        obs, walking, lasted = env.reset(seed), np.ones(walks, bool), np.zeros(walks)
        sums, counted = np.zeros((2, walks)), np.zeros(walks)
        while walking.any():
            obs, _, dones = env.step(walker.policy(obs))
            lasted += walking * env.control_dt
            walking &= ~dones
            found = env.task.quantities(env._batch)
            settled = walking & (lasted > SETTLED)
            counted += settled
            sums += settled * np.stack([found["root_linvel"][:, 0], found["yaw_rate"]])
    means = np.divide(sums, counted, out=np.full_like(sums, np.nan), where=counted > 0)
    return np.round(lasted, 6), *means


if __name__ == "__main__":
    main()
