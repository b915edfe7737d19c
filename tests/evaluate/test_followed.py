import pytest

from batchenv import load_config
from batchenv.evaluate.followed import followed


def test_what_a_reward_asks_for_is_followed():
    found = followed(load_config("command"))
    assert found["knee_angle"] == "pose, joint_velocity"
    assert found["pelvis_tilt"] == "pelvis" and "speed" in found["speed"]
    assert "hip_rotation" not in found  # scaled to nothing
    assert "vertical_force" not in found and "stance_percent" not in found


@pytest.mark.parametrize(("weight", "asked"), [(0.2, True), (0.0, False)])
def test_a_term_without_weight_asks_for_nothing(weight, asked):
    config = load_config("walk").replace({"environment.reward.ground_reaction": {"weight": weight}})
    assert ("vertical_force" in followed(config)) == asked
