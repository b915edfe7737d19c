"""Devices: their torques act on joints, and the controller leaves muscles the rest."""

from typing import Any

import numpy as np
import pytest

from batchenv.body import Body
from batchenv.engine import Worlds
from batchenv.errors import UsageError
from tests.engine.walking_worlds import build, hang

NAMES = ("ankle_angle_r", "knee_angle_l", "ankle_angle_r")
TORQUES = np.array([-20.0, 7.0, 5.0])


def substep(body: Body, actuator: str, torques: np.ndarray | None) -> Worlds[Body]:
    """One substep of a world that hangs in the air, with devices or without."""
    joints = tuple(body.joint_names.index(name) for name in NAMES)
    law: dict[str, Any] = {} if torques is None else {"device_joints": joints}
    worlds = build(body, 1, actuator, 1, **law)
    hang(worlds)
    muscles = actuator == "muscle"
    worlds.set_targets(np.full((1, len(body.muscle_names if muscles else body.joint_names)), 0.2))
    if torques is not None:
        worlds.slot("device_torque")[:] = torques
    worlds.batch.step(nstep=1)
    return worlds


def by_joint(body: Body) -> np.ndarray:
    made = np.zeros(len(body.joint_names))
    for name, torque in zip(NAMES, TORQUES, strict=True):
        made[body.joint_names.index(name)] += torque
    return made


def test_muscles_make_what_a_device_leaves_of_the_desired_torque(body: Body):
    plain, worn = substep(body, "mass", None), substep(body, "mass", TORQUES)
    np.testing.assert_allclose(plain.slot("desired")[0] - worn.slot("desired")[0], by_joint(body), atol=1e-9)
    applied = worn.bind("qfrc_applied")[0]
    np.testing.assert_array_equal(applied[body.joint_dofadr], by_joint(body))
    assert np.count_nonzero(applied) == 2
    soleus = body.muscle_names.index("soleus_r")
    # The targets ask the foot to rise, and a device that holds it down leaves more to do.
    tibant = body.muscle_names.index("tibant_r")
    assert worn.bind("ctrl")[0, tibant] > plain.bind("ctrl")[0, tibant]
    assert worn.bind("ctrl")[0, soleus] <= plain.bind("ctrl")[0, soleus]


def test_ideal_torques_and_a_device_together_make_what_is_desired(body: Body):
    plain, worn = substep(body, "pd", None), substep(body, "pd", TORQUES)
    np.testing.assert_allclose(worn.bind("qfrc_applied"), plain.bind("qfrc_applied"), atol=1e-9)
    np.testing.assert_allclose(plain.slot("desired")[0] - worn.slot("desired")[0], by_joint(body), atol=1e-9)


def test_a_device_adds_to_muscles_that_are_driven_directly(body: Body):
    worn = substep(body, "muscle", TORQUES)
    np.testing.assert_array_equal(worn.bind("qfrc_applied")[0, body.joint_dofadr], by_joint(body))
    assert not worn.slot("desired").any()


def test_a_device_needs_a_controller_that_knows_of_it(body: Body):
    with pytest.raises(UsageError, match="device_joints need controller 'pd'"):
        build(body, 1, controller="stable_pd", constraints="active_set", device_joints=(0,))
