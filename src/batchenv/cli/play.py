"""The command `batchenv play`."""

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
from tyro.conf import Positional

from batchenv.cli.ending import saying
from batchenv.cli.options import Changes, WalkerName, identity
from batchenv.startup import importing


def play(
    walker: Positional[WalkerName] = "walk",
    *,
    video: Path | None = None,
    seconds: float = 10.0,
    grid: str = "1x1",
    contacts: bool = False,
    seed: int = 0,
    threads: int | None = None,
    change: Changes = (),
    trust: bool = False,
) -> None:
    """Show a walker in a window, or film it into a video file.

    Args:
        video: video file to write, .mp4 or .gif; without it a window opens.
        seconds: length of the video [s]; a window stays until it is closed.
        grid: number of rows x number of walkers side by side, such as 4x4.
        contacts: draw the force of the floor on each foot.
        seed: seed of the starting states.
        threads: number of threads that step the worlds; by default all CPUs available to this process.
        change: configuration keys to override, such as environment.simulation.sim_hz=990.
        trust: allow the walker's configuration to run the Python files that it names.
    """
    with importing():
        from batchenv.config import parse_changes
        from batchenv.evaluate.numbers import check_seconds, check_threads
        from batchenv.evaluate.stage import Stage, check_grid
        from batchenv.evaluate.video import check_video, film, write_video
        from batchenv.evaluate.viewer import has_screen, show
        from batchenv.evaluate.walker import load_walker
        from batchenv.rng import checked_seed
    shape = re.fullmatch(r"([1-9]\d?)x([1-9]\d?)", grid)
    if shape is None:
        sys.exit(f"--grid {grid}: expected ROWSxLANES, such as 4x4")
    check_grid((int(shape[1]), int(shape[2])))
    check_seconds("--seconds", seconds)
    check_threads("--threads", threads)
    checked_seed(seed)
    if video is None and not has_screen():
        sys.exit("there is no screen to open a window on: add --video FILE.mp4")
    if video is not None:
        check_video(video)
    with Stage(
        load_walker(walker, trust=trust).with_changes(parse_changes(change)),
        (int(shape[1]), int(shape[2])),
        contacts,
        seed,
        threads,
    ) as stage:
        if video is None:
            show(stage)
            return
        before = identity(video)
        filmed = "holds what was filmed so far"
        with saying(lambda: f"{video} {filmed if identity(video) != before else 'was not written'}"):
            count = write_video(video, _reported(film(stage, seconds), stage.fps), stage.fps)
        print(f"{count} frames, {stage.falls} falls: {video}")


def _reported(frames: Iterable[np.ndarray], fps: float) -> Iterator[np.ndarray]:
    """Yield the pictures, and print a line after every second of film."""
    for count, frame in enumerate(frames, 1):
        yield frame
        if count % round(fps) == 0:
            print(f"filmed {count / fps:.0f} s", flush=True)
