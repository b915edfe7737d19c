"""Conversion of GaitNet's bodies into mechanisms."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from batchenv.body.gaitnet.curves import FVMAX, LMAX, LMIN, VMAX, passive_peak
from batchenv.body.gaitnet.skeleton import Skeleton
from batchenv.body.mechanism import Fibers, Mechanism
from batchenv.errors import BodyError

ROOT_DOFS = 6


GaitNetBody = Any  # a `batchenv.body.gaitnet.GaitNetBody`, whose module imports this one


def mechanism(body: GaitNetBody, nuserdata: int = 0) -> Mechanism:
    """Compile a body for the engine; its muscles run over blended way-points.

    Args:
        body: what moves.
        nuserdata: room for `userdata`.

    Raises:
        BodyError: the root is not free, or another joint is.
    """
    _check_joints(body)
    skeleton, paths, model = body.skeleton, body.paths, body.model(nuserdata)
    kind = np.array(skeleton.joint_type)
    ball = kind == "ball"
    ball_coordinates = (skeleton.dof_start[ball][:, None] + np.arange(3)).ravel()
    hinged = kind[skeleton.dof_joint] == "revolute"
    return Mechanism(
        model=model,
        joint_names=skeleton.dof_names[ROOT_DOFS:],
        joint_qposadr=np.where(hinged, body.qposadr[skeleton.dof_joint], -1)[ROOT_DOFS:],
        joint_dofadr=body.mujoco_dof[ROOT_DOFS:],
        ball_qposadr=body.qposadr[ball],
        ball_dofadr=body.dofadr[ball],
        ball_lower=skeleton.lower[ball_coordinates].reshape(-1, 3),
        ball_upper=skeleton.upper[ball_coordinates].reshape(-1, 3),
        muscle_names=tuple(paths.names),
        crossing_ptr=np.asarray(paths.related_ptr, np.int32),
        crossing_joint=np.asarray(paths.related_dof, np.int32) - ROOT_DOFS,
        mirror_muscle=np.asarray(paths.mirror),
        mirror_joint=np.asarray(skeleton.mirror_dof)[ROOT_DOFS:] - ROOT_DOFS,
        mirror_joint_sign=np.asarray(skeleton.mirror_sign)[ROOT_DOFS:],
        way_points=body.way_points,
        fibers=Fibers(
            peak_force=paths.f0 * np.cos(paths.pen),
            optimal_length=paths.lm,
            tendon_length=paths.lt,
            reference_length=paths.lmt_ref,
            mujoco_curves=np.array([0.0, 1.0, 1.0, 1.0, LMIN, LMAX, VMAX, passive_peak(), FVMAX]),
        ),
    )


def leg_joints(body: GaitNetBody) -> np.ndarray:
    """Driven coordinates between the root and the bodies that touch the ground (n,)."""
    skeleton = body.skeleton
    legs = {joint for foot in body.contact_body for joint in skeleton.chain(int(foot)) if joint > 0}
    return np.flatnonzero(np.isin(skeleton.dof_joint, sorted(legs))) - ROOT_DOFS


def upper_joints(body: GaitNetBody) -> tuple[int, ...]:
    """Driven coordinates that are none of the legs (n,)."""
    return tuple(np.setdiff1d(np.arange(body.skeleton.num_dof - ROOT_DOFS), leg_joints(body)).tolist())


def loaded_joints(skeleton: Skeleton, loaded: Sequence[str]) -> list[int]:
    """Indices of joints whose loads are measured.

    Raises:
        BodyError: the skeleton lacks one, or one carries another.
    """
    names = skeleton.names
    for name in loaded:
        if name not in names:
            raise BodyError(f"no joint {name!r} in the skeleton; its joints are {', '.join(names)}")
    joints = [skeleton.index(name) for name in loaded]
    for joint in joints:
        for other in joints:
            if joint != other and joint in skeleton.chain(other):
                raise BodyError(f"joint {names[joint]!r} carries {names[other]!r}: measure the load of one")
    return joints


def named_bodies(body: GaitNetBody, *names: str) -> tuple[int, ...]:
    """MuJoCo's ids of bodies by name.

    Raises:
        BodyError: the skeleton lacks one.
    """
    for name in names:
        if name not in body.skeleton.names:
            raise BodyError(
                f"no body {name!r} in the skeleton; its bodies are {', '.join(body.skeleton.names)}"
            )
    return tuple(int(body.body_id[body.skeleton.index(name)]) for name in names)


def _check_joints(body: GaitNetBody) -> None:
    for i, (name, kind) in enumerate(zip(body.skeleton.names, body.skeleton.joint_type, strict=True)):
        if (kind == "free") != (i == 0):
            expected = "the first joint free" if i == 0 else "no free joint but the first"
            raise BodyError(f"joint {name!r} is {kind}: worlds of this kind take {expected}")
