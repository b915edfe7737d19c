"""Rotations as matrices (..., 3, 3), unit quaternions (..., 4), w first, or vectors (..., 3) [rad]."""

import math

import numba
import numpy as np

from batchenv.compiled import compiled

Array = np.ndarray

# Below this angle [rad] the series of sin(x) / x to second order is exact in double precision.
_SMALL = 1e-4


def quat_from_vector(vector: Array) -> Array:
    """Return the quaternions (..., 4) of rotation vectors (..., 3): the exponential map."""
    vector = np.ascontiguousarray(vector, float)
    return _exponentials(vector.reshape(-1, 3)).reshape(*vector.shape[:-1], 4)


def vector_from_quat(quat: Array) -> Array:
    """Return the shortest rotation vectors (..., 3) of quaternions (..., 4): the logarithm."""
    quat = np.ascontiguousarray(quat, float)
    return _logarithms(quat.reshape(-1, 4)).reshape(*quat.shape[:-1], 3)


def matrix_from_quat(quat: Array) -> Array:
    """Return the matrices (..., 3, 3) of unit quaternions (..., 4)."""
    quat = np.ascontiguousarray(quat, float)
    return _matrices(quat.reshape(-1, 4)).reshape(*quat.shape[:-1], 3, 3)


def quat_from_matrix(matrix: Array) -> Array:
    """Return the unit quaternions (..., 4), w not negative, of rotation matrices (..., 3, 3)."""
    m = np.asarray(matrix, float)
    xx, yy, zz = m[..., 0, 0], m[..., 1, 1], m[..., 2, 2]
    # Each row is 4 q_k q, for one k; that of the largest q_k loses no digits.
    rows = np.stack(
        [
            np.stack(
                [
                    1 + xx + yy + zz,
                    m[..., 2, 1] - m[..., 1, 2],
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 1, 0] - m[..., 0, 1],
                ],
                -1,
            ),
            np.stack(
                [
                    m[..., 2, 1] - m[..., 1, 2],
                    1 + xx - yy - zz,
                    m[..., 1, 0] + m[..., 0, 1],
                    m[..., 0, 2] + m[..., 2, 0],
                ],
                -1,
            ),
            np.stack(
                [
                    m[..., 0, 2] - m[..., 2, 0],
                    m[..., 1, 0] + m[..., 0, 1],
                    1 - xx + yy - zz,
                    m[..., 2, 1] + m[..., 1, 2],
                ],
                -1,
            ),
            np.stack(
                [
                    m[..., 1, 0] - m[..., 0, 1],
                    m[..., 0, 2] + m[..., 2, 0],
                    m[..., 2, 1] + m[..., 1, 2],
                    1 - xx - yy + zz,
                ],
                -1,
            ),
        ],
        -2,
    )
    diagonal = np.diagonal(rows, axis1=-2, axis2=-1)
    quat = np.take_along_axis(rows, diagonal.argmax(-1)[..., None, None], -2)[..., 0, :]
    quat = quat / np.linalg.norm(quat, axis=-1, keepdims=True)
    return np.where(quat[..., :1] < 0, -quat, quat)


def matrix_from_vector(vector: Array) -> Array:
    """Return the matrices (..., 3, 3) of rotation vectors (..., 3): the exponential map."""
    return matrix_from_quat(quat_from_vector(vector))


def vector_from_matrix(matrix: Array) -> Array:
    """Return the shortest rotation vectors (..., 3) of matrices (..., 3, 3): the logarithm."""
    return vector_from_quat(quat_from_matrix(matrix))


def quat_product(left: Array, right: Array) -> Array:
    """Return the quaternions (..., 4) of first right, then left, as `mju_mulQuat`."""
    left, right = np.asarray(left, float), np.asarray(right, float)
    if left.shape != right.shape:
        left, right = (np.array(q) for q in np.broadcast_arrays(left, right))
    return _products(left.reshape(-1, 4), right.reshape(-1, 4)).reshape(left.shape)


def quat_inverse(quat: Array) -> Array:
    """Return the quaternions (..., 4) of the inverse rotations."""
    return np.asarray(quat, float) * [1.0, -1.0, -1.0, -1.0]


@numba.njit(error_model="numpy")
def exponential_map(x, y, z):
    """Quaternion of one rotation vector."""
    half = 0.5 * math.sqrt(x * x + y * y + z * z)
    scale = 0.5 - half * half / 12.0 if half < _SMALL else 0.5 * math.sin(half) / half
    return math.cos(half), scale * x, scale * y, scale * z


@numba.njit(error_model="numpy")
def logarithm_map(w, x, y, z):
    """Shortest rotation vector of one quaternion."""
    if w < 0.0:
        w, x, y, z = -w, -x, -y, -z
    sine = math.sqrt(x * x + y * y + z * z)
    ratio = 2.0 + sine * sine / 3.0 if sine < _SMALL else 2.0 * math.atan2(sine, w) / sine
    return ratio * x, ratio * y, ratio * z


@numba.njit(error_model="numpy")
def hamilton_product(a, b, c, d, w, x, y, z):
    """Product of two quaternions."""
    return (
        a * w - b * x - c * y - d * z,
        a * x + b * w + c * z - d * y,
        a * y - b * z + c * w + d * x,
        a * z + b * y - c * x + d * w,
    )


@compiled(error_model="numpy")
def _exponentials(vector):
    """Rows of `quat_from_vector`, (n, 3) -> (n, 4)."""
    out = np.empty((vector.shape[0], 4))
    for i in range(vector.shape[0]):
        out[i] = exponential_map(vector[i, 0], vector[i, 1], vector[i, 2])
    return out


@compiled(error_model="numpy")
def _logarithms(quat):
    """Rows of `vector_from_quat`, (n, 4) -> (n, 3)."""
    out = np.empty((quat.shape[0], 3))
    for i in range(quat.shape[0]):
        out[i] = logarithm_map(quat[i, 0], quat[i, 1], quat[i, 2], quat[i, 3])
    return out


@compiled(error_model="numpy")
def _matrices(quat):
    """Rows of `matrix_from_quat`, (n, 4) -> (n, 3, 3)."""
    out = np.empty((quat.shape[0], 3, 3))
    for i in range(quat.shape[0]):
        w, x, y, z = quat[i]
        out[i, 0] = 1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)
        out[i, 1] = 2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)
        out[i, 2] = 2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)
    return out


@compiled(error_model="numpy")
def _products(left, right):
    """Rows of `quat_product`, (n, 4) each."""
    out = np.empty(left.shape)
    for i in range(left.shape[0]):
        a, b, c, d = left[i]
        w, x, y, z = right[i]
        out[i] = hamilton_product(a, b, c, d, w, x, y, z)
    return out
