import dataclasses

import numpy as np
import pytest

from batchenv.body import load_body
from batchenv.errors import InputError
from batchenv.evaluate.clip_stage import ClipStage
from batchenv.motion import Clip, fit_clip


@pytest.fixture(scope="module")
def crouching() -> Clip:
    """A pelvis that walks 1 m along x within 1 s, on legs that bend."""
    time = np.linspace(0.0, 1.0, 31)
    return Clip(
        times=time,
        joint_names=("knee_angle_r", "knee_angle_l"),
        joint_pos=np.stack([time, 0.5 * time], axis=1),
        root_pos=np.stack([time, 0 * time, 1 + 0 * time], axis=1),
        root_quat=np.tile([1.0, 0.0, 0.0, 0.0], (31, 1)),
        source="crouching",
    )


def test_the_body_is_where_the_clip_says_and_the_camera_follows(crouching):
    body = load_body("myo_sim:myolegs", timestep=1 / 300)  # its model is changed
    clip = dataclasses.replace(fit_clip(crouching, body, scale=1.0), loops=True)
    stage = ClipStage(clip, body, "right")
    knee = body.model.joint("knee_angle_r").qposadr[0]
    seen = []
    for at in stage.play(1.5):
        way = stage.data.qpos[:3] - clip.root_pos[0]
        assert way @ body.forward == pytest.approx(at, abs=1e-9)
        assert stage.data.qpos[knee] == pytest.approx(at % 1.0, abs=1e-9)
        seen.append(float(stage.camera.mujoco.lookat @ body.forward))
    assert len(seen) == 45
    assert seen[-1] - seen[0] == pytest.approx(44 / 30, abs=0.05)
    assert (stage.count, len(stage.look.tendons)) == (1, 80)
    with pytest.raises(InputError, match="crouching: the clip is fitted to no body, not to myo_sim:myolegs"):
        ClipStage(crouching, body)
