"""Joint targets in the course of a control step: how they get from one pose to the next without a jump.

Torques of a PD law jump with its targets, and activation falls slowly: the muscles that make the torque of a
jump work against others until they rest again.
"""

import numpy as np

from batchenv.config import Environment
from batchenv.errors import ConfigError

Array = np.ndarray


def check_smooth(environment: Environment, actuator: str) -> None:
    """Refuse smooth targets where targets are not counted from the reference.

    Raises:
        ConfigError: `motion.smooth` or `action.smooth` is set, and has no effect.
    """
    if actuator in ("mass", "pd") and environment.action.residual:
        return
    for section in ("motion", "action"):
        if getattr(environment, section).smooth:
            raise ConfigError(
                f"environment.{section}.smooth is for joint targets that are counted from the reference: "
                "skeleton.actuator mass or pd, and action.residual true"
            )


def follow(rows: Array, later: Array, n_joint: int, dt: float) -> tuple[Array, Array]:
    """Accelerations (N, J) [rad/s^2] and ramps (N, J) [rad/s], as `Worlds.set_targets` takes them.

    With them targets end a step at the pose and the velocity that the reference will have.

    Args:
        rows: of the reference's table when the step begins (N, t).
        later: likewise when it ends.
        n_joint: J.
        dt: length of the step [s].
    """
    rate, later_rate = rows[:, n_joint : 2 * n_joint], later[:, n_joint : 2 * n_joint]
    mean_rate = (later[:, :n_joint] - rows[:, :n_joint]) / dt
    return (later_rate - rate) / dt, mean_rate - 0.5 * (rate + later_rate)
