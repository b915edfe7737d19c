"""GaitNetBody: a skeleton with muscles, and how its coordinates lie in the state of MuJoCo."""

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

import mujoco
import numpy as np

from batchenv.body.gaitnet.mechanism import loaded_joints, mechanism, named_bodies
from batchenv.body.gaitnet.model_spec import FLOOR, skeleton_spec
from batchenv.body.gaitnet.muscle_file import load_muscles
from batchenv.body.gaitnet.muscle_paths import MusclePaths
from batchenv.body.gaitnet.path_layout import lay_out_paths
from batchenv.body.gaitnet.rotations import (
    matrix_from_quat,
    quat_from_matrix,
    quat_from_vector,
    quat_inverse,
    quat_product,
    vector_from_quat,
)
from batchenv.body.gaitnet.skeleton import Skeleton
from batchenv.body.gaitnet.skeleton_file import load_skeleton
from batchenv.body.mechanism import Mechanism, WayPoints
from batchenv.body.names import BodyNames
from batchenv.body.sources import compile_spec
from batchenv.errors import BodyError

Array = np.ndarray

_NAMES = BodyNames(sides=("R_", "L_"))
_FEET, _TRUNKS = ("TalusR", "TalusL"), ("Torso", "Spine")


@dataclass(frozen=True, eq=False)
class GaitNetBody:
    """B bodies, D coordinates and M muscles; N poses in one call.

    GaitNet's coordinates q (N, D) are rotation vectors, angles, and for the root a rotation vector before a
    translation. Its velocities (N, D) are angular velocities in the frame of the joint, and the root's
    translational velocity in that frame, too; MuJoCo has that one in the world, and before the rotation.

    Attributes:
        skeleton: bodies and joints.
        paths: muscles.
        visual: whether models have the shapes that touch nothing.
        ground_height: of the floor along y [m].
        timestep: of the physics [s].
        loaded: joints whose loads are measured, by name.
        self_collide: whether all bodies touch the floor and each other.
    """

    skeleton: Skeleton
    paths: MusclePaths
    visual: bool = False
    ground_height: float = 0.0
    timestep: float = 1 / 480
    loaded: tuple[str, ...] = ()
    self_collide: bool = False

    def spec(self, *, visual: bool | None = None) -> mujoco.MjSpec:
        """Return a new spec of the body, to change and to compile; muscles are not part of it.

        Args:
            visual: whether it has the shapes that touch nothing; None: as the body has them.
        """
        seen = self.visual if visual is None else visual
        return skeleton_spec(
            self.skeleton,
            visual=seen,
            ground_height=self.ground_height,
            self_collide=self.self_collide,
        )

    @cached_property
    def way_points(self) -> WayPoints:
        """Muscle paths as the engine takes them; the same in every model of the body."""
        loaded = loaded_joints(self.skeleton, self.loaded)
        return lay_out_paths(self.paths, self.skeleton, self.body_id, loaded)

    def mechanism(self, nuserdata: int = 0) -> Mechanism:
        """Compile a new model for the engine, with room for `userdata`.

        Raises:
            BodyError: the root is not free, or another joint is.
        """
        return mechanism(self, nuserdata)

    def model(self, nuserdata: int = 0) -> mujoco.MjModel:
        """Compile a new model, with room for `userdata`."""
        spec = self.spec()
        spec.option.timestep = self.timestep
        spec.nuserdata = nuserdata
        return compile_spec(spec)

    @cached_property
    def _model(self) -> mujoco.MjModel:
        """For look-ups, and for nobody to change."""
        return self.model()

    @cached_property
    def body_id(self) -> Array:
        """MuJoCo's ids of the bodies (B,)."""
        return np.array([self._model.body(name).id for name in self.skeleton.names], np.int32)

    @cached_property
    def qposadr(self) -> Array:
        """First place of each joint in qpos (B,)."""
        return np.array([self._model.joint(name).qposadr[0] for name in self.skeleton.names], np.int32)

    @cached_property
    def dofadr(self) -> Array:
        """First place of each joint in qvel (B,)."""
        return np.array([self._model.joint(name).dofadr[0] for name in self.skeleton.names], np.int32)

    @cached_property
    def mujoco_dof(self) -> Array:
        """Place in qvel of each of GaitNet's coordinates (D,)."""
        offset = np.arange(self.skeleton.num_dof) - self.skeleton.dof_start[self.skeleton.dof_joint]
        free = np.array(self.skeleton.joint_type)[self.skeleton.dof_joint] == "free"
        return (self.dofadr[self.skeleton.dof_joint] + np.where(free, (offset + 3) % 6, offset)).astype(
            np.int32
        )

    @property
    def floor_geom(self) -> int:
        """Id of the floor."""
        return int(self._model.geom(FLOOR).id)

    @cached_property
    def contact_body(self) -> Array:
        """Indices of the bodies that touch the ground (C,)."""
        return np.flatnonzero(self.skeleton.contact).astype(np.int32)

    @cached_property
    def contact_geom(self) -> Array:
        """Ids of their geoms (C,)."""
        return np.array([self._model.geom(self.skeleton.names[i]).id for i in self.contact_body], np.int32)

    @property
    def mass(self) -> float:
        """Of the whole body [kg]."""
        return float(self.skeleton.mass.sum())

    @property
    def names(self) -> BodyNames:
        """What it calls its sides."""
        return _NAMES

    @property
    def muscle_names(self) -> tuple[str, ...]:
        """Names of the muscles (M,)."""
        return self.paths.names

    @property
    def trunk_body(self) -> int:
        """MuJoCo's id of the trunk, or of the root where none has such a name."""
        own = self.skeleton.names
        return int(self.body_id[next((own.index(name) for name in _TRUNKS if name in own), 0)])

    @cached_property
    def foot_bodies(self) -> tuple[tuple[int, ...], ...]:
        """MuJoCo's ids of the bodies of the right and the left foot, the hindfoot first.

        Raises:
            BodyError: the skeleton has no feet of these names.
        """
        feet = []
        for name in _FEET:
            (hindfoot,) = named_bodies(self, name)
            at = self.skeleton.index(name)
            carried = (int(i) for i in self.contact_body if i != at and at in self.skeleton.chain(int(i)))
            feet.append((hindfoot, *(int(self.body_id[i]) for i in carried)))
        return tuple(feet)

    def to_qpos(self, q: Array) -> Array:
        """Return MuJoCo's positions (N, nq) of GaitNet's coordinates (N, D)."""
        q = np.asarray(q, float)
        qpos = np.empty((*q.shape[:-1], self._model.nq))
        places = self._places
        qpos[..., places.hinge_qpos] = q[..., places.hinge]
        qpos[..., places.ball_qpos] = quat_from_vector(q[..., places.ball])
        for start, at, frame, quat in places.free:
            qpos[..., at : at + 3] = frame[:3, 3] + q[..., start + 3 : start + 6] @ frame[:3, :3].T
            qpos[..., at + 3 : at + 7] = quat_product(quat, quat_from_vector(q[..., start : start + 3]))
        return qpos

    def from_qpos(self, qpos: Array) -> Array:
        """Return GaitNet's coordinates (N, D) of MuJoCo's positions (N, nq)."""
        qpos = np.asarray(qpos, float)
        q = np.empty((*qpos.shape[:-1], self.skeleton.num_dof))
        places = self._places
        q[..., places.hinge] = qpos[..., places.hinge_qpos]
        q[..., places.ball] = vector_from_quat(qpos[..., places.ball_qpos])
        for start, at, frame, quat in places.free:
            turn = quat_product(quat_inverse(quat), qpos[..., at + 3 : at + 7])
            q[..., start : start + 3] = vector_from_quat(turn)
            q[..., start + 3 : start + 6] = (qpos[..., at : at + 3] - frame[:3, 3]) @ frame[:3, :3]
        return q

    def to_qvel(self, qpos: Array, dq: Array) -> Array:
        """Return MuJoCo's velocities (N, nv) of GaitNet's (N, D), at MuJoCo's positions (N, nq)."""
        qvel = np.empty_like(np.asarray(dq, float))
        qvel[..., self.mujoco_dof] = dq
        at, root = int(self.qposadr[0]), int(self.dofadr[0])
        rotation = matrix_from_quat(np.asarray(qpos)[..., at + 3 : at + 7])
        qvel[..., root : root + 3] = np.einsum("...ij,...j->...i", rotation, qvel[..., root : root + 3])
        return qvel

    def from_qvel(self, qpos: Array, qvel: Array) -> Array:
        """Return GaitNet's velocities (N, D) of MuJoCo's (N, nv), at MuJoCo's positions (N, nq)."""
        dq = np.array(np.asarray(qvel, float)[..., self.mujoco_dof])
        at = int(self.qposadr[0])
        rotation = matrix_from_quat(np.asarray(qpos)[..., at + 3 : at + 7])
        dq[..., 3:6] = np.einsum("...ji,...j->...i", rotation, dq[..., 3:6])
        return dq

    @cached_property
    def _places(self) -> "_Places":
        """Where joints of each kind have their coordinates, in GaitNet's order and in qpos."""
        kinds, starts = np.array(self.skeleton.joint_type), self.skeleton.dof_start
        ball, hinge = kinds == "ball", kinds == "revolute"
        return _Places(
            hinge=starts[hinge],
            hinge_qpos=self.qposadr[hinge],
            ball=starts[ball][:, None] + np.arange(3),
            ball_qpos=self.qposadr[ball][:, None] + np.arange(4),
            free=[
                (int(starts[i]), int(self.qposadr[i]), frame, quat_from_matrix(frame[:3, :3]))
                for i, frame in enumerate(self.skeleton.T_joint)
                if kinds[i] == "free"
            ],
        )


class _Places(NamedTuple):
    """Coordinates of hinges (H,) and of balls (B, 3), and where qpos has them (H,), (B, 4).

    Free joints have, one by one, their first coordinates in both, and their frame and rotation when at zero.
    """

    hinge: Array
    hinge_qpos: Array
    ball: Array
    ball_qpos: Array
    free: list[tuple[int, int, Array, Array]]


def load_gaitnet_body(
    skeleton_file: str | Path,
    muscle_file: str | Path,
    *,
    drop: bool = False,
    visual: bool = False,
    ground_height: float = 0.0,
    timestep: float = 1 / 480,
    loaded: tuple[str, ...] = (),
    self_collide: bool = False,
    mesh_weights: bool = False,
) -> GaitNetBody:
    """Load a body from GaitNet's files.

    Args:
        skeleton_file: XML or YAML, see `load_skeleton`.
        muscle_file: XML or YAML, see `load_muscles`.
        drop: leave out muscles that name unknown bodies or cross no joint.
        visual: give models the shapes that touch nothing, for the eye.
        ground_height: of the floor along y [m].
        timestep: of the physics [s].
        loaded: joints whose loads are measured, by name.
        self_collide: let all bodies touch the floor and each other, but for those that a joint connects.
        mesh_weights: weight way-points of muscles of the feet by distances to meshes, see `load_muscles`.

    Raises:
        BodyError: says the file, the line, and what is wrong.
    """
    skeleton = load_skeleton(skeleton_file)
    paths = load_muscles(muscle_file, skeleton, drop=drop, mesh_weights=mesh_weights)
    body = GaitNetBody(skeleton, paths, visual, ground_height, timestep, loaded, self_collide)
    try:
        body.model()
    except BodyError as error:
        raise BodyError(f"{skeleton_file}: {error}") from error.__cause__
    return body
