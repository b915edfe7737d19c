"""Disturbances in every substep against what MuJoCo makes of the same ones."""

from pathlib import Path

import mujoco
import numpy as np
import pytest

from batchenv.engine.disturbances import Disturbances
from batchenv.errors import BodyError
from tests.engine.small_worlds import SUBSTEPS, body_with_head, build, pose


def test_forces_act_at_the_centre_of_mass_of_a_body(tmp_path: Path):
    body = body_with_head(tmp_path)
    shank = int(body.body_id[body.skeleton.index("TibiaL")])
    worlds, plain = (
        build(body, 1, 1, disturbances=chosen) for chosen in (Disturbances(bodies=(shank,)), None)
    )
    q = pose(body, 1, height=1.0)[0][None]
    qpos, force = body.to_qpos(q), np.array([30.0, -20.0, 50.0])
    applied = []
    for each in (worlds, plain):
        each.reset(np.arange(1), qpos, np.zeros((1, each.model.nv)))
        each.set_targets(q)
        if each is worlds:
            each.slot("force_noise")[:] = force
        each.batch.step(nstep=1)
        applied.append(each.bind("qfrc_applied")[0].copy())
    data, jacobian = mujoco.MjData(worlds.model), np.zeros((3, worlds.model.nv))
    data.qpos[:] = qpos[0]
    mujoco.mj_forward(worlds.model, data)
    mujoco.mj_jacBodyCom(worlds.model, data, jacobian, None, shank)
    np.testing.assert_allclose(applied[0] - applied[1], jacobian.T @ force, atol=1e-9)


def test_angles_are_moved_and_activations_added_to(tmp_path: Path):
    body = body_with_head(tmp_path)
    model, skeleton = body.model(), body.skeleton
    joints = tuple(int(model.joint(name).id) for name in ("TibiaR", "FemurL"))
    chosen = Disturbances(joints=joints, muscles=True)
    worlds, plain = (build(body, 1, 1, disturbances=each) for each in (chosen, None))
    q = pose(body, 1, height=1.0)[0][None]
    found = []
    for each in (worlds, plain):
        each.reset(np.arange(1), body.to_qpos(q), np.zeros((1, each.model.nv)))
        each.set_targets(q)
        if each is worlds:
            each.slot("angle_noise")[:] = [0.01, 0.02, -0.03, 0.04]
            each.slot("activation_noise")[:] = 0.25
        each.batch.step(nstep=1)
        found.append((body.from_qpos(each.qpos)[0], each.slot("activation")[0].copy()))
    moved = found[0][0] - found[1][0]
    knee, hip = (int(skeleton.dof_start[skeleton.index(name)]) for name in ("TibiaR", "FemurL"))
    # What the disturbed muscles do within a substep is small.
    np.testing.assert_allclose(moved[[knee, hip, hip + 1, hip + 2]], [0.01, 0.02, -0.03, 0.04], atol=2e-3)
    np.testing.assert_allclose(found[0][1], np.minimum(found[1][1] + 0.25, 1.0), atol=0.05)
    assert (found[0][1] >= 0.25).all()


def test_the_root_is_no_joint_to_move(tmp_path: Path):
    with pytest.raises(BodyError, match="joint 'Pelvis' is disturbed; expected a hinge or a ball joint"):
        build(body_with_head(tmp_path), 1, 1, disturbances=Disturbances(joints=(0,)))
    assert SUBSTEPS > 1
