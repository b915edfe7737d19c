"""Which joints each muscle moves, and how far: effective moment arms, through the couplings of a body.

A muscle's effective moment arm on a primary joint sums its arms on the joint and on those bound to it, times
their slopes. These are the plain NumPy functions, for building and for checking.
"""

from typing import Any

import mujoco
import numpy as np

from batchenv.body.bound_arms import peak_forces
from batchenv.body.indices import sampled_range
from batchenv.body.mechanism import Fibers, Mechanism, MomentStructure
from batchenv.body.polynomial_fit import PolynomialPaths, dofs_moved
from batchenv.body.sources import compile_spec
from batchenv.errors import BodyError

Body = Any  # a `batchenv.body.Body`, whose module imports this one
NO_MOMENT = 1e-12  # below it a moment is rounding [m]
ROOT_ROOM = 6  # places for moments that MuJoCo gives an actuator on a free joint


def dof_joints(body: Body, model: mujoco.MjModel) -> np.ndarray:
    """Primary joint that each dof belongs to or is bound to, or -1 (nv,)."""
    joints = np.full(model.nv, -1, np.int32)
    joints[body.joint_dofadr] = np.arange(len(body.joint_names))
    joints[body.bound_dofadr] = body.bound_joint
    return joints


def moment_structure(body: Body, model: mujoco.MjModel) -> MomentStructure:
    """Find the joints that muscles cross anywhere in their ranges.

    Raises:
        BodyError: an actuator's transmission has no fixed structure.
    """
    arms, joints = largest_moment_arms(body, model), dof_joints(body, model)
    rownnz, rowadr, colind, largest = _sparse_moments(model)
    paths: PolynomialPaths | None = body.polynomials
    for m in np.flatnonzero(paths.degree).tolist() if paths is not None else ():
        assert paths is not None
        # What the model says of it is room alone.
        dofs = dofs_moved(body, paths, m)
        own = slice(rowadr[m], rowadr[m] + rownnz[m])
        rownnz[m], largest[own], arms[m], arms[m, joints[dofs]] = dofs.size, 0.0, 0.0, 1.0
        colind[own.start :][: dofs.size], largest[own.start :][: dofs.size] = dofs, 1.0
    ptr, joint = joints_crossed(arms)
    crossed = np.full((model.nu, len(body.joint_names)), -1)
    crossed[np.repeat(np.arange(model.nu), np.diff(ptr)), joint] = np.arange(joint.size)
    entries = [
        (k, colind[k], crossed[m, joints[colind[k]]])
        for m in range(model.nu)
        for k in range(rowadr[m], rowadr[m] + rownnz[m])
        if joints[colind[k]] >= 0 and crossed[m, joints[colind[k]]] >= 0
    ]
    kept = largest > NO_MOMENT
    number = [int(kept[start : start + n].sum()) for start, n in zip(rowadr, rownnz, strict=True)]
    return MomentStructure(
        ptr,
        joint,
        *np.array(entries, np.int32).reshape(-1, 3).T,
        kept=np.flatnonzero(kept),
        kept_dof=colind[kept],
        kept_number=np.array(number),
        dof_joint=joints,
    )


def _sparse_moments(
    model: mujoco.MjModel, poses: int = 64
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """MuJoCo's `moment_rownnz`, `moment_rowadr`, `moment_colind`, and the largest |`actuator_moment`| met.

    Every joint takes its own random values, bound ones too: what stays zero is zero by the path's topology.
    """
    data, rng = mujoco.MjData(model), np.random.default_rng(0)
    structure, largest = None, np.zeros(model.nJmom)
    for _ in range(poses):
        data.qpos[:] = model.qpos0 + rng.uniform(-0.3, 0.3, model.nq)
        mujoco.mj_fwdPosition(model, data)
        found = (data.moment_rownnz.copy(), data.moment_rowadr.copy(), data.moment_colind.copy())
        structure = structure or found
        if not all(np.array_equal(a, b) for a, b in zip(structure, found, strict=True)):
            raise BodyError("the moment arms of an actuator change their sparse structure with the pose")
        largest = np.maximum(largest, np.abs(data.actuator_moment))
    assert structure is not None
    return *structure, largest


def moment_arms(body: Body, model: mujoco.MjModel, joint_pos: np.ndarray) -> np.ndarray:
    """Effective moment arms at a pose (n_muscle, n_joint) [m], positive where a joint lengthens the muscle.

    Args:
        body: names and couplings.
        model: compiled from the body.
        joint_pos: (n_joint,) [rad].
    """
    data, moment = mujoco.MjData(model), np.zeros((model.nu, model.nv))
    _pose(body, model, data, joint_pos)
    structure = (data.moment_rownnz, data.moment_rowadr, data.moment_colind)
    mujoco.mju_sparse2dense(moment, data.actuator_moment, *structure)
    slope = np.ones(model.nv)
    slope[body.bound_dofadr] = body.bound_slope(joint_pos)
    arms, joints = np.zeros((model.nu, len(body.joint_names))), dof_joints(body, model)
    own = joints >= 0
    np.add.at(arms.T, joints[own], (moment * slope)[:, own].T)
    return arms


def largest_moment_arms(body: Body, model: mujoco.MjModel, poses: int = 64) -> np.ndarray:
    """Largest absolute effective moment arms over poses in the joint ranges (n_muscle, n_joint) [m]."""
    arms = [np.abs(moment_arms(body, model, joint_pos)) for joint_pos in _poses(body, poses)]
    return np.max(arms, axis=0)


def _poses(body: Body, number: int) -> np.ndarray:
    low, high = sampled_range(body.joint_range)
    return np.random.default_rng(0).uniform(low, high, (number, low.size))


def _pose(body: Body, model: mujoco.MjModel, data: mujoco.MjData, joint_pos: np.ndarray) -> None:
    data.qpos[:] = body.qpos(np.zeros(3), np.array([1.0, 0.0, 0.0, 0.0]), joint_pos)
    mujoco.mj_fwdPosition(model, data)


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


def mechanism(body: Body, nuserdata: int = 0) -> Mechanism:
    """Compile a body for the engine, with room for `userdata`; its muscles are MuJoCo's tendons.

    Raises:
        BodyError: an actuator is no muscle, or has no fixed structure.
    """
    body.spec.nuserdata = nuserdata
    model = compile_spec(body.spec)
    check_muscles_alone(body)
    moments = body.moments
    return Mechanism(
        model=model,
        joint_names=body.joint_names,
        joint_qposadr=body.joint_qposadr,
        joint_dofadr=body.joint_dofadr,
        bound_dofadr=body.bound_dofadr,
        bound_joint=body.bound_joint,
        bound_driver_q0=body.bound_driver_q0,
        bound_coef=body.bound_coef,
        muscle_names=body.muscle_names,
        crossing_ptr=moments.ptr,
        crossing_joint=moments.joint,
        mirror_muscle=body.mirror_muscle,
        mirror_joint=body.mirror_joint,
        mirror_joint_sign=body.mirror_joint_sign,
        foot_sensor_adr=body.grf_sensor_adr + 2,  # the vertical component
        foot_body=body.foot_body if body.grf_sensor_adr.size else np.zeros(0, np.int32),
        moments=moments,
        fibers=_fibers(model),
        polynomials=body.polynomials,
    )


def check_muscles_alone(body: Body) -> None:
    """Raise BodyError where an actuator of a body is no muscle."""
    if len(body.muscle_names) != body.model.nu:
        others = {body.model.actuator(i).name for i in range(body.model.nu)} - set(body.muscle_names)
        raise body.error(f"actuators {', '.join(sorted(others))} are not muscles; remove them from the body")


def _fibers(model: mujoco.MjModel) -> Fibers:
    """Parameters of MuJoCo's muscles, whose lengths follow from the ends of their operating range."""
    ends, parameters = model.actuator_lengthrange, model.actuator_gainprm
    optimal = np.ptp(ends, axis=1) / np.ptp(parameters[:, :2], axis=1)
    return Fibers(
        peak_force=peak_forces(model),
        optimal_length=optimal,
        tendon_length=ends[:, 0] - parameters[:, 0] * optimal,
        reference_length=np.ones(model.nu),
        mujoco_curves=parameters[0, :9] if model.nu else np.zeros(9),
    )
