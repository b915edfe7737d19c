"""Muscle paths as MuJoCo's spatial tendons: each way-point on the one body that serves the path best."""

import math
from dataclasses import dataclass, replace
from itertools import product

import numpy as np

from batchenv.body.gaitnet.kinematics import Frames, frames
from batchenv.body.gaitnet.muscle_paths import MusclePaths
from batchenv.body.gaitnet.path_geometry import anchor_positions, length_gradients, path_lengths
from batchenv.body.gaitnet.skeleton import Skeleton

# Poses that paths are compared in, and up to how many choices of a muscle all are tried.
_POSES, _MOST_CHOICES = 100, 256
# Where a joint has no limits, poses are within this of zero [rad].
_UNLIMITED = 1.0
_CHUNK = 128


@dataclass(frozen=True, eq=False)
class TendonPaths:
    """Paths of M muscles with every anchor on one body, and how they compare with the blended ones.

    Attributes:
        paths: one body for each anchor.
        length_range: shortest and longest path over the poses (M, 2) [m].
        length_error: largest difference of length over the poses (M,) [m].
        arm_error: largest difference of a moment arm over poses and related coordinates (M,) [m].
        mean_length_error, mean_arm_error: root mean squares of the same (M,) [m].
    """

    paths: MusclePaths
    length_range: np.ndarray
    length_error: np.ndarray
    arm_error: np.ndarray
    mean_length_error: np.ndarray
    mean_arm_error: np.ndarray


def tendon_paths(skeleton: Skeleton, paths: MusclePaths) -> TendonPaths:
    """Choose a body for each anchor so that lengths and moment arms stay best over the ranges of the joints.

    All choices of a muscle are compared by the sum of the mean squares of both errors, over poses drawn
    evenly from within the limits; a muscle with very many blended anchors has them on their heaviest bodies.
    """
    at = frames(skeleton, sample_poses(skeleton))
    choices = [_choices(paths, muscle) for muscle in range(len(paths.names))]
    of_muscle = np.repeat(np.arange(len(choices)), [len(found) for found in choices])
    candidates = [entries for found in choices for entries in found]
    length, arm, span = _errors(skeleton, paths, candidates, of_muscle, at)
    cost = (length**2).mean(axis=0) + (arm**2).mean(axis=(0, 2))
    first = np.searchsorted(of_muscle, np.arange(len(choices)))
    best = np.array(
        [
            start + int(cost[start : start + len(found)].argmin())
            for start, found in zip(first, choices, strict=True)
        ]
    )
    return TendonPaths(
        paths=on_one_body(paths, [candidates[k] for k in best], np.arange(len(choices))),
        length_range=span[best],
        length_error=np.abs(length[:, best]).max(axis=0),
        arm_error=np.abs(arm[:, best]).max(axis=(0, 2)),
        mean_length_error=np.sqrt((length[:, best] ** 2).mean(axis=0)),
        mean_arm_error=np.sqrt((arm[:, best] ** 2).mean(axis=0).max(axis=1)),
    )


def sample_poses(skeleton: Skeleton, count: int = _POSES) -> np.ndarray:
    """Return poses (count, D) from within the limits, the same every time; the root rests.

    Half of them are drawn evenly, the others are their mirror images: twins are judged by the same poses.
    """
    lower = np.where(np.isfinite(skeleton.lower), skeleton.lower, -_UNLIMITED)
    upper = np.where(np.isfinite(skeleton.upper), skeleton.upper, _UNLIMITED)
    drawn = np.random.default_rng(0).uniform(lower, upper, (count // 2, skeleton.num_dof))
    drawn[:, skeleton.dof_joint == 0] = 0.0
    return np.concatenate([drawn, skeleton.mirror_sign * drawn[:, skeleton.mirror_dof]])


def on_one_body(paths: MusclePaths, entries: list[np.ndarray], muscle: np.ndarray) -> MusclePaths:
    """Return paths whose anchors have one body each.

    Args:
        paths: with blended anchors.
        entries: for each new path, the pair of an anchor and a body that each of its anchors keeps.
        muscle: muscle that each new path stands for.
    """
    kept = np.concatenate(entries)
    return replace(
        paths,
        names=tuple(paths.names[m] for m in muscle),
        anchor_ptr=np.concatenate([[0], np.cumsum([len(found) for found in entries])]).astype(np.int32),
        entry_ptr=np.arange(len(kept) + 1, dtype=np.int32),
        entry_body=paths.entry_body[kept],
        entry_weight=np.ones(len(kept)),
        entry_pos=paths.entry_pos[kept],
    )


def on_heaviest_body(paths: MusclePaths) -> MusclePaths:
    """Return the paths with every anchor on the body that has most of it."""
    ends = zip(paths.entry_ptr[:-1], paths.entry_ptr[1:], strict=True)
    kept = np.array([first + np.argmax(paths.entry_weight[first:last]) for first, last in ends])
    own = [kept[first:last] for first, last in zip(paths.anchor_ptr[:-1], paths.anchor_ptr[1:], strict=True)]
    return on_one_body(paths, own, np.arange(len(own)))


def _choices(paths: MusclePaths, muscle: int) -> list[np.ndarray]:
    """Return all ways to keep one pair for each anchor of a muscle, each a list of pairs."""
    anchors = range(paths.anchor_ptr[muscle], paths.anchor_ptr[muscle + 1])
    options = [list(range(paths.entry_ptr[a], paths.entry_ptr[a + 1])) for a in anchors]
    if math.prod(len(option) for option in options) > _MOST_CHOICES:
        options = [[max(option, key=lambda k: paths.entry_weight[k])] for option in options]
    return [np.array(found) for found in product(*options)]


def _errors(
    skeleton: Skeleton, paths: MusclePaths, candidates: list[np.ndarray], of_muscle: np.ndarray, at: Frames
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return errors of length (N, K) and arms (N, K, D) [m] of K candidates, and their range (K, 2)."""
    true_length = path_lengths(paths, anchor_positions(paths, at))
    true_arm = length_gradients(skeleton, paths, at)
    related = np.zeros((len(paths.names), skeleton.num_dof))
    related[paths.related_muscle, paths.related_dof] = 1.0
    lengths, arms, spans = [], [], []
    for start in range(0, len(candidates), _CHUNK):
        muscle = of_muscle[start : start + _CHUNK]
        some = on_one_body(paths, candidates[start : start + _CHUNK], muscle)
        length = path_lengths(some, anchor_positions(some, at))
        lengths.append(length - true_length[:, muscle])
        arms.append((length_gradients(skeleton, some, at) - true_arm[:, muscle]) * related[muscle])
        spans.append(np.stack([length.min(axis=0), length.max(axis=0)], axis=1))
    return np.concatenate(lengths, 1), np.concatenate(arms, 1), np.concatenate(spans)
