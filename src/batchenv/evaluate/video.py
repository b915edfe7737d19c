"""Videos of walkers, without a screen."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

from batchenv.errors import InputError, UsageError
from batchenv.evaluate.offscreen import Offscreen
from batchenv.evaluate.stage import Stage

WIDTH, HEIGHT = 1280, 720
# ffmpeg's options by the suffix of the file; a GIF has a palette of its own, and half the size.
_OPTIONS: dict[str, dict[str, Any]] = {
    ".mp4": {"codec": "libx264", "quality": 8},
    ".gif": {
        "codec": "gif",
        "ffmpeg_log_level": "error",
        "pix_fmt_out": "rgb8",
        "output_params": ["-vf", "scale=iw/2:-1:flags=lanczos,split[a][b];[a]palettegen[p];[b][p]paletteuse"],
    },
}


def film(stage: Stage, seconds: float, width: int = WIDTH, height: int = HEIGHT) -> Iterator[np.ndarray]:
    """Step walkers and yield a picture (height, width, 3) of every control step, good until the next.

    Raises:
        UsageError: this machine cannot render.
    """
    scene = stage.new_scene()
    with Offscreen(stage.model, width, height) as screen:
        for _ in range(max(1, round(seconds / stage.env.control_dt))):
            stage.draw(scene)
            yield screen.render(scene)
            stage.step()


def check_video(file: Path) -> None:
    """Refuse a file that no video can be written to.

    Raises:
        InputError: it has another suffix than .mp4 and .gif, or its directory does not exist.
        UsageError: imageio-ffmpeg is not installed.
    """
    if file.suffix not in _OPTIONS:
        raise InputError(f"{file}: suffix {file.suffix!r}, expected {' or '.join(_OPTIONS)}")
    if not file.parent.is_dir():
        raise InputError(f"{file}: there is no directory {file.parent}")
    _ffmpeg()


def write_video(file: Path, frames: Iterable[np.ndarray], fps: float) -> int:
    """Write pictures (height, width, 3) as a video; return how many.

    Raises:
        InputError, UsageError: as `check_video`.
    """
    check_video(file)
    writer: Any = None
    count = 0
    try:
        for frame in frames:
            count += 1
            if writer is None:
                size = frame.shape[1::-1]
                writer = _ffmpeg().write_frames(str(file), size, fps=fps, **_OPTIONS[file.suffix])
                writer.send(None)
            writer.send(np.ascontiguousarray(frame))
    finally:
        if writer is not None:
            writer.close()
    return count


def _ffmpeg() -> Any:
    try:
        import imageio_ffmpeg
    except ImportError as error:
        raise UsageError("videos need imageio-ffmpeg: pip install 'batchenv[viewer]'") from error
    return imageio_ffmpeg
