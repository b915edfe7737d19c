"""GaitNet's muscle paths as `WayPoints`: entries sorted by body, joints by what hangs on them.

With P_a the place of way-point a, the gradient of the length of the path with respect to P_a is
g_a = u_(a-1) - u_a, u_a the unit vector from P_a to P_(a+1). A body k then feels the force w_k g_a at
R_k p_k + x_k for a muscle of unit tension that pushes, and the gradient of the length with respect to a
joint's coordinates is the torque about the joint of all forces on the bodies below it. Internal forces
balance, so entries on the bodies that no joint of the muscle moves are left out.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from batchenv.body.gaitnet.muscle_paths import MusclePaths
from batchenv.body.gaitnet.skeleton import Skeleton
from batchenv.body.mechanism import WayPoints

Floats = NDArray[np.float64]
Indices = NDArray[np.uint32]


def lay_out_paths(
    paths: MusclePaths, skeleton: Skeleton, body_id: NDArray[np.int32], loaded: Sequence[int] = ()
) -> WayPoints:
    """Sort the way-points of all muscles for the engine.

    Args:
        paths: way-points.
        skeleton: joints.
        body_id: MuJoCo's body of each body of the skeleton (n_body,).
        loaded: joints whose loads are measured.
    """
    anchor_muscle, entry_anchor = paths.anchor_muscle, paths.entry_anchor
    moments = _moments(paths, skeleton, anchor_muscle[entry_anchor])
    pairs = _pairs(skeleton, moments)
    push = np.zeros(entry_anchor.size)
    push[paths.entry_ptr[:-1]] = 1.0
    order = entry_order(paths)
    bodies, counts = np.unique(-paths.entry_body, return_counts=True)
    runs = _runs(skeleton, paths.entry_body[order], anchor_muscle[entry_anchor][order], pairs)
    in_joint = np.linalg.inv(skeleton.body_from_joint)[paths.entry_body]
    position = entry_places(in_joint, paths.entry_pos)
    pair_of = np.array([pairs[muscle, int(skeleton.dof_joint[dof])] for muscle, dof in moments])
    by_pair = np.argsort(pair_of, kind="stable")
    pulls = [(i, muscle, loaded.index(j)) for (muscle, j), i in pairs.items() if j in loaded]
    return WayPoints(
        body=body_id[-bodies].astype(np.uint32),
        body_ptr=_offsets(counts),
        entry_pos=np.ascontiguousarray((position * paths.entry_weight[:, None])[order].T),
        entry_weight=paths.entry_weight[order].astype(float),
        entry_push=push[order],
        entry_anchor=entry_anchor[order].astype(np.uint32),
        joined=np.r_[anchor_muscle[1:] == anchor_muscle[:-1], False].astype(float),
        anchor_ptr=np.asarray(paths.anchor_ptr, np.uint32),
        run_ptr=np.array([run[:2] for run in runs], np.uint32).reshape(-1, 2),
        run_pair=np.array([run[2] for run in runs], np.uint32),
        pair_body=np.array([body_id[joint] for _, joint in pairs], np.uint32),
        pair_above=_above(skeleton, pairs),
        pair_ptr=_offsets(np.bincount(pair_of, minlength=len(pairs))),
        pair_moment=by_pair.astype(np.uint32),
        pair_axis=np.array([_axis(skeleton, moments[k][1]) for k in by_pair]).reshape(-1, 3),
        muscle=np.array([muscle for muscle, _ in moments], np.uint32),
        joint=np.array([dof - 6 for _, dof in moments], np.uint32),
        pull_pair=np.array([pair for pair, _, _ in pulls], np.uint32),
        pull_muscle=np.array([muscle for _, muscle, _ in pulls], np.uint32),
        pull_joint=np.array([joint for _, _, joint in pulls], np.uint32),
    )


def entry_order(paths: MusclePaths) -> NDArray[np.intp]:
    """Order in which the engine has the entries: by body, deepest first, and anchor (E,)."""
    return np.lexsort((paths.entry_anchor, -paths.entry_body))


def entry_places(in_joint: Floats, place: Floats) -> Floats:
    """Places of entries in the frames of the joints (..., E, 3) [m].

    Args:
        in_joint: frames of the entries' bodies in those of their joints (..., E, 4, 4).
        place: in the bodies (..., E, 3) [m].
    """
    return np.einsum("...ij,...j->...i", in_joint[..., :3, :3], place) + in_joint[..., :3, 3]


def _offsets(counts: NDArray[np.intp]) -> Indices:
    return np.r_[0, np.cumsum(counts)].astype(np.uint32)


def _axis(skeleton: Skeleton, dof: int) -> Floats:
    """Axis of a dof in the frame of its joint (3,)."""
    joint = int(skeleton.dof_joint[dof])
    if skeleton.joint_type[joint] == "revolute":
        return np.asarray(skeleton.axis[joint], float)
    return np.eye(3)[dof - skeleton.dof_start[joint]]


def _moments(paths: MusclePaths, skeleton: Skeleton, entry_muscle: NDArray[np.intp]) -> list[tuple[int, int]]:
    """Pairs of a muscle and a dof that may change its length: the related ones first, then all others."""
    found = [(int(m), int(d)) for m, d in zip(paths.related_muscle, paths.related_dof, strict=True)]
    known = set(found)
    for muscle in range(len(paths.names)):
        bodies = np.unique(paths.entry_body[entry_muscle == muscle])
        chains = [set(skeleton.chain(int(body))) for body in bodies]
        moved = set.union(*chains) - set.intersection(*chains)
        for joint in sorted(moved):
            dofs = range(skeleton.dof_start[joint], skeleton.dof_start[joint] + skeleton.num_dofs[joint])
            found += [(muscle, dof) for dof in dofs if (muscle, dof) not in known]
    return found


def _pairs(skeleton: Skeleton, moments: list[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Number of each pair of a muscle and a joint, deepest joints first."""
    pairs = {(muscle, int(skeleton.dof_joint[dof])) for muscle, dof in moments}
    return {pair: i for i, pair in enumerate(sorted(pairs, key=lambda pair: (-pair[1], pair[0])))}


def _moving_pair(skeleton: Skeleton, pairs: dict[tuple[int, int], int], muscle: int, body: int) -> int | None:
    """The muscle's pair whose joint is nearest above a body."""
    return next((pairs[muscle, j] for j in skeleton.chain(body) if (muscle, j) in pairs), None)


def _above(skeleton: Skeleton, pairs: dict[tuple[int, int], int]) -> Indices:
    found = [_moving_pair(skeleton, pairs, m, int(skeleton.parent[joint])) for m, joint in pairs]
    return np.array([len(pairs) if above is None else above for above in found], np.uint32)


def _runs(
    skeleton: Skeleton,
    body: NDArray[np.int32],
    muscle: NDArray[np.intp],
    pairs: dict[tuple[int, int], int],
) -> list[tuple[int, int, int]]:
    """Stretches of entries of one muscle on one body that a joint of the muscle moves, with their pairs."""
    change = np.flatnonzero(np.diff(body) | np.diff(muscle)) + 1
    runs = []
    for start, end in zip(np.r_[0, change], np.r_[change, body.size], strict=True):
        pair = _moving_pair(skeleton, pairs, int(muscle[start]), int(body[start]))
        if pair is not None:
            runs.append((int(start), int(end), pair))
    return runs
