"""What a compiled model holds where: joints, couplings, muscles, mirror twins, feet."""

from collections.abc import Sequence
from typing import NamedTuple

import mujoco
import numpy as np

from batchenv.body.names import BodyNames
from batchenv.errors import BodyError

SCALAR_JOINTS = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)


class Couplings(NamedTuple):
    """Joints bound to a driver: q = q0 + sum_k coef[k] (q_driver - q0_driver)^k, MuJoCo's mjEQ_JOINT.

    Attributes:
        joint: bound joint ids (B,).
        driver: ids of their drivers (B,).
        coef: polynomial coefficients (B, 5).
    """

    joint: np.ndarray
    driver: np.ndarray
    coef: np.ndarray


def joints_of(model: mujoco.MjModel, root: int) -> np.ndarray:
    """Return which joints belong to a root and to what it carries (njnt,) bool."""
    return model.body_rootid[model.jnt_bodyid] == root


def find_couplings(model: mujoco.MjModel, own: np.ndarray) -> Couplings:
    """Read the active joint equalities of a model that bind certain joints.

    Args:
        model: to read.
        own: the joints (njnt,) bool.

    Raises:
        BodyError: a joint is bound twice, or its driver is itself bound or no such joint.
    """
    rows = np.flatnonzero(
        (model.eq_type == mujoco.mjtEq.mjEQ_JOINT) & (model.eq_active0 == 1) & (model.eq_obj2id >= 0)
    )
    rows = rows[own[model.eq_obj1id[rows]]]
    joint, driver = model.eq_obj1id[rows], model.eq_obj2id[rows]
    for bound, by in zip(joint, driver, strict=True):
        if np.count_nonzero(joint == bound) > 1:
            raise BodyError(
                f"joint {model.joint(bound).name!r} is bound by more than one equality; expected one."
            )
        if by in joint or not own[by]:
            state = "itself bound" if by in joint else "no joint of the human"
            raise BodyError(
                f"joint {model.joint(bound).name!r} is bound to {model.joint(by).name!r}, which is {state};"
                " expected a free driver."
            )
    return Couplings(joint, driver, model.eq_data[rows, :5].copy())


def primary_joints(model: mujoco.MjModel, own: np.ndarray, bound: np.ndarray) -> np.ndarray:
    """Return the ids (J,) of those of `own` (njnt,) bool that hinge or slide and are not bound, in order."""
    scalar = np.isin(model.jnt_type, [int(kind) for kind in SCALAR_JOINTS])
    return np.setdiff1d(np.flatnonzero(scalar & own), bound)


def muscles(model: mujoco.MjModel) -> np.ndarray:
    """Return the ids (M,) of the actuators with MuJoCo's muscle gain."""
    return np.flatnonzero(model.actuator_gaintype == mujoco.mjtGain.mjGAIN_MUSCLE)


def mirror_permutation(names: Sequence[str], body_names: BodyNames) -> np.ndarray:
    """Return (len(names),) indices of the mirror twins; a name without a twin maps to itself.

    Where a left name has no twin on the right, one without side is it, as in myo_sim's arms: ANC for ANC_l.
    """
    index = {name: i for i, name in enumerate(names)}
    twins = np.array([index.get(body_names.twin(name), i) for i, name in enumerate(names)], dtype=np.int64)
    for i, name in enumerate(names):
        bare = index.get(body_names.without_side(name), i)
        if body_names.is_left(name) and twins[i] == i != bare:
            twins[i], twins[bare] = bare, i
    return twins


def left_direction(data: mujoco.MjData, root: int, names: BodyNames) -> np.ndarray:
    """Return the unit vector (3,) along the horizontal axis from parts on the right to their left twins.

    A body without twins is taken to face -Y, as those of myo_sim do.

    Args:
        data: at the reference pose, kinematics done.
        root: of the body.
        names: what marks its sides.
    """
    model = data.model
    ids = {model.body(i).name: i for i in np.flatnonzero(model.body_rootid == root)}
    offset = np.zeros(3)
    for name, i in ids.items():
        if names.is_left(name) and names.twin(name) in ids:
            offset += data.xpos[i] - data.xpos[ids[names.twin(name)]]
    left = np.zeros(3)
    axis = int(np.argmax(np.abs(offset[:2])))
    left[axis] = np.sign(offset[axis]) or 1.0
    return left


def mirror_signs(data: mujoco.MjData, joints: np.ndarray, mirror: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Return (J,) +1 or -1: the sign that a joint's coordinate takes on its twin in a mirrored pose.

    A reflection in the sagittal plane maps a sliding axis a to R a, and a turning axis, being axial, to -R a.

    Args:
        data: at the reference pose, kinematics done.
        joints: joint ids (J,).
        mirror: twin of each joint, index into joints (J,).
        left: normal of the sagittal plane (3,).
    """
    axis = data.xaxis[joints]
    reflected = axis - 2 * np.outer(axis @ left, left)
    turning = data.model.jnt_type[joints] == mujoco.mjtJoint.mjJNT_HINGE
    reflected = np.where(turning[:, None], -reflected, reflected)
    return np.where(np.einsum("ij,ij->i", reflected, axis[mirror]) < 0, -1.0, 1.0)


def sensor_addresses(
    model: mujoco.MjModel, names: Sequence[str], kind: mujoco.mjtSensor, dim: int
) -> np.ndarray:
    """Return the sensordata addresses of the named sensors, or (0,) unless all are there and of a kind.

    Args:
        model: to look in.
        names: of the sensors.
        kind: type that they have to have.
        dim: how many numbers each gives.
    """
    ids = [mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_SENSOR, name) for name in names]
    right = all(i >= 0 and model.sensor_type[i] == kind and model.sensor_dim[i] == dim for i in ids)
    return model.sensor_adr[ids].astype(np.int32) if right else np.zeros(0, np.int32)


def body_ids(model: mujoco.MjModel, names: Sequence[str]) -> np.ndarray:
    """Return the ids of the named bodies, or (0,) unless the model has all of them."""
    ids = [mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, name) for name in names]
    return np.array(ids if min(ids) >= 0 else [], dtype=np.int32)


def sampled_range(joint_range: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Least and greatest positions that are tried of joints, each (J,): half a turn where there is no limit.

    Args:
        joint_range: limits (J, 2), infinite where there is none.
    """
    low, high = joint_range.T
    return np.where(np.isfinite(low), low, -np.pi), np.where(np.isfinite(high), high, np.pi)
