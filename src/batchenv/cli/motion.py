"""The commands `batchenv import` and `batchenv show`: motions of any format, for a body and for the eye."""

import contextlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from tyro.conf import Positional

from batchenv.cli.ending import saying
from batchenv.cli.options import identity
from batchenv.startup import importing

if TYPE_CHECKING:
    from batchenv.body import Body
    from batchenv.evaluate.clip_stage import ClipStage
    from batchenv.motion import Clip

_TIMESTEP = 0.002  # of a body that only shows itself [s]


def import_motion(
    motion: Positional[Path],
    *,
    out: Path,
    body: str | None = None,
    start: float | None = None,
    end: float | None = None,
    mirror: bool = False,
    cutoff: float | None = None,
    rate: float | None = None,
    scale: float | None = None,
    cycle: int | None = None,
    loop: bool = False,
    markers: Path | None = None,
    static: Path | None = None,
    joints: Path | None = None,
    skeleton: Path | None = None,
    rest_frame: int | None = None,
    unit: float | None = None,
    hz: float | None = None,
    up: Literal["x", "y", "z"] | None = None,
    episode: int = 0,
    trust: bool = False,
) -> None:
    """Read a motion of any format, fit it to a body, and write it as a clip, or for other programs.

    Args:
        motion: .mot, .sto, .csv, .bvh, .amc, .trc, .c3d, .npz of LocoMuJoCo or GaitNet, .h5 of GaitNet, or a
            recording.
        out: file to write: .npz, a clip for the body, which `show` films; or .mot, .sto, .bvh, .csv.
        body: body that follows it: preset, configuration, myo_sim:NAME or MJCF file; none converts the file
            alone.
        start: beginning of the part that is kept [s].
        end: end of it [s].
        mirror: take the mirror image.
        cutoff: cut-off frequency of a low-pass filter without delay, 6 for walking [Hz]; by default none.
        rate: samples a second of the clip [Hz]; by default the motion's.
        scale: factor of the pelvis's way; by default that with which standing feet slide least.
        cycle: gait cycle to cut out, counted from 0; it loops.
        loop: bring the ends together, where the motion is one cycle.
        markers: marker set, YAML, for .trc and .c3d; by default one of gait analysis.
        static: file of the same markers on the subject standing still.
        joints: YAML file with the motion's joint for each segment, where it has names of its own.
        skeleton: .asf of an .amc file, or GaitNet's skeleton of its .h5 and .npz.
        rest_frame: frame of a .bvh or .amc in which the actor stands in T-pose.
        unit: length of the motion's unit [m]; by default that in which its legs are a human's.
        hz: samples a second in a motion that does not say it [Hz].
        up: axis that points up in a file of markers; by default y in .trc, z in .c3d.
        episode: which of several motions in a file, counted from 0.
        trust: allow the body's configuration to run the Python files that it names.
    """
    with importing():
        import batchenv.evaluate.recording_clip  # noqa: F401  # reads recordings
        from batchenv.motion import Steps, write_motion
        from batchenv.motion.joint_tables import load_joint_table
        from batchenv.motion.marker_set import GAIT_MARKERS
        from batchenv.motion.steps import import_motion as read_and_fit
        from batchenv.motion.writers import check_motion_file
    check_motion_file(out)
    own = None if joints is None else load_joint_table(joints)
    loaded = None if body is None else _load_body(body, trust=trust)
    steps = Steps(
        start=start,
        end=end,
        markers=markers or GAIT_MARKERS,
        static=static,
        mirror=mirror,
        cutoff=cutoff,
        rate=rate,
        scale=scale,
        cycle=cycle,
        loop=loop,
    )
    clip = read_and_fit(
        motion,
        loaded,
        steps,
        joints=own,
        skeleton=skeleton,
        rest_frame=rest_frame,
        unit=unit,
        rate=hz,
        up=up,
        episode=episode,
    )
    write_motion(clip, out, loaded)
    print("\n".join([*_described(clip, loaded), f"clip: {out}"]))


def show(
    motion: Positional[Path],
    *,
    body: str | None = None,
    video: Path | None = None,
    browser: bool = False,
    host: str = "localhost",
    port: int = 8080,
    seconds: float | None = None,
    camera: str = "quarter",
    muscles: bool = True,
    width: int = 1280,
    height: int = 720,
    skeleton: Path | None = None,
    trust: bool = False,
) -> None:
    """Film a clip or a motion, or show it on a page of the browser: the body moves as it says, without
    physics.

    Args:
        motion: clip that `import` wrote, or any motion that it reads.
        body: body that moves, as for `import`; by default that of the clip, or the legs of myo_sim.
        video: video file to write, .mp4 or .gif.
        browser: serve a page on which the clip is shown; Ctrl-C ends it.
        host: address of the page; 0.0.0.0 lets other machines see it.
        port: port of the page.
        seconds: how long [s]; by default the clip once, or three cycles of one that loops.
        camera: from where the body is seen: quarter (right and front), right, left, front, behind, above.
        muscles: draw the muscles.
        width: of the video [pixels].
        height: of the video [pixels].
        skeleton: file of the motion's skeleton, as for `import`.
        trust: allow the body's configuration to run the Python files that it names.
    """
    with importing():
        import batchenv.evaluate.recording_clip  # noqa: F401  # reads recordings
        from batchenv.evaluate.browser import check_browser
        from batchenv.evaluate.clip_stage import ClipStage
        from batchenv.evaluate.offscreen import checked_size
        from batchenv.evaluate.video import check_video
        from batchenv.motion import fit_clip, read_motion
        from batchenv.motion.heading import facing_forward
    if (video is None) != browser:
        sys.exit("expected one of --video FILE.mp4 and --browser")
    checked_size(width, height)
    check_browser(host, port) if browser else check_video(video or "")
    clip = read_motion(motion, skeleton=skeleton)
    loaded = _load_body(body or clip.body or "myo_sim:myolegs", visual=True, trust=trust)
    clip = clip if clip.body else fit_clip(facing_forward(clip), loaded)
    stage = ClipStage(clip, loaded, camera, muscles=muscles)
    length = (3.0 if clip.loops else 1.0) * clip.duration if seconds is None else seconds
    if video is None:
        _serve(stage, length, host, port)
    else:
        _film(stage, video, length, (width, height))


def _load_body(name: str, *, visual: bool = False, trust: bool = False) -> "Body":
    from batchenv.body.body import Body, load_body, title_parts
    from batchenv.body.sources import MYO_SIM_PREFIX
    from batchenv.build import load_configured_body
    from batchenv.config import load_config

    file, scale = title_parts(name)
    if file.startswith(MYO_SIM_PREFIX) or file.endswith(".xml"):
        return load_body(file, timestep=_TIMESTEP, visual=visual, scale=scale)
    loaded = load_configured_body(load_config(name, trust=trust), visual=visual)
    if not isinstance(loaded, Body):
        sys.exit(
            f"--body {name}: GaitNet's bodies follow GaitNet's motions in their own task; name another body"
        )
    return loaded


def _described(clip: "Clip", body: "Body | None") -> list[str]:
    """What was read, in words."""
    from batchenv.motion.cycles import foot_contacts

    way = np.linalg.norm(clip.root_pos[-1, :2] - clip.root_pos[0, :2])
    lines = [
        f"{clip.source}: {clip.duration:.2f} s at {clip.rate:.0f} Hz, {len(clip.joint_names)} joints,"
        f" {way:.2f} m, {way / clip.duration:.2f} m/s{', loops' if clip.loops else ''}"
    ]
    ends = np.degrees([clip.joint_pos.min(axis=0), clip.joint_pos.max(axis=0)]).T
    lines += [
        f"  {name:20} {low:6.1f} to {high:6.1f} deg"
        for name, (low, high) in zip(clip.joint_names, ends, strict=True)
    ]
    if body is not None:
        right, left = 100.0 * foot_contacts(clip, body).mean(axis=0)
        lines.append(f"on the floor: right foot {right:.0f} %, left foot {left:.0f} % of the time")
    return lines


def _serve(stage: "ClipStage", seconds: float, host: str, port: int) -> None:
    from batchenv.evaluate.clip_stage import serve_clip

    with contextlib.suppress(KeyboardInterrupt):
        for run, url in enumerate(serve_clip(stage, seconds, host, port)):
            if run == 0:
                print(f"the clip is shown at {url}; Ctrl-C ends it", flush=True)


def _film(stage: "ClipStage", video: Path, seconds: float, size: tuple[int, int]) -> None:
    from batchenv.evaluate.clip_stage import film_clip
    from batchenv.evaluate.stage import USUAL_FPS
    from batchenv.evaluate.video import finer, write_video

    before = identity(video)
    with saying(
        lambda: f"{video} {'holds what was filmed' if identity(video) != before else 'was not written'}"
    ):
        count = write_video(video, film_clip(stage, seconds, *finer(*size)), USUAL_FPS, size)
    print(f"{count} frames: {video}")
