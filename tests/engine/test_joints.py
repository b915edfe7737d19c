import numpy as np
import pytest

from batchenv.body.gaitnet.mechanism import upper_joints
from tests.engine import walking_worlds
from tests.engine.small_worlds import build, stand, targets


def test_torques_are_applied_as_given(body):
    worlds = walking_worlds.build(body, 1, "tor")
    walking_worlds.stand(worlds)
    torque = np.linspace(-3.0, 3.0, 14)
    worlds.set_targets(torque[None])
    worlds.step()
    assert np.array_equal(worlds.bind("qfrc_applied")[0, body.joint_dofadr], torque)


def test_torques_of_the_upper_body_and_of_the_muscles_fall_where_they_belong(small):
    worlds = build(small, 2, actuator="mass_lower")
    stand(worlds, height=0.5)
    upper, applied = np.arange(16, 22), []
    assert small.mujoco_dof[6:][list(upper_joints(small))].tolist() == upper.tolist()
    worlds.set_targets(targets(worlds, 0))
    worlds.step(lambda: applied.append(worlds.bind("qfrc_applied")[0].copy()))
    assert not np.array(applied)[:, :6].any()  # muscles and torques are internal
    assert np.abs(np.array(applied)[:, upper]).min() > 0.0
    assert worlds.slot("ideal_torque_sum")[0] == pytest.approx(np.abs(np.array(applied)[:, upper]).sum())
