"""First states of episodes: on the reference cycle at a random phase, moving with it, feet on the ground."""

# Numba finds the types of a compiled function's parameters when it is called.
# pyright: reportMissingParameterType=false, reportUnknownParameterType=false, reportUnknownVariableType=false
# pyright: reportUnknownMemberType=false, reportUnknownArgumentType=false

from dataclasses import dataclass
from typing import Any

import mujoco
import numba
import numpy as np

from batchenv import rng
from batchenv.compiled import compiled
from batchenv.config import ParameterRange
from batchenv.errors import InputError
from batchenv.mdp.batch import Batch
from batchenv.mdp.episodes import START
from batchenv.rng import box_muller


@dataclass(frozen=True)
class Start:
    """First states of n episodes.

    Attributes:
        phase: of the gait cycle (n,).
        qpos: (n, nq).
        qvel: (n, nv).
    """

    phase: np.ndarray
    qpos: np.ndarray
    qvel: np.ndarray

    @classmethod
    def at_rest(cls, model: mujoco.MjModel, num_worlds: int) -> "Start":
        """The model's first pose, at rest."""
        return cls(
            np.zeros(num_worlds),
            np.repeat(model.qpos0[None], num_worlds, axis=0),
            np.zeros((num_worlds, model.nv)),
        )

    def check(self, title: str) -> None:
        """Refuse what an event has made of it.

        Raises:
            InputError: a number is not finite, or a phase is outside [0, 1).
        """
        for name, array in (("phase", self.phase), ("qpos", self.qpos), ("qvel", self.qvel)):
            if not np.isfinite(array).all():
                raise InputError(f"{title} made start.{name} infinite or not a number")
        if not ((self.phase >= 0.0) & (self.phase < 1.0)).all():
            raise InputError(f"{title} made start.phase {self.phase.max():g}; expected phases in [0, 1)")


def reference_states(
    task: Any,
    batch: Batch[Any, Any],
    ids: np.ndarray,
    start: Start,
    *,
    joint_noise: float,
    velocity_noise: float,
) -> None:
    """Fill the starts of some worlds (n,), each drawn from its own stream.

    Args:
        task: has the body, the axes of the walking frame and the reference.
        batch: of all worlds.
        ids: worlds (n,).
        start: to fill.
        joint_noise: standard deviation of joint angles [rad].
        velocity_noise: standard deviation of joint velocities [rad/s].
    """
    body, axes = task.body, task.axes
    draws = batch.episodes.uniform(ids, 1 + 4 * len(body.joint_names), START)
    start.phase[:] = draws[:, 0]
    start.qpos[:] = body.model.qpos0
    start.qpos[:, 3:7] = 1.0, 0.0, 0.0, 0.0
    start.qvel[:, :3] = task.reference_speed(batch, ids)[:, None] * axes[0]
    rows = task.reference_rows(batch, ids, start.phase)
    _write_pose(task, draws, rows, start, joint_noise, velocity_noise)


def clip_states(
    task: Any,
    batch: Batch[Any, Any],
    ids: np.ndarray,
    start: Start,
    *,
    joint_noise: float,
    velocity_noise: float,
    adaptive: bool,
) -> None:
    """Fill the starts of some worlds (n,) with states of their clips, each drawn from its own stream.

    Args:
        task: imitates clips; see `batchenv.tasks.track`.
        batch, ids, start, joint_noise, velocity_noise: as of `reference_states`.
        adaptive: begin more often where the world failed.
    """
    draws = batch.episodes.uniform(ids, 2 + 4 * len(task.body.joint_names), START)
    task.begin_clips(batch, ids, draws[:, :2], adaptive)
    start.phase[:] = task.clip_phase(batch.state, ids)
    start.qpos[:] = task.body.model.qpos0
    rows, quat, linvel, angvel = task.clip_start(batch, ids)
    start.qpos[:, 3:7], start.qvel[:, :3], start.qvel[:, 3:6] = quat, linvel, angvel
    _write_pose(task, draws[:, 1:].copy(), rows, start, joint_noise, velocity_noise)


def _write_pose(
    task: Any, draws: np.ndarray, rows: np.ndarray, start: Start, joint_noise: float, velocity_noise: float
) -> None:
    """Write height and joints of reference rows (n, t) into starts; see `_write_joints`."""
    body = task.body
    _write_joints(
        draws,
        rows,
        joint_noise,
        velocity_noise,
        task.axes[2],
        body.joint_range,
        body.joint_qposadr,
        body.joint_dofadr,
        body.bound_qposadr,
        body.bound_dofadr,
        body.bound_joint,
        body.bound_q0,
        body.bound_driver_q0,
        body.bound_coef,
        start.qpos,
        start.qvel,
    )


@compiled(allocates=False)
def _write_joints(
    # draws and reference
    draws,
    reference,
    joint_noise,
    velocity_noise,
    # body
    up,
    joint_range,
    joint_qposadr,
    joint_dofadr,
    bound_qposadr,
    bound_dofadr,
    bound_joint,
    bound_q0,
    bound_driver_q0,
    bound_coef,
    # out
    qpos,
    qvel,
):
    """Height of the root, and joints near the reference with all that is bound to them.

    Args:
        draws: uniform numbers: the phase, then two for each joint's position and velocity (n, 1 + 4 J).
        reference: rows of the gait cycle's table (n, t).
        joint_noise, velocity_noise: standard deviations [rad], [rad/s].
    """
    n_joint = joint_qposadr.size
    for i in range(qpos.shape[0]):
        for axis in range(3):  # with slices, Numba compiles for seconds what it would say of their shapes
            qpos[i, axis] = reference[i, 2 * n_joint] * up[axis]
        for j in range(n_joint):
            noise = box_muller(draws[i, 1 + j], draws[i, 1 + 2 * n_joint + j])
            rate_noise = box_muller(draws[i, 1 + n_joint + j], draws[i, 1 + 3 * n_joint + j])
            low, high = joint_range[j, 0], joint_range[j, 1]
            position = reference[i, j] + joint_noise * noise
            qpos[i, joint_qposadr[j]] = min(max(position, low), high)
            qvel[i, joint_dofadr[j]] = reference[i, n_joint + j] + velocity_noise * rate_noise
        for b in range(bound_joint.size):
            driver = bound_joint[b]
            at, rate = qpos[i, joint_qposadr[driver]], qvel[i, joint_dofadr[driver]]
            bound_pos, slope = bound_state(at, bound_q0[b], bound_driver_q0[b], bound_coef[b])
            qpos[i, bound_qposadr[b]], qvel[i, bound_dofadr[b]] = bound_pos, slope * rate


@numba.njit
def bound_state(driver_pos, q0, driver_q0, coef):
    """Position of a bound joint and its slope over its driver, as `Body.bound_pos` and `bound_slope` say."""
    x = driver_pos - driver_q0
    position = q0 + coef[0] + x * (coef[1] + x * (coef[2] + x * (coef[3] + x * coef[4])))
    return position, coef[1] + x * (2 * coef[2] + x * (3 * coef[3] + x * 4 * coef[4]))


def parameter(draw: ParameterRange, u: np.ndarray) -> np.ndarray:
    """Values (n,) of a model parameter.

    Args:
        draw: how it is drawn; "normal" has its standard deviation a quarter of the range, and is cut to it.
        u: uniform numbers (n, 2).
    """
    if draw.sampling == "fixed":
        return np.full(len(u), draw.default)
    if draw.sampling in ("uniform", "adaptive"):
        return draw.min + (draw.max - draw.min) * u[:, 0]
    bell = rng.gaussian(u)[:, 0]
    return np.clip(draw.default + 0.25 * (draw.max - draw.min) * bell, draw.min, draw.max)
