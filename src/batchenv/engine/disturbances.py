"""Disturbances in every substep, compiled: of joint angles, of bodies by forces, and of activations.

What they are stands in slots that the task writes before a step. Angles are moved at the end of the substep
that reads them, so that the dynamics of the next one see them first.
"""

# Numba's intrinsics take a typing context that callers do not pass, and its package re-exports untyped names.
# pyright: reportCallIssue=false, reportPrivateImportUsage=false

import math
from collections.abc import Sequence
from dataclasses import dataclass

import mujoco
import numpy as np

from batchenv.compiled import inner
from batchenv.engine.controllers.stable_pd import rotation_vector
from batchenv.engine.fields import CDOF, QFRC_APPLIED, QPOS, SUBTREE_COM, XIPOS, f64, f64_2d, shared_u32
from batchenv.engine.record import Part, Values
from batchenv.errors import BodyError

PART = Part(
    numbers={"n_moved_hinge": np.int64, "n_moved_ball": np.int64, "n_pushed": np.int64, "shaken": np.int64},
    arrays={
        "moved_hinge": np.uint32,
        "moved_ball": np.uint32,
        "pushed_body": np.uint32,
        "pushed_ptr": np.uint32,
        "pushed_dof": np.uint32,
    },
    slots=("angle_noise", "force_noise", "activation_noise"),
)


@dataclass(frozen=True)
class Disturbances:
    """Choice of what is disturbed; ids of MuJoCo.

    Attributes:
        joints: hinges and balls whose angles are moved.
        bodies: that forces act on, at their centres of mass.
        muscles: whether activations are.
    """

    joints: tuple[int, ...] = ()
    bodies: tuple[int, ...] = ()
    muscles: bool = False


def values(model: mujoco.MjModel, chosen: Disturbances, substeps: int, muscles: int) -> Values:
    """Describe disturbances: slots hold them for each substep.

    `angle_noise` (S, H + 3 B) has hinges before balls [rad], `force_noise` (S, n, 3) forces in the world [N],
    `activation_noise` (S, M) additions to activations.

    Raises:
        BodyError: a joint is neither a hinge nor a ball.
    """
    kinds = model.jnt_type[list(chosen.joints)]
    hinge, ball = int(mujoco.mjtJoint.mjJNT_HINGE), int(mujoco.mjtJoint.mjJNT_BALL)
    for joint, kind in zip(chosen.joints, kinds, strict=True):
        if kind not in (hinge, ball):
            raise BodyError(
                f"joint {model.joint(joint).name!r} is disturbed; expected a hinge or a ball joint"
            )
    adr = model.jnt_qposadr[list(chosen.joints)]
    dofs = [_chain(model, body) for body in chosen.bodies]
    hinges, balls = adr[kinds == hinge], adr[kinds == ball]
    return Values(
        numbers={
            "n_moved_hinge": hinges.size,
            "n_moved_ball": balls.size,
            "n_pushed": len(dofs),
            "shaken": chosen.muscles,
        },
        arrays={
            "moved_hinge": hinges,
            "moved_ball": balls,
            "pushed_body": np.array(chosen.bodies, int),
            "pushed_ptr": np.cumsum([0, *map(len, dofs)]),
            "pushed_dof": np.concatenate([*dofs, []]),
        },
        slots={
            "angle_noise": (substeps, hinges.size + 3 * balls.size),
            "force_noise": (substeps, len(dofs), 3),
            "activation_noise": (substeps, muscles if chosen.muscles else 0),
        },
    )


def _chain(model: mujoco.MjModel, body: int) -> Sequence[int]:
    """Dofs that move a body."""
    dof = int(model.body_dofadr[body] + model.body_dofnum[body] - 1)
    found = []
    while dof >= 0:
        found.append(dof)
        dof = int(model.dof_parentid[dof])
    return found


@inner
def disturb_body(block, data, user, substep):
    """Push bodies and move joints in a substep."""
    _push(block, data, user, substep)
    qpos, count = f64(data, QPOS, block.n_qpos), block.n_moved_hinge + 3 * block.n_moved_ball
    start = block.at_angle_noise + substep * count
    hinge = shared_u32(block.moved_hinge, block.n_moved_hinge)
    for j in range(block.n_moved_hinge):
        qpos[hinge[j]] += user[start + j]
    start += block.n_moved_hinge
    ball = shared_u32(block.moved_ball, block.n_moved_ball)
    for b in range(block.n_moved_ball):
        a, k = np.int64(ball[b]), start + 3 * b
        x, y, z = rotation_vector(qpos[a], qpos[a + 1], qpos[a + 2], qpos[a + 3])
        x, y, z = x + user[k], y + user[k + 1], z + user[k + 2]
        angle = math.sqrt(x * x + y * y + z * z)
        share = math.sin(0.5 * angle) / angle if angle > 1e-12 else 0.5
        qpos[a], qpos[a + 1], qpos[a + 2], qpos[a + 3] = (
            math.cos(0.5 * angle),
            share * x,
            share * y,
            share * z,
        )


@inner
def _push(block, data, user, substep):
    """Add the generalised forces of forces at the centres of mass of bodies to those applied."""
    applied, cdof = f64(data, QFRC_APPLIED, block.n_dof), f64_2d(data, CDOF, block.n_dof, 6)
    com, xipos = f64_2d(data, SUBTREE_COM, block.n_body, 3)[1], f64_2d(data, XIPOS, block.n_body, 3)
    body = shared_u32(block.pushed_body, block.n_pushed)
    ptr = shared_u32(block.pushed_ptr, block.n_pushed + 1)
    for b in range(block.n_pushed):
        k = block.at_force_noise + 3 * (substep * block.n_pushed + b)
        x, y, z = user[k], user[k + 1], user[k + 2]
        at = xipos[body[b]]
        px, py, pz = at[0] - com[0], at[1] - com[1], at[2] - com[2]
        dofs = shared_u32(block.pushed_dof, np.int64(ptr[b + 1]))
        for j in range(ptr[b], ptr[b + 1]):
            axis = cdof[dofs[j]]
            turn = axis[0] * (py * z - pz * y) + axis[1] * (pz * x - px * z) + axis[2] * (px * y - py * x)
            applied[dofs[j]] += turn + axis[3] * x + axis[4] * y + axis[5] * z


@inner
def disturb_activations(block, user, substep):
    """Add to the activations of all muscles in a substep; they stay between 0 and 1."""
    if block.shaken:
        start = block.at_activation_noise + substep * block.n_muscle
        for m in range(block.n_muscle):
            a = user[block.at_activation + m] + user[start + m]
            user[block.at_activation + m] = min(1.0, max(0.0, a))
