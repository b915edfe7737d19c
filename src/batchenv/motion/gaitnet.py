"""Motions of GaitNet: poses of its skeleton in HDF5 or NPZ, read by way of its segments' rotations."""

from pathlib import Path

import numpy as np

from batchenv.body.gaitnet.kinematics import frames
from batchenv.body.gaitnet.motion import HDF5_SUFFIXES, load_motion
from batchenv.body.gaitnet.npz_motion import load_npz_motion
from batchenv.body.gaitnet.skeleton_file import load_skeleton
from batchenv.errors import ConfigError, InputError
from batchenv.motion.archives import holds_arrays
from batchenv.motion.clip import Clip
from batchenv.motion.hierarchy import Hierarchy, clip_of_hierarchy
from batchenv.motion.registry import ReadOptions

GAITNET_SUFFIXES = (*HDF5_SUFFIXES, ".npz")
_MOTIONS = "motions"


def is_gaitnet_motion(path: Path) -> bool:
    """Whether a file holds poses as GaitNet stores them; InputError where it cannot be read."""
    return holds_arrays(path, [_MOTIONS])


def read_gaitnet(path: Path, options: ReadOptions) -> Clip:
    """Read a cycle of GaitNet, .h5 or .npz, with the file of the skeleton that its poses are of.

    Raises:
        InputError: no skeleton is given, or a file is damaged or belongs to another skeleton.
        UsageError: h5py is missing.
    """
    if options.skeleton is None:
        raise InputError(
            f"{path} holds poses of a skeleton of GaitNet; name its file, such as base.xml, with --skeleton"
            " of 'batchenv import', in Python with skeleton="
        )
    try:
        skeleton = load_skeleton(options.skeleton)
        load = load_npz_motion if path.suffix.lower() == ".npz" else load_motion
        motion = load(path, skeleton)
    except ConfigError as error:
        raise InputError(str(error)) from None
    rest = frames(skeleton, np.zeros((1, skeleton.num_dof)))
    moved = frames(skeleton, motion.poses)
    hierarchy = Hierarchy(
        str(path),
        np.linspace(0.0, motion.period, len(motion.poses)),
        skeleton.names,
        rest.joint_p[0],
        moved.joint_R @ np.swapaxes(rest.joint_R[0], 1, 2),
        moved.joint_p,
        unit=1.0,
    )
    return clip_of_hierarchy(hierarchy, options)
