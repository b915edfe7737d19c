"""Whether the left side of a body is the mirror image of the right one."""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from batchenv.body.gaitnet.gaitnet_body import GaitNetBody
from batchenv.body.gaitnet.kinematics import frames
from batchenv.body.gaitnet.muscle_paths import muscle_twin
from batchenv.body.gaitnet.path_geometry import anchor_positions
from batchenv.body.gaitnet.skeleton import Skeleton

_ACROSS = np.array([-1.0, 1.0, 1.0])
# What is smaller is rounding of the files [m], or relative.
_TOLERANCE = 1e-4


class Asymmetry(NamedTuple):
    """A difference between twins.

    Attributes:
        name: of the one on the left, or of the one that has no twin.
        what: differs.
        amount: of the difference; lengths in [m], limits in [rad], the rest relative.
    """

    name: str
    what: str
    amount: float


def asymmetries(body: GaitNetBody) -> list[Asymmetry]:
    """Return all differences between twins that are not rounding, the bodies' first."""
    found = [*_bodies(body.skeleton), *_muscles(body)]
    return [difference for difference in found if difference.amount > _TOLERANCE]


def _bodies(skeleton: Skeleton) -> Iterator[Asymmetry]:
    for i, j in enumerate(skeleton.mirror.tolist()):
        name = skeleton.names[i]
        if i == j and name[-1:] in ("L", "R"):
            yield Asymmetry(name, "has no twin", 1.0)
        if i != j and not name.endswith("L"):
            continue
        yield Asymmetry(name, "mass", _relative(float(skeleton.mass[i]), float(skeleton.mass[j])))
        yield Asymmetry(name, "size", float(np.abs(skeleton.size[i] - skeleton.size[j]).max()))
        for what, frame in (("centre of mass", skeleton.T_body), ("joint", skeleton.T_joint)):
            apart = frame[i, :3, 3] - _ACROSS * frame[j, :3, 3]
            yield Asymmetry(name, what, float(np.linalg.norm(apart)))
        yield Asymmetry(name, "axis", float(np.linalg.norm(skeleton.axis[i] + _ACROSS * skeleton.axis[j])))
        yield Asymmetry(name, "limits", _limits(skeleton, i))


def _limits(skeleton: Skeleton, body: int) -> float:
    """Return how far the limits of a joint are from the mirrored ones of its twin [rad]."""
    mine = np.arange(skeleton.num_dof)[skeleton.dof_joint == body]
    sign, twin = skeleton.mirror_sign[mine], skeleton.mirror_dof[mine]
    lower = np.where(sign > 0, skeleton.lower[twin], -skeleton.upper[twin])
    upper = np.where(sign > 0, skeleton.upper[twin], -skeleton.lower[twin])
    ends = np.concatenate([skeleton.lower[mine], skeleton.upper[mine]])
    mirrored = np.concatenate([lower, upper])
    same = ends == mirrored
    return float(np.abs(np.where(same, 0.0, ends) - np.where(same, 0.0, mirrored)).max())


def _muscles(body: GaitNetBody) -> Iterator[Asymmetry]:
    paths = body.paths
    zero = frames(body.skeleton, np.zeros((1, body.skeleton.num_dof)))
    anchors = anchor_positions(paths, zero)[0]
    for i, j in enumerate(paths.mirror.tolist()):
        name = paths.names[i]
        if i == j and muscle_twin(name) != name:
            yield Asymmetry(name, "has no twin", 1.0)
        if i == j or not name.startswith("L_"):
            continue
        for what, values in (("f0", paths.f0), ("lm", paths.lm), ("lt", paths.lt), ("pen", paths.pen)):
            yield Asymmetry(name, what, _relative(float(values[i]), float(values[j])))
        left, right = (anchors[paths.anchor_ptr[k] : paths.anchor_ptr[k + 1]] for k in (i, j))
        if len(left) != len(right):
            yield Asymmetry(name, "number of way-points", _relative(len(left), len(right)))
            continue
        apart = np.linalg.norm(left - _ACROSS * right, axis=1)
        yield Asymmetry(name, "way-points", float(apart.max()))


def _relative(one: float, other: float) -> float:
    return 0.0 if one == other else float(abs(one - other) / max(abs(one), abs(other)))
