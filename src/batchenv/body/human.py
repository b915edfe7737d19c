"""Checks that a compiled model is one human who can walk on its floor."""

import mujoco
import numpy as np

from batchenv.body.indices import SCALAR_JOINTS, muscles
from batchenv.body.names import BodyNames
from batchenv.errors import BodyError, nearest

# Memory that MuJoCo reserves for the contacts of each world [bytes]; a human needs a tenth of it.
MOST_ARENA = 256_000_000
MOST_ITERATIONS = 1000
MOST_MASS = 10_000.0
_HEAVY = 1000.0
# A floor is level and at zero, and a root upright, within this [m], [1].
_LEVEL = 1e-3
_NEEDED = {
    "constraint": mujoco.mjtDisableBit.mjDSBL_CONSTRAINT,
    "contact": mujoco.mjtDisableBit.mjDSBL_CONTACT,
    "equality": mujoco.mjtDisableBit.mjDSBL_EQUALITY,
    "gravity": mujoco.mjtDisableBit.mjDSBL_GRAVITY,
    "actuation": mujoco.mjtDisableBit.mjDSBL_ACTUATION,
    "sensor": mujoco.mjtDisableBit.mjDSBL_SENSOR,
}
_ITERATIONS = ("iterations", "ls_iterations", "noslip_iterations", "ccd_iterations", "sdf_iterations")
# What kinematics and dynamics are made of; no such number of a human is larger, in SI units.
_FIELDS = (
    *("qpos0", "qpos_spring", "body_pos", "body_quat", "body_ipos", "body_inertia", "jnt_pos", "jnt_axis"),
    *("jnt_range", "jnt_stiffness", "dof_damping", "dof_armature", "dof_frictionloss", "geom_pos"),
    *("site_pos", "tendon_stiffness", "tendon_damping", "actuator_gainprm", "actuator_biasprm"),
    *("actuator_lengthrange", "actuator_gear", "eq_data"),
)
_LARGEST = 1e9
_KINDS = {
    int(mujoco.mjtJoint.mjJNT_FREE): "free",
    int(mujoco.mjtJoint.mjJNT_BALL): "ball",
    int(mujoco.mjtJoint.mjJNT_SLIDE): "slide",
    int(mujoco.mjtJoint.mjJNT_HINGE): "hinge",
}


def root_of_human(model: mujoco.MjModel) -> int:
    """Return the body whose free joint carries hinges or slides, the first joint of the model.

    Raises:
        BodyError: there is none, more than one, or something else comes first.
    """
    scalar = np.isin(model.jnt_type, [int(kind) for kind in SCALAR_JOINTS])
    articulated = set(model.body_rootid[model.jnt_bodyid[scalar]].tolist())
    free = model.jnt_bodyid[model.jnt_type == mujoco.mjtJoint.mjJNT_FREE].tolist()
    humans = [body for body in free if body in articulated]
    if not free:
        first = "it has no joint"
        if model.njnt:
            first = f"it is {_label(model.joint(0).name)}, a {_KINDS[int(model.jnt_type[0])]} joint"
        raise BodyError(f"the first joint of the body must be a free joint; {first}.")
    if not humans:
        raise BodyError(
            f"body {_label(model.body(free[0]).name)}, which has a free joint, has no hinge or slide joints:"
            " expected a human with joints to move."
        )
    if len(humans) > 1:
        names = " and ".join(_label(model.body(body).name) for body in humans)
        raise BodyError(f"bodies {names} have a free joint and joints below it; expected one human.")
    if model.jnt_bodyid[0] != humans[0]:
        other = model.body(model.jnt_bodyid[0]).name
        raise BodyError(
            f"the first joint of the body must be a free joint, that of {_label(model.body(humans[0]).name)};"
            f" body {_label(other)} has joints before it: put it behind the human."
        )
    return humans[0]


def check_names(model: mujoco.MjModel, root: int, names: BodyNames) -> None:
    """Check that joints and muscles have names, and that feet, toes, trunk and head belong to the human.

    Raises:
        BodyError: names the offender.
    """
    for joint in range(1, model.njnt):
        body = model.jnt_bodyid[joint]
        if model.body_rootid[body] == root and not model.joint(joint).name:
            raise BodyError(f"a joint of body {_label(model.body(body).name)} has no name; expected one.")
    for muscle in muscles(model):
        if not model.actuator(muscle).name:
            raise BodyError(f"muscle {muscle}, counted from 0, has no name; expected one.")
    own = [model.body(i).name for i in np.flatnonzero(model.body_rootid == root) if model.body(i).name]
    for key, bodies in names.given.items():
        for name in bodies:
            if mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, name) < 0:
                raise BodyError(
                    f"names.{key} has {name!r}, and there is no such body.{nearest(name, own)}"
                    f" Bodies: {', '.join(own)}."
                )
    for name in (*names.foot_bodies, *names.toe_bodies, names.trunk_body, names.head_body):
        body = mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, name)
        if body >= 0 and model.body_rootid[body] != root:
            raise BodyError(
                f"body {name!r} is not part of {_label(model.body(root).name)}; expected it there."
            )


def check_physics(model: mujoco.MjModel, root: int) -> None:
    """Check gravity, mass, options and memory.

    Raises:
        BodyError: names the offender.
    """
    gravity = model.opt.gravity
    if not (-_HEAVY < gravity[2] < 0) or np.abs(gravity[:2]).max() > _LEVEL:
        raise BodyError(f"gravity is {gravity.tolist()} m/s^2; expected it to point along -z.")
    if abs(model.body_quat[root, 1]) > _LEVEL or abs(model.body_quat[root, 2]) > _LEVEL:
        raise BodyError(
            f"root {_label(model.body(root).name)} is tilted, {model.body_quat[root].round(4).tolist()};"
            " expected a human who stands upright along z when its root has no rotation."
        )
    for name in _FIELDS:
        values = np.asarray(getattr(model, name)).ravel()
        if values.size and not np.abs(values).max() <= _LARGEST:
            worst = values[np.argmax(~(np.abs(values) <= _LARGEST))]
            raise BodyError(f"{name} of the model holds {worst:g}; expected no number beyond {_LARGEST:g}.")
    mass = float(model.body_subtreemass[root])
    if not mass <= MOST_MASS:
        raise BodyError(f"the mass is {mass:g} kg; expected at most {MOST_MASS:g} kg.")
    for name, bit in _NEEDED.items():
        if model.opt.disableflags & bit and (name != "equality" or model.neq):
            raise BodyError(f"option flag {name} is disabled; expected it to be enabled.")
    if model.opt.enableflags & mujoco.mjtEnableBit.mjENBL_SLEEP:
        raise BodyError("option flag sleep is enabled; expected bodies that never sleep.")
    for name in _ITERATIONS:
        if getattr(model.opt, name) > MOST_ITERATIONS:
            raise BodyError(
                f"option {name} is {getattr(model.opt, name)}; expected at most {MOST_ITERATIONS}."
            )
    if model.narena > MOST_ARENA:
        raise BodyError(
            f"a world needs {model.narena / 1e6:.0f} MB for its contacts; expected at most"
            f" {MOST_ARENA / 1e6:.0f} MB. Does the file ask for less with <size memory>?"
        )


def check_muscles(model: mujoco.MjModel) -> None:
    """Check that muscles are MuJoCo's in all they have, and enabled.

    Raises:
        BodyError: names the muscle.
    """
    for muscle in muscles(model):
        name = model.actuator(muscle).name
        dynamics, bias = model.actuator_dyntype[muscle], model.actuator_biastype[muscle]
        if dynamics != mujoco.mjtDyn.mjDYN_MUSCLE or bias != mujoco.mjtBias.mjBIAS_MUSCLE:
            raise BodyError(
                f"actuator {name!r} has the gain of a muscle without its dynamics and its bias; expected"
                " <muscle>."
            )
        if model.opt.disableactuator >> int(model.actuator_group[muscle]) & 1:
            raise BodyError(
                f"muscle {name!r} is disabled, its group {int(model.actuator_group[muscle])} being one of"
                " actuatorgroupdisable; expected it to be enabled."
            )


def check_floor(model: mujoco.MjModel, data: mujoco.MjData, floor: int) -> None:
    """Check that there is a floor, level and at zero.

    Args:
        model: of the body.
        data: kinematics done.
        floor: id of the plane, or -1.

    Raises:
        BodyError: says what stands in its place.
    """
    if floor < 0:
        static = np.flatnonzero(model.body_weldid[model.geom_bodyid] == 0)
        others = [f"{_label(model.geom(i).name)}, {_type_name(model, i)}" for i in static[:5]]
        hint = f" Geoms that stand still: {'; '.join(others)}." if others else ""
        raise BodyError(f"there is no floor; expected a geom of type plane.{hint}")
    name, height = model.geom(floor).name, float(data.geom_xpos[floor, 2])
    if abs(height) > _LEVEL or data.geom_xmat[floor, 8] < 1 - _LEVEL**2:
        raise BodyError(
            f"floor {name!r} is at a height of {height:g} m, its normal is"
            f" {data.geom_xmat[floor, 2::3].round(4).tolist()}; expected a level plane at z = 0."
        )


def _type_name(model: mujoco.MjModel, geom: int) -> str:
    return mujoco.mjtGeom(int(model.geom_type[geom])).name.removeprefix("mjGEOM_").lower()


def _label(name: str) -> str:
    return repr(name) if name else "without a name"
