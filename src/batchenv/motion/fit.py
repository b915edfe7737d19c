"""A clip of common names and frame as a body takes it: its joints, signs, root and floor."""

from dataclasses import replace

import numpy as np

from batchenv.body.body import Body
from batchenv.body.gaitnet.rotations import quat_from_matrix, quat_inverse, quat_product
from batchenv.errors import InputError
from batchenv.motion.clip import Clip
from batchenv.motion.shoulder import with_elevation_angles


def fit_clip(clip: Clip, body: Body) -> Clip:
    """Return a clip under the joints of a body, with its signs, in the frame of its root.

    A joint of the body that the clip lacks keeps the position of the model's reference pose. The root is
    turned such that a clip that travels along x travels where the body looks when its root has no rotation.

    Args:
        clip: as read from a file.
        body: that is to move.

    Raises:
        InputError: the clip was fitted already, or has no joint of the body; says which joints it has.
    """
    if clip.body:
        raise InputError(f"{clip.source}: the clip is fitted to {clip.body} already; read its file again")
    common = [body.names.common_joint(name) for name in body.joint_names]
    clip = with_elevation_angles(clip, common)
    shared = [name for name in common if name in clip.joint_names]
    if not shared:
        raise InputError(
            f"{clip.source}: none of its joints is one of the body {body.file}. It has"
            f" {', '.join(clip.joint_names)}; the body has {', '.join(common)}."
        )
    joint_pos = np.tile(body.model.qpos0[body.joint_qposadr], (len(clip.times), 1))
    for j, name in enumerate(common):
        if name in shared:
            joint_pos[:, j] = body.joint_sign[j] * clip.joint(name)
    frame = np.stack([body.forward, body.left, body.up], axis=1)
    turn = quat_from_matrix(frame)
    return replace(
        clip,
        joint_names=body.joint_names,
        joint_pos=joint_pos,
        root_pos=clip.root_pos @ frame.T,
        root_quat=quat_product(quat_product(turn, clip.root_quat), quat_inverse(turn)),
        body=body.file,
        markers={name: place @ frame.T for name, place in clip.markers.items()},
        forces={
            name: force if name == "free_moment" else force @ frame.T for name, force in clip.forces.items()
        },
    )
