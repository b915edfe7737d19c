import numpy as np
import pytest

from tests.engine.walking_worlds import build, drive, stand


def test_pd_applies_its_law_and_moves_the_muscles_of_none(body):
    worlds = build(body, 1, "pd")
    stand(worlds)
    drive(worlds, 1)
    assert not worlds.bind("actuator_force").any()
    assert np.array_equal(worlds.mean_of("desired_sum"), worlds.mean_of("achieved_sum"))
    qpos, qvel = worlds.qpos[0].copy(), worlds.qvel[0].copy()
    target = np.full((1, 14), 0.2)
    worlds.set_targets(target, rate := np.full((1, 14), 0.5))
    worlds.bind("userdata")[:, worlds._cleared] = 0.0
    worlds.batch.step(nstep=1)
    law = worlds.law
    expected = law.kp * (target - qpos[body.joint_qposadr]) + law.kv * (rate - qvel[body.joint_dofadr])
    assert worlds.slot("desired") == pytest.approx(expected, rel=1e-14)
    damped = worlds.bind("qfrc_applied")[:, body.joint_dofadr] - law.kv * qvel[body.joint_dofadr]
    assert damped == pytest.approx(expected, rel=1e-12)  # the damping is the model's own
    assert worlds.model.dof_damping[body.joint_dofadr] == pytest.approx(
        law.kv + body.model.dof_damping[body.joint_dofadr]
    )


def test_a_target_moves_at_a_changing_rate_and_a_ramp_that_damping_does_not_follow(body):
    worlds = build(body, 1, "pd")
    stand(worlds)
    rng = np.random.default_rng(3)
    target, rate, acceleration, ramp = rng.normal(0.0, 1.0, (4, 1, 14))
    worlds.set_targets(target, rate, acceleration, ramp)
    worlds.bind("userdata")[:, worlds._cleared] = 0.0
    worlds.batch.step(nstep=3)
    qpos, qvel, t = worlds.qpos[0].copy(), worlds.qvel[0].copy(), 3 * worlds.timestep
    worlds.batch.step(nstep=1)
    moved = target + t * (rate + ramp) + 0.5 * t**2 * acceleration
    law = worlds.law
    expected = law.kp * (moved - qpos[body.joint_qposadr])
    expected += law.kv * (rate + t * acceleration - qvel[body.joint_dofadr])
    assert worlds.slot("desired") == pytest.approx(expected, rel=1e-12)
