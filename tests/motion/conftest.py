"""A motion that the tests of clips share."""

import numpy as np
import pytest

from batchenv.motion import Clip
from batchenv.motion.segments import SEGMENTS


@pytest.fixture(scope="session")
def stroll() -> Clip:
    """All coordinates of the segments swinging, the pelvis walking along a bend (41 samples, 1 s)."""
    draw = np.random.default_rng(7)
    time = np.linspace(0.0, 1.0, 41)
    names = [name for segment in SEGMENTS.values() for name in segment.coordinates]
    size, phase = draw.uniform(-0.5, 0.5, len(names)), draw.uniform(0.0, 1.0, len(names))
    angles = size * np.sin(2 * np.pi * (time[:, None] + phase))
    for column, name in enumerate(names):
        if name.startswith(("knee", "elbow")):
            angles[:, column] = 0.6 + 0.5 * np.sin(2 * np.pi * (time + phase[column]))
    yaw = 0.4 * np.sin(time)
    return Clip(
        times=time,
        joint_names=tuple(names),
        joint_pos=angles,
        root_pos=np.stack([1.2 * time, 0.1 * time**2, 0.95 + 0.02 * np.cos(4 * np.pi * time)], axis=1),
        root_quat=np.stack([np.cos(yaw / 2), 0 * yaw, 0 * yaw, np.sin(yaw / 2)], axis=1),
        source="stroll",
    )
