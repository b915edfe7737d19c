"""Where a clip of the common frame heads, and begins."""

from dataclasses import replace

import numpy as np

from batchenv.body.gaitnet.rotations import matrix_from_vector, quat_product
from batchenv.motion.clip import Clip

Array = np.ndarray

_WALKED = 0.3  # after which the direction of travel is known [m]


def facing_forward(clip: Clip) -> Clip:
    """Return a clip of the common frame turned about the vertical, and moved, to begin in the origin.

    It travels along x, or faces along x where it stays within 0.3 m.
    """
    travel = clip.root_pos[-1, :2] - clip.root_pos[0, :2]
    if np.linalg.norm(travel) < _WALKED:
        w, x, y, z = clip.root_quat[0]
        travel = np.array([1 - 2 * (y * y + z * z), 2 * (x * y + w * z)])
    return turned(clip, -float(np.arctan2(travel[1], travel[0])), -clip.root_pos[0, :2])


def turned(clip: Clip, yaw: float, shift: Array) -> Clip:
    """Return a clip moved on the floor by a shift (2,) [m], then turned about the vertical by yaw [rad]."""
    turn = matrix_from_vector(np.array([0.0, 0.0, yaw]))
    offset = np.array([*shift, 0.0])
    quat = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])

    def placed(places: Array) -> Array:
        return (places + offset) @ turn.T

    forces = {name: force @ turn.T if name == "grf" else force for name, force in clip.forces.items()}
    if "cop" in forces:
        forces["cop"] = placed(forces["cop"])
    return replace(
        clip,
        root_pos=placed(clip.root_pos),
        root_quat=quat_product(quat, clip.root_quat),
        markers={name: placed(place) for name, place in clip.markers.items()},
        forces=forces,
    )
