"""Bodies whose segments are longer, shorter or twisted, as Generative GaitNet varies them.

A segment has three factors on its extent along the axes of its body, and a twist about its long axis. The
joint that carries it moves with the child's side of it; joints and way-points on it move with it. Masses grow
with the volume, peak forces of muscles with the length of the path to the power 1.5 (Park et al. 2022,
"Generative GaitNet").
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from batchenv.body.gaitnet.gaitnet_body import GaitNetBody
from batchenv.body.gaitnet.kinematics import JointFrames, frames
from batchenv.body.gaitnet.path_geometry import anchor_positions, path_lengths
from batchenv.body.gaitnet.path_layout import entry_order, entry_places
from batchenv.body.gaitnet.rotations import matrix_from_vector, quat_from_matrix
from batchenv.body.gaitnet.shapes import Shape, bounding_box, principal_inertia
from batchenv.body.gaitnet.skeleton import Skeleton, inverse

Array = np.ndarray

GLOBAL = "global"
# A longer path makes a stronger muscle: the exponent.
_FORCE_GROWTH = 1.5
# Damping of joints grows with the size of the whole body: the exponent.
_DAMPING_GROWTH = 2.5
# Long axis of bodies by the beginning of their name: z of feet, x of arms; y of all others GaitNet has.
_ACROSS = {"Talus": 2, "FootThumb": 2, "FootPinky": 2, "Shoulder": 0, "Arm": 0, "ForeArm": 0, "Hand": 0}


@dataclass(frozen=True)
class Growth:
    """How n bodies differ from the file's.

    Attributes:
        scale: factors on the extent of each segment (n, B, 3).
        twist: about its long axis (n, B) [rad].
        ratio: factor on the whole body (n,).
    """

    scale: Array
    twist: Array
    ratio: Array

    @classmethod
    def of(cls, skeleton: Skeleton, names: Sequence[str], values: Array) -> "Growth":
        """Read parameters.

        Args:
            skeleton: whose segments.
            names: of parameters, "skeleton.NAME" or "torsion.NAME" (Q,); what names no body changes nothing.
            values: (n, Q).
        """
        count = len(skeleton.names)
        whole = f"skeleton.{GLOBAL}"
        ratio = values[:, names.index(whole)] if whole in names else np.ones(len(values))
        scale, twist = np.ones((len(values), count, 3)), np.zeros((len(values), count))
        for b, body in enumerate(skeleton.names):
            if "Head" not in body:
                scale[:, b] = ratio[:, None]
            for name, value in zip(names, values.T, strict=True):
                if name == f"skeleton.{body}":
                    scale[:, b, 0 if "Arm" in body else 1] = value * ratio
                if name.startswith("torsion.") and body in name:
                    twist[:, b] = value
        return cls(scale, twist, ratio)


@dataclass(frozen=True)
class Reshaped:
    """Properties of n bodies in the terms of MuJoCo and of the engine; B bodies in the order of the skeleton.

    Attributes:
        joints: frames of the joints (n, B, 4, 4).
        pos, quat: frames of MuJoCo's bodies in their parents (n, B, 3) [m], (n, B, 4).
        ipos, iquat: frames of the segments in those (n, B, 3) [m], (n, B, 4).
        mass: (n, B) [kg].
        inertia: along the axes of the segments (n, B, 3) [kg m^2].
        size: as in `Skeleton.size` (n, B, 3) [m].
        damping: factor on that of all joints (n,).
        entry_pos: weighted places of the entries, as in `WayPoints` (n, 3, E) [m].
        reference_length: lengths of the muscles' paths in the zero pose (n, M) [m].
        peak_force: factor on each muscle's (n, M).
    """

    joints: JointFrames
    pos: Array
    quat: Array
    ipos: Array
    iquat: Array
    mass: Array
    inertia: Array
    size: Array
    damping: Array
    entry_pos: Array
    reference_length: Array
    peak_force: Array


def reshaped(body: GaitNetBody, growth: Growth) -> Reshaped:
    """Return n bodies that differ from one."""
    skeleton, paths = body.skeleton, body.paths
    joints = joint_frames(skeleton, growth)
    in_joint = inverse(joints.body_from_joint)
    above = in_joint[:, skeleton.parent] @ joints.parent_from_joint
    above[:, 0] = joints.parent_from_joint[:, 0]  # the root's is in the world
    size = sizes(skeleton, growth.scale)
    mass = skeleton.mass * growth.scale.prod(axis=-1)
    place = paths.entry_pos * growth.scale[:, paths.entry_body]
    order = entry_order(paths)
    entry = entry_places(in_joint[:, paths.entry_body], place) * paths.entry_weight[:, None]
    zero = frames(skeleton, np.zeros((len(mass), skeleton.num_dof)), joints)
    length = path_lengths(paths, anchor_positions(paths, zero, place))
    return Reshaped(
        joints,
        above[..., :3, 3],
        quat_from_matrix(above[..., :3, :3]),
        in_joint[..., :3, 3],
        quat_from_matrix(in_joint[..., :3, :3]),
        mass,
        _inertias(skeleton.shape, size, mass),
        size,
        growth.ratio**_DAMPING_GROWTH,
        np.swapaxes(entry[:, order], -1, -2),
        length,
        (length / paths.lmt_ref) ** _FORCE_GROWTH,
    )


def bounding_boxes(shapes: Sequence[Shape], size: Array) -> Array:
    """Edges of the boxes around solids of n bodies (n, B, 3) [m]."""
    return np.stack(
        [np.array([bounding_box(shape, row) for row in size[:, b]]) for b, shape in enumerate(shapes)], axis=1
    )


def joint_frames(skeleton: Skeleton, growth: Growth) -> JointFrames:
    """Frames of the joints, those of bodies scaled, and twisted on the child's side."""
    child = np.repeat(skeleton.body_from_joint[None], len(growth.ratio), axis=0)
    child[..., :3, 3] *= growth.scale
    axes = np.eye(3)[[_long_axis(name) for name in skeleton.names]]
    child[..., :3, :3] = child[..., :3, :3] @ matrix_from_vector(growth.twist[..., None] * axes)
    parent = np.repeat(skeleton.parent_from_joint[None], len(growth.ratio), axis=0)
    parent[:, 1:, :3, 3] *= growth.scale[:, skeleton.parent[1:]]
    return JointFrames(parent, child)


def _long_axis(body: str) -> int:
    return next((axis for name, axis in _ACROSS.items() if body.startswith(name)), 1)


def sizes(skeleton: Skeleton, scale: Array) -> Array:
    """Return sizes of shapes scaled by (n, B, 3), as in `Skeleton.size` (n, B, 3) [m].

    A radius grows as the two axes across do in the mean.
    """
    size = skeleton.size * scale
    for b, (shape, name) in enumerate(zip(skeleton.shape, skeleton.names, strict=True)):
        if shape == "box":
            continue
        axis = _long_axis(name)
        along, around = scale[:, b, axis], np.delete(scale[:, b], axis, axis=1).mean(axis=1)
        size[:, b, 0] = skeleton.size[b, 0] * (scale[:, b].mean(axis=1) if shape == "sphere" else around)
        size[:, b, 1] = skeleton.size[b, 1] * along
    return size


def _inertias(shapes: Sequence[Shape], size: Array, mass: Array) -> Array:
    return np.array(
        [
            [principal_inertia(shape, edges, m) for shape, edges, m in zip(shapes, row, masses, strict=True)]
            for row, masses in zip(size, mass, strict=True)
        ]
    )
