"""The root's part of the compiled `measure`, for arrays of any library of the array-API standard."""

from typing import Any

from batchenv.arrays import array_namespace, summed

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


def root_state(qpos: Array, qvel: Array, feet: Array, axes: Array) -> dict[str, Array]:
    """Quantities of the root, and of the feet relative to it; see `measure`.

    Args:
        qpos: (N, nq), a free joint first.
        qvel: (N, nv).
        feet: relative to the root, along the axes of the world (N, F, 3) [m].
        axes: forward, left and up of the walking frame, in the world (3, 3).
    """
    xp = array_namespace(qpos)
    rotation = rotation_matrix(qpos[:, 3:7])
    ahead = _along(summed(rotation * axes[0]), axes)  # the root's forward axis, in the walking frame
    heading = xp.atan2(ahead[:, 1], ahead[:, 0])
    # MuJoCo keeps a free joint's spin in its own frame, its velocity in the world's.
    spin = summed(rotation * qvel[:, None, 3:6])
    vectors = xp.stack([qvel[:, :3], spin, summed(rotation * axes[2])], axis=1)
    levelled = _turned_to(heading, _along(xp.concat([vectors, feet], axis=1), axes))
    return {
        "heading": heading,
        "root_pos": _along(qpos[:, :3], axes),
        "root_linvel": levelled[:, 0],
        "root_angvel": levelled[:, 1],
        "root_up": levelled[:, 2],
        "foot_pos": levelled[:, 3:],
    }


def seen_by_walker(vectors: Array, heading: Array, axes: Array) -> Array:
    """Vectors of the world (N, 3) in the heading frame, turned by headings (N,) [rad]; axes: (3, 3)."""
    return _turned_to(heading, _along(vectors[:, None], axes))[:, 0]


def made_upright(vectors: Array, up: Array) -> Array:
    """Vectors (N, k, 3) after the least rotation that brings the unit vectors `up` (N, 3) to the vertical."""
    xp = array_namespace(vectors)
    height, level = up[:, None, 2:], up[:, None, :2]
    along = summed(level * vectors[..., :2])[..., None]
    flat = vectors[..., :2] - level * (vectors[..., 2:] + along / (1.0 + height))
    return xp.concat([flat, height * vectors[..., 2:] + along], axis=-1)


def _along(vectors: Array, axes: Array) -> Array:
    """Components of vectors (..., 3) along axes (3, 3), as sums: GPUs may round matrix products."""
    return summed(vectors[..., None, :] * axes)


def _turned_to(heading: Array, vectors: Array) -> Array:
    """Vectors (N, k, 3) of the walking frame, in the heading frame."""
    xp = array_namespace(heading)
    cos, sin = xp.cos(heading)[:, None], xp.sin(heading)[:, None]
    x, y = vectors[..., 0], vectors[..., 1]
    return xp.stack([cos * x + sin * y, cos * y - sin * x, vectors[..., 2]], axis=-1)
