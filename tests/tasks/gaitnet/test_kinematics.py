import numpy as np

from batchenv.tasks.gaitnet.kinematics import velocities


def test_velocity_of_a_point_is_the_body_s_and_what_its_spin_adds():
    rng = np.random.default_rng(3)
    twist, position, com = rng.normal(size=(2, 4, 6)), rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 3))
    expected = twist[..., 3:] + np.cross(twist[..., :3], position - com[:, None])
    # The same products and sums, each rounded once: equal to the last bits.
    np.testing.assert_allclose(velocities(twist, position, com), expected, rtol=0, atol=1e-14)


def test_a_body_turning_about_the_vertical_moves_what_is_ahead_of_it_sideways():
    twist = np.array([[[0.0, 2.0, 0.0, 0.0, 0.0, 0.0]]])
    moved = velocities(twist, np.array([[[0.0, 1.0, 3.0]]]), np.array([[0.0, 1.0, 0.0]]))
    np.testing.assert_array_equal(moved, [[[6.0, 0.0, 0.0]]])
