"""How far heels sink into the floor, and how soft the first 5 % of stance is.

    python benchmarks/heel_pad.py command --speeds 0.9 1.3 2.0
    python benchmarks/heel_pad.py command --set environment.ground.solref=[0.025,1.0] \\
        environment.ground.solimp=[0.6,0.95,0.015,0.5,1.0]

A walker that takes commands walks straight on. Printed are, at each speed, the deepest point under a heel
that touches the floor, as median and as the deepest of all control steps after the first two seconds, and,
beside humans at the same speed, the force of the first 5 % of stance and the dip after it in body weights,
RMSE and correlation of the vertical force, and the correlations of fore-aft force and knee moment. Human heel
pads give way by about 10 mm in barefoot walking (Wearing et al., Med Sci Sports Exerc 46:1588, 2014).
"""

import argparse

import mujoco
import numpy as np

from batchenv import load_walker
from batchenv.config import parse_changes
from batchenv.evaluate.by_speed import compare_at_speed
from batchenv.evaluate.commanded import Trial, follow_commands, held_command
from batchenv.evaluate.walker import Walker

SECONDS, WALKS, SETTLED = 10.0, 2, 2.0  # [s], walks at each speed, [s]


def depths(walker: Walker, speed: float, threads: int | None) -> np.ndarray:
    """Deepest points under heels that touch the floor, in all control steps of some walks [mm]."""
    found = []
    with walker.worlds(WALKS, SECONDS, threads, held_command(walker, speed)) as env:
        model, heels = env.body.model, set(env.body.foot_body.tolist())
        data = mujoco.MjData(model)
        obs = env.reset(0)
        for step in range(env.max_episode_steps - 1):
            obs, _, _ = env.step(walker.policy(obs))
            if step * env.control_dt < SETTLED:
                continue
            for qpos in env.worlds.qpos:
                data.qpos[:] = qpos
                mujoco.mj_fwdPosition(model, data)
                deepest: dict[int, float] = {}
                for contact in data.contact:
                    for body in heels.intersection(model.geom_bodyid[contact.geom].tolist()):
                        deepest[body] = max(deepest.get(body, 0.0), -1000.0 * contact.dist)
                found += deepest.values()
    return np.array(found)


def main() -> None:
    """Let a walker walk, and print what its heels do."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("walker", help="a shipped walker or the directory of a run, that takes commands")
    parser.add_argument("--speeds", type=float, nargs="+", default=[0.5, 0.9, 1.3, 1.7, 2.0], help="[m/s]")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="changes of its worlds")
    parser.add_argument("--threads", type=int, default=None)
    given = parser.parse_args()
    walker = load_walker(given.walker).with_changes(parse_changes(given.set))
    for speed in given.speeds:
        sunk = depths(walker, speed, given.threads)
        trial = Trial(f"{speed:g} m/s", SECONDS, ((0.0, speed, 0.0),))
        (walked,) = follow_commands(walker, WALKS, 0, given.threads, [trial], recorded=WALKS)
        assert walked.recording is not None
        compared = compare_at_speed(walked.recording, speed)
        if compared is None:
            print(f"{trial.name}: too few strides")
            continue
        curves, shape = compared.numbers["curves"], compared.numbers["force_shape"]
        force = curves["vertical_force"]
        print(
            f"{walked.line}; heels sink in by {np.median(sunk):.1f}, at most {sunk.max():.1f} mm; spike "
            f"{shape['spike_bw']['walker']:.2f} (humans {shape['spike_bw']['human']:.2f}), dip "
            f"{shape['dip_bw']['walker']:.2f}; vertical force r {force['r']:.2f}, RMSE {force['rmse']:.3f}; "
            f"fore-aft r {curves['fore_aft_force']['r']:.2f}; knee moment r {curves['knee_moment']['r']:.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
