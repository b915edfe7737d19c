"""Leg poses: where the joints of the legs put the feet, and smooth cycles of such poses."""

import numpy as np

from batchenv.body.body import Body
from batchenv.body.foot_geometry import foot_axes, relative_positions

Array = np.ndarray
EVERY = 16  # rows of a gait's table from one in which legs are computed to the next
LEVER = 0.2  # what one radian of a foot's tilt counts as, in metres of its heel's place [m]
_STEP = 1e-4  # of a joint, for derivatives [rad]


def feet_places(body: Body, joint_pos: Array) -> Array:
    """Of each foot, place of the heel along forward, left and up, and tilt times `LEVER` (P, 2, 4) [m].

    Args:
        body: whose root is upright.
        joint_pos: (P, J) [rad].
    """
    heels, ahead = relative_positions(body, body.foot_body, joint_pos), foot_axes(body, joint_pos)
    tilt = np.arctan2(ahead[..., 2], np.linalg.norm(ahead[..., :2], axis=-1))
    return np.concatenate([heels, LEVER * tilt[..., None]], axis=-1)


def feet_slopes(body: Body, moved: Array, joint_pos: Array) -> tuple[Array, Array]:
    """Places of the feet (P, 2, 4) [m], as of `feet_places`, and how joints (m,) move them (P, m, 8) [m/rad].

    Args:
        body: whose root is upright.
        moved: joints (m,).
        joint_pos: (P, J) [rad].
    """
    poses, joints = joint_pos.shape
    steps = np.concatenate([np.zeros((1, joints)), _STEP * np.eye(joints)[moved]])
    seen = feet_places(body, (joint_pos[:, None] + steps).reshape(-1, joints)).reshape(poses, len(steps), -1)
    return seen[:, 0].reshape(poses, -1, 4), (seen[:, 1:] - seen[:, :1]) / _STEP


def resampled(values: Array, size: int) -> Array:
    """A smooth periodic curve (n, m) at more even phases (size, m)."""
    return np.fft.irfft(np.fft.rfft(values, axis=0), size, axis=0) * (size / len(values))


def rates(values: Array) -> Array:
    """Central differences of a periodic curve (K, ...), over one cycle (K, ...)."""
    return 0.5 * len(values) * (np.roll(values, -1, axis=0) - np.roll(values, 1, axis=0))
