"""The plain twin of the root's part of the compiled `measure`, in array code."""

from typing import Any

import numpy as np
from array_api_compat import array_namespace

Array = Any


def rotation_matrix(quat: Array) -> Array:
    """Rotation matrices (N, 3, 3) of unit quaternions (N, 4), w first; `mju_quat2Mat`."""
    xp = array_namespace(quat)
    products = quat[:, :, None] * quat[:, None, :]
    ww, wx, wy, wz = (products[:, 0, i] for i in range(4))
    xx, xy, xz = (products[:, 1, i] for i in range(1, 4))
    yy, yz, zz = products[:, 2, 2], products[:, 2, 3], products[:, 3, 3]
    entries = [
        *(ww + xx - yy - zz, 2 * (xy - wz), 2 * (xz + wy)),
        *(2 * (xy + wz), ww - xx + yy - zz, 2 * (yz - wx)),
        *(2 * (xz - wy), 2 * (yz + wx), ww - xx - yy + zz),
    ]
    return xp.reshape(xp.stack(entries, axis=-1), (-1, 3, 3))


def root_state(qpos: Array, qvel: Array, feet: Array, axes: np.ndarray) -> dict[str, Array]:
    """Quantities of the root, and of the feet relative to it.

    Args:
        qpos: (N, nq), a free joint first.
        qvel: (N, nv).
        feet: relative to the root, along the axes of the world (N, F, 3) [m].
        axes: as from `walking_axes`.
    """
    xp = array_namespace(qpos)
    walking, rotation = xp.asarray(axes), rotation_matrix(qpos[:, 3:7])
    ahead = (rotation @ walking[0]) @ walking.T  # the root's forward axis, in the walking frame
    heading = xp.atan2(ahead[:, 1], ahead[:, 0])
    # MuJoCo keeps a free joint's spin in its own frame, its velocity in the world's.
    spin = xp.sum(rotation * qvel[:, None, 3:6], axis=-1)
    vectors = xp.stack([qvel[:, :3], spin, rotation @ walking[2]], axis=1)
    levelled = _turned_to(heading, xp.concat([vectors, feet], axis=1) @ walking.T)
    return {
        "heading": heading,
        "root_pos": qpos[:, :3] @ walking.T,
        "root_linvel": levelled[:, 0],
        "root_angvel": levelled[:, 1],
        "root_up": levelled[:, 2],
        "foot_pos": levelled[:, 3:],
    }


def _turned_to(heading: Array, vectors: Array) -> Array:
    """Vectors (N, k, 3) of the walking frame, in the heading frame."""
    xp = array_namespace(heading)
    cos, sin = xp.cos(heading)[:, None], xp.sin(heading)[:, None]
    x, y = vectors[..., 0], vectors[..., 1]
    return xp.stack([cos * x + sin * y, cos * y - sin * x, vectors[..., 2]], axis=-1)
