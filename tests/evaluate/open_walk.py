"""A recording with all that OpenSim's files and C3D hold, made of the human walk."""

import numpy as np

from batchenv.evaluate.recording import Recording
from batchenv.motion.opensim_frame import pelvis_quat
from tests.evaluate.synthetic_walk import human_walk


def open_walk(episodes: int = 1, seconds: float = 4.0, **changes) -> Recording:
    """Return a walk whose pelvis tilts, lists and turns, whose feet twist, and whose joints bear."""
    walk = human_walk(episodes=episodes, seconds=seconds, dt=0.01)
    time, count = walk.time, len(walk.time)
    turned = np.stack(
        [0.1 * np.sin(5 * time), -0.05 * np.cos(7 * time), 0.2 + 0.1 * np.sin(3 * time)], axis=1
    )
    bearing = walk.grf[:, :, 2] > 0
    place = walk.foot_pos + np.array([0.05, 0.01, 0.0])
    names = tuple(f"{joint}_{side}" for side in "rl" for joint in ("hip", "knee", "ankle"))
    center = walk.root_pos[:, None] + np.linspace(0.0, 1.0, 18).reshape(6, 3)
    arrays = {
        "root_quat": pelvis_quat(turned),
        "cop": np.where(bearing[:, :, None], place, 0.0),
        "free_moment": np.where(bearing, 3.0 * np.sin(4 * time)[:, None], 0.0),
        "joint_center_names": names,
        "joint_center": center,
        "joint_load": 100.0 * np.sin(np.arange(count * 18.0)).reshape(count, 6, 3),
    }
    return human_walk(episodes=episodes, seconds=seconds, dt=0.01, **arrays | changes)
