"""The mirror image of a clip: left becomes right."""

from dataclasses import replace

import numpy as np

from batchenv.errors import InputError
from batchenv.motion.clip import Clip

_TWINS = {"_r": "_l", "_l": "_r"}
# Coordinates of the middle that turn or lean to a side; others, such as the trunk's extension, do not.
_SIDEWAYS = ("bending", "rotation", "list")


def mirrored(clip: Clip) -> Clip:
    """Return the mirror image of a clip of common names, seen from the front; markers are left out.

    Raises:
        InputError: the clip is fitted to a body, or a joint of one side has no twin.
    """
    if clip.body:
        raise InputError(f"{clip.source}: the clip is fitted to {clip.body}; mirror it before it is fitted")
    order = []
    for name in clip.joint_names:
        twin = name[:-2] + _TWINS[name[-2:]] if name[-2:] in _TWINS else name
        if twin not in clip.joint_names:
            raise InputError(
                f"{clip.source}: joint {name} has no twin {twin}, so that it has no mirror image"
            )
        order.append(clip.joint_names.index(twin))
    sign = np.array([_sign(name) for name in clip.joint_names])
    return replace(
        clip,
        joint_pos=sign * clip.joint_pos[:, order],
        root_pos=clip.root_pos * [1.0, -1.0, 1.0],
        root_quat=clip.root_quat * [1.0, -1.0, 1.0, -1.0],
        markers={},
        forces={
            name: -force[:, ::-1] if name == "free_moment" else force[:, ::-1] * [1.0, -1.0, 1.0]
            for name, force in clip.forces.items()
        },
    )


def _sign(name: str) -> float:
    return -1.0 if name[-2:] not in _TWINS and name.endswith(_SIDEWAYS) else 1.0
