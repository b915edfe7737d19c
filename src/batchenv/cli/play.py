"""The command `batchenv play`."""

import contextlib
import logging
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from tyro.conf import Positional

from batchenv.cli.ending import saying
from batchenv.cli.options import Changes, WalkerName, identity
from batchenv.startup import importing

if TYPE_CHECKING:
    from batchenv.evaluate.stage import Stage

_log = logging.getLogger(__name__)


def play(
    walker: Positional[WalkerName] = "walk",
    *,
    video: Path | None = None,
    browser: bool = False,
    host: str = "localhost",
    port: int = 8080,
    seconds: float = 10.0,
    grid: str = "1x1",
    camera: str = "quarter",
    contacts: bool = False,
    muscles: bool = True,
    overlay: bool = False,
    slow: float = 1.0,
    course: Path | None = None,
    width: int = 1280,
    height: int = 720,
    seed: int = 0,
    threads: int | None = None,
    change: Changes = (),
    trust: bool = False,
) -> None:
    """Show a walker in a window or on a page of the browser, or film it into a video file.

    Args:
        video: video file to write, .mp4 or .gif; without it and --browser a window opens.
        browser: serve a page on which the walker is watched, told where to go, and pushed; Ctrl-C ends it.
        host: address of the page; 0.0.0.0 lets other machines see it.
        port: port of the page.
        seconds: length of the video [s]; a window stays until it is closed.
        grid: number of rows x number of walkers side by side, such as 4x4.
        camera: from where the walkers are seen: quarter (right and front), right, left, front, behind, above.
        contacts: draw the force of the floor on each foot.
        muscles: draw the muscles.
        overlay: write time, speed and commands on the video, and what the colours of muscles mean.
        slow: factor of slow motion of the video.
        course: YAML file of what the walkers are told, and how they are pushed, at which times.
        width: of the video [pixels].
        height: of the video [pixels].
        seed: seed of the starting states.
        threads: number of threads that step the worlds; by default all CPUs available to this process.
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        trust: allow the walker's configuration to run the Python files that it names.
    """
    with importing():
        from batchenv.config import parse_changes
        from batchenv.evaluate.browser import check_browser
        from batchenv.evaluate.camera import check_view
        from batchenv.evaluate.caption import caption
        from batchenv.evaluate.course import follow_course, load_course
        from batchenv.evaluate.numbers import check_seconds, check_threads
        from batchenv.evaluate.offscreen import checked_size
        from batchenv.evaluate.stage import Stage, check_grid
        from batchenv.evaluate.video import check_video, film, finer
        from batchenv.evaluate.viewer import has_screen, show
        from batchenv.evaluate.walker import load_walker
        from batchenv.rng import checked_seed
    shape = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", grid)
    if shape is None:
        sys.exit(f"--grid {grid}: expected ROWSxLANES, such as 4x4")
    rows, lanes = int(shape[1]), int(shape[2])
    check_grid((rows, lanes))
    check_seconds("--seconds", seconds)
    checked_size(width, height)
    check_view("--camera", camera)
    check_threads("--threads", threads)
    checked_seed(seed)
    if browser and video is not None:
        sys.exit("--browser and --video: expected one of them")
    if browser:
        check_browser(host, port)
    elif video is not None:
        check_video(video)
    elif not has_screen():
        sys.exit("there is no screen to open a window on: add --browser, or --video FILE.mp4")
    moments = () if course is None else load_course(course)
    loaded = load_walker(walker, trust=trust).with_changes(parse_changes(change))
    with Stage(
        loaded,
        (rows, lanes),
        contacts,
        seed,
        threads,
        muscles=muscles,
        view=camera,
    ) as stage:
        follow_course(stage, moments)
        if video is not None and (late := [moment.at for moment in moments if moment.at >= seconds]):
            _log.warning(
                "%s: the film ends before the moment at %g s; lengthen it with --seconds", course, late[0]
            )
        if browser:
            _serve(stage, host, port, loaded.name)
        elif video is None:
            show(stage)
        else:
            over = caption(stage, muscles) if overlay else None
            frames = film(stage, seconds, *finer(width, height), slow, over)
            _film(stage, video, frames, (width, height))


def _serve(stage: "Stage", host: str, port: int, title: str) -> None:
    from batchenv.evaluate.browser import Browser

    with Browser(stage, host, port, title) as page:
        print(f"{title} walks at {page.url}; Ctrl-C ends it", flush=True)
        with contextlib.suppress(KeyboardInterrupt):
            page.run()
    print(f"{stage.seconds:.0f} s walked, {stage.falls} falls")


def _film(stage: "Stage", video: Path, frames: Iterable[np.ndarray], size: tuple[int, int]) -> None:
    from batchenv.evaluate.video import write_video

    before, fps = identity(video), stage.fps
    filmed = "holds what was filmed so far"
    with saying(lambda: f"{video} {filmed if identity(video) != before else 'was not written'}"):
        count = write_video(video, _reported(frames, fps), fps, size)
    print(f"{count} frames, {stage.falls} falls: {video}")


def _reported(frames: Iterable[np.ndarray], fps: float) -> Iterator[np.ndarray]:
    """Yield the pictures, and print a line after every second of film."""
    for count, frame in enumerate(frames, 1):
        yield frame
        if count % round(fps) == 0:
            print(f"filmed {count / fps:.0f} s", flush=True)
