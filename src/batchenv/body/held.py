"""Joints of a body that are held: they, and all that moves nothing else, are taken out of its model."""

from collections.abc import Sequence
from fnmatch import fnmatchcase

import mujoco

from batchenv.body.names import BodyNames
from batchenv.body.sources import compile_spec, delete_unused_sites, keep_strength
from batchenv.errors import BodyError, nearest

_SCALAR = (mujoco.mjtJoint.mjJNT_HINGE, mujoco.mjtJoint.mjJNT_SLIDE)


def hold_joints(spec: mujoco.MjSpec, patterns: Sequence[str], names: BodyNames) -> None:
    """Weld joints of a spec in the pose of its file.

    Joints that follow a held one by an equality are held, too. Muscles whose lengths no joint changes any
    more are left out, and so are sensors on parts without a joint; bodies that no longer move against each
    other become one, which bears the name of the first.

    Args:
        spec: to change.
        patterns: names of joints without their side; * stands for any characters.
        names: what marks the sides.

    Raises:
        BodyError: a pattern matches no joint, or no joint remains.
    """
    whole = compile_spec(spec)
    scalar = [joint for joint in spec.joints if joint.type in _SCALAR]
    held = _matching({joint.name: names.without_side(joint.name) for joint in scalar}, patterns)
    for equality in list(spec.equalities):
        if equality.type == mujoco.mjtEq.mjEQ_JOINT and held & {equality.name1, equality.name2}:
            held.add(equality.name1)
            spec.delete(equality)
    if len(held) == len(scalar):
        raise BodyError(
            "environment.skeleton.held leaves the body no joint to move; expected some that are not held."
        )
    for actuator in spec.actuators:
        if actuator.gaintype == mujoco.mjtGain.mjGAIN_MUSCLE:
            keep_strength(actuator, whole)
    for joint in scalar:
        if joint.name in held:
            spec.delete(joint)
    for pose in list(spec.keys):  # of all joints
        spec.delete(pose)
    _drop_idle_parts(spec)
    spec.compiler.LRopt.useexisting = 1
    spec.compiler.fusestatic = True


def _matching(bare: dict[str, str], patterns: Sequence[str]) -> set[str]:
    """Names of which the part without side, their value, matches a pattern.

    Raises:
        BodyError: a pattern matches none.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in bare.values()):
            known = list(dict.fromkeys(bare.values()))
            raise BodyError(
                f"environment.skeleton.held has {pattern!r}, which matches no joint of the body."
                f"{nearest(pattern, known)} Joints: {', '.join(known)}."
            )
    return {name for name, kind in bare.items() if any(fnmatchcase(kind, each) for each in patterns)}


def _drop_idle_parts(spec: mujoco.MjSpec) -> None:
    """Delete muscles whose paths lie on one rigid part, and what keeps rigid bodies from becoming one."""
    part = {body.name: _part(body) for body in spec.bodies}
    touched: set[str] = set()
    for actuator in list(spec.actuators):
        tendon = spec.tendon(actuator.target)
        path = [] if tendon is None else [wrap.target for wrap in tendon.path if wrap.target is not None]
        parts = {part[target.parent.name] for target in path}
        if len(parts) == 1:
            touched |= {target.name for target in path}
            spec.delete(actuator)
            spec.delete(tendon)
    for exclude in list(spec.excludes):
        if part[exclude.bodyname1] == part[exclude.bodyname2]:
            spec.delete(exclude)
    for sensor in list(spec.sensors):
        body = _body_of(spec, sensor)
        if body is not None and not body.joints:
            touched.add(sensor.objname)
            spec.delete(sensor)
    delete_unused_sites(spec, touched)


def _part(body: mujoco.MjsBody) -> str:
    """Name of the first body of the rigid part that a body belongs to."""
    while not body.joints and body.name != "world":
        body = body.parent
    return body.name


def _body_of(spec: mujoco.MjSpec, sensor: mujoco.MjsSensor) -> mujoco.MjsBody | None:
    """The body that a sensor sits on; None for a sensor of anything else than a body or a site."""
    if sensor.objtype == mujoco.mjtObj.mjOBJ_SITE:
        return spec.site(sensor.objname).parent
    bodies = (mujoco.mjtObj.mjOBJ_BODY, mujoco.mjtObj.mjOBJ_XBODY)
    return spec.body(sensor.objname) if sensor.objtype in bodies else None
