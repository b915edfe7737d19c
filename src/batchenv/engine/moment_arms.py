"""Which joints each muscle moves, and how far: effective moment arms, through the couplings of a body.

A muscle's effective moment arm on a primary joint sums its arms on the joint and on those bound to it, times their
slopes. These are the plain NumPy functions, for building and for checking; `muscles.effective_moment_arms` is
what runs in every substep.
"""

import mujoco
import numpy as np

from batchenv.body import Body


def dof_joints(body: Body, model: mujoco.MjModel) -> np.ndarray:
    """Primary joint that each dof belongs to or is bound to, or -1 (nv,)."""
    joints = np.full(model.nv, -1, np.int32)
    joints[body.joint_dofadr] = np.arange(len(body.joint_names))
    joints[body.bound_dofadr] = body.bound_joint
    return joints


def moment_arms(body: Body, model: mujoco.MjModel, joint_pos: np.ndarray) -> np.ndarray:
    """Effective moment arms at a pose, positive where the muscle lengthens with the joint (n_muscle, n_joint) [m].

    Args:
        body: names and couplings.
        model: compiled from the body.
        joint_pos: (n_joint,) [rad].
    """
    data, moment = mujoco.MjData(model), np.zeros((model.nu, model.nv))
    data.qpos[:] = body.qpos(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), joint_pos)
    mujoco.mj_fwdPosition(model, data)
    structure = (data.moment_rownnz, data.moment_rowadr, data.moment_colind)
    mujoco.mju_sparse2dense(moment, data.actuator_moment, *structure)
    slope = np.ones(model.nv)
    slope[body.bound_dofadr] = body.bound_slope(joint_pos)
    arms, joints = np.zeros((model.nu, len(body.joint_names))), dof_joints(body, model)
    own = joints >= 0
    np.add.at(arms.T, joints[own], (moment * slope)[:, own].T)
    return arms


def largest_moment_arms(body: Body, model: mujoco.MjModel, poses: int = 64) -> np.ndarray:
    """Largest absolute effective moment arms over poses spread through the joint ranges (n_muscle, n_joint) [m]."""
    low, high = np.clip(body.joint_range, -np.pi, np.pi).T
    samples = np.random.default_rng(0).uniform(low, high, (poses, low.size))
    return np.max([np.abs(moment_arms(body, model, joint_pos)) for joint_pos in samples], axis=0)


def joints_crossed(arms: np.ndarray, threshold: float = 1e-9) -> tuple[np.ndarray, np.ndarray]:
    """Sparse structure, by muscle, of the joints that muscles cross.

    Args:
        arms: largest absolute effective moment arm met (n_muscle, n_joint) [m].
        threshold: below it a muscle does not cross the joint [m].

    Returns:
        ptr (n_muscle + 1,) and joint (nnz,), int32: muscle m crosses joint[ptr[m]:ptr[m + 1]].
    """
    mask = arms > threshold
    ptr = np.concatenate([[0], np.cumsum(mask.sum(axis=1))]).astype(np.int32)
    return ptr, np.nonzero(mask)[1].astype(np.int32)
