"""A clip of common names and frame as a body takes it, and back: joints, signs, root and floor."""

import logging
from dataclasses import replace

import numpy as np

from batchenv.arrays import shown
from batchenv.body.body import Body
from batchenv.body.gaitnet.rotations import quat_from_matrix, quat_inverse, quat_product
from batchenv.errors import InputError
from batchenv.motion.clip import Clip
from batchenv.motion.floor import feet_of, on_floor, scale_without_sliding
from batchenv.motion.retarget import retarget

_log = logging.getLogger(__name__)

Array = np.ndarray

_ARMS = {"elbow_flexion": ("elbow_flex", 0.0), "pro_sup": ("pro_sup", -np.pi / 2)}
"""Joints of myo_sim's arms: the coordinate of clips, and what is added to it for the joint [rad]."""
_SCALES = (0.5, 2.0)
_BEYOND = np.radians(3.0)  # a joint's limit, before it is told


def fit_clip(clip: Clip, body: Body, scale: float | None = None) -> Clip:
    """Return a clip under the joints of a body, with its signs, in the frame of its root, on its floor.

    A joint of the body that the clip lacks keeps the position of the model's reference pose; positions beyond
    the limits of a joint are brought to them. The root is turned such that a clip that travels along x
    travels where the body looks when its root has no rotation. Its way is scaled, because the legs of the
    body are longer or shorter than those of who moved, and its height is such that the feet stand on the
    floor.

    Args:
        clip: as read from a file.
        body: that is to move.
        scale: of the root's way; None: that with which standing feet slide least.

    Raises:
        InputError: the clip was fitted already, or has no joint of the body; says which joints it has.
        BodyError: the body has no feet that can stand on the floor.
    """
    if clip.body:
        raise InputError(
            f"{clip.source}: the clip is fitted to {clip.body} already, not to {body.title}; read its file"
            " again"
        )
    if scale is not None and not _SCALES[0] <= scale <= _SCALES[1]:
        raise InputError(f"scale is {shown(scale)}; expected a number from {_SCALES[0]} to {_SCALES[1]}")
    frame = np.stack([body.forward, body.left, body.up], axis=1)
    turn = quat_from_matrix(frame)
    fitted = replace(
        clip,
        joint_names=body.joint_names,
        joint_pos=_joints(clip, body),
        root_pos=clip.root_pos @ frame.T,
        root_quat=quat_product(quat_product(turn, clip.root_quat), quat_inverse(turn)),
        body=body.title,
        markers={},
        forces={
            name: force if name == "free_moment" else force @ frame.T for name, force in clip.forces.items()
        },
    )
    return _placed(fitted, body, scale)


def common_clip(clip: Clip, body: Body) -> Clip:
    """Return a clip that is fitted to a body under common names and in the common frame, as files have it.

    Joints that recordings do not know, such as those of fingers, keep their names.

    Raises:
        InputError: the clip is fitted to another body, or to none.
    """
    check_fitted(clip, body)
    frame = np.stack([body.forward, body.left, body.up], axis=1)
    turn = quat_inverse(quat_from_matrix(frame))
    coordinates = _coordinates(body)
    return replace(
        clip,
        joint_names=tuple(name for name, _ in coordinates),
        joint_pos=body.joint_sign * (clip.joint_pos - [offset for _, offset in coordinates]),
        root_pos=clip.root_pos @ frame,
        root_quat=quat_product(quat_product(turn, clip.root_quat), quat_inverse(turn)),
        body="",
        markers={name: place @ frame for name, place in clip.markers.items()},
        forces={
            name: force if name == "free_moment" else force @ frame for name, force in clip.forces.items()
        },
    )


def check_fitted(clip: Clip, body: Body) -> None:
    """InputError unless a clip is fitted to a body."""
    if clip.body != body.title:
        raise InputError(
            f"{clip.source}: the clip is fitted to {clip.body or 'no body'}, not to {body.title}"
        )


def _joints(clip: Clip, body: Body) -> Array:
    """Joints of the body (T, J) [rad], from those of the clip that it has, too."""
    joint_pos = np.tile(body.model.qpos0[body.joint_qposadr], (len(clip.times), 1))
    followed = set(retarget(clip, body, joint_pos))
    coordinates = _coordinates(body)
    for j, (name, offset) in enumerate(coordinates):
        if name in clip.joint_names:
            joint_pos[:, j] = body.joint_sign[j] * clip.joint(name) + offset
            followed.add(name)
    if not clip.joint_names and clip.markers:
        raise InputError(
            f"{clip.source}: it holds markers alone; find the joints with 'batchenv import', in Python with"
            " batchenv.motion.import_motion"
        )
    if not followed:
        raise InputError(
            f"{clip.source}: none of its joints is one of the body {body.file}. It has"
            f" {', '.join(clip.joint_names) or 'none'}; the body has"
            f" {', '.join(name for name, _ in coordinates)}."
        )
    left_out = [name for name in clip.joint_names if name not in followed]
    if left_out:
        _log.info("%s: the body has no %s", clip.source, ", ".join(left_out))
    return _within_limits(clip, body, joint_pos)


def _coordinates(body: Body) -> list[tuple[str, float]]:
    """Coordinate of clips for each joint of a body, and what is added to it for the joint [rad]."""
    has_arms = "elv_angle_r" in body.joint_names
    found = []
    for joint in body.joint_names:
        bare, offset = body.names.without_side(joint), 0.0
        name = body.names.common_joint(joint)
        if has_arms and bare in _ARMS:
            name, offset = _ARMS[bare][0] + name.removeprefix(bare), _ARMS[bare][1]
        found.append((name, offset))
    return found


def _within_limits(clip: Clip, body: Body, joint_pos: Array) -> Array:
    limited = np.clip(joint_pos, *body.joint_range.T)
    for name, beyond in zip(body.joint_names, np.abs(joint_pos - limited).max(axis=0), strict=True):
        if beyond > _BEYOND:
            _log.warning(
                "%s: %s goes %.0f degrees beyond its limit; it is kept there",
                clip.source,
                name,
                np.degrees(beyond),
            )
    return limited


def _placed(clip: Clip, body: Body, scale: float | None) -> Clip:
    """Scale the way of the root, and put the feet on the floor."""
    middle = clip.root_pos.mean(axis=0)
    feet = feet_of(body, clip.root_pos, clip.root_quat, clip.joint_pos)
    found = scale_without_sliding(feet) if scale is None else scale
    if found is None or not _SCALES[0] <= found <= _SCALES[1]:
        if found is not None:
            _log.warning("%s: its feet slide with any scale; the root's way is left as it is", clip.source)
        found = 1.0
    place = middle + found * (clip.root_pos - middle)
    heights = feet.lowest + (place - clip.root_pos)[:, None, 2]
    lowered = on_floor(feet._replace(lowest=heights))
    _log.info("%s: the root's way is scaled by %.3f, and lowered by %.3f m", clip.source, found, lowered)
    return replace(clip, root_pos=place - [0.0, 0.0, lowered])
