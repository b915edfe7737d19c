"""GaitNet's specs turned so that z is up, x forward and y to the left, with muscles as spatial tendons."""

import mujoco
import numpy as np

from batchenv.body.gaitnet.model_spec import FLOOR, GRAVITY
from batchenv.body.gaitnet.muscle_paths import MusclePaths
from batchenv.body.gaitnet.rotations import quat_product
from batchenv.body.gaitnet.skeleton import Skeleton

# GaitNet's axes in the new frame: x, to the left, becomes y; y, up, becomes z; z, forward, becomes x.
_TURN = np.array([0.5, 0.5, 0.5, 0.5])


def turn_spec(spec: mujoco.MjSpec, ground_height: float) -> None:
    """Turn the world of a spec about its root, the first body; the floor is then level at `ground_height`."""
    spec.option.gravity[:] = [0, 0, GRAVITY[1]]
    floor = spec.geom(FLOOR)
    floor.quat[:], floor.pos[:] = [1, 0, 0, 0], [0, 0, ground_height]
    root = spec.worldbody.bodies[0]
    root.pos = np.roll(root.pos, 1)
    root.quat = quat_product(_TURN, root.quat)


def add_tendons(spec: mujoco.MjSpec, skeleton: Skeleton, paths: MusclePaths) -> None:
    """Add a tendon for each muscle, through a site at each of its anchors, which are on one body each."""
    in_joint = np.linalg.inv(skeleton.body_from_joint)
    for m, name in enumerate(paths.names):
        tendon = spec.add_tendon(name=name, width=0.003, rgba=[0.75, 0.2, 0.2, 1])
        for k in range(paths.anchor_ptr[m], paths.anchor_ptr[m + 1]):
            carrier = int(paths.entry_body[k])
            place = in_joint[carrier] @ [*paths.entry_pos[k], 1.0]
            site = f"{name}-P{k - paths.anchor_ptr[m] + 1}"
            spec.body(skeleton.names[carrier]).add_site(name=site, pos=place[:3], size=[0.003, 0, 0], group=3)
            tendon.wrap_site(site)
