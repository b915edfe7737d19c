"""OpenSim's frame and the coordinates of its pelvis: X forward, Y up, Z to the right.

Joint angles need no change: flexion, adduction, internal rotation, dorsiflexion and inversion are positive in
recordings as in the model of Rajagopal et al., IEEE Trans Biomed Eng 63:2068 (2016), from which `myolegs`
descends.
"""

import numpy as np

Array = np.ndarray

PELVIS_ANGLES = ("pelvis_tilt", "pelvis_list", "pelvis_rotation")
PELVIS_PLACE = ("pelvis_tx", "pelvis_ty", "pelvis_tz")


def to_opensim(vectors: Array) -> Array:
    """Vectors (..., 3) of a recording (forward, left, up) in OpenSim's ground frame."""
    return np.stack([vectors[..., 0], vectors[..., 2], -vectors[..., 1]], axis=-1)


def from_opensim(vectors: Array) -> Array:
    """The inverse of `to_opensim`."""
    return np.stack([vectors[..., 0], -vectors[..., 2], vectors[..., 1]], axis=-1)


def pelvis_angles(quat: Array) -> Array:
    """Tilt, list and rotation (T, 3) [rad] of orientations of a recording (T, 4).

    OpenSim's pelvis turns about Z, then about its X, then about its Y: R = Rz(tilt) Rx(list) Ry(rotation).
    Tilt and rotation go on beyond half a turn.
    """
    w, (x, y, z) = quat[:, 0], to_opensim(quat[:, 1:]).T
    tilt = np.arctan2(-2 * (x * y - w * z), 1 - 2 * (x * x + z * z))
    lean = np.arcsin(np.clip(2 * (y * z + w * x), -1.0, 1.0))
    rotation = np.arctan2(-2 * (x * z - w * y), 1 - 2 * (x * x + y * y))
    return np.stack([np.unwrap(tilt), lean, np.unwrap(rotation)], axis=1)


def pelvis_quat(angles: Array) -> Array:
    """The inverse of `pelvis_angles`, up to the sign of the quaternions (T, 4)."""
    (cz, cx, cy), (sz, sx, sy) = np.cos(angles / 2).T, np.sin(angles / 2).T
    w, x, y, z = cz * cx, cz * sx, sz * sx, sz * cx  # of Rz Rx
    vector = np.stack([x * cy - z * sy, w * sy + y * cy, z * cy + x * sy], axis=1)
    return np.column_stack([w * cy - y * sy, from_opensim(vector)])
