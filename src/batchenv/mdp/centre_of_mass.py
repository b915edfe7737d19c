"""How fast the centre of mass moves, by the joint-space inertia that physics has computed already."""

import mujoco
import numpy as np

from batchenv.arrays import summed

Array = np.ndarray


def carried_dofs(model: mujoco.MjModel, root: int) -> Array:
    """Degrees of freedom of a root and of all that it carries, but for its first three (d,)."""
    return np.flatnonzero(model.body_rootid[model.dof_bodyid] == model.body_rootid[root])[3:]


def com_velocity(dofs: Array, row_starts: Array, inertia: Array, qvel: Array) -> Array:
    """Velocity of the centre of mass of all that moves with the root, along the world's axes (N, 3) [m/s].

    The first three velocities of a free joint are those of its body along the axes of the world, so the
    first three columns of the joint-space inertia give the momentum.

    Args:
        dofs: see `carried_dofs` (d,).
        row_starts: where their rows of the inertia begin, of `mjModel.M_rowadr` (d,).
        inertia: its lower triangle without zeros, `mjData.M` (N, nM); the free joint is the first. Where
            it is not known yet, all 0, the velocity is the root's.
        qvel: (N, nv).
    """
    columns = inertia[:, row_starts[:, None] + np.arange(3)]
    moved = summed(np.swapaxes(columns, 1, 2) * qvel[:, None, dofs])
    return qvel[:, :3] + moved / np.maximum(inertia[:, :1], np.finfo(float).tiny)
