"""Rotations as matrices (..., 3, 3), unit quaternions (..., 4), w first, or vectors (..., 3) [rad]."""

import numpy as np

Array = np.ndarray

# Below this angle [rad] the series of sin(x) / x to second order is exact in double precision.
_SMALL = 1e-4


def quat_from_vector(vector: Array) -> Array:
    """Return the quaternions (..., 4) of rotation vectors (..., 3): the exponential map."""
    vector = np.asarray(vector, float)
    half = 0.5 * np.linalg.norm(vector, axis=-1, keepdims=True)
    series = 0.5 - half**2 / 12
    scale = np.where(half < _SMALL, series, 0.5 * np.sinc(half / np.pi))
    return np.concatenate([np.cos(half), scale * vector], -1)


def vector_from_quat(quat: Array) -> Array:
    """Return the shortest rotation vectors (..., 3) of quaternions (..., 4): the logarithm."""
    quat = np.asarray(quat, float)
    quat = np.where(quat[..., :1] < 0, -quat, quat)
    sine = np.linalg.norm(quat[..., 1:], axis=-1, keepdims=True)
    angle = 2 * np.arctan2(sine, quat[..., :1])
    small = sine < _SMALL
    ratio = np.where(small, 2 + sine**2 / 3, angle / np.where(small, 1.0, sine))
    return ratio * quat[..., 1:]


def matrix_from_quat(quat: Array) -> Array:
    """Return the matrices (..., 3, 3) of unit quaternions (..., 4)."""
    w, x, y, z = np.moveaxis(np.asarray(quat, float), -1, 0)
    rows = [
        [1 - 2 * (y * y + z * z), 2 * (x * y - w * z), 2 * (x * z + w * y)],
        [2 * (x * y + w * z), 1 - 2 * (x * x + z * z), 2 * (y * z - w * x)],
        [2 * (x * z - w * y), 2 * (y * z + w * x), 1 - 2 * (x * x + y * y)],
    ]
    return np.stack([np.stack(row, -1) for row in rows], -2)


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
    a, b, c, d = np.moveaxis(np.asarray(left, float), -1, 0)
    w, x, y, z = np.moveaxis(np.asarray(right, float), -1, 0)
    return np.stack(
        [
            a * w - b * x - c * y - d * z,
            a * x + b * w + c * z - d * y,
            a * y - b * z + c * w + d * x,
            a * z + b * y - c * x + d * w,
        ],
        -1,
    )


def quat_inverse(quat: Array) -> Array:
    """Return the quaternions (..., 4) of the inverse rotations."""
    return np.asarray(quat, float) * [1.0, -1.0, -1.0, -1.0]


def rotate(quat: Array, vector: Array) -> Array:
    """Return vectors (..., 3) rotated by quaternions (..., 4)."""
    return np.einsum("...ij,...j->...i", matrix_from_quat(quat), vector)


def slerp(start: Array, end: Array, share: Array) -> Array:
    """Return the quaternions (..., 4) a share (...) of the shortest way from start to end."""
    way = vector_from_quat(quat_product(quat_inverse(start), end))
    return quat_product(start, quat_from_vector(np.asarray(share)[..., None] * way))
