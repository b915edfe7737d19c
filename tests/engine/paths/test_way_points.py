import mujoco
import numpy as np
import pytest

from batchenv.body.gaitnet import frames, length_gradients
from batchenv.body.gaitnet.path_geometry import anchor_positions
from batchenv.body.gaitnet.path_geometry import path_lengths as plain_lengths
from batchenv.body.gaitnet.path_layout import lay_out_paths
from batchenv.engine.paths.way_points import trace_paths
from tests.engine.small_worlds import build, pose


def traced(worlds, q, first_body=False):
    """Lengths (M,) and moments (M, D) of the kernel in a pose."""
    model, data = worlds.model, worlds.batch.get_data(0)
    data.qpos[:] = worlds.body.to_qpos(q)
    mujoco.mj_kinematics(model, data)
    body = worlds.body
    layout = lay_out_paths(body.paths, body.skeleton, body.body_id)
    length, moment = np.zeros(len(body.paths.names)), np.zeros(layout.muscle.size)
    trace_paths(
        worlds._record.record[0], np.uintp(data._address), first_body, length, moment, np.zeros((0, 3))
    )
    dense = np.zeros((length.size, body.skeleton.num_dof))
    dense[layout.muscle, layout.joint + 6] = moment
    return length, dense


@pytest.mark.parametrize("first_body", [False, True])
def test_lengths_and_moments_equal_their_plain_twins(small, first_body):
    worlds = build(small, 1)
    for seed in range(4):
        q = pose(small, seed)[0]
        at = frames(small.skeleton, q[None])
        length, moment = traced(worlds, q, first_body)
        assert length == pytest.approx(
            plain_lengths(small.paths, anchor_positions(small.paths, at))[0], abs=1e-14
        )
        plain = length_gradients(small.skeleton, small.paths, at, first_body)[0]
        assert moment == pytest.approx(plain, abs=1e-13)
        assert np.abs(plain[:, :6]).max() < 1e-13  # internal forces balance


def test_the_gradient_is_that_of_the_length(small):
    worlds, (q, dq), step = build(small, 1), pose(small, 5), 1e-6
    qpos, qvel = small.to_qpos(q), small.to_qvel(small.to_qpos(q), dq)
    _, moment = traced(worlds, q)
    ends = []
    for sign in (1, -1):
        moved = qpos.copy()
        mujoco.mj_integratePos(worlds.model, moved, qvel, sign * step)
        ends.append(traced(worlds, small.from_qpos(moved))[0])
    # Central differences of lengths of 1 m err by about 1e-16 / 1e-6.
    assert moment @ dq == pytest.approx((ends[0] - ends[1]) / (2 * step), abs=1e-8)
    assert np.abs(moment @ dq).max() > 1e-3


def test_pushing_the_first_body_alone_is_no_gradient_where_anchors_are_blended(small):
    worlds, q = build(small, 1), pose(small, 6)[0]
    gap = np.abs(traced(worlds, q)[1] - traced(worlds, q, first_body=True)[1]).max(axis=1)
    blended = [name.endswith("Rectus") for name in small.paths.names]
    assert (gap[blended] > 1e-4).all() and gap[~np.array(blended)].max() < 1e-13


def work_around(worlds, first_body):
    """Work of unit tensions around a loop through hip and knee coordinates (M,) [J]."""
    q, total = pose(worlds.body, 6)[0], 0.0
    hip, knee = worlds.body.skeleton.dof_start[[1, 2]]
    for angle in np.arange(0.0, 2 * np.pi, 2 * np.pi / 64):
        q[hip], q[hip + 1 : hip + 3], q[knee] = 0.3 * np.cos(angle), 0.0, 0.6 + 0.3 * np.sin(angle)
        moment = traced(worlds, q, first_body)[1]
        total = total + 0.3 * (np.cos(angle) * moment[:, knee] - np.sin(angle) * moment[:, hip])
    return total * 2 * np.pi / 64


def test_the_gradient_makes_no_energy_around_a_loop_where_the_original_does(small):
    worlds, rectus = build(small, 1), small.paths.names.index("R_Rectus")
    # The mean over a loop of a smooth function converges beyond any power of the number of points.
    assert np.abs(work_around(worlds, first_body=False)).max() < 1e-10
    assert abs(work_around(worlds, first_body=True)[rectus]) > 1e-4
