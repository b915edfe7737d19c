"""Motion: poses of a skeleton over the phase of a cycle, from GaitNet's HDF5 files or from BVH."""

import logging
import math
import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from batchenv.body.gaitnet.bvh import Bvh, read_bvh
from batchenv.body.gaitnet.bvh_original import WALK, original_bvh_poses
from batchenv.body.gaitnet.bvh_poses import bvh_poses
from batchenv.body.gaitnet.hdf5_file import open_hdf5
from batchenv.body.gaitnet.rotations import (
    exponential_map,
    hamilton_product,
    logarithm_map,
    quat_from_vector,
)
from batchenv.body.gaitnet.skeleton import Skeleton
from batchenv.compiled import compiled
from batchenv.errors import ConfigError, nearest
from batchenv.files.paths import checked_path

Array = np.ndarray

HDF5_SUFFIXES = (".h5", ".hdf5")

_log = logging.getLogger(__name__)
# Beyond these, a file is in milliseconds, centimetres or degrees [s], [m/s], [m].
_SHORTEST_STEP, _LONGEST_STEP = 1e-5, 1.0
_FASTEST, _FARTHEST = 20.0, 1e5
_MOST_PHASE, _LATEST = 1000.0, 1e9
# How many times larger or smaller the joints of a BVH file may reach than those of a skeleton.
_OTHER_SIZE = 10.0
# Less than this everywhere is not a motion in degrees, but may be one in radians [degrees].
_SMALL_ANGLE = 6.0


@dataclass(frozen=True, eq=False)
class Motion:
    """F poses of D coordinates, evenly spaced over a cycle; see `Skeleton` for their meaning.

    The root's translation is from the place of the skeleton's zero pose, and goes on through the cycle: it
    does not come back.

    Attributes:
        skeleton: whose poses.
        poses: (F, D) [rad], [m].
        period: of the cycle [s].
        residual: rotation that each joint could not follow, such as one beside its only axis (F, B) [rad].
        unmapped: joints of the file that turn and that no joint of the skeleton follows.
    """

    skeleton: Skeleton
    poses: Array
    period: float
    residual: Array
    unmapped: tuple[str, ...] = ()

    def pose(self, phase: Array) -> Array:
        """Return poses (N, D) at phases (N,) in cycles; whole cycles are taken off.

        Phase 0 is the first pose and 1 the last, as in GaitNet. Between poses, rotations go the shortest way
        at a constant rate, angles and the root's place along straight lines.
        """
        return _poses(self.poses, self.quats, self.turning[:, 0], np.asarray(phase, float))

    @cached_property
    def turning(self) -> Array:
        """Coordinates that are rotation vectors (R, 3)."""
        kinds = np.array(self.skeleton.joint_type)
        return self.skeleton.dof_start[kinds != "revolute"][:, None] + np.arange(3)

    @cached_property
    def quats(self) -> Array:
        """Rotations of the poses (F, R, 4)."""
        return quat_from_vector(self.poses[:, self.turning])


def load_motion(
    file: str | Path,
    skeleton: Skeleton,
    *,
    unit: float = 0.01,
    original: bool = False,
    symmetry: bool = False,
) -> Motion:
    """Read a motion of a skeleton.

    Args:
        file: .h5 or .hdf5 with `motions` (F, D) and `time` (F,), as GaitNet's rollouts are stored; or .bvh,
            whose joints the attribute `bvh` of the skeleton's joints names.
        skeleton: what moves.
        unit: of lengths in a BVH file [m].
        original: read a BVH file as GaitNet does, see `original_bvh_poses`.
        symmetry: make its poses the means with their mirror images; with `original` only.

    Raises:
        ConfigError: says what is wrong with the file.
        UsageError: h5py is missing.
    """
    path = checked_path("file", file)
    suffix = path.suffix.lower()
    if suffix not in (*HDF5_SUFFIXES, ".bvh"):
        hint = nearest(suffix, (*HDF5_SUFFIXES, ".bvh"))
        raise ConfigError(f"motion file {str(path)!r}: expected .h5, .hdf5 or .bvh.{hint}")
    if not os.path.lexists(path):
        raise ConfigError(f"motion file {str(path)!r} does not exist.")
    if suffix == ".bvh":
        bvh = read_bvh(path)
        _check_bvh_units(bvh, skeleton, unit)
        if original:
            walk = WALK in path.name
            poses = original_bvh_poses(bvh, skeleton, unit, walk=walk, symmetry=symmetry)
            residual = np.zeros((len(poses), len(skeleton.names)))
        else:
            poses, residual = bvh_poses(bvh, skeleton, unit)
        followed = {name for names in skeleton.bvh for name in names}
        unmapped = tuple(name for name in bvh.moving() if name not in followed)
        motion = Motion(skeleton, poses, (len(poses) - 1) * bvh.frame_time, residual, unmapped)
    else:
        poses, period = _read_hdf5(path, skeleton)
        motion = Motion(skeleton, poses, period, np.zeros((len(poses), len(skeleton.names))))
    check_units(path, motion)
    return motion


def first_phase(file: str | Path) -> float:
    """Return the phase of the gait at which a motion in HDF5 begins, as its dataset `phase` has it; or 0.

    Raises:
        ConfigError: the dataset holds something else.
        UsageError: h5py is missing.
    """
    with open_hdf5(checked_path("file", file)) as data:
        phase = data.numbers("phase") if "phase" in data else np.zeros(1)
    if phase.ndim != 1 or not phase.size or not abs(phase[0]) <= _MOST_PHASE:
        raise ConfigError(f"motion file {str(file)!r}: phase has to be a number for each pose, in cycles.")
    return float(phase[0])


def _read_hdf5(path: Path, skeleton: Skeleton) -> tuple[Array, float]:
    """Return the poses (F, D) of a file, and its period [s]: as many mean time steps as it has poses."""
    with open_hdf5(path) as file:
        poses, time = file.numbers("motions"), file.numbers("time")
    count = skeleton.num_dof
    if poses.ndim != 2 or poses.shape[1] != count or len(poses) < 2:
        raise ConfigError(
            f"motion file {str(path)!r}: motions has the shape {poses.shape}; expected at least 2 poses"
            f" of the {count} coordinates of the skeleton."
        )
    bounded = time.shape == poses.shape[:1] and (np.abs(time) <= _LATEST).all()
    if not bounded or (np.diff(time) <= 0).any():
        raise ConfigError(
            f"motion file {str(path)!r}: time has to be {len(poses)} increasing numbers, one for each pose."
        )
    if not np.isfinite(poses).all():
        row, column = np.argwhere(~np.isfinite(poses))[0]
        raise ConfigError(
            f"motion file {str(path)!r}: pose {row}, coordinate {skeleton.dof_names[column]} is not finite."
        )
    return poses, len(poses) * float(np.diff(time).mean())


def _check_bvh_units(bvh: Bvh, skeleton: Skeleton, unit: float) -> None:
    """ConfigError where the joints of a BVH file are of another order of size than those of a skeleton."""
    span = unit * bvh.span()
    own = float(np.ptp(skeleton.T_joint[:, :3, 3], axis=0).max())
    if span and not 1 / _OTHER_SIZE < span / own < _OTHER_SIZE:
        raise ConfigError(
            f"{bvh.file}: its joints reach over {span:g} m, at a unit of {unit:g} m, and the skeleton's over"
            f" {own:g} m; expected a file in another unit."
        )
    if bvh.largest_angle() < _SMALL_ANGLE:
        _log.warning(
            "%s: no joint turns by more than %.1f degrees. Are its angles in radians?",
            bvh.file,
            bvh.largest_angle(),
        )


def check_units(path: Path, motion: Motion) -> None:
    """ConfigError where a motion cannot be in radians, metres and seconds."""
    skeleton, poses = motion.skeleton, motion.poses
    step = motion.period / len(poses)
    if not _SHORTEST_STEP <= step <= _LONGEST_STEP:
        raise ConfigError(
            f"motion file {str(path)!r}: its poses are {step:g} s apart; expected {_SHORTEST_STEP:g} to"
            f" {_LONGEST_STEP:g} s. Is its time in seconds?"
        )
    largest = np.minimum(np.maximum(-skeleton.lower, skeleton.upper), 2 * np.pi) + np.pi
    largest[3:6] = np.inf
    far = np.argwhere(np.abs(poses) > largest)
    if len(far):
        row, column = far[0]
        raise ConfigError(
            f"motion file {str(path)!r}: pose {row}, coordinate {skeleton.dof_names[column]} is"
            f" {poses[row, column]:g}, far outside its limits. Are the angles in radians?"
        )
    speed = np.linalg.norm(poses[-1, 3:6] - poses[0, 3:6]) / motion.period
    if not speed <= _FASTEST or np.abs(poses[:, 3:6]).max() > _FARTHEST:
        raise ConfigError(
            f"motion file {str(path)!r}: the root travels at {speed:g} m/s; expected at most {_FASTEST:g}."
            " Are lengths in metres?"
        )


@compiled(error_model="numpy")
def _poses(poses, quats, turning, phase):
    """Poses (N, D) at phases (N,), see `Motion.pose`.

    Args:
        poses, quats: of the frames (F, D), (F, R, 4).
        turning: first coordinate of each rotation vector (R,).
    """
    frames = poses.shape[0]
    out = np.empty((phase.size, poses.shape[1]))
    for i in range(phase.size):
        place = (phase[i] - math.floor(phase[i])) * (frames - 1)
        before = max(0, min(int(place), frames - 2))
        share = place - before
        start, end = poses[before], poses[before + 1]
        for d in range(out.shape[1]):
            out[i, d] = start[d] + share * (end[d] - start[d])
        for r in range(turning.size):
            a, b, c, d = quats[before, r]
            w, x, y, z = quats[before + 1, r]
            w, x, y, z = hamilton_product(a, -b, -c, -d, w, x, y, z)
            x, y, z = logarithm_map(w, x, y, z)
            w, x, y, z = exponential_map(share * x, share * y, share * z)
            w, x, y, z = hamilton_product(a, b, c, d, w, x, y, z)
            at = turning[r]
            out[i, at], out[i, at + 1], out[i, at + 2] = logarithm_map(w, x, y, z)
    return out
