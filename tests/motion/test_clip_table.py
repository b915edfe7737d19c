"""Clips in one table: between their samples, beyond their ends, and in the walking frame."""

import numpy as np
import pytest

from batchenv.body import Body
from batchenv.body.gaitnet.rotations import quat_from_vector
from batchenv.motion import Clip
from batchenv.motion.clip_table import ClipTable, clip_table, end_effectors

TURN = 0.5  # of a cycle of the second clip [rad]


def circling(body: Body, turn: float, loops: bool) -> Clip:
    """A walk of 1 m/s along a circle, one joint moving."""
    times = np.linspace(0.0, 1.0, 31)
    heading = turn * times
    steps = np.exp(1j * heading) if turn else np.ones(31, complex)
    way = np.concatenate([[0.0], np.cumsum(0.5 * (steps[1:] + steps[:-1])) / 30])
    joint_pos = np.zeros((31, len(body.joint_names)))
    joint_pos[:, 0] = 0.2 * np.sin(2 * np.pi * times)
    return Clip(
        times=times,
        joint_names=body.joint_names,
        joint_pos=joint_pos,
        root_pos=way.real[:, None] * body.forward + way.imag[:, None] * body.left + 1.0 * body.up,
        root_quat=quat_from_vector(heading[:, None] * body.up),
        loops=loops,
        body=body.file,
    )


@pytest.fixture(scope="module")
def table(body: Body) -> ClipTable:
    return clip_table([circling(body, 0.0, False), circling(body, TURN, True)], body, end_effectors(body))


def test_rows_are_the_samples_and_lines_between_them(body: Body, table: ClipTable):
    rows = table.at(np.array([0, 0, 1]), np.array([0.25, 5.0, 0.25]))
    joints = len(body.joint_names)
    assert rows[0, 0] == pytest.approx(0.2, abs=2e-3) and rows[0, joints] == pytest.approx(0.0, abs=0.02)
    assert rows[0, table.n_gait :][:3] == pytest.approx([0.25, 0.0, 0.0], abs=1e-9)
    assert rows[1, table.n_gait :][0] == pytest.approx(1.0)  # beyond its end it stands still
    assert rows[2, table.n_gait + 2] == pytest.approx(0.25 * TURN)
    assert table.tracked.tolist() == [1.0] + [0.0] * (joints - 1)


def test_vectors_are_in_the_heading_frame(table: ClipTable):
    root = table.at(np.array([1]), np.array([0.6]))[0, table.n_gait :]
    assert root[3:7] == pytest.approx([1.0, 0.0, 0.0, 0.0], abs=1e-9)  # upright, whatever its heading
    assert root[7:10] == pytest.approx([1.0, 0.0, 0.0], abs=0.01)
    assert root[10:13] == pytest.approx([0.0, 0.0, TURN], abs=0.01)


def test_cycles_go_on_where_a_clip_repeats(body: Body, table: ClipTable):
    seconds = np.array([0.3, 1.3, 7.8])
    root = table.at(np.ones(3, int), seconds)[:, table.n_gait :]
    after = circling(body, TURN, True).at(seconds)
    assert np.allclose(root[:, 0], after.root_pos @ body.forward, atol=1e-3)
    assert np.allclose(root[:, 1], after.root_pos @ body.left, atol=1e-3)
    assert np.allclose(root[:, 2], TURN * seconds, atol=1e-3)


def test_the_first_clip_is_the_gait(table: ClipTable):
    assert table.gait.period == 1.0 and table.gait.speed == pytest.approx(1.0)
    assert table.gait.table.shape == (table.steps[0], table.n_gait)
