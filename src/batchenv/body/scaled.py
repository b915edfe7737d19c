"""Segments of a body that are larger or smaller than in its file, with all that lies on them."""

from collections.abc import Mapping

import mujoco
import numpy as np

from batchenv.body.human import root_of_human
from batchenv.body.muscle_groups import selection
from batchenv.body.names import BodyNames
from batchenv.body.sources import compile_spec, keep_strength
from batchenv.errors import ConfigError

Array = np.ndarray

_KEY = "environment.skeleton.scale"
SCALES = (0.5, 2.0)  # of a segment
PRODUCTS = (0.25, 4.0)  # of all factors of one body
SEGMENTS: Mapping[str, tuple[str, ...]] = {
    "pelvis": ("Full Body", "myolegs_root", "pelvis", "sacrum"),
    "thigh": ("femur", "patella"),
    "shank": ("tibia", "talus"),
    "foot": ("calcn", "toes"),
    "trunk": (
        *("lumbar*", "Abdomen", "torso", "chest", "cervical_spine"),
        *("head_attach", "Arm_attachment", "myoarm_*"),
    ),
    "head": ("neck", "head"),
    "shoulder": ("clavicle", "clavphant", "scapula", "scapphant"),
    "upper_arm": ("humphant*", "humerus"),
    "forearm": ("ulna", "radius"),
    "hand": (
        *("hand", "lunate", "scaphoid", "pisiform", "triquetrum", "capitate", "hamate", "trapezium"),
        *("trapezoid", "*mc", "*_thumb", "?proxph", "midph?", "distph?"),
    ),
}
"""Bodies of each segment, by the names that they have in myo_sim and OpenSim, without their side."""


def scale_segments(spec: mujoco.MjSpec, factors: Mapping[str, float], names: BodyNames) -> None:
    """Scale segments of a spec by factors on all their lengths; their density stays.

    Masses grow with the third power of the factor and moments of inertia with the fifth. What slides in a
    joint, such as the shank that rolls on the thigh, goes as far as the segment above is scaled, as in
    OpenSim. Muscles keep their peak force; their fibres and tendons become longer as their paths do in the
    reference pose, as OpenSim's scale tool has it.

    Args:
        spec: to change.
        factors: by segment of `SEGMENTS`, or body, with or without a side, or "all" [1]. Where several are of
            one body, it is scaled by their product.
        names: what the body calls its parts.

    Raises:
        ConfigError: there is no such segment, or factors of one body multiply to too much or too little.
        BodyError: the body is no human.
    """
    before = compile_spec(spec)
    factor: list[float] = _by_body(before, factors, names).tolist()
    for actuator in spec.actuators:
        if actuator.gaintype == mujoco.mjtGain.mjGAIN_MUSCLE:
            keep_strength(actuator, before)
    meshes: dict[tuple[str, float], str] = {}
    for body in spec.bodies:
        own, above = factor[body.id], factor[body.parent.id] if body.parent else 1.0
        body.pos *= above
        if own != 1.0:
            _scale_body(body, own)
            _scale_meshes(spec, body, own, meshes)
        for joint in body.joints:
            if joint.type == mujoco.mjtJoint.mjJNT_SLIDE:
                joint.range *= above
                joint.ref *= above
                joint.springref *= above
    _scale_couplings(spec, before, factor)
    for pose in list(spec.keys):  # of the body as it was
        spec.delete(pose)
    _scale_muscles(spec, before)


def _by_body(model: mujoco.MjModel, factors: Mapping[str, float], names: BodyNames) -> Array:
    """Factors of all bodies (nbody,); 1 for what is not of the human."""
    own = np.flatnonzero(model.body_rootid == root_of_human(model))
    bodies = [model.body(i).name for i in own]
    named = {
        "foot": (*names.foot_bodies, *names.toe_bodies),
        "trunk": (names.trunk_body,),
        "head": (names.head_body,),
    }
    if names.head_body == names.trunk_body:  # parts that are held together later bear one name
        del named["head"]
    groups = {
        segment: (segment, *parts, *map(names.without_side, named.get(segment, ())))
        for segment, parts in SEGMENTS.items()
    }
    found = np.ones(model.nbody)
    for segment, factor in factors.items():
        found[own[selection(segment, bodies, _KEY, groups, names)]] *= factor
    low, high = PRODUCTS
    for name, factor in zip(bodies, found[own].tolist(), strict=True):
        if not low <= factor <= high:
            raise ConfigError(
                f"{_KEY}: the factors of {name} multiply to {factor:g}; expected {low:g} to {high:g}"
            )
    return found


def _scale_body(body: mujoco.MjsBody, factor: float) -> None:
    """Scale what lies on a body, in its frame."""
    body.ipos *= factor
    body.mass *= factor**3
    body.inertia *= factor**5
    body.fullinertia *= factor**5
    for frame in body.frames:
        frame.pos *= factor
    for joint in body.joints:
        joint.pos *= factor
    for geom in body.geoms:
        geom.mass *= factor**3
    for shape in (*body.geoms, *body.sites):
        shape.pos *= factor
        shape.fromto *= factor
        shape.size *= factor
    for eye in (*body.cameras, *body.lights):
        eye.pos *= factor


def _scale_meshes(
    spec: mujoco.MjSpec, body: mujoco.MjsBody, factor: float, known: dict[tuple[str, float], str]
) -> None:
    """Give the geoms of a body copies of their meshes, of which `known` has the names, in its size."""
    for geom in body.geoms:
        if not geom.meshname:
            continue
        key = (geom.meshname, factor)
        if key not in known:
            known[key] = f"{geom.meshname} x {factor:.9g}"
            mesh = spec.mesh(geom.meshname)
            copy = spec.add_mesh(name=known[key], scale=(factor * mesh.scale).tolist())
            for name in _MESH:
                setattr(copy, name, getattr(mesh, name))
        geom.meshname = known[key]


_MESH = (
    *("file", "content_type", "refpos", "refquat", "inertia", "smoothnormal", "maxhullvert", "material"),
    *("uservert", "usernormal", "usertexcoord", "userface", "userfacenormal", "userfacetexcoord"),
)


def _scale_couplings(spec: mujoco.MjSpec, model: mujoco.MjModel, factor: list[float]) -> None:
    """Scale what equalities bind: polynomials of sliding joints, and anchors of bodies.

    Args:
        spec: to change.
        model: compiled from it.
        factor: of each body.
    """
    lengths = {
        model.joint(i).name: factor[model.body_parentid[model.jnt_bodyid[i]]]
        for i in np.flatnonzero(model.jnt_type == mujoco.mjtJoint.mjJNT_SLIDE)
    }
    for equality in spec.equalities:
        if equality.type == mujoco.mjtEq.mjEQ_JOINT:
            driver = lengths.get(equality.name2, 1.0)
            equality.data[:5] *= lengths.get(equality.name1, 1.0) / driver ** np.arange(5)
        elif equality.objtype == mujoco.mjtObj.mjOBJ_BODY:
            first, second = (
                factor[model.body(name or "world").id] for name in (equality.name1, equality.name2)
            )
            if equality.type == mujoco.mjtEq.mjEQ_CONNECT:
                equality.data[:3] *= first
            elif equality.type == mujoco.mjtEq.mjEQ_WELD:
                equality.data[:3] *= second
                equality.data[3:6] *= first


def _scale_muscles(spec: mujoco.MjSpec, before: mujoco.MjModel) -> None:
    """Scale the lengths of tendons, and of the muscles on them, as those of their paths."""
    old, new = before.tendon_length0, compile_spec(spec).tendon_length0
    ratios = np.divide(new, old, out=np.ones_like(new), where=old > 0.0)
    longer: dict[str, float] = {}
    for tendon in spec.tendons:
        longer[tendon.name] = ratio = float(ratios[tendon.id])
        tendon.range *= ratio
        tendon.springlength = np.where(tendon.springlength < 0.0, -1.0, ratio * tendon.springlength)
    for actuator in spec.actuators:
        if actuator.gaintype == mujoco.mjtGain.mjGAIN_MUSCLE:
            actuator.lengthrange *= longer.get(actuator.target, 1.0)
    spec.compiler.LRopt.useexisting = 1
