import mujoco
import numpy as np
import pytest

from batchenv.body.moment_arms import moment_arms, moment_structure
from batchenv.engine.muscles.mujoco import effective_moment_arms
from tests.engine.walking_worlds import SUBSTEPS, build, pose, stand


def test_packed_moments_are_all_moments_and_move_worlds_as_mujoco_alone_does(body):
    """Against MuJoCo without our callback: the moments that are left out are zero but for rounding."""
    worlds = build(body, 1, "muscle")
    stand(worlds)
    model, data, dense = worlds.model, mujoco.MjData(worlds.model), np.zeros((2, 80, worlds.model.nv))
    data.qpos[:], data.qvel[:], data.ctrl[:] = worlds.qpos[0], worlds.qvel[0], np.linspace(0.0, 0.5, 80)
    worlds.set_targets(data.ctrl[None])
    worlds.step()
    for _ in range(SUBSTEPS):  # userdata without our signature: the callback leaves it alone
        mujoco.mj_step(model, data)
    assert worlds.qpos[0] == pytest.approx(data.qpos, abs=1e-12)
    assert worlds.qvel[0] == pytest.approx(data.qvel, abs=1e-9)
    names = ("actuator_moment", "moment_rownnz", "moment_rowadr", "moment_colind")
    for out, fields in zip(
        dense,
        ([worlds.bind(name)[0] for name in names], [getattr(data, name) for name in names]),
        strict=True,
    ):
        mujoco.mju_sparse2dense(out, *(np.ascontiguousarray(field) for field in fields))
    assert dense[0] == pytest.approx(dense[1], abs=1e-12)
    assert worlds.bind("moment_rownnz").sum() < 0.4 * model.nJmom


def test_the_compiled_moment_arms_equal_the_plain_ones(body):
    joints, model = np.random.default_rng(1).uniform(0.05, 0.5, 14), body.model
    data = mujoco.MjData(model)
    data.qpos[:] = pose(body, 0, joints)[0]
    mujoco.mj_fwdPosition(model, data)
    structure = moment_structure(body, model)
    slope, arms = np.ones(model.nv), np.zeros(structure.joint.size)
    slope[body.bound_dofadr] = body.bound_slope(joints)
    entries = (structure.entry, structure.dof, structure.place)
    effective_moment_arms(*entries, slope, data.actuator_moment, arms)
    muscle, joint = np.repeat(np.arange(model.nu), np.diff(structure.ptr)), structure.joint
    plain = moment_arms(body, model, joints)
    assert arms == pytest.approx(plain[muscle, joint], abs=1e-15)
    assert np.abs(plain).sum() == pytest.approx(np.abs(arms).sum(), abs=1e-9)  # nothing is left out
