"""A peer in a process of its own, which steps when it is told to and says how long that took.

Any Python runs this file, with or without batchenv, since a peer's pins may not go with batchenv's own:

    python peer_worker.py --installed         # {"MyoSuite": "3.0.0", "EnvPool": null}
    python peer_worker.py NAME ENVS THREADS

The second form prints what the peer computes, and then, for every line of input that is a number of steps,
the wall time and the CPU time that these took [s].
"""

import importlib.metadata
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

TASK = "myoLegWalk-v0"
DISTRIBUTIONS = {"MyoSuite": "myosuite", "EnvPool": "envpool"}


def installed() -> dict[str, str | None]:
    """Versions of the peers that this Python has."""
    found: dict[str, str | None] = {}
    for name, distribution in DISTRIBUTIONS.items():
        try:
            found[name] = importlib.metadata.version(distribution)
        except importlib.metadata.PackageNotFoundError:
            found[name] = None
    return found


def myosuite(envs: int, threads: int) -> tuple[Callable[[Any], Any], dict[str, Any]]:
    """MyoSuite's worlds, one after another in this process, as Gymnasium's `SyncVectorEnv` steps them."""
    import gymnasium
    import mujoco
    import myosuite  # noqa: F401  # pyright: ignore[reportMissingImports, reportUnusedImport]

    worlds: Any = gymnasium.make_vec(TASK, num_envs=envs, vectorization_mode="sync")
    worlds.reset(seed=0)
    one = worlds.envs[0].unwrapped
    return worlds.step, {
        "muscles": int(one.model.nu),
        "substeps": int(one.frame_skip),
        "timestep": float(one.model.opt.timestep),
        "how": f"one world after another in Python, MuJoCo {mujoco.__version__}",
    }


def envpool(envs: int, threads: int) -> tuple[Callable[[Any], Any], dict[str, Any]]:
    """EnvPool's worlds, in C++ on its own threads: MyoSuite 2's task."""
    import envpool  # pyright: ignore[reportMissingImports]

    worlds: Any = envpool.make(TASK, env_type="gymnasium", num_envs=envs, num_threads=threads, seed=0)
    worlds.reset()
    muscles = int(worlds.action_space.shape[0])

    def step(excitation: np.ndarray) -> Any:
        # MyoSuite 2 makes excitations of actions by 1 / (1 + exp(-5 (action - 0.5))).
        return worlds.step(0.5 + np.log(excitation / (1.0 - excitation)) / 5.0)

    about = {"muscles": muscles, "substeps": 10, "timestep": 0.001}
    return step, {**about, "how": "MyoSuite 2's task in C++, its own MuJoCo"}


PEERS = {"MyoSuite": myosuite, "EnvPool": envpool}


def main() -> None:
    """Serve the process that started this one."""
    if sys.argv[1] == "--installed":
        print(json.dumps(installed()))
        return
    name, envs, threads = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    out, sys.stdout = sys.stdout, sys.stderr  # what the peer prints is no answer
    step, about = PEERS[name](envs, threads)
    rng = np.random.default_rng(0)
    print(json.dumps(about), file=out, flush=True)
    for line in sys.stdin:
        wall = cpu = 0.0
        for _ in range(int(line)):
            excitation = rng.uniform(0.01, 0.1, (envs, about["muscles"])).astype(np.float32)
            began = time.perf_counter(), time.process_time()
            step(excitation)
            wall, cpu = wall + time.perf_counter() - began[0], cpu + time.process_time() - began[1]
        print(json.dumps([wall, cpu]), file=out, flush=True)


if __name__ == "__main__":
    main()
