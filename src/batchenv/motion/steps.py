"""From a file of a motion to a clip that a body can follow, step by step as a caller asks."""

import logging
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from batchenv.body.body import Body
from batchenv.errors import InputError
from batchenv.motion.clip import Clip
from batchenv.motion.cycles import gait_cycle, looped
from batchenv.motion.filters import lowpassed
from batchenv.motion.fit import fit_clip
from batchenv.motion.heading import facing_forward
from batchenv.motion.inverse_kinematics import solve_markers
from batchenv.motion.marker_set import GAIT_MARKERS, load_marker_set
from batchenv.motion.mirror import mirrored
from batchenv.motion.registry import read_motion

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Steps:
    """What is done with a motion, in this order.

    Attributes:
        start, end: part of the motion that is kept [s]; None for its ends.
        markers: marker set of a file of markers.
        static: file of the same markers on the subject standing still.
        mirror: whether to take the mirror image.
        cutoff: of a low-pass filter [Hz]; None for none.
        rate: samples a second [Hz]; None as the file has them.
        scale: of the root's way; None: that with which feet slide least.
        cycle: which gait cycle to cut out, from a strike of the right foot to the next; None for all.
        loop: whether to bring the ends together, so that the clip goes on from its end.
    """

    start: float | None = None
    end: float | None = None
    markers: Path = GAIT_MARKERS
    static: Path | None = None
    mirror: bool = False
    cutoff: float | None = None
    rate: float | None = None
    scale: float | None = None
    cycle: int | None = None
    loop: bool = False


def import_motion(file: str | Path, body: Body | None, steps: Steps, **options: object) -> Clip:
    """Read a motion and fit it to a body.

    The motion is turned to travel along x, and begins in the origin. Without a body it is converted alone,
    and stays of common names.

    Args:
        file: any that `read_motion` reads.
        body: that is to follow; None for none.
        steps: what is done with it.
        options: fields of `ReadOptions`.

    Raises:
        InputError, BodyError: says what the file or the body lacks.
    """
    clip = part_of(read_motion(file, **options), steps.start, steps.end)
    if clip.body:
        raise InputError(
            f"{file}: the clip is fitted to {clip.body} already; import the file it is from, {clip.source}"
        )
    if clip.joint_names and (steps.static is not None or steps.markers != GAIT_MARKERS):
        raise InputError(
            f"{clip.source} holds joints, no markers; leave out --markers and --static, in Python markers="
            " and static="
        )
    if not clip.joint_names:
        clip = _from_markers(clip, body, steps, options)
    clip = facing_forward(clip)
    clip = mirrored(clip) if steps.mirror else clip
    clip = clip if steps.cutoff is None else lowpassed(clip, steps.cutoff)
    clip = clip if steps.rate is None else clip.resampled(steps.rate)
    if body is not None:
        clip = fit_clip(clip, body, steps.scale)
    if steps.cycle is not None:
        if body is None:
            raise InputError("a gait cycle needs a body, whose feet strike; name it with --body")
        clip = gait_cycle(clip, body, steps.cycle)
    return looped(clip) if steps.loop and not clip.loops else clip


def part_of(clip: Clip, start: float | None, end: float | None) -> Clip:
    """Return the part of a clip between two times, counted from its beginning [s]; None for its ends.

    Raises:
        InputError: the clip does not have that part.
    """
    if start is None and end is None:
        return clip
    first, last = start or 0.0, clip.duration if end is None else end
    if not 0.0 <= first < last <= clip.duration + 1e-9:
        raise InputError(
            f"{clip.source}: the part from {first:g} to {last:g} s; it is {clip.duration:g} s long, and a"
            " part begins before it ends"
        )
    steps = max(1, round((last - first) * clip.rate))
    kept = clip.at(np.linspace(first, last, steps + 1))
    return replace(kept, times=kept.times - kept.times[0])


def _from_markers(clip: Clip, body: Body | None, steps: Steps, options: dict[str, object]) -> Clip:
    if body is None:
        raise InputError(f"{clip.source} holds markers; name the body that follows them with --body")
    static = None if steps.static is None else read_motion(steps.static, **options)
    found = solve_markers(clip, body, load_marker_set(steps.markers, body), static)
    for line in found.lines():
        _log.info("%s", line)
    return found.clip
