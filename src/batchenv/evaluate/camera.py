"""A camera that walks along."""

import mujoco
import numpy as np

from batchenv.arrays import shown
from batchenv.errors import InputError, nearest

# Where the camera looks to, from the walker's forward axis to its left, and upwards [deg].
ANGLES: dict[str, tuple[float, float]] = {
    "quarter": (125.0, -10.0),  # from the right and the front
    "right": (90.0, -5.0),
    "left": (-90.0, -5.0),
    "front": (180.0, -8.0),
    "behind": (0.0, -12.0),
    "above": (90.0, -65.0),
}
FOLLOW_SECONDS = 0.45  # time constant [s]
DISTANCE = 2.6  # from one walker [m]


def check_view(name: str, view: object) -> None:
    """InputError unless there is a view of that name."""
    if not isinstance(view, str) or view not in ANGLES:
        hint = nearest(view, ANGLES) if isinstance(view, str) else ""
        raise InputError(f"{name} is {shown(view)}; expected one of {', '.join(ANGLES)}.{hint}")


class FollowingCamera:
    """Follows a point without lagging behind a steady one, and without its bobbing.

    Args:
        view: from where it looks.
        forward: of the walkers (3,).
        start: where it looks first (3,) [m].
        speed: at which the walkers begin [m/s].
        extent: of their group [m].

    Attributes:
        mujoco: the camera, to draw with.
    """

    def __init__(self, view: str, forward: np.ndarray, start: np.ndarray, speed: float, extent: float):
        self.mujoco = mujoco.MjvCamera()
        self.mujoco.lookat[:] = start
        self.mujoco.distance = DISTANCE + 1.1 * extent
        azimuth, elevation = ANGLES[view]
        self.mujoco.azimuth = float(np.degrees(np.arctan2(forward[1], forward[0]))) + azimuth
        # Rows behind one another are seen from higher up.
        self.mujoco.elevation = elevation if extent == 0 else elevation - 10.0
        self._velocity = speed * forward

    def follow(self, point: np.ndarray, seconds: float) -> None:
        """Move as far as it does in a time [s], towards a point (3,) [m]; critically damped."""
        rate = 1.0 / FOLLOW_SECONDS
        self.mujoco.lookat[:] += self._velocity * seconds
        behind = point - self.mujoco.lookat
        self.mujoco.lookat[:] += min(1.0, 2.0 * rate * seconds) * behind
        self._velocity += rate * min(1.0, rate * seconds) * behind
