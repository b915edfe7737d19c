"""Joint angles from markers: a body is scaled to who wore them, and follows them sample by sample.

Gauss-Newton on MuJoCo's Jacobians, with the joints that equalities bind moving along (Lu and O'Connor, J.
Biomech. 32:129, 1999, whose weights are all one here). The solver is our own, because those for robots treat
equalities as tasks of their own and solve a quadratic program in each step.
"""

import copy
from dataclasses import dataclass, replace

import mujoco
import numpy as np

from batchenv.body.body import Body
from batchenv.body.gaitnet.rotations import quat_from_vector, quat_product
from batchenv.errors import InputError
from batchenv.motion.clip import Clip
from batchenv.motion.fit import common_clip
from batchenv.motion.marker_set import MarkerSet

Array = np.ndarray

_LEAST_MARKERS = 6
_DAMPING = 1e-5  # of steps of joints that no marker tells [m^2]
_STEP_LIMIT = 0.3
_CONVERGED = 1e-6
_FIRST, _NEXT = 100, 15  # iterations of the first pose and of each that follows another
_FRAMES = 8  # of the motion that the body is scaled to, where there is no static trial
_SIZE_STEP, _SIZE_WEIGHT = 1e-4, 0.01  # of numerical slopes; weight of a size that differs from 1 [m]
_SIZES = (0.5, 2.0)


@dataclass(frozen=True, eq=False)
class MarkerFit:
    """What following markers gave.

    Attributes:
        clip: of common names and frame.
        residual: distance of each marker from where it sits on the body (T, M) [m]; not-a-number where
            hidden.
        markers: names of those that were followed (M,).
        left_out: markers of the file that the set does not have, or that are never seen (U,).
        sizes: of segments, as factors of those of the body.
    """

    clip: Clip
    residual: Array
    markers: tuple[str, ...]
    left_out: tuple[str, ...]
    sizes: dict[str, float]

    def lines(self) -> list[str]:
        """Residuals and sizes in words, a line each."""
        rms = 1e3 * np.sqrt(np.nanmean(self.residual**2))
        each = 1e3 * np.sqrt(np.nanmean(self.residual**2, axis=0))
        worst = np.argsort(-each)[:3]
        named = ", ".join(f"{self.markers[i]} {each[i]:.1f}" for i in worst)
        sizes = ", ".join(f"{name} {factor:.3f}" for name, factor in self.sizes.items())
        lines = [
            f"{len(self.markers)} markers followed, {rms:.1f} mm off (root mean square); worst {named} mm",
            f"sizes of segments over the body's: {sizes or 'as the body has them'}",
        ]
        if self.left_out:
            lines.append(f"markers that are not followed: {', '.join(self.left_out)}")
        return lines


def solve_markers(
    clip: Clip, body: Body, markers: MarkerSet, static: Clip | None = None, *, scale: bool = True
) -> MarkerFit:
    """Find root and joints of a body that follow markers.

    The segments of the set are scaled to a static trial, in which the subject stands still, and each marker
    is taken to sit where it is there. Without one they are scaled to samples of the motion, and markers sit
    where the set has them.

    Args:
        clip: with markers, as `read_motion` gives it.
        body: that is to follow.
        markers: where they sit on the body.
        static: a trial with the same markers.
        scale: whether to scale the segments.

    Raises:
        InputError: fewer than six markers of the set are in the clip, or none is seen in a sample.
    """
    found = _common_markers(clip, markers)
    observed = np.stack([clip.markers[name] for name in found.values()], axis=1)
    solver = _Solver(body, markers, list(found))
    hidden = np.flatnonzero(np.isnan(observed).all(axis=(1, 2)))
    if hidden.size:
        raise InputError(f"{clip.source}: no marker is seen in sample {hidden[0]}")
    frame = np.stack([body.forward, body.left, body.up], axis=1)
    observed = observed @ frame.T
    pose = solver.first_pose(observed[0])
    if static is not None:
        missing = [name for name in found.values() if name not in static.markers]
        if missing:
            raise InputError(f"{static.source}: the static trial lacks {', '.join(missing)}")
        still = np.stack([static.markers[name] for name in found.values()], axis=1) @ frame.T
        mean = np.ma.masked_invalid(still).mean(axis=0).filled(np.nan)[None]
        poses = solver.scale(mean, [solver.first_pose(mean[0])], scale)
        solver.wear(mean[0], poses[0])
    elif scale:
        rows = np.unique(np.linspace(0, len(observed) - 1, _FRAMES).astype(int))
        solver.scale(observed[rows], solver.follow(observed[rows], pose)[0], scale)
    pose = solver.first_pose(observed[0])
    poses, residual = solver.follow(observed, pose)
    fitted = replace(
        clip,
        joint_names=body.joint_names,
        joint_pos=np.array([each.joints for each in poses]),
        root_pos=np.array([each.place for each in poses]),
        root_quat=np.array([each.quat for each in poses]),
        body=body.title,
        markers={name: place @ frame.T for name, place in clip.markers.items()},
    )
    left_out = tuple(name for name in clip.markers if name not in found.values())
    return MarkerFit(common_clip(fitted, body), residual, tuple(found.values()), left_out, solver.sizes)


def _common_markers(clip: Clip, markers: MarkerSet) -> dict[int, str]:
    seen = (name for name, place in clip.markers.items() if np.isfinite(place).all(axis=1).any())
    found = markers.found_in(tuple(seen))
    if len(found) < _LEAST_MARKERS:
        expected = ", ".join(names[0] for names in markers.names)
        raise InputError(
            f"{clip.source}: {len(found)} of its markers are in the set {markers.file}, expected"
            f" {_LEAST_MARKERS} at least. The file has {', '.join(clip.markers) or 'none'}; the set"
            f" {expected}."
        )
    return found


@dataclass(frozen=True, eq=False)
class _Pose:
    """A pose: place (3,) [m] and quaternion (4,) of the root, joints (J,) [rad]."""

    place: Array
    quat: Array
    joints: Array

    def stepped(self, step: Array, limits: Array) -> "_Pose":
        return _Pose(
            self.place + step[:3],
            quat_product(self.quat, quat_from_vector(step[3:6])),
            np.clip(self.joints + step[6:], *limits.T),
        )


class _Solver:
    """A body of sizes of its own that wears some markers of a set."""

    def __init__(self, body: Body, markers: MarkerSet, worn: list[int]):
        self.body = body
        self.bodies, self.places = markers.bodies[worn], markers.places[worn].copy()
        self.sizes = {name: 1.0 for name, ids in markers.segments.items() if np.isin(self.bodies, ids).any()}
        self._segments = markers.segments
        self._model = copy.copy(body.model)
        self._data = mujoco.MjData(self._model)
        count = 6 + len(body.joint_names)
        self._moves = np.zeros((self._model.nv, count))  # what the unknowns of a pose move
        self._moves[range(6), range(6)] = 1.0
        self._moves[body.joint_dofadr, 6 + np.arange(count - 6)] = 1.0
        self._jacobian = np.zeros((3, self._model.nv))
        self._resize(self.sizes)

    def first_pose(self, observed: Array) -> _Pose:
        """The pose nearest to places (M, 3) of markers, from four headings."""
        middle, tried = np.nanmean(observed, axis=0), []
        for yaw in np.arange(4) * np.pi / 2:
            quat = np.array([np.cos(yaw / 2), 0.0, 0.0, np.sin(yaw / 2)])
            start = _Pose(middle, quat, self.body.model.qpos0[self.body.joint_qposadr])
            pose = self._solve(observed, start, _FIRST)
            tried.append((float(np.nansum((observed - self._markers(pose)) ** 2)), pose))
        return min(tried, key=lambda pair: pair[0])[1]

    def follow(self, observed: Array, pose: _Pose) -> tuple[list[_Pose], Array]:
        """Poses that follow places (T, M, 3), each from the one before, and distances left (T, M) [m]."""
        poses, residual = [], np.empty(observed.shape[:2])
        for places, out in zip(observed, residual, strict=True):
            pose = self._solve(places, pose, _NEXT)
            out[:] = np.linalg.norm(places - self._markers(pose), axis=1)
            poses.append(pose)
        return poses, residual

    def scale(self, observed: Array, poses: list[_Pose], scale: bool) -> list[_Pose]:
        """Fit sizes of segments and poses together to places (K, M, 3); return the poses."""
        names = list(self.sizes) if scale else []
        count, poses = 6 + len(self.body.joint_names), list(poses)
        for _ in range(_FIRST):
            normal = np.zeros((count * len(poses) + len(names),) * 2)
            right = np.zeros(len(normal))
            last = slice(count * len(poses), len(normal))
            for k, (places, pose) in enumerate(zip(observed, poses, strict=True)):
                own, error = self._slopes(places, pose)
                shared = self._size_slopes(pose, names, ~np.isnan(places).any(axis=1))
                rows = slice(count * k, count * (k + 1))
                normal[rows, rows] = own.T @ own + _DAMPING * np.eye(count)
                normal[rows, last] = own.T @ shared
                normal[last, rows] = normal[rows, last].T
                normal[last, last] += shared.T @ shared
                right[rows], right[last] = own.T @ error, right[last] + shared.T @ error
            away = np.array([1.0 - self.sizes[name] for name in names])
            normal[last, last] += _SIZE_WEIGHT**2 * np.eye(len(names))
            right[last] += _SIZE_WEIGHT**2 * away
            step = np.clip(np.linalg.solve(normal, right), -_STEP_LIMIT, _STEP_LIMIT)
            poses = [
                pose.stepped(step[count * k : count * (k + 1)], self.body.joint_range)
                for k, pose in enumerate(poses)
            ]
            for name, change in zip(names, step[last], strict=True):
                self.sizes[name] = float(np.clip(self.sizes[name] + change, *_SIZES))
            self._resize(self.sizes)
            if np.abs(step).max() < _CONVERGED:
                break
        return poses

    def wear(self, observed: Array, pose: _Pose) -> None:
        """Take markers to sit where they are seen (M, 3) in a pose; hidden ones stay where they are."""
        self._put(pose)
        turns = self._data.xmat[self.bodies].reshape(-1, 3, 3)
        seen = ~np.isnan(observed).any(axis=1)
        local = np.einsum("mji,mj->mi", turns, observed - self._data.xpos[self.bodies])
        sizes = self._of_bodies(self.sizes)[self.bodies, None]
        self.places[seen] = (local / sizes)[seen]

    def _solve(self, observed: Array, pose: _Pose, iterations: int) -> _Pose:
        for _ in range(iterations):
            slopes, error = self._slopes(observed, pose)
            normal = slopes.T @ slopes + _DAMPING * np.eye(slopes.shape[1])
            step = np.clip(np.linalg.solve(normal, slopes.T @ error), -_STEP_LIMIT, _STEP_LIMIT)
            pose = pose.stepped(step, self.body.joint_range)
            if np.abs(step).max() < _CONVERGED:
                break
        return pose

    def _slopes(self, observed: Array, pose: _Pose) -> tuple[Array, Array]:
        """Slopes (3 V, 6 + J) of the places of the V visible markers, and how far they are off (3 V,)."""
        at = self._markers(pose)
        mujoco.mj_comPos(self._model, self._data)
        slope = self.body.bound_slope(pose.joints)
        self._moves[self.body.bound_dofadr, 6 + self.body.bound_joint] = slope
        seen = np.flatnonzero(~np.isnan(observed).any(axis=1))
        slopes = np.empty((len(seen), 3, self._moves.shape[1]))
        for out, i in zip(slopes, seen, strict=True):
            mujoco.mj_jac(self._model, self._data, self._jacobian, None, at[i], self.bodies[i])
            out[:] = self._jacobian @ self._moves
        return slopes.reshape(-1, slopes.shape[2]), (observed - at)[seen].ravel()

    def _size_slopes(self, pose: _Pose, names: list[str], seen: Array) -> Array:
        """Slopes (3 V, G) of the places of visible markers over sizes of segments."""
        at, columns = self._markers(pose), []
        for name in names:
            self._resize(self.sizes | {name: self.sizes[name] + _SIZE_STEP})
            columns.append(((self._markers(pose) - at) / _SIZE_STEP)[seen].ravel())
        self._resize(self.sizes)
        return np.stack(columns, axis=1) if names else np.zeros((3 * int(seen.sum()), 0))

    def _markers(self, pose: _Pose) -> Array:
        """Places (M, 3) of the markers on the body in a pose."""
        self._put(pose)
        local = self._of_bodies(self._sizes_now)[self.bodies, None] * self.places
        turns = self._data.xmat[self.bodies].reshape(-1, 3, 3)
        return self._data.xpos[self.bodies] + np.einsum("mij,mj->mi", turns, local)

    def _put(self, pose: _Pose) -> None:
        self._data.qpos[:] = self.body.qpos(pose.place, pose.quat, pose.joints)
        mujoco.mj_kinematics(self._model, self._data)

    def _of_bodies(self, sizes: dict[str, float]) -> Array:
        """Factor of each body (nbody,)."""
        factor = np.ones(self._model.nbody)
        for name, size in sizes.items():
            factor[self._segments[name]] = size
        return factor

    def _resize(self, sizes: dict[str, float]) -> None:
        """Scale segments: what hangs on them and their joints move away from their origins."""
        self._sizes_now = dict(sizes)
        factor, own = self._of_bodies(sizes), self.body.model
        self._model.body_pos[:] = own.body_pos * factor[own.body_parentid, None]
        self._model.jnt_pos[:] = own.jnt_pos * factor[own.jnt_bodyid, None]
