import mujoco
import numpy as np
import pytest

from tests.engine.small_worlds import build, drive, stand


def test_logs_are_of_the_start_and_the_end_of_each_substep(small):
    worlds, seen = build(small, 2), {"com": [], "head": [], "foot": []}
    stand(worlds, height=0.3)
    head, feet = small.body_id[8], small.body_id[[6, 3]]

    def watch():
        data = mujoco.MjData(worlds.model)
        data.qpos[:], data.qvel[:] = worlds.qpos[0], worlds.qvel[0]
        mujoco.mj_fwdPosition(worlds.model, data)
        mujoco.mj_fwdVelocity(worlds.model, data)
        velocity = np.zeros(6)
        kind = mujoco.mjtObj.mjOBJ_BODY
        mujoco.mj_objectVelocity(worlds.model, data, kind, head, velocity, 0)
        seen["com"].append(data.subtree_com[0].copy())
        seen["head"].append(velocity[3:].copy())
        seen["foot"].append(data.xipos[feet].copy())

    watch()
    drive(worlds, 1, watch=watch)
    assert worlds.slot("com_log")[0] == pytest.approx(np.array(seen["com"][:-1]), abs=1e-13)
    assert worlds.slot("velocity_log")[0] == pytest.approx(np.array(seen["head"][:-1]), abs=1e-12)
    assert worlds.slot("position_log")[0] == pytest.approx(np.array(seen["foot"][1:]), abs=1e-13)


def test_contacts_are_logged_by_foot(small):
    worlds = build(small, 2, actuator="pd")
    q = np.zeros((2, small.skeleton.num_dof))
    q[0, 3:6], q[1, 3:6] = (0.0, 0.5, 0.0), (0.0, -0.002, 0.0)
    qpos = small.to_qpos(q)
    worlds.reset(np.arange(2), qpos, np.zeros((2, worlds.model.nv)))
    worlds.set_targets(q)
    worlds.step()
    assert not worlds.slot("contact_log")[0].any()
    assert worlds.slot("contact_log")[1].all()
