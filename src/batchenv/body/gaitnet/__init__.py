"""Bodies, muscle paths and motions of MASS and GaitNet, from their own files."""

from batchenv.body.gaitnet.follow import Follow, follow
from batchenv.body.gaitnet.gaitnet_body import GaitNetBody, load_gaitnet_body
from batchenv.body.gaitnet.kinematics import Frames, frames, lowest_heights
from batchenv.body.gaitnet.motion import Motion, load_motion
from batchenv.body.gaitnet.muscle_file import load_muscles
from batchenv.body.gaitnet.muscle_paths import MusclePaths
from batchenv.body.gaitnet.npz_motion import load_npz_motion
from batchenv.body.gaitnet.path_geometry import anchor_positions, length_gradients, path_lengths
from batchenv.body.gaitnet.rotations import (
    matrix_from_quat,
    matrix_from_vector,
    quat_from_matrix,
    quat_from_vector,
    quat_inverse,
    quat_product,
    vector_from_matrix,
    vector_from_quat,
)
from batchenv.body.gaitnet.skeleton import Skeleton
from batchenv.body.gaitnet.skeleton_file import load_ground, load_skeleton

__all__ = [
    "Follow",
    "Frames",
    "GaitNetBody",
    "Motion",
    "MusclePaths",
    "Skeleton",
    "anchor_positions",
    "follow",
    "frames",
    "length_gradients",
    "load_gaitnet_body",
    "load_ground",
    "load_motion",
    "load_muscles",
    "load_npz_motion",
    "load_skeleton",
    "lowest_heights",
    "matrix_from_quat",
    "matrix_from_vector",
    "path_lengths",
    "quat_from_matrix",
    "quat_from_vector",
    "quat_inverse",
    "quat_product",
    "vector_from_matrix",
    "vector_from_quat",
]
