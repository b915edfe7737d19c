"""Loads of joints against MuJoCo's reactions, with muscles as forces on bodies there."""

from dataclasses import replace

import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet import anchor_positions, frames, path_lengths
from batchenv.body.gaitnet.path_geometry import anchor_gradients, entry_positions
from batchenv.engine import Worlds
from batchenv.engine.muscles.mass import muscle_forces
from tests.engine.small_worlds import build, control_law, drive, pose, stand

KNEES = ("TibiaL", "TibiaR")


def pulled(body, data, q, force):
    """Write what muscles of some force (M,) [N] pull bodies with into `xfrc_applied`."""
    at = frames(body.skeleton, q[None])
    places = entry_positions(body.paths, at)[0]
    gradient = anchor_gradients(body.paths, anchor_positions(body.paths, at))[0]
    muscle = body.paths.anchor_muscle[body.paths.entry_anchor]
    pull = -force[muscle, None] * body.paths.entry_weight[:, None] * gradient[body.paths.entry_anchor]
    for place, way, b in zip(places, pull, body.body_id[body.paths.entry_body], strict=True):
        data.xfrc_applied[b, :3] += way
        data.xfrc_applied[b, 3:] += np.cross(place - data.xipos[b], way)


@pytest.mark.parametrize("height", [0.5, -0.004])
def test_loads_equal_mujocos_reactions_to_muscles_that_pull_bodies(small, height):
    """MuJoCo has its reaction at once; ours is of the momentum over a substep, here a short one."""
    body = replace(small, loaded=KNEES, timestep=1e-7)
    worlds = Worlds(body, control_law(body, actuator="muscle"), 3, substeps=2, measured=True)
    q, dq = (np.array(x) for x in zip(*(pose(small, i, height) for i in range(3)), strict=True))
    q[:, 3:6] = 0.0, height, 0.0
    q[:, :3] = 0.0
    qpos = small.to_qpos(q)
    worlds.reset(np.arange(3), qpos, small.to_qvel(qpos, dq))
    worlds.set_targets(np.tile(np.linspace(0.1, 0.9, 6), (3, 1)))
    worlds.step()
    assert worlds.slot("contact_log").any() == (height < 0.0)
    for world in range(3):
        data = mujoco.MjData(worlds.model)
        data.qpos[:], data.qvel[:] = qpos[world], small.to_qvel(qpos, dq)[world]
        mujoco.mj_forward(worlds.model, data)
        pulled(small, data, q[world], muscle_force(worlds, world))
        mujoco.mj_forward(worlds.model, data)
        mujoco.mj_rnePostConstraint(worlds.model, data)
        knees = small.body_id[[small.skeleton.index(name) for name in KNEES]]
        expected = np.linalg.norm(data.cfrc_int[knees, 3:], axis=1)
        assert worlds.slot("load_log")[world, 0] == pytest.approx(expected, rel=1e-3)
        assert expected.min() > 100.0


def muscle_force(worlds, world):
    """Of each muscle (M,) [N], with the activations of the last substep."""
    paths, n = worlds.body.paths, len(worlds.body.paths.names)
    at = frames(worlds.body.skeleton, worlds.body.from_qpos(worlds.qpos)[[world]])
    length = path_lengths(paths, anchor_positions(paths, at))[0]
    active, passive = np.zeros((2, n))
    peak = paths.f0 * np.cos(paths.pen)
    muscle_forces(peak, paths.lm, paths.lt, paths.lmt_ref, length, np.zeros(0), active, passive)
    return active * worlds.slot("activation")[world] + passive


def test_measuring_loads_changes_no_motion(small):
    states = []
    for loaded in ((), KNEES):
        worlds = build(replace(small, loaded=loaded), 3)
        stand(worlds)
        drive(worlds, 4)
        states.append(np.c_[worlds.qpos, worlds.qvel])
    assert np.array_equal(*states)
