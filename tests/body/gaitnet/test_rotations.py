import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from batchenv.body.gaitnet import (
    matrix_from_vector,
    quat_from_matrix,
    quat_from_vector,
    quat_product,
    vector_from_matrix,
    vector_from_quat,
)

# Small ones, around where a series takes over, and up to half a turn.
ANGLES = [0.0, 1e-12, 1e-7, 0.9e-4, 1.1e-4, 2.1e-4, 0.3, 1.5, 3.0, 3.14159]
AXES = Rotation.random(20, random_state=0).as_rotvec()
VECTORS = np.concatenate([angle * AXES / np.linalg.norm(AXES, axis=1, keepdims=True) for angle in ANGLES])


def test_the_exponential_map_is_that_of_scipy():
    expected = Rotation.from_rotvec(VECTORS)
    np.testing.assert_allclose(matrix_from_vector(VECTORS), expected.as_matrix(), atol=1e-14)
    np.testing.assert_allclose(quat_from_vector(VECTORS), expected.as_quat(scalar_first=True), atol=1e-14)


@pytest.mark.parametrize("sign", [1, -1])
def test_the_logarithm_undoes_the_exponential_of_either_quaternion(sign):
    np.testing.assert_allclose(vector_from_quat(sign * quat_from_vector(VECTORS)), VECTORS, atol=1e-13)


def test_the_logarithm_of_a_matrix_keeps_its_digits_up_to_half_a_turn():
    np.testing.assert_allclose(vector_from_matrix(matrix_from_vector(VECTORS)), VECTORS, atol=1e-9)
    half_turn = np.diag([-1.0, 1.0, -1.0])
    np.testing.assert_allclose(np.abs(vector_from_matrix(half_turn)), [0, np.pi, 0], atol=1e-15)
    np.testing.assert_allclose(quat_from_matrix(half_turn), [0, 0, 1, 0], atol=1e-15)


def test_products_are_those_of_scipy():
    one, other = Rotation.from_rotvec(VECTORS), Rotation.from_rotvec(VECTORS[::-1])
    product = quat_product(quat_from_vector(VECTORS), quat_from_vector(VECTORS[::-1]))
    np.testing.assert_allclose(vector_from_quat(product), (one * other).as_rotvec(), atol=1e-9)
