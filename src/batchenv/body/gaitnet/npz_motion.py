"""Motions of Bidirectional GaitNet in NPZ: rotations as the first two rows of their matrices."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from batchenv.body.gaitnet.motion import Motion, check_units
from batchenv.body.gaitnet.rotations import vector_from_matrix
from batchenv.body.gaitnet.skeleton import Skeleton
from batchenv.errors import ConfigError, InputError
from batchenv.files import read_npz
from batchenv.files.paths import checked_path

Array = np.ndarray

# Frames a second, whatever the file holds [Hz].
_RATE = 60.0
# Numbers in a frame for each kind of joint; the root has its place behind its rotation.
_NUMBERS = {"revolute": 1, "ball": 6, "free": 9}


@dataclass(frozen=True, eq=False)
class NpzMotion(Motion):
    """A motion whose poses lie on straight lines between the frames' numbers, as GaitNet has it.

    Attributes:
        numbers: of the frames (F, n).
    """

    numbers: Array = ()  # pyright: ignore[reportAssignmentType]

    def pose(self, phase: Array) -> Array:
        """Return poses (N, D) at phases (N,) in cycles; whole cycles are taken off."""
        phase = np.asarray(phase, float)
        place = (phase - np.floor(phase)) * (len(self.numbers) - 1)
        before = np.minimum(place.astype(int), len(self.numbers) - 2)
        share = (place - before)[:, None]
        return _poses(self.skeleton, (1.0 - share) * self.numbers[before] + share * self.numbers[before + 1])


def load_npz_motion(file: str | Path, skeleton: Skeleton) -> NpzMotion:
    """Read a motion of a skeleton; of several in a file, the first.

    Args:
        file: .npz with `motions` (S, F n): F frames of n numbers, an angle for each hinge and the first two
            rows of a rotation matrix for each other joint, the root's followed by its place.
        skeleton: what moves.

    Raises:
        ConfigError: says what is wrong with the file.
    """
    path = checked_path("file", file)
    count = sum(_NUMBERS[kind] for kind in skeleton.joint_type)
    try:
        motions = read_npz(path).get("motions")
    except InputError as error:
        raise ConfigError(f"motion file {error}") from None
    if motions is None:
        raise ConfigError(f"motion file {str(path)!r} has no array 'motions'.")
    shaped = motions.ndim in (1, 2) and motions.size and motions.dtype.kind in "fiu"
    frames = motions.reshape(-1, motions.shape[-1])[0] if shaped else np.zeros(0)
    if frames.size < 2 * count or frames.size % count or not np.isfinite(frames).all():
        raise ConfigError(
            f"motion file {str(path)!r}: motions has the shape {motions.shape}; expected finite numbers, "
            f"for each motion a multiple of the {count} that the joints of the skeleton have."
        )
    numbers = frames.astype(float).reshape(-1, count)
    poses = _poses(skeleton, numbers)
    none = np.zeros((len(poses), len(skeleton.names)))
    motion = NpzMotion(skeleton, poses, len(poses) / _RATE, none, (), numbers)
    check_units(path, motion)
    return motion


def _poses(skeleton: Skeleton, numbers: Array) -> Array:
    """Poses (N, D) of frames' numbers (N, n)."""
    poses, at = np.empty((len(numbers), skeleton.num_dof)), 0
    for start, kind in zip(skeleton.dof_start, skeleton.joint_type, strict=True):
        if kind == "revolute":
            poses[:, start] = numbers[:, at]
        else:
            poses[:, start : start + 3] = vector_from_matrix(_rotations(numbers[:, at : at + 6]))
        if kind == "free":
            poses[:, start + 3 : start + 6] = numbers[:, at + 6 : at + 9]
        at += _NUMBERS[kind]
    return poses


def _rotations(rows: Array) -> Array:
    """Rotation matrices (N, 3, 3) whose first row has the direction of the first three of six numbers."""
    first = _unit(rows[:, :3])
    third = _unit(np.cross(first, rows[:, 3:]))
    return np.stack([first, np.cross(third, first), third], axis=1)


def _unit(vectors: Array) -> Array:
    return vectors / np.maximum(np.linalg.norm(vectors, axis=-1, keepdims=True), 1e-12)
