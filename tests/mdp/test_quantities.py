import mujoco
import numpy as np
import pytest

from batchenv.mdp.measure import interpolate, measure, measured_columns
from batchenv.mdp.root_state import root_state, rotation_matrix

AXES = np.array([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])  # forward, left, up


def random_quats(n, seed=0):
    quats = np.random.default_rng(seed).normal(size=(n, 4))
    return quats / np.linalg.norm(quats, axis=1, keepdims=True)


def about_vertical(angle):
    return np.array([np.cos(angle / 2), 0.0, 0.0, np.sin(angle / 2)])


def rotations(quats):
    matrices = np.zeros((len(quats), 9))
    for matrix, quat in zip(matrices, quats, strict=True):
        mujoco.mju_quat2Mat(matrix, quat)
    return matrices.reshape(-1, 3, 3)


def measured(qpos, qvel, feet=None):
    return root_state(qpos, qvel, np.zeros((len(qpos), 2, 3)) if feet is None else feet, AXES)


def test_rotation_matrices_equal_mujocos():
    quats = random_quats(20)
    assert rotation_matrix(quats) == pytest.approx(rotations(quats), abs=1e-15)


@pytest.mark.parametrize("angle", [-2.5, -0.3, 0.0, 0.7, 3.0])
def test_heading_is_the_angle_turned_to_the_left(angle):
    root = measured(np.r_[0, 0, 0, about_vertical(angle)][None], np.zeros((1, 6)))
    assert root["heading"] == pytest.approx(angle)
    assert root["root_up"][0] == pytest.approx([0.0, 0.0, 1.0])


def test_a_walker_sees_the_same_whichever_way_it_faces():
    """Vectors in the heading frame do not change when the whole state turns about the vertical."""
    rng = np.random.default_rng(1)
    qpos, qvel = np.r_[rng.normal(size=3), random_quats(1)[0]], rng.normal(size=6)
    foot, turn = rng.normal(size=3), about_vertical(1.1)
    turned_pos, turned_vel, turned_foot = qpos.copy(), qvel.copy(), foot.copy()
    mujoco.mju_rotVecQuat(turned_pos[:3], qpos[:3], turn)
    mujoco.mju_mulQuat(turned_pos[3:], turn, qpos[3:])
    mujoco.mju_rotVecQuat(turned_vel[:3], qvel[:3], turn)
    mujoco.mju_rotVecQuat(turned_foot, foot, turn)
    before = measured(qpos[None], qvel[None], foot[None, None])
    after = measured(turned_pos[None], turned_vel[None], turned_foot[None, None])
    for name in ("root_linvel", "root_angvel", "root_up", "foot_pos"):
        assert after[name] == pytest.approx(before[name], abs=1e-12)
    assert np.angle(np.exp(1j * (after["heading"] - before["heading"]))) == pytest.approx(1.1)


def test_forward_is_forward_left_is_left():
    qpos, qvel = np.array([[0.5, -2.0, 0.9, 1.0, 0.0, 0.0, 0.0]]), np.array([[0.1, -1.2, 0.3, 0.0, 0.0, 0.0]])
    root = measured(qpos, qvel, np.array([[[0.1, -0.3, -0.9]]]))
    assert root["root_pos"][0] == pytest.approx([2.0, 0.5, 0.9])
    assert root["root_linvel"][0] == pytest.approx([1.2, 0.1, 0.3])
    assert root["foot_pos"][0, 0] == pytest.approx([0.3, 0.1, -0.9])


def test_spin_is_turned_out_of_the_roots_own_frame():
    """Nodding forward is a rotation about the left axis, also for a root that faces another way."""
    quat = about_vertical(0.4)
    nod = np.array([1.0, 0.0, 0.0])  # the left axis, in the root's own frame
    root = measured(np.r_[0, 0, 0, quat][None], np.r_[0, 0, 0, nod][None])
    assert root["root_angvel"][0] == pytest.approx([0.0, 1.0, 0.0], abs=1e-12)


def test_the_compiled_measurement_equals_its_plain_twin():
    rng = np.random.default_rng(4)
    qpos = np.c_[rng.normal(size=(9, 3)), random_quats(9), rng.normal(size=(9, 4))]
    qvel, xpos, user = rng.normal(size=(9, 10)), rng.normal(size=(9, 5, 3)), rng.normal(size=(9, 6))
    table, phase = rng.normal(size=(8, 7)), rng.uniform(size=9)
    ids, feet, qposadr, dofadr = np.array([7, 0, 3]), np.array([2, 4]), np.array([9, 7]), np.array([8, 6])
    sums, factors = np.array([1, 4, 5]), np.array([2.0, 0.5, 3.0])
    state = (qpos, qvel, xpos, user)
    columns = measured_columns(2, 2, {"reference": 7}, {"sums": 3})
    compiled, room = np.full((3, columns["sums"].stop), np.nan), np.full((8, 3), np.nan)
    measure(ids, phase, *state, qposadr, dofadr, 1, feet, AXES, table, sums, factors, room, compiled)
    plain = root_state(qpos[ids], qvel[ids], xpos[ids][:, feet] - xpos[ids][:, None, 1], AXES)
    plain["foot_pos"] = plain["foot_pos"].reshape(3, 6)
    plain |= {"joint_pos": qpos[ids][:, qposadr], "joint_vel": qvel[ids][:, dofadr]}
    plain |= {"reference": interpolate(table, phase[ids]), "sums": user[ids][:, sums] * factors}
    assert columns.keys() == plain.keys()
    assert compiled.shape == (3, sum(np.size(plain[name][0]) for name in plain))
    for name, column in columns.items():
        assert compiled[:, column] == pytest.approx(plain[name], abs=1e-14), name


def test_interpolation_is_linear_and_periodic():
    table = np.array([[0.0, 1.0], [1.0, 3.0], [4.0, 5.0], [2.0, 0.0]])
    rows = interpolate(table, np.array([0.0, 0.25, 0.375, 0.875, 1.25, -0.125]))
    assert rows.tolist() == [[0, 1], [1, 3], [2.5, 4], [1, 0.5], [1, 3], [1, 0.5]]
