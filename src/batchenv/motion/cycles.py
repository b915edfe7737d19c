"""Gait cycles of a clip: where feet strike, one cycle cut out, and its ends brought together."""

from dataclasses import replace

import numpy as np

from batchenv.body.body import Body
from batchenv.body.gaitnet.rotations import quat_from_vector, quat_inverse, quat_product, vector_from_quat
from batchenv.errors import InputError
from batchenv.motion.clip import Clip
from batchenv.motion.fit import check_fitted
from batchenv.motion.floor import contacts, feet_of

Array = np.ndarray

_SHORTEST = 0.4  # of a gait cycle [s]
_STANDING = 0.05  # of the largest vertical force, over which a foot stands
_WALKED = 0.3  # shorter ways have no direction [m]


def strikes(clip: Clip, body: Body) -> tuple[Array, Array]:
    """Return the samples in which the right and the left foot strike.

    Where the clip has forces, a foot strikes when it begins to bear 5 % of the largest one. Without, it
    strikes where it is furthest ahead of the pelvis (Zeni et al., Gait Posture 27:710, 2008).

    Args:
        clip: fitted to the body.
        body: that it is fitted to.

    Raises:
        InputError: the clip is fitted to another body, or the root stays where it is.
    """
    check_fitted(clip, body)
    if "grf" in clip.forces:
        vertical = clip.forces["grf"][:, :, 2]
        standing = vertical > _STANDING * vertical.max()
        return tuple(np.flatnonzero(standing[1:, f] & ~standing[:-1, f]) + 1 for f in range(2))  # pyright: ignore
    way = clip.root_pos[-1, :2] - clip.root_pos[0, :2]
    if np.linalg.norm(way) < _WALKED:
        raise InputError(
            f"{clip.source}: the root goes {np.linalg.norm(way):.2f} m, and the clip has no forces:"
            " strikes of the feet cannot be told"
        )
    feet = feet_of(body, clip.root_pos, clip.root_quat, clip.joint_pos)
    ahead = (feet.places[..., :2] - clip.root_pos[:, None, :2]) @ (way / np.linalg.norm(way))
    least = round(_SHORTEST * clip.rate)
    return _peaks(ahead[:, 0], least), _peaks(ahead[:, 1], least)


def foot_contacts(clip: Clip, body: Body) -> Array:
    """Return whether the right and the left foot are on the floor (T, 2), from forces or else the motion.

    See `strikes` and `batchenv.motion.floor.contacts`.

    Raises:
        InputError: the clip is fitted to another body.
    """
    check_fitted(clip, body)
    if "grf" in clip.forces:
        vertical = clip.forces["grf"][:, :, 2]
        return vertical > _STANDING * vertical.max()
    return contacts(feet_of(body, clip.root_pos, clip.root_quat, clip.joint_pos), clip.times)


def cut(clip: Clip, first: int, last: int) -> Clip:
    """Return the samples of a clip from one to another, both kept; times begin at 0.

    Raises:
        InputError: they are not two samples of the clip.
    """
    if not 0 <= first < last < len(clip.times):
        raise InputError(
            f"{clip.source}: samples {first} to {last}; expected two from 0 to {len(clip.times) - 1}"
        )
    rows = slice(first, last + 1)
    return replace(
        clip,
        times=clip.times[rows] - clip.times[first],
        joint_pos=clip.joint_pos[rows],
        root_pos=clip.root_pos[rows],
        root_quat=clip.root_quat[rows],
        loops=False,
        markers={name: place[rows] for name, place in clip.markers.items()},
        forces={name: force[rows] for name, force in clip.forces.items()},
    )


def gait_cycle(clip: Clip, body: Body, index: int = 0) -> Clip:
    """Return one gait cycle, from a strike of the right foot to the next, its ends brought together.

    Args:
        clip: fitted to the body.
        body: that it is fitted to.
        index: which cycle, counted from 0.

    Raises:
        InputError: the clip has fewer cycles.
    """
    right, _ = strikes(clip, body)
    if not 0 <= index < len(right) - 1:
        raise InputError(
            f"{clip.source}: gait cycle {index}; its right foot strikes {len(right)} times, at"
            f" {', '.join(f'{each:.2f}' for each in clip.times[right[:10]])} s. A cycle needs two strikes;"
            " one whole cycle that begins elsewhere needs none, and loops as it is"
        )
    return looped(cut(clip, int(right[index]), int(right[index + 1])))


def looped(clip: Clip) -> Clip:
    """Return a clip whose last sample is the first a cycle later, as `Clip.loops` says.

    What its ends differ by, other than the way and the heading of the root, is taken off in equal shares over
    the cycle, half of it at either end.

    Raises:
        InputError: its ends are poses of other phases: a joint differs by more than 20 degrees.
    """
    gap = clip.joint_pos[-1] - clip.joint_pos[0]
    worst = int(np.abs(gap).argmax()) if gap.size else 0
    if gap.size and abs(gap[worst]) > np.radians(20.0):
        raise InputError(
            f"{clip.source}: {clip.joint_names[worst]} ends {np.degrees(gap[worst]):.0f} degrees from where"
            " it begins; a clip that loops begins and ends in the same pose. Cut a cycle out of it first"
        )
    share = (clip.times - clip.times[0])[:, None] / clip.duration - 0.5
    loop = replace(clip, loops=True)
    yaw = np.array([np.cos(loop.cycle_yaw / 2), 0.0, 0.0, np.sin(loop.cycle_yaw / 2)])
    # Rotation in the frame of the root that is left between its ends once it is turned back about the
    # vertical.
    again = quat_product(quat_inverse(yaw), clip.root_quat[-1])
    lean = vector_from_quat(quat_product(quat_inverse(clip.root_quat[0]), again))
    climb = np.array([0.0, 0.0, clip.root_pos[-1, 2] - clip.root_pos[0, 2]])
    return replace(
        loop,
        joint_pos=clip.joint_pos - share * gap,
        root_pos=clip.root_pos - share * climb,
        root_quat=quat_product(clip.root_quat, quat_from_vector(-share * lean)),
    )


def _peaks(values: Array, least: int) -> Array:
    """Samples in which values (T,) are larger than in all within `least` samples around, ends left out."""
    found = []
    for k in range(1, len(values) - 1):
        around = values[max(0, k - least) : k + least + 1]
        if values[k] == around.max() and values[k] > values[k - 1] and values[k] >= values[k + 1]:
            found.append(k)
    return np.array(found, int)
