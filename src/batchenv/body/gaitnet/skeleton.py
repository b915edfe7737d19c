"""Skeleton: segments and joints as GaitNet's file gives them, in the zero pose."""

from dataclasses import dataclass, fields
from functools import cached_property
from typing import Literal, get_args

import numpy as np

from batchenv.body.gaitnet.shapes import Shape, principal_inertia

JointType = Literal["free", "ball", "revolute"]

JOINT_TYPES: tuple[JointType, ...] = get_args(JointType)
DOFS = {"free": 6, "ball": 3, "revolute": 1}
_TWIN_SUFFIX = {"R": "L", "L": "R"}
# A mirrored rotation keeps its part about x, the axis across; a mirrored translation changes only that part.
_MIRROR_SIGNS = {"free": (1, -1, -1, -1, 1, 1), "ball": (1, -1, -1), "revolute": (1,)}


@dataclass(frozen=True, eq=False, kw_only=True)
class Skeleton:
    """B bodies in the order of the file, each on one joint of its name; D coordinates in that order.

    The frame of the world has x to the left, y up, z forward. The coordinates of a ball joint are a rotation
    vector in the frame of the joint; those of the free root are a rotation vector and a translation.

    Attributes:
        names: of bodies and of their joints (B,).
        parent: index of each body's parent, -1 for the root (B,).
        mass: [kg] (B,).
        shape: of each solid (B,).
        size: edges of a box [m], or radius and height (B, 3).
        contact: whether it collides with the ground (B,).
        T_body: frames of the bodies, in their centres of mass, in the world (B, 4, 4).
        T_joint: frames of the joints in the world (B, 4, 4).
        joint_type: (B,).
        axis: of revolute joints in the frame of the joint, else zero (B, 3).
        lower, upper: limits (D,) [rad]; infinite for the root.
        kp: gains of position (D,) [Nm/rad].
        kv: gains of velocity (D,) [Nms/rad].
        damping: (D,) [Nms/rad].
        stiffness: towards the zero pose (D,) [Nm/rad].
        friction: dry (D,) [Nm].
        bvh: names of the joints of a BVH file whose product each joint follows (B,).
        remarks: what is odd about the file, a sentence each.
        mesh: file of a mesh of each body, for the eye; "" where there is none (B,).
    """

    names: tuple[str, ...]
    parent: np.ndarray
    mass: np.ndarray
    shape: tuple[Shape, ...]
    size: np.ndarray
    contact: np.ndarray
    T_body: np.ndarray
    T_joint: np.ndarray
    joint_type: tuple[JointType, ...]
    axis: np.ndarray
    lower: np.ndarray
    upper: np.ndarray
    kp: np.ndarray
    kv: np.ndarray
    damping: np.ndarray
    stiffness: np.ndarray
    friction: np.ndarray
    bvh: tuple[tuple[str, ...], ...]
    remarks: tuple[str, ...] = ()
    mesh: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for item in fields(self):
            value = getattr(self, item.name)
            if isinstance(value, np.ndarray):
                value.flags.writeable = False

    @cached_property
    def num_dofs(self) -> np.ndarray:
        """Number of coordinates of each joint (B,)."""
        return np.array([DOFS[kind] for kind in self.joint_type], np.int32)

    @cached_property
    def dof_start(self) -> np.ndarray:
        """First coordinate of each joint (B,)."""
        return (np.cumsum(self.num_dofs) - self.num_dofs).astype(np.int32)

    @property
    def num_dof(self) -> int:
        """D."""
        return int(self.num_dofs.sum())

    @cached_property
    def dof_joint(self) -> np.ndarray:
        """Joint of each coordinate (D,)."""
        return np.repeat(np.arange(len(self.names), dtype=np.int32), self.num_dofs)

    @cached_property
    def dof_names(self) -> tuple[str, ...]:
        """Name of each coordinate (D,): that of the joint, and of the component where there are several."""
        parts = {
            "free": ("rot_x", "rot_y", "rot_z", "pos_x", "pos_y", "pos_z"),
            "ball": ("x", "y", "z"),
            "revolute": ("",),
        }
        pairs = zip(self.names, self.joint_type, strict=True)
        return tuple(f"{name}_{part}".rstrip("_") for name, kind in pairs for part in parts[kind])

    @cached_property
    def parent_from_joint(self) -> np.ndarray:
        """Frame of each joint in the frame of its parent's body, or the world (B, 4, 4)."""
        above = np.where((self.parent >= 0)[:, None, None], self.T_body[self.parent], np.eye(4))
        return inverse(above) @ self.T_joint

    @cached_property
    def body_from_joint(self) -> np.ndarray:
        """Frame of each joint in the frame of its body (B, 4, 4)."""
        return inverse(self.T_body) @ self.T_joint

    @cached_property
    def inertia(self) -> np.ndarray:
        """Principal moments of inertia along the axes of the body (B, 3) [kg m^2]."""
        solids = zip(self.shape, self.size, self.mass, strict=True)
        return np.array([principal_inertia(shape, size, float(mass)) for shape, size, mass in solids])

    @cached_property
    def mirror(self) -> np.ndarray:
        """Index of each body's twin on the other side, FemurL for FemurR; its own where it has none (B,)."""
        index = {
            (name, kind): i for i, (name, kind) in enumerate(zip(self.names, self.joint_type, strict=True))
        }
        return np.array([index.get((twin(name), kind), i) for (name, kind), i in index.items()], np.int32)

    @cached_property
    def mirror_dof(self) -> np.ndarray:
        """Coordinate of the twin for each coordinate (D,): the mirror image of q is sign * q[mirror_dof]."""
        starts = self.dof_start[self.mirror[self.dof_joint]]
        return starts + np.arange(self.num_dof, dtype=np.int32) - self.dof_start[self.dof_joint]

    @cached_property
    def mirror_sign(self) -> np.ndarray:
        """+1 or -1 for each coordinate (D,); see `mirror_dof`."""
        return np.array([sign for kind in self.joint_type for sign in _MIRROR_SIGNS[kind]], float)

    def index(self, name: str) -> int:
        """Return the index of a body by its name."""
        return self.names.index(name)

    def chain(self, body: int) -> list[int]:
        """Return a body and all that carry it, the root last."""
        found = []
        while body >= 0:
            found.append(body)
            body = int(self.parent[body])
        return found


def twin(name: str) -> str:
    """Return the name on the other side: FemurL for FemurR; a name without a side is its own."""
    return name[:-1] + _TWIN_SUFFIX[name[-1]] if name[-1:] in _TWIN_SUFFIX else name


def inverse(transform: np.ndarray) -> np.ndarray:
    """Return the inverses of rigid transforms (..., 4, 4)."""
    result = np.zeros_like(transform)
    rotation = np.swapaxes(transform[..., :3, :3], -1, -2)
    result[..., :3, :3] = rotation
    result[..., :3, 3] = -np.einsum("...ij,...j->...i", rotation, transform[..., :3, 3])
    result[..., 3, 3] = 1.0
    return result
