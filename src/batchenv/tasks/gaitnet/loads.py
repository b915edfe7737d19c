"""Share of the body's weight on each foot."""

import numpy as np

from batchenv.body.gaitnet import matrix_from_quat

Array = np.ndarray


def foot_loads(constraint_force: Array, qpos: Array, foot: Array, weight: float | Array) -> Array:
    """Vertical force of the ground on the left and the right foot, over the body's weight (N, 2).

    The ground is all that pushes on the whole body, so its force and moment are those of all constraints on
    the root. They give the centre of pressure, which shares the force among the feet by the lever rule.

    Args:
        constraint_force: generalised forces of constraints, the free root's first (N, nv).
        qpos: (N, nq).
        foot: centres of mass of the left and the right foot (N, 2, 3) [m].
        weight: of the body, or of each world's (N,) [N].
    """
    force = constraint_force[:, :3]
    rotation = matrix_from_quat(qpos[:, 3:7])
    moment = np.einsum("nij,nj->ni", rotation, constraint_force[:, 3:6])
    lift = np.where(force[:, 1] > 0.0, force[:, 1], np.inf)
    # r x F = M with r from the root to the ground, for the horizontal parts of r; y is up.
    drop = -qpos[:, 1]
    x = (drop * force[:, 0] + moment[:, 2]) / lift
    z = (drop * force[:, 2] - moment[:, 0]) / lift
    pressure = np.stack([qpos[:, 0] + x, qpos[:, 2] + z], axis=1)
    left, right = foot[:, 0][:, [0, 2]], foot[:, 1][:, [0, 2]]
    lever = left - right
    share = ((pressure - right) * lever).sum(axis=1) / (lever**2).sum(axis=1)
    share = np.clip(share, 0.0, 1.0)
    return np.stack([share, 1.0 - share], axis=1) * (np.maximum(force[:, 1], 0.0) / weight)[:, None]
